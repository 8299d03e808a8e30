// The colours. Charts use the style's variables; canvases and scales need computed values.

/** The hues of series: distinct in any colour vision (Okabe and Ito 2008), adapted to both grounds in the style. */
const SERIES = ['var(--c1)', 'var(--c2)', 'var(--c3)', 'var(--c4)', 'var(--c5)', 'var(--c6)'];

const probe = el('span', { hidden: true });
document.body.append(probe);
let computed = new Map();

/** Returns a variable of the style as [red, green, blue]. */
function rgb(variable) {
  if (!computed.has(variable)) {
    probe.style.color = `var(--${variable})`;
    computed.set(variable, getComputedStyle(probe).color.match(/[\d.]+/g).slice(0, 3).map(Number));
  }
  return computed.get(variable);
}
const css = ([red, green, blue], alpha = 1) => `rgb(${Math.round(red)} ${Math.round(green)} ${Math.round(blue)} / ${alpha})`;
const mix = (a, b, share) => a.map((value, index) => value + (b[index] - value) * share);

/** The colour map Cividis (Nuñez, Anderton and Renslow 2018): ascending lightness, the same in any colour vision. */
const CIVIDIS = [[0, 34, 78], [18, 53, 112], [59, 73, 108], [87, 93, 109], [112, 113, 115], [138, 134, 120], [165, 156, 116], [195, 179, 105], [225, 204, 85], [254, 232, 56]];
function sequential(share) {
  const place = Math.min(1, Math.max(0, share)) * (CIVIDIS.length - 1);
  const index = Math.min(CIVIDIS.length - 2, Math.floor(place));
  return mix(CIVIDIS[index], CIVIDIS[index + 1], place - index);
}

/** Maps −1 to 1 to a colour: negative blue, positive orange, zero the ground. */
function diverging(value) {
  const strength = Math.min(1, Math.abs(value)) ** 0.75;
  return mix(rgb('zero'), rgb(value < 0 ? 'negative' : 'positive'), strength);
}

/** Returns black or white, the one that reads better on a colour. */
const inkOn = ([red, green, blue]) => 0.299 * red + 0.587 * green + 0.114 * blue > 140 ? '#14181d' : '#ffffff';
