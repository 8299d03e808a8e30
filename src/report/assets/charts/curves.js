// The learning curves: a metric by epoch or by training time, one line for each point, with a band over its replicates.

const curveOfRun = new Map(report.curves.runs.map((curve) => [curve.run, curve]));
const DASHES = [null, '7 3', '2 3', '9 3 2 3', '12 4', '4 2'];

/** Returns mean, deviation and range at each epoch, over the replicates of a point that reached it. */
function pointCurve(point, index, byTime) {
  const at = new Map();
  for (const run of runsOf[point]) {
    const curve = curveOfRun.get(run);
    curve?.epochs.forEach((epoch, place) => {
      const value = curve.values[index][place];
      if (value === null) return;
      if (!at.has(epoch)) at.set(epoch, { values: [], times: [] });
      at.get(epoch).values.push(value);
      at.get(epoch).times.push(curve.train_s[place]);
    });
  }
  return [...at].sort((a, b) => a[0] - b[0]).map(([epoch, { values, times }]) => {
    const found = statistic(values);
    const time = times.reduce((sum, own) => sum + own, 0) / times.length;
    return { x: byTime ? time : epoch, epoch, time, ...found };
  }).filter((own) => own.mean !== undefined);
}

function curvesSection() {
  const lead = 'Epoch 0 is the model before training.';
  const { names } = report.curves;
  const drawn = points.map((_, point) => point).filter((point) => runsOf[point].some((run) => curveOfRun.has(run)));
  if (!names.length || !drawn.length) return section('curves', 'Learning curves', null, empty('No run has evaluated an epoch.'));
  const several = report.totals.replicates > 1;
  const state = { name: names[0], log: false, band: several ? 'sd' : 'none', byTime: false, colours: 'rank', picked: new Set(drawn.slice(0, 6)), all: false };
  let curves = new Map();

  /** Returns the look of a curve: hue and dash of a point picked, or the colour of a value of an axis. */
  function look(point) {
    if (state.colours !== 'rank') {
      const axis = Number(state.colours);
      const place = points[point][axis];
      const last = axes[axis].values.length - 1;
      return { stroke: css(sequential(0.12 + (0.8 * place) / Math.max(1, last))), dash: null, strong: true };
    }
    const place = [...state.picked].indexOf(point);
    return place < 0 ? { stroke: 'var(--faint)', dash: null, strong: false } : { stroke: SERIES[place % 6], dash: DASHES[Math.floor(place / 6) % 6], strong: true };
  }

  const legend = el('div', { class: 'legend curves-legend' });
  const note = el('p', { class: 'hint' });
  const label = () => `${sentence(termOf(state.name).label)} by ${state.byTime ? 'training time' : 'epoch'}, ${plural(curves.size, 'curve')}`;
  const frame = chart(label, (width) => width < 500 ? 300 : 400, (root, width, height) => {
    const box = { left: 62, right: width - 14, top: 28, bottom: height - 44 };
    const all = [...curves.values()].flat();
    const bounds = (own) => state.band === 'sd' && own.sd !== null ? [own.mean - own.sd, own.mean + own.sd] : state.band === 'range' ? [own.min, own.max] : [own.mean];
    let yValues = all.flatMap((own) => [own.mean, ...bounds(own)]);
    const means = all.map((own) => own.mean);
    // On a logarithmic axis a band may not lead out of the metric's sign.
    if (state.log) yValues = yValues.filter((value) => value * means[0] > 0);
    const x = scaleOf(all.map((own) => own.x), [box.left, box.right], false, 0);
    const y = scaleOf(yValues, [box.bottom, box.top], state.log);
    drawLeftAxis(root, y, box, metricTitle(state.name) + (y.log ? ', log axis' : ''));
    drawBottomAxis(root, x, box, state.byTime ? 'seconds of training' : 'epoch');
    const clampY = (value) => Math.max(box.top, Math.min(box.bottom, y(value)));
    const path = (line) => line.map((own, index) => `${index ? 'L' : 'M'}${x(own.x).toFixed(1)} ${y(own.mean).toFixed(1)}`).join('');
    const order = [...curves.keys()].sort((a, b) => look(a).strong - look(b).strong || b - a);
    for (const point of order) {
      const line = curves.get(point);
      const { stroke, dash, strong } = look(point);
      if (strong && state.band !== 'none' && line.some((own) => own.count > 1)) {
        const edge = (index) => (own) => {
          const value = (bounds(own)[index] ?? own.mean);
          return `${x(own.x).toFixed(1)} ${(y.log && value * own.mean <= 0 ? (index ? box.top : box.bottom) : clampY(value)).toFixed(1)}`;
        };
        root.append(svg('path', { d: `M${line.map(edge(1)).join('L')}L${[...line].reverse().map(edge(0)).join('L')}Z`, fill: stroke, class: 'band' }));
      }
      root.append(line.length > 1
        ? svg('path', { d: path(line), class: strong ? 'line' : 'line faint', stroke, 'stroke-dasharray': dash })
        : svg('circle', { cx: x(line[0].x), cy: y(line[0].mean), r: 3, fill: stroke }));
    }
    // The crosshair reads the curve nearest to the pointer.
    const ring = svg('circle', { r: 5, class: 'ring', visibility: 'hidden' });
    root.append(ring);
    root.addEventListener('pointermove', (event) => {
      const at = root.getBoundingClientRect();
      const [px, py] = [event.clientX - at.left, event.clientY - at.top];
      let best = null;
      for (const [point, line] of curves) {
        for (const own of line) {
          const distance = Math.hypot(x(own.x) - px, (y(own.mean) - py) * 1.5) + (look(point).strong ? 0 : 6);
          if (!best || distance < best.distance) best = { distance, point, own };
        }
      }
      if (!best || best.distance > 60) { ring.setAttribute('visibility', 'hidden'); return hideTip(); }
      ring.setAttribute('cx', x(best.own.x));
      ring.setAttribute('cy', y(best.own.mean));
      ring.setAttribute('visibility', 'visible');
      const { own } = best;
      const lines = [['epoch', String(own.epoch)], ['training', seconds(own.time)], [own.count > 1 ? 'mean' : 'value', number(own.mean, 5)]];
      if (own.count > 1) lines.push(['sd', number(own.sd)], ['range', `${number(own.min)} to ${number(own.max)}`], ['replicates', String(own.count)]);
      return showTip(event.clientX, event.clientY, pointName(best.point), lines);
    });
    root.addEventListener('pointerleave', () => { ring.setAttribute('visibility', 'hidden'); hideTip(); });
  });

  function drawLegend() {
    if (state.colours !== 'rank') {
      const axis = axes[Number(state.colours)];
      const last = axis.values.length - 1;
      const shown = axis.values.length > 12 ? [0, Math.floor(last / 2), last] : axis.values.map((_, place) => place);
      legend.classList.add('by-axis');
      legend.replaceChildren(el('span', { class: 'legend-title' }, axis.label), ...shown.map((place) => el('span', { class: 'key' },
        el('i', { class: 'swatch', style: { background: css(sequential(0.12 + (0.8 * place) / Math.max(1, last))) }, 'aria-hidden': 'true' }), plain(axis.values[place]))));
      return;
    }
    const limit = state.all ? drawn.length : Math.max(innerWidth < 760 ? 6 : 12, state.picked.size);
    legend.classList.remove('by-axis');
    legend.replaceChildren(...given([drawn.slice(0, limit).map((point) => {
      const { stroke, dash, strong } = look(point);
      const sample = svg('svg', { width: 22, height: 8, 'aria-hidden': 'true' }, svg('line', { x1: 0, x2: 22, y1: 4, y2: 4, stroke, 'stroke-width': strong ? 3 : 2, 'stroke-dasharray': dash }));
      return el('button', { type: 'button', class: 'key', 'aria-pressed': String(strong), on: { click: () => {
        if (strong) state.picked.delete(point); else state.picked.add(point);
        update();
        legend.children[drawn.indexOf(point)]?.focus();
      } } }, sample, pointName(point));
    }), drawn.length > limit && el('button', { type: 'button', class: 'key more', on: { click: () => { state.all = true; drawLegend(); legend.children[limit]?.focus(); } } }, `Show ${plural(drawn.length - limit, 'more point')}`)]));
  }

  function update() {
    const index = names.indexOf(state.name);
    curves = new Map(drawn.map((point) => [point, pointCurve(point, index, state.byTime)]).filter(([, line]) => line.length));
    const bands = { sd: 'Bands are mean ± one sample standard deviation over replicates.', range: 'Bands go from the least to the greatest replicate.', none: several ? 'Lines are means over replicates.' : 'Each point has one run.' };
    const values = [...curves.values()].flat().map((own) => own.mean);
    const mixed = state.log && Math.min(...values) * Math.max(...values) <= 0 ? ' This metric has values of both signs or zero, so its axis is linear.' : '';
    note.textContent = `${bands[state.band]}${mixed} ${termOf(state.name).definition}`;
    drawLegend();
    frame.draw();
  }
  const colours = [['rank', 'Points picked below'], ...axes.map((axis, index) => [String(index), axis.label])];
  const content = panel(
    toolbar(
      chooser('Metric', metricOptions(names), state.name, (name) => { state.name = name; update(); }),
      axes.length > 0 && chooser('Colour by', colours, 'rank', (own) => { state.colours = own; update(); }),
      segments('Value axis', [['linear', 'Linear'], ['log', 'Log']], 'linear', (own) => { state.log = own === 'log'; update(); }),
      segments('Across', [['epoch', 'Epochs'], ['time', 'Training time']], 'epoch', (own) => { state.byTime = own === 'time'; update(); }),
      several && segments('Band', [['sd', '± sd'], ['range', 'Min–max'], ['none', 'None']], 'sd', (own) => { state.band = own; update(); })),
    frame, legend, note);
  update();
  onThemeChange(update);
  return section('curves', 'Learning curves', lead, content);
}
