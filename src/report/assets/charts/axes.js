// The effects of swept keys on a metric: all points by the value of a key, and their mean.

/** Places the values of an axis along a scale: numbers by value, on a logarithmic scale if they span a factor of 20; others in order. */
function axisScale(axis, range) {
  const { values } = axes[axis];
  if (!values.every((value) => typeof value === 'number') || values.length < 3) {
    const scale = (place) => range[0] + ((place + 0.5) / values.length) * (range[1] - range[0]);
    return { at: scale, ticks: values.map((value, place) => [scale(place), plain(value)]), kind: '' };
  }
  const wide = values[0] > 0 && values.at(-1) / values[0] >= 20;
  const scale = scaleOf(values, range, wide, 0.12);
  // Values are shown in full; too many of them, or values drawn at random, give way to round numbers.
  const listed = values.length <= 6 && values.every((value) => plain(value).length <= 8);
  const shown = listed ? values : scale.ticks(4);
  return { at: (place) => scale(values[place]), ticks: shown.map((value) => [scale(value), listed ? signed(plain(value)) : tickText(value, shown)]), kind: wide ? ', log' : '' };
}

/** Bins numbers by rank into groups of equal size; each other value, and each of `most` or fewer, is a group of its own. */
function groupsOf(axis, most = 12) {
  const { values } = axes[axis];
  if (values.length <= most || !values.every((value) => typeof value === 'number')) {
    return { of: values.map((_, place) => place), names: values.map(plain) };
  }
  const of = values.map((_, place) => Math.floor((place * most) / values.length));
  const names = Array.from({ length: most }, (_, group) => {
    const own = values.filter((_, place) => of[place] === group);
    const brief = (value) => plain(value).length <= 8 ? plain(value) : number(value);
    return `${brief(own[0])}–${brief(own.at(-1))}`;
  });
  return { of, names };
}

function effectsChart(axis, state) {
  const height = 230;
  return chart(() => `${termOf(state.name).label} by ${axes[axis].label}`, height, (root, width) => {
    const box = { left: 58, right: width - 12, top: 28, bottom: height - 40 };
    const found = points.map((_, point) => ({ point, own: pointStatistic(state.name, point) })).filter(({ own }) => own);
    const y = scaleOf(found.map(({ own }) => own.mean), [box.bottom, box.top], false, 0.08);
    const x = axisScale(axis, [box.left, box.right]);
    drawLeftAxis(root, y, box, termOf(state.name).unit);
    root.append(svg('line', { class: 'axis', x1: box.left, x2: box.right, y1: box.bottom, y2: box.bottom }));
    for (const [at, text] of x.ticks) {
      root.append(svg('text', { class: 'tick', x: at, y: box.bottom + 17, 'text-anchor': 'middle' }, text));
    }
    root.append(svg('text', { class: 'axis-title', x: box.right, y: box.bottom + 35, 'text-anchor': 'end' }, axes[axis].label + x.kind));
    const shown = found.length > 1500 ? found.filter((_, index) => index % Math.ceil(found.length / 1500) === 0) : found;
    for (const { point, own } of shown) {
      const at = x.at(points[point][axis]);
      const jitter = (((point * 7) % 11) / 10 - 0.5) * Math.min(22, (box.right - box.left) / axes[axis].values.length / 3);
      root.append(withTip(svg('circle', { cx: at + jitter, cy: y(own.mean), r: 3.2, class: 'dot' }), pointName(point), () => [[termOf(state.name).label, meanAndDeviation(state.name, own)]]));
    }
    const groups = groupsOf(axis, 20);
    const sums = new Map();
    for (const { point, own } of found) {
      const group = groups.of[points[point][axis]];
      const entry = sums.get(group) ?? { xs: [], ys: [] };
      entry.xs.push(x.at(points[point][axis]));
      entry.ys.push(own.mean);
      sums.set(group, entry);
    }
    const means = [...sums].sort((a, b) => a[0] - b[0]).map(([, { xs, ys }]) => [statistic(xs).mean, y(statistic(ys).mean)]);
    if (means.length > 1) root.append(svg('path', { class: 'line mean', d: `M${means.map((own) => own.map((value) => value.toFixed(1)).join(' ')).join('L')}` }));
    for (const [at, value] of means) root.append(svg('path', { class: 'mean-mark', d: `M${at - 7} ${value}h14` }));
  });
}

function effectsView(state) {
  const charts = axes.map((_, axis) => effectsChart(axis, state));
  const root = el('div', {}, el('div', { class: 'small-multiples' }, charts), el('p', { class: 'hint' }, 'Each dot is a point, the mean over its replicates. The line joins the means of all points with the same value; the other keys vary among them.'));
  root.update = () => charts.forEach((own) => own.draw());
  return root;
}

/** Makes the section on effects, heatmap and parallel coordinates of one metric. */
function sweepSection() {
  const lead = 'Any metric against the keys that vary.';
  const metrics = metricNames.filter((name) => columns.get(name).values.some((value) => value !== null));
  if (!axes.length) return section('sweep', 'Across the sweep', null, empty('No key varies in this sweep: it has one point.'));
  if (!metrics.length || !points.some((_, point) => okRunsOf(point).length)) return section('sweep', 'Across the sweep', null, empty('No run ended well, so there is nothing to compare.'));
  const state = { name: metrics.includes(mainMetric) ? mainMetric : metrics[0] };
  const views = { effects: effectsView(state), heatmap: axes.length > 1 ? heatmapView(state) : null, parallel: parallelView(state) };
  const stage = el('div');
  const note = el('p', { class: 'hint' });
  let view = 'effects';
  const update = () => {
    stage.replaceChildren(views[view]);
    views[view].update();
    note.textContent = termOf(state.name).definition;
  };
  const kinds = [['effects', 'Effects'], views.heatmap && ['heatmap', 'Heatmap'], ['parallel', 'Parallel coordinates']].filter(Boolean);
  const content = panel(
    toolbar(
      chooser('Metric', metricOptions(metrics), state.name, (name) => { state.name = name; update(); }),
      segments('View', kinds, 'effects', (own) => { view = own; update(); })),
    stage, note);
  update();
  onThemeChange(update);
  return section('sweep', 'Across the sweep', lead, content);
}
