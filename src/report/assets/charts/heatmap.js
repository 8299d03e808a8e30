// The heatmap: a metric over two swept keys; over the other keys it takes the mean or the best.

function heatmapView(state) {
  const own = { x: axes.length - 1, y: 0, take: 'mean' };
  // Axes with several values tell most.
  const byValues = axes.map((_, axis) => axis).sort((a, b) => Math.min(12, axes[b].values.length) - Math.min(12, axes[a].values.length));
  [own.y, own.x] = [byValues[0], byValues[1]].sort((a, b) => a - b);
  const stage = el('div');
  const note = el('p', { class: 'hint' });

  /** Returns true if one value of the metric can be better than another. */
  const ranked = () => ['higher', 'lower'].includes(termOf(state.name).better);
  const takesBest = () => own.take === 'best' && ranked();

  function cells() {
    const [gx, gy] = [groupsOf(own.x), groupsOf(own.y)];
    const found = new Map();
    points.forEach((place, point) => {
      const value = pointStatistic(state.name, point)?.mean;
      if (value === undefined) return;
      const key = `${gx.of[place[own.x]]} ${gy.of[place[own.y]]}`;
      found.set(key, [...(found.get(key) ?? []), [value, point]]);
    });
    const summed = new Map([...found].map(([key, values]) => {
      const best = [...values].sort((a, b) => compareQuality(state.name, a[0], b[0]))[0];
      const all = statistic(values.map(([value]) => value));
      return [key, { value: takesBest() ? best[0] : all.mean, all, best }];
    }));
    return { gx, gy, summed };
  }

  const root = el('div');
  root.update = () => {
    controls();
    const { gx, gy, summed } = cells();
    const values = [...summed.values()].map((cell) => cell.value);
    const [min, max] = [Math.min(...values), Math.max(...values)];
    const share = (value) => max > min ? (value - min) / (max - min) : 0.5;
    const head = el('tr', {}, el('th', { scope: 'col', class: 'corner' }, `${axes[own.y].label} ↓   ${axes[own.x].label} →`), gx.names.map((name) => el('th', { scope: 'col' }, name)));
    const row = (name, y) => el('tr', {}, el('th', { scope: 'row' }, name), gx.names.map((_, x) => {
      const cell = summed.get(`${x} ${y}`);
      if (!cell) return el('td', { class: 'absent' }, '–');
      const ground = sequential(share(cell.value));
      const shown = el('td', { tabindex: 0, style: { background: css(ground), color: inkOn(ground) } }, metric(state.name, cell.value));
      return withTip(shown, `${axes[own.y].label} ${name} · ${axes[own.x].label} ${gx.names[x]}`, () => [
        ['mean', metric(state.name, cell.all.mean)], ['range', `${metric(state.name, cell.all.min)} to ${metric(state.name, cell.all.max)}`],
        ['points', String(cell.all.count)], ranked() && `best: ${pointName(cell.best[1])}`]);
    }));
    const scale = el('div', { class: 'scale' }, el('span', {}, metric(state.name, min)), el('i', { 'aria-hidden': 'true', style: { background: `linear-gradient(to right, ${CIVIDIS.map((colour) => css(colour)).join(', ')})` } }), el('span', {}, metric(state.name, max)));
    stage.replaceChildren(scroller(`Heatmap of ${termOf(state.name).label}`, el('table', { class: 'heatmap' }, el('caption', {}, metricTitle(state.name)), el('thead', {}, head), el('tbody', {}, gy.names.map(row)))), scale);
    note.textContent = axes.length > 2 ? `Each cell is the ${takesBest() ? 'best' : 'mean'} of the points that share its two values.` : 'Each cell is one point.';
  };
  const names = axes.map((axis, index) => [String(index), axis.label]);
  const choose = (which) => (chosen) => {
    const other = which === 'x' ? 'y' : 'x';
    if (own[other] === Number(chosen)) own[other] = own[which];
    own[which] = Number(chosen);
    root.update();
  };
  const bar = el('div');
  function controls() {
    bar.replaceChildren(toolbar(
      chooser('Down', names, String(own.y), choose('y')),
      chooser('Across', names, String(own.x), choose('x')),
      axes.length > 2 && ranked() && segments('Of the points in a cell', [['mean', 'Mean'], ['best', 'Best']], own.take, (take) => { own.take = take; root.update(); })));
  }
  root.append(bar, stage, note);
  return root;
}
