// The section on samples: those of a run beside their nearest training windows, and real windows.

function listenSection() {
  const withMusic = report.rolls.runs.filter((own) => own.samples.length);
  const lead = 'Each sample is above the training window nearest to it; the distance is the number of bits in which they differ. Click a roll to play from there.';
  if (report.not_music) return section('listen', 'Samples', null, empty(`${NOT_MUSIC} The samples of a run are in samples/samples.npy.`));
  if (!withMusic.length) return section('listen', 'Samples', null, empty('No run has samples to show.'));
  const stage = el('div');

  function card(title, note, piece, range, queue, hue, extra) {
    return el('article', { class: 'card' },
      el('div', { class: 'card-head' }, playButton(title.toLowerCase(), queue, { first: queue.indexOf(piece) }), el('h4', {}, title), note && el('span', { class: 'hint' }, note)),
      rollView(piece, range, { hue }), extra);
  }

  function show(run) {
    const { source, samples, real } = piecesOf(run);
    const all = [...samples.flatMap((own) => [own.piece, own.nearest]), ...real.map((own) => own.piece)].filter(Boolean);
    const range = pitchRange(all, source);
    const cells = source.timesteps * source.planes.length * (source.highest_pitch - source.lowest_pitch);
    const baseline = report.baselines.runs.find((own) => runs.point[own.run] === runs.point[run]);
    const usual = baseline?.training.nearest?.[0];
    const parts = [];
    const cut = source.steps < source.timesteps ? ` Of ${source.timesteps} steps the first ${source.steps} are shown; distances are of the whole window.` : '';
    const fewer = samples.length < source.drawn ? ` ${samples.length} of the ${source.drawn} samples drawn are here.` : '';
    const context = usual !== undefined && usual !== null ? ` Training windows lie ${number(usual, 3)} bits from the nearest other training window on average.` : '';
    parts.push(el('p', { class: 'hint' }, `Windows of ${plural(source.timesteps, 'step')}, ${cells.toLocaleString('en-US')} bits.${context}${fewer}${cut}${samples.some((sample) => !sample.nearest) ? ' No training song is as long: there is no nearest window.' : ''}`));
    const own = samples.map((sample) => sample.piece);
    parts.push(el('div', { class: 'buttons' },
      playButton('all samples in a row', own, { kind: 'play wide primary', text: `Play all ${own.length} samples in a row` }),
      real.length > 0 && playButton('the real windows in a row', real.map((window) => window.piece), { kind: 'play wide', text: 'Play the real windows in a row' })));
    parts.push(rollLegend(source.planes, [['c1', 'sample'], ['c3', 'training data']]));
    if (isShort(source) && samples.every((sample) => sample.nearest)) {
      parts.push(el('p', { class: 'hint' }, `A window is ${plural(source.steps, 'step')} here, so rolls are joined end to end. Samples are independent of each other: their order means nothing.`));
      const joinedSamples = join(own, 'All samples, joined');
      const joinedNearest = join(samples.map((sample) => sample.nearest), 'Their nearest training windows, joined');
      const bits = statistic(samples.map((sample) => sample.bits));
      parts.push(card('Samples', plural(own.length, 'sample'), joinedSamples, range, [joinedSamples], 'c1'));
      parts.push(card('Nearest training windows', `${number(bits.mean, 3)} bits away on average, ${bits.min} to ${bits.max}`, joinedNearest, range, [joinedNearest], 'c3'));
      if (real.length) {
        const joinedReal = join(real.map((window) => window.piece), 'Real windows, joined');
        parts.push(card('Real windows', 'training windows drawn at random', joinedReal, range, [joinedReal], 'c3'));
      }
    } else {
      parts.push(el('div', { class: 'cards' }, samples.map((sample, index) => {
        const share = `${number((100 * sample.bits) / cells, 2)} %`;
        const nearest = sample.nearest && el('div', { class: 'below' },
          el('div', { class: 'card-head' }, playButton(`training window ${sample.window}`, [sample.nearest], { kind: 'play small' }), el('span', {}, el('b', {}, sample.bits === 0 ? 'A copy' : plural(sample.bits, 'bit')), ` ${sample.bits === 0 ? 'of' : 'from'} training window ${sample.window}`), el('span', { class: 'hint' }, share)),
          rollView(sample.nearest, range, { hue: 'c3' }));
        return card(`Sample ${sample.sample}`, null, sample.piece, range, own, 'c1', nearest, index);
      })));
      if (real.length) {
        const windows = real.slice(0, 3);
        parts.push(el('h3', {}, 'Real windows'), el('p', { class: 'hint' }, 'Training windows drawn at random, of those that have a note.'));
        parts.push(el('div', { class: 'cards' }, windows.map((window) => card(`Window ${window.window}`, null, window.piece, range, real.map((other) => other.piece), 'c3'))));
      }
    }
    stage.replaceChildren(...given(parts));
  }

  const name = (own) => {
    const value = mainMetric ? numberOf(mainMetric, own.run) : null;
    return `${runs.point[own.run] + 1}. ${runName(own.run)}${value === null ? '' : ` (${metric(mainMetric, value)})`}`;
  };
  show(withMusic[0].run);
  return section('listen', 'Samples', lead, panel(
    toolbar(el('div', { class: 'grow' }, chooser('Run', withMusic.map((own) => [String(own.run), name(own)]), String(withMusic[0].run), (run) => show(Number(run))))),
    stage));
}
