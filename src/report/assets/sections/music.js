// The section on the music of the samples, beside three baselines, metric by metric.

const ALL_BASELINES = [
  ['training', 'training data', 'square', 'var(--c3)'],
  ['shuffled', 'steps shuffled', 'triangle', 'var(--c4)'],
  ['bernoulli', 'independent bits', 'diamond', 'var(--c2)'],
  ['shuffled_bars', 'bars shuffled', 'triangle', 'var(--c5)'],
];

function musicSection() {
  const lead = 'The metrics of the samples beside those of the training data, of training windows with their steps shuffled, and of independent bits of the same frequencies.';
  const { names, runs: withBaselines } = report.baselines;
  if (report.not_music) return section('music', 'Music', null, empty(NOT_MUSIC));
  if (!withBaselines.length) return section('music', 'Music', null, empty('No run has samples whose music was measured.'));
  const stage = el('div');

  function mark(shape, colour, x, y, size, title) {
    const own = MARKS[shape](x, y, size);
    own.setAttribute('fill', colour);
    own.setAttribute('class', 'mark');
    return fill(own, {}, [svg('title', {}, title)]);
  }

  function show(own) {
    const BASELINES = ALL_BASELINES.filter(([key]) => own[key]);
    const point = runs.point[own.run];
    const rows = names.map((name, index) => ({
      name: `sample_${name}`, sample: pointStatistic(`sample_${name}`, point),
      others: BASELINES.map(([key]) => own[key].values[index]),
    }));
    rows.push({ name: 'sample_nearest_training_window_bits', sample: pointStatistic('sample_nearest_training_window_bits', point), others: BASELINES.map(([key]) => own[key].nearest?.[0] ?? null) });
    for (const name of ['pairwise_distance', 'distinct_windows', 'distinct_chord_sequences']) {
      const known = pointStatistic(`sample_training_${name}`, point);
      rows.push({ name: `sample_${name}`, sample: pointStatistic(`sample_${name}`, point), others: BASELINES.map(([key]) => key === 'training' ? known?.mean ?? null : null) });
    }
    rows.unshift({ name: 'sample_distance', sample: pointStatistic('sample_distance', point), others: BASELINES.map(([key]) => own[key].distance) });
    const shown = rows.filter((row) => row.sample || row.others.some((value) => value !== null));
    const table = el('table', { class: 'music' },
      el('thead', {}, el('tr', {}, ['Metric', 'Samples', ...BASELINES.map(([, title]) => sentence(title)), 'From zero to the greatest'].map((title, index) => el('th', { scope: 'col', class: index > BASELINES.length + 1 ? 'strip' : index ? 'numeric' : null }, title)))),
      el('tbody', {}, shown.map((row) => {
        const { label, unit, definition } = termOf(row.name);
        const values = [row.sample?.mean ?? null, ...row.others].filter((value) => value !== null);
        const strip = svg('svg', { viewBox: '0 0 200 22', preserveAspectRatio: 'xMinYMid', class: 'strip', role: 'img', 'aria-label': `${label}: samples ${number(row.sample?.mean ?? null, 3)}, ${BASELINES.map(([, title], index) => `${title} ${number(row.others[index], 3)}`).join(', ')}` });
        const x = scaleOf([0, ...values, ...(row.sample?.sd ? [row.sample.mean - row.sample.sd, row.sample.mean + row.sample.sd] : [])], [9, 191], false, 0);
        strip.append(svg('line', { class: 'grid', x1: 4, x2: 196, y1: 11, y2: 11 }));
        BASELINES.forEach(([, title, shape, colour], index) => {
          const value = row.others[index];
          if (value !== null) strip.append(mark(shape, colour, x(value), 11, 4.2, `${title}: ${number(value)}`));
        });
        if (row.sample) {
          if (row.sample.sd) strip.append(svg('line', { class: 'whisker', x1: x(row.sample.mean - row.sample.sd), x2: x(row.sample.mean + row.sample.sd), y1: 11, y2: 11 }));
          strip.append(mark('circle', 'var(--c1)', x(row.sample.mean), 11, 5.2, `samples: ${number(row.sample.mean)}`));
        }
        return el('tr', { class: row.name === 'sample_distance' ? 'main' : null },
          el('th', { scope: 'row', title: definition }, sentence(label), unit && el('small', {}, ` ${unit}`)),
          el('td', { class: 'numeric' }, row.sample ? number(row.sample.mean, 3) + (row.sample.sd === null ? '' : ` ± ${number(row.sample.sd, 2)}`) : '–'),
          row.others.map((value) => el('td', { class: 'numeric' }, number(value, 3))),
          el('td', { class: 'strip' }, strip));
      })));
    const key = (shape, colour, text) => el('span', { class: 'key' }, svg('svg', { width: 14, height: 14, 'aria-hidden': 'true' }, fill(MARKS[shape](7, 7, 4.6), { fill: colour }, [])), text);
    const replicates = okRunsOf(point).length;
    stage.replaceChildren(
      el('div', { class: 'legend' }, key('circle', 'var(--c1)', replicates > 1 ? `samples, mean ± sd of ${replicates} replicates` : 'samples'), BASELINES.map(([, title, shape, colour]) => key(shape, colour, title))),
      scroller('Music metrics', table));
  }

  /** The distance of every point, beside that of independent bits. */
  const distances = chart('Music distance of every point, best point first', 190, (root, width, height) => {
    const box = { left: 52, right: width - 12, top: 28, bottom: height - 42 };
    const found = withBaselines.map((own) => ({ own, sample: pointStatistic('sample_distance', runs.point[own.run]), noise: own.bernoulli.distance, shuffled: own.shuffled.distance })).filter(({ sample }) => sample);
    const y = scaleOf([0, ...found.flatMap(({ sample, noise, shuffled }) => [sample.mean, noise, shuffled].filter((value) => value !== null))], [box.bottom, box.top], false, 0.05);
    drawLeftAxis(root, y, box, 'music distance (0 is the corpus, lower is better)');
    root.append(svg('line', { class: 'axis', x1: box.left, x2: box.right, y1: box.bottom, y2: box.bottom }),
      svg('text', { class: 'axis-title', x: box.right, y: box.bottom + 34, 'text-anchor': 'end' }, 'points, best first'));
    const at = (index) => box.left + ((index + 0.5) / found.length) * (box.right - box.left);
    const size = Math.max(1.6, Math.min(4.2, (box.right - box.left) / found.length / 3));
    const every = Math.max(1, Math.ceil(found.length / ((box.right - box.left) / 28)));
    found.forEach(({ own, sample, noise, shuffled }, index) => {
      const lines = () => [['samples', number(sample.mean, 3)], ['steps shuffled', number(shuffled, 3)], ['independent bits', number(noise, 3)]];
      const group = svg('g', { tabindex: found.length <= 60 ? 0 : null, role: 'img', 'aria-label': `${pointName(runs.point[own.run])}: ${lines().map((line) => line.join(' ')).join(', ')}` });
      if (noise !== null) group.append(svg('line', { class: 'stem', x1: at(index), x2: at(index), y1: y(sample.mean), y2: y(noise) }), fill(MARKS.diamond(at(index), y(noise), size), { fill: 'var(--c2)' }, []));
      if (shuffled !== null) group.append(fill(MARKS.triangle(at(index), y(shuffled), size), { fill: 'var(--c4)' }, []));
      group.append(fill(MARKS.circle(at(index), y(sample.mean), size + 1), { fill: 'var(--c1)' }, []));
      root.append(withTip(group, pointName(runs.point[own.run]), lines));
      if (index % every === 0) root.append(svg('text', { class: 'tick', x: at(index), y: box.bottom + 16, 'text-anchor': 'middle' }, String(runs.point[own.run] + 1)));
    });
  });
  show(withBaselines[0]);
  const options = withBaselines.map((own, index) => [String(index), `${runs.point[own.run] + 1}. ${pointName(runs.point[own.run])}`]);
  return section('music', 'Music', lead, panel(
    withBaselines.length > 1 && distances,
    toolbar(el('div', { class: 'grow' }, chooser('Point', options, '0', (index) => show(withBaselines[Number(index)])))), stage));
}
