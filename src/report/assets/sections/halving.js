// Successive halving: the value of each point at the rungs that it reached.

function halvingSection() {
  const { halving } = report;
  const stops = axes.findIndex((axis) => axis.key === 'train.stop_after');
  if (!halving || stops < 0) return null;
  const { metric, rungs, rung_of_point: rungOf } = halving;
  // The points of the rungs that differ in their length alone.
  const families = new Map();
  points.forEach((own, point) => {
    const name = own.filter((_, axis) => axis !== stops).join(' ');
    const found = pointStatistic(metric, point);
    if (!families.has(name)) families.set(name, []);
    families.get(name).push({ point, rung: rungOf[point], value: found?.mean ?? null });
  });
  const lines = [...families.values()].map((line) => line.sort((a, b) => a.rung - b.rung));
  const reached = Math.max(...rungOf, 0);
  const nameOf = (point) => axes.map((axis, index) => index === stops ? null : `${axis.label} ${plain(axisValue(index, point))}`).filter(Boolean).join(' · ');
  const label = () => `${sentence(termOf(metric).label)} of ${plural(lines.length, 'point')} at the rungs that they reached`;
  const frame = chart(label, (width) => width < 500 ? 280 : 360, (root, width, height) => {
    const box = { left: 62, right: width - 14, top: 28, bottom: height - 44 };
    const known = lines.map((line) => line.filter((own) => own.value !== null)).filter((line) => line.length);
    const x = scaleOf(rungs.map((rung) => rung.epochs), [box.left, box.right], true);
    const y = scaleOf(known.flat().map((own) => own.value), [box.bottom, box.top], false);
    drawLeftAxis(root, y, box, metricTitle(metric));
    for (const { epochs } of rungs) {
      root.append(
        svg('line', { class: 'grid', x1: x(epochs), x2: x(epochs), y1: box.top, y2: box.bottom }),
        svg('text', { class: 'tick', x: x(epochs), y: box.bottom + 18, 'text-anchor': 'middle' }, String(epochs)));
    }
    root.append(svg('text', { class: 'axis-title', x: box.right, y: box.bottom + 36, 'text-anchor': 'end' }, 'epochs, log axis'));
    const last = (line) => line[line.length - 1];
    const order = [...known].sort((a, b) => last(a).rung - last(b).rung);
    for (const line of order) {
      const stays = last(line).rung === reached;
      const stroke = stays ? SERIES[0] : 'var(--faint)';
      const path = line.map((own, index) => `${index ? 'L' : 'M'}${x(rungs[own.rung].epochs).toFixed(1)} ${y(own.value).toFixed(1)}`).join('');
      root.append(svg('path', { d: path, class: stays ? 'line' : 'line faint', stroke }));
      for (const own of line) {
        const dot = svg('circle', { cx: x(rungs[own.rung].epochs), cy: y(own.value), r: stays ? 4 : 3, fill: stroke });
        dot.addEventListener('pointermove', (event) => showTip(event.clientX, event.clientY, nameOf(own.point), [
          ['epochs', String(rungs[own.rung].epochs)], ['mean', number(own.value, 5)],
          own === last(line) && !stays ? ['then', 'dropped'] : ['then', own.rung === rungs.length - 1 ? 'the end' : 'went on'],
        ]));
        dot.addEventListener('pointerleave', hideTip);
        root.append(dot);
      }
    }
  });
  const better = (values) => [...values].sort((a, b) => compareQuality(metric, a, b));
  const rows = rungs.map((rung, place) => {
    const decided = place <= reached;
    const values = better(lines.flat().filter((own) => own.rung === place && own.value !== null).map((own) => own.value));
    const kept = better(lines.filter((line) => line.some((own) => own.rung === place + 1))
      .map((line) => line.find((own) => own.rung === place)?.value ?? null).filter((value) => value !== null));
    const cell = (value) => el('td', { class: 'numeric' }, value === undefined ? '–' : number(value, 4));
    return el('tr', {}, el('th', { scope: 'row', class: 'numeric' }, String(place + 1)),
      el('td', { class: 'numeric' }, String(rung.epochs)), el('td', { class: 'numeric' }, decided ? String(rung.points) : `at most ${rung.points}`), cell(values[0]), cell(kept[kept.length - 1]), cell(values[values.length - 1]));
  });
  const heads = ['rung', 'epochs', 'points', 'best', 'last that went on', 'worst'];
  const table = scroller('Rungs', el('table', {},
    el('thead', {}, el('tr', {}, heads.map((head) => el('th', { scope: 'col', class: 'numeric' }, head)))), el('tbody', {}, rows)));
  const lead = `One point in ${halving.eta} goes on from a rung to the next, ranked by ${termOf(metric).label}, the mean over replicates. A line ends where its point was dropped.`;
  return section('halving', 'Successive halving', lead, panel(frame, table));
}
