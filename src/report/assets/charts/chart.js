// The frame of a chart: scales, ticks and axes, drawn again when the width changes.

/** Returns round numbers that divide a range into about `count` parts. */
function linearTicks(min, max, count) {
  if (min === max) return [min];
  const raw = (max - min) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].find((factor) => factor * power >= raw * 0.999) * power;
  const ticks = [];
  for (let tick = Math.ceil(min / step - 1e-9); tick * step <= max + step * 1e-9; tick++) ticks.push(Number((tick * step).toPrecision(12)));
  return ticks;
}

/** Makes a scale from values to pixels. A logarithmic one takes values of one sign, and negative values by their size. */
function scaleOf(values, range, logarithmic, pad = 0.04) {
  const known = values.filter(Number.isFinite);
  let [min, max] = known.length ? [Math.min(...known), Math.max(...known)] : [0, 1];
  const sign = max < 0 ? -1 : 1;
  const log = logarithmic && min * max > 0;
  const to = log ? (value) => sign * Math.log10(Math.abs(value)) : (value) => value;
  let [low, high] = [to(min), to(max)];
  if (low === high) { const half = log ? 0.3 : Math.abs(low) * 0.1 || 0.5; low -= half; high += half; }
  const margin = (high - low) * pad;
  low -= margin;
  high += margin;
  const scale = (value) => range[0] + ((to(value) - low) / (high - low)) * (range[1] - range[0]);
  scale.invert = (pixel) => {
    const own = low + ((pixel - range[0]) / (range[1] - range[0])) * (high - low);
    return log ? sign * 10 ** (sign * own) : own;
  };
  scale.log = log;
  scale.ticks = (count) => {
    if (!log) return linearTicks(low, high, count);
    const [least, most] = [Math.abs(scale.invert(range[0])), Math.abs(scale.invert(range[1]))].sort((a, b) => a - b);
    const every = most / least > 1e3 ? [1] : most / least > 30 ? [1, 3] : [1, 2, 5];
    const ticks = [];
    for (let power = Math.floor(Math.log10(least)); power <= Math.ceil(Math.log10(most)); power++) {
      for (const factor of every) ticks.push(sign * factor * 10 ** power);
    }
    const within = ticks.filter((tick) => Math.abs(tick) >= least * 0.999 && Math.abs(tick) <= most * 1.001);
    return within.length > 1 ? within : linearTicks(Math.min(sign * least, sign * most), Math.max(sign * least, sign * most), count);
  };
  return scale;
}

/** Formats a tick as short as it can be told from its neighbours: to a millionth of the smallest gap between them. */
function tickText(value, ticks) {
  if (value === 0) return '0';
  if (Math.abs(value) >= 1e5) return short(value);
  const gap = ticks.length > 1 ? Math.min(...ticks.slice(1).map((tick, index) => Math.abs(tick - ticks[index]))) : Math.abs(value);
  const same = (text) => Math.abs(Number(text) - value) <= gap * 1e-6;
  if (Math.abs(value) < 1e-4) return number(value, [1, 2].find((digits) => same(value.toPrecision(digits))) ?? 3);
  let decimals = 0;
  while (decimals < 9 && !same(value.toFixed(decimals))) decimals++;
  return signed(value.toFixed(decimals));
}

/** Draws an axis on the left with grid lines, and its title above. */
function drawLeftAxis(parent, scale, box, title) {
  const ticks = scale.ticks(5);
  for (const tick of ticks) {
    const y = scale(tick);
    if (y < box.top - 1 || y > box.bottom + 1) continue;
    parent.append(
      svg('line', { class: 'grid', x1: box.left, x2: box.right, y1: y, y2: y }),
      svg('text', { class: 'tick', x: box.left - 8, y: y + 4, 'text-anchor': 'end' }, tickText(tick, ticks)));
  }
  parent.append(svg('text', { class: 'axis-title', x: 0, y: 13 }, title));
}

function drawBottomAxis(parent, scale, box, title, count = 6) {
  const ticks = scale.ticks(Math.max(2, Math.min(count, Math.floor((box.right - box.left) / 70))));
  for (const tick of ticks) {
    const x = scale(tick);
    if (x < box.left - 1 || x > box.right + 1) continue;
    parent.append(
      svg('line', { class: 'tick-mark', x1: x, x2: x, y1: box.bottom, y2: box.bottom + 4 }),
      svg('text', { class: 'tick', x, y: box.bottom + 18, 'text-anchor': 'middle' }, tickText(tick, ticks)));
  }
  parent.append(
    svg('line', { class: 'axis', x1: box.left, x2: box.right, y1: box.bottom, y2: box.bottom }),
    svg('text', { class: 'axis-title', x: box.right, y: box.bottom + 36, 'text-anchor': 'end' }, title));
}

/** Breaks each title on the left that is wider than the picture into two lines. */
function foldTitles(root, width) {
  for (const title of root.querySelectorAll('.axis-title:not([text-anchor])')) {
    if (title.getComputedTextLength() <= width) continue;
    const words = title.textContent.split(' ');
    let first = words.length - 1;
    while (first > 1 && title.getSubStringLength(0, words.slice(0, first).join(' ').length) > width) first--;
    const lines = [words.slice(0, first), words.slice(first)].map((own) => own.join(' '));
    title.replaceChildren(...lines.map((line, index) => svg('tspan', { x: 0, y: 10 + 14 * index }, line)));
  }
}

/** Narrows each tick on the left that is wider than its room. */
function fitTicks(root) {
  for (const tick of root.querySelectorAll('.tick[text-anchor="end"]')) {
    const room = Number(tick.getAttribute('x')) - 1;
    if (tick.getComputedTextLength() <= room) continue;
    tick.setAttribute('textLength', room);
    tick.setAttribute('lengthAdjust', 'spacingAndGlyphs');
  }
}

/** Makes a chart that is drawn for the width it has; returns its element, with `draw` to draw it again. */
function chart(label, height, draw) {
  const frame = el('div', { class: 'chart' });
  let width = 0;
  frame.draw = () => {
    if (!width) return;
    const own = typeof height === 'function' ? height(width) : height;
    const root = svg('svg', { width, height: own, viewBox: `0 0 ${width} ${own}`, role: 'group', 'aria-label': typeof label === 'function' ? label() : label });
    draw(root, width, own);
    frame.replaceChildren(root);
    foldTitles(root, width);
    fitTicks(root);
  };
  new ResizeObserver(([entry]) => {
    const now = Math.floor(entry.contentRect.width);
    if (now && now !== width) { width = now; frame.draw(); }
  }).observe(frame);
  return frame;
}

/** The shapes that tell series apart without colour. */
const MARKS = {
  circle: (x, y, r) => svg('circle', { cx: x, cy: y, r }),
  diamond: (x, y, r) => svg('path', { d: `M${x} ${y - r * 1.35}L${x + r * 1.35} ${y}L${x} ${y + r * 1.35}L${x - r * 1.35} ${y}Z` }),
  square: (x, y, r) => svg('rect', { x: x - r, y: y - r, width: 2 * r, height: 2 * r }),
  triangle: (x, y, r) => svg('path', { d: `M${x} ${y - r * 1.3}L${x + r * 1.25} ${y + r}L${x - r * 1.25} ${y + r}Z` }),
};
