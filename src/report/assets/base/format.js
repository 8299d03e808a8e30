// The text of numbers.

const MINUS = '\u2212';
const signed = (text) => text.replace('-', MINUS);

/** Formats a number with `digits` significant digits; very large and very small ones with a power of ten. */
function number(value, digits = 4) {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-4) {
    const [mantissa, power] = value.toExponential(Math.min(digits, 3) - 1).split('e');
    return signed(`${mantissa}\u2009×\u200910${superscript(Number(power))}`);
  }
  if (Number.isInteger(value)) return signed(value.toLocaleString('en-US'));
  const decimals = Math.max(0, digits - 1 - Math.floor(Math.log10(size)));
  return signed(value.toFixed(Math.min(decimals, 8)));
}

const superscript = (power) => String(power).replace('-', '⁻').replace(/\d/g, (digit) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[digit]);

/** Formats a time in the unit that suits it. */
function seconds(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  const fixed = (scaled, unit) => `${scaled >= 100 ? scaled.toFixed(0) : scaled.toPrecision(3)}\u202f${unit}`;
  if (value === 0) return '0\u202fs';
  if (value < 1e-3) return fixed(value * 1e6, 'µs');
  if (value < 1) return fixed(value * 1e3, 'ms');
  if (value < 120) return fixed(value, 's');
  if (value < 7200) return fixed(value / 60, 'min');
  return fixed(value / 3600, 'h');
}

/** Formats a count or rate with k, M, G or T. */
function short(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  const scale = [[1e12, 'T'], [1e9, 'G'], [1e6, 'M'], [1e3, 'k']].find(([least]) => Math.abs(value) >= least);
  if (!scale) return Number.isInteger(value) ? String(value) : signed(value.toPrecision(3));
  const scaled = value / scale[0];
  return signed(`${Math.abs(scaled) >= 100 ? scaled.toFixed(0) : scaled.toPrecision(3)}\u202f${scale[1]}`);
}

/** Formats a value of a metric by its unit. */
function metric(name, value) {
  const { unit } = termOf(name);
  if (unit === 's') return seconds(value);
  if (unit === '1/s') return short(value);
  return number(value);
}

/** Formats mean ± deviation of a metric. */
function meanAndDeviation(name, found) {
  if (!found) return '–';
  return metric(name, found.mean) + (found.sd === null ? '' : ` ± ${metric(name, found.sd)}`);
}

/** Returns the label of a metric with its unit, for axes and headings. */
function metricTitle(name) {
  const { label, unit } = termOf(name);
  return unit ? `${label} (${unit})` : label;
}

const plural = (count, one, many = `${one}s`) => `${count.toLocaleString('en-US')} ${count === 1 ? one : many}`;
const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** Returns words in a row: a, b and c. */
const inSeries = (words) => words.length > 1 ? `${words.slice(0, -1).join(', ')} and ${words.at(-1)}` : `${words[0] ?? ''}`;

const PITCH_NAMES = ['C', 'C♯', 'D', 'D♯', 'E', 'F', 'F♯', 'G', 'G♯', 'A', 'A♯', 'B'];
const pitchName = (pitch) => PITCH_NAMES[pitch % 12] + (Math.floor(pitch / 12) - 1);
