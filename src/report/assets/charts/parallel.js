// The parallel coordinates: one line for each point, through its value on every axis, to its metric.

const PARALLEL_LINES = 400;

function parallelView(state) {
  const root = el('div');
  let held = null;
  const frame = chart(() => `Points by ${axes.map((axis) => axis.label).join(', ')} and ${termOf(state.name).label}`, 340, (picture, width, height) => {
    const box = { left: 46, right: width - 60, top: 46, bottom: height - 22 };
    let found = points.map((place, point) => ({ place, point, own: pointStatistic(state.name, point) })).filter(({ own }) => own);
    if (found.length > PARALLEL_LINES) found = found.filter((_, index) => index < PARALLEL_LINES / 2 || index % Math.ceil((2 * found.length) / PARALLEL_LINES) === 0);
    const y = scaleOf(found.map(({ own }) => own.mean), [box.bottom, box.top], false, 0);
    const at = (index) => box.left + (index / axes.length) * (box.right - box.left);
    const scales = axes.map((_, axis) => axisScale(axis, [box.bottom, box.top]));
    const means = found.map(({ own }) => own.mean);
    const [min, max] = [Math.min(...means), Math.max(...means)];
    const colour = (value) => css(sequential(max > min ? (value - min) / (max - min) : 0.5));
    // The best lines are drawn last, above the others.
    found.sort((a, b) => compareQuality(state.name, b.own.mean, a.own.mean));
    for (const { place, point, own } of found) {
      const corners = axes.map((_, axis) => [at(axis), scales[axis].at(place[axis])]);
      corners.push([at(axes.length), y(own.mean)]);
      const bend = corners.map(([x, value], index) => {
        if (!index) return `M${x.toFixed(1)} ${value.toFixed(1)}`;
        const [before, old] = corners[index - 1];
        const middle = (before + x) / 2;
        return `C${middle.toFixed(1)} ${old.toFixed(1)} ${middle.toFixed(1)} ${value.toFixed(1)} ${x.toFixed(1)} ${value.toFixed(1)}`;
      }).join('');
      const dim = held && place[held.axis] !== held.value;
      const line = svg('path', { d: bend, class: `strand${dim ? ' dim' : ''}`, stroke: colour(own.mean) });
      picture.append(withTip(line, pointName(point), () => [[termOf(state.name).label, meanAndDeviation(state.name, own)]]));
    }
    axes.forEach((axis, index) => {
      const x = at(index);
      picture.append(svg('line', { class: 'axis', x1: x, x2: x, y1: box.top, y2: box.bottom }),
        svg('text', { class: 'axis-title', x, y: box.top - 28 + (index % 2) * 12, 'text-anchor': index ? 'middle' : 'start', dx: index ? 0 : -40 }, axis.label + scales[index].kind));
      for (const [value, text] of scales[index].ticks) picture.append(svg('text', { class: 'tick halo', x: x - 7, y: value + 4, 'text-anchor': 'end' }, text));
    });
    const x = at(axes.length);
    picture.append(svg('line', { class: 'axis', x1: x, x2: x, y1: box.top, y2: box.bottom }),
      svg('text', { class: 'axis-title', x: width, y: 12, 'text-anchor': 'end' }, metricTitle(state.name)));
    const ticks = y.ticks(6);
    for (const tick of ticks) picture.append(svg('text', { class: 'tick halo', x: x + 7, y: y(tick) + 4 }, tickText(tick, ticks)));
  });
  root.update = () => {
    held = null;
    hold.replaceChildren(chooser('Highlight', [['', 'All points'], ...axes.flatMap((axis, index) => axis.values.length > 20 ? [] : [{ group: axis.label, options: axis.values.map((value, place) => [`${index} ${place}`, `${axis.label} ${plain(value)}`]) }])], '', (chosen) => {
      const [axis, value] = chosen.split(' ').map(Number);
      held = chosen ? { axis, value } : null;
      frame.draw();
    }));
    frame.draw();
  };
  const hold = el('div', { class: 'toolbar' });
  root.append(hold, el('div', { class: 'scroller', tabindex: 0, role: 'region', 'aria-label': 'Parallel coordinates' }, el('div', { class: 'roomy' }, frame)),
    el('p', { class: 'hint' }, `Colour is the metric, dark for low and yellow for high.${points.length > PARALLEL_LINES ? ` The best ${PARALLEL_LINES / 2} points and some of the others are drawn.` : ''}`));
  return root;
}
