// The section on hidden units: the weights of each as a piano roll, on a scale from blue through the ground to orange.

function unitsSection() {
  const lead = 'The weights of each hidden unit to every cell of the window. Units are ordered by the norm of their weights. Of a layer above the first: the change of each cell’s input as the unit turns on, alone in its layer, when means are passed down.';
  if (!report.units.length) return section('units', 'Hidden units', null, empty('There is no model file to read.'));
  const stage = el('div');
  const levels = (text) => Int8Array.from(atob(text), (character) => character.charCodeAt(0));

  /** Returns the pitches to which any shown unit has a weight above a twentieth of its strongest. */
  function usedRange(model, weights) {
    const pitches = model.highest_pitch - model.lowest_pitch;
    let [low, high] = [pitches, 0];
    for (const own of weights) {
      own.forEach((level, index) => {
        if (Math.abs(level) < 7) return;
        low = Math.min(low, index % pitches);
        high = Math.max(high, (index % pitches) + 1);
      });
    }
    if (low >= high) return [model.lowest_pitch, model.highest_pitch];
    return [model.lowest_pitch + Math.max(0, low - 1), model.lowest_pitch + Math.min(pitches, high + 1)];
  }

  function unitCard(model, unit, weights, range, scale) {
    const { steps, planes } = model;
    const pitches = model.highest_pitch - model.lowest_pitch;
    const rows = range[1] - range[0];
    const rowHeight = Math.max(2, Math.min(6, 150 / rows));
    const share = unit.scale / scale;
    const parts = planes.map((plane, index) => {
      const label = `Weights of hidden unit ${unit.unit} to the ${plane} plane, up to ${number(unit.scale, 3)}`;
      const frame = canvas(label, () => rows * rowHeight, (context, width) => {
        const height = rows * rowHeight;
        context.fillStyle = css(rgb('zero'));
        context.fillRect(KEYS, 0, width - KEYS, height);
        const cell = (width - KEYS) / steps;
        for (let step = 0; step < steps; step++) {
          for (let pitch = range[0]; pitch < range[1]; pitch++) {
            const level = (weights[(step * planes.length + index) * pitches + pitch - model.lowest_pitch] / 127) * share;
            if (!level) continue;
            context.fillStyle = css(diverging(level));
            context.fillRect(KEYS + step * cell, height - (pitch - range[0] + 1) * rowHeight, Math.ceil(cell), Math.ceil(rowHeight));
          }
        }
        drawKeys(context, range, rowHeight, height);
      });
      frame.addEventListener('pointermove', (event) => {
        const box = frame.getBoundingClientRect();
        const step = Math.floor(((event.clientX - box.left - KEYS) / (box.width - KEYS)) * steps);
        const pitch = range[0] + Math.floor((box.bottom - event.clientY) / rowHeight);
        if (step < 0 || step >= steps || pitch < range[0] || pitch >= range[1]) return hideTip();
        const weight = (weights[(step * planes.length + index) * pitches + pitch - model.lowest_pitch] / 127) * unit.scale;
        return showTip(event.clientX, event.clientY, `${pitchName(pitch)}, step ${step}`, [['plane', plane], ['weight', number(weight, 2)]]);
      });
      frame.addEventListener('pointerleave', hideTip);
      return el('figure', {}, frame, el('figcaption', {}, plane));
    });
    return el('article', { class: 'card' },
      el('div', { class: 'card-head' }, el('h4', {}, `Unit ${unit.unit}`), el('span', { class: 'hint' }, `norm ${number(unit.norm, 3)} · bias ${number(unit.bias, 3)}`)),
      el('div', { class: `planes of-${planes.length}` }, parts));
  }

  /** Draws the weights to the units of a row, line by line on a grid as square as can be: an image of n × n comes out as it is. */
  function rowCard(model, unit, weights, scale) {
    const wide = Math.ceil(Math.sqrt(weights.length));
    const high = Math.ceil(weights.length / wide);
    const label = `Weights of hidden unit ${unit.unit} to the ${model.row_units} units of a row, up to ${number(unit.scale, 3)}`;
    const heightOf = (width) => Math.round(Math.min(width, 240) * high / wide);
    const frame = canvas(label, heightOf, (context, width, height) => {
      context.fillStyle = css(rgb('zero'));
      const cell = height / high;
      context.fillRect(0, 0, Math.min(width, wide * cell), height);
      weights.forEach((level, index) => {
        if (!level) return;
        context.fillStyle = css(diverging((level / 127) * (unit.scale / scale)));
        context.fillRect((index % wide) * cell, Math.floor(index / wide) * cell, Math.ceil(cell), Math.ceil(cell));
      });
    });
    frame.addEventListener('pointermove', (event) => {
      const box = frame.getBoundingClientRect();
      const cell = box.height / high;
      const column = Math.floor((event.clientX - box.left) / cell);
      const index = Math.floor((event.clientY - box.top) / cell) * wide + column;
      if (column < 0 || column >= wide || index < 0 || index >= weights.length) return hideTip();
      return showTip(event.clientX, event.clientY, `column ${index + 1}`, [['weight', number((weights[index] / 127) * unit.scale, 2)]]);
    });
    frame.addEventListener('pointerleave', hideTip);
    return el('article', { class: 'card' },
      el('div', { class: 'card-head' }, el('h4', {}, `Unit ${unit.unit}`), el('span', { class: 'hint' }, `norm ${number(unit.norm, 3)} · bias ${number(unit.bias, 3)}`)),
      el('figure', {}, frame));
  }

  function show(model) {
    const weights = model.units.map((unit) => levels(unit.weights));
    const range = model.row_units === undefined ? usedRange(model, weights) : null;
    const scale = Math.max(...model.units.map((unit) => unit.scale), 1e-9);
    const cut = model.steps < model.timesteps ? ` Of ${model.timesteps} steps the first ${model.steps} are shown.` : '';
    const bar = el('div', { class: 'scale' }, el('span', {}, number(-scale, 3)), el('i', { 'aria-hidden': 'true', class: 'diverging' }), el('span', {}, `+${number(scale, 3)}`), el('span', { class: 'hint' }, 'weight, one scale for all units of the run'));
    const norms = chart(() => `Norms of the weights of ${model.hidden} hidden units`, 120, (root, width, height) => {
      const box = { left: 50, right: width - 10, top: 24, bottom: height - 24 };
      const y = scaleOf([0, ...model.norms], [box.bottom, box.top], false, 0.02);
      drawLeftAxis(root, Object.assign((value) => y(value), { ticks: () => y.ticks(2) }), box, 'norm of each unit’s weights, by rank');
      const step = (box.right - box.left) / model.norms.length;
      model.norms.forEach((norm, index) => root.append(svg('rect', {
        x: box.left + index * step, y: y(norm), width: Math.max(0.5, step - Math.min(1, step * 0.2)), height: Math.max(0, y(0) - y(norm)), class: index < model.units.length ? 'norm shown' : 'norm',
      })));
      root.append(svg('text', { class: 'tick', x: box.left, y: height - 6 }, '1'), svg('text', { class: 'tick', x: box.right, y: height - 6, 'text-anchor': 'end' }, String(model.hidden)));
    });
    stage.replaceChildren(norms,
      el('p', { class: 'hint' }, `The ${model.units.length} units of the largest norms, of ${model.hidden}: the darker bars.${cut}`),
      bar,
      el('div', { class: 'cards' }, model.units.map((unit, index) => (range ? unitCard(model, unit, weights[index], range, scale) : rowCard(model, unit, weights[index], scale)))));
  }
  show(report.units[0]);
  const options = report.units.map((model, index) => [String(index), `${runs.point[model.run] + 1}. ${runName(model.run)}${model.layer ? ` · layer ${model.layer}` : ''}`]);
  return section('units', 'Hidden units', lead, panel(
    toolbar(el('div', { class: 'grow' }, chooser('Run', options, '0', (index) => show(report.units[Number(index)])))), stage));
}
