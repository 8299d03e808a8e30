// The overview of a sweep: its size, its best point, and a first listen.

/** The embedded music by run; each is unpacked once. */
const musicOfRun = new Map(report.rolls.runs.map((own) => [own.run, own]));
const unpacked = new Map();
function piecesOf(run) {
  if (!unpacked.has(run)) {
    const source = musicOfRun.get(run);
    const roll = (index, title) => unpack(report.rolls.rolls[index], title, source);
    unpacked.set(run, {
      source,
      samples: source.samples.map(([sample, index, nearest, window, bits]) => ({
        sample, bits, window,
        piece: roll(index, `Sample ${sample}`),
        nearest: window === null ? null : roll(nearest, `Training window ${window}, nearest to sample ${sample}`),
      })),
      real: source.real.map(([window, index]) => ({ window, piece: roll(index, `Training window ${window}`) })),
    });
  }
  return unpacked.get(run);
}

/** Returns true if rolls are too short to look at one by one; they are joined. */
const isShort = (source) => source.steps <= 4;

function tile(label, value, note, kind = '') {
  return el('div', { class: `tile ${kind}` }, el('dt', {}, label), el('dd', {}, el('b', {}, value), note && el('small', {}, note)));
}

function overviewTiles() {
  const { totals } = report;
  const tiles = [];
  const best = points.length && totals.ok && mainMetric && report.ordered_by ? 0 : null;
  if (best !== null) {
    const { label, unit } = termOf(mainMetric);
    tiles.push(tile(`Best ${label}`, meanAndDeviation(mainMetric, pointStatistic(mainMetric, best)), `${unit} · ${pointName(best)}`, 'wide'));
    const distance = pointStatistic('sample_distance', best);
    const noise = pointStatistic('sample_bernoulli_distance', best);
    const diversity = pointStatistic('sample_diversity', best);
    if (diversity) {
      const share = (name) => { const found = pointStatistic(name, best); return found && `${number(100 * found.mean, 2)}\u00a0%`; };
      const [distinct, copied] = [share('sample_distinct_windows'), share('sample_copies')];
      tiles.push(tile('Diversity of its samples', number(diversity.mean, 2), ['1 is the corpus', distinct && `${distinct} distinct`, copied && `${copied} copies`].filter(Boolean).join(' · ')));
    }
    if (distance && noise) tiles.push(tile('Its music distance', number(distance.mean, 3), `independent bits: ${number(noise.mean, 3)} · 0 is the corpus`));
  }
  const parts = [[totals.failed, 'failed'], [totals.incomplete, 'not complete']].filter(([count]) => count);
  tiles.push(tile('Runs done', `${totals.ok.toLocaleString('en-US')}\u202f/\u202f${totals.runs.toLocaleString('en-US')}`, parts.map(([count, word]) => `${count} ${word}`).join(' · ') || 'none failed', totals.failed ? 'warn' : ''));
  const sum = (name) => (columns.get(name)?.values ?? []).reduce((total, value) => total + (value ?? 0), 0);
  if (columns.has('train_s')) tiles.push(tile('Training, all runs', seconds(sum('train_s')), `${seconds(sum('total_s'))} with evaluating and sampling`));
  const rate = statistic(columns.get('examples_per_s')?.values ?? []);
  if (rate && totals.ok) tiles.push(tile('Windows trained on', `${short(rate.mean)}\u202f/\u202fs`, runs.contended.some(Boolean) ? 'mean over runs, which shared the machine' : 'mean over runs'));
  return el('dl', { class: 'tiles' }, tiles);
}

/** Makes the panel that shows and plays the best run's samples. */
function firstListen() {
  const source = report.rolls.runs.find((own) => own.samples.length);
  if (!source) return null;
  const { samples } = piecesOf(source.run);
  // Far apart before alike, as much as the page knows of the run.
  const own = source.apart.map((place) => samples[place].piece);
  const sounding = own.filter((piece) => piece.notes.length);
  if (!sounding.length) return null;
  const joined = join(own.slice(0, Math.max(1, Math.floor(64 / source.steps))), 'The best run’s samples');
  const queue = [joined];
  return el('div', { class: 'panel listen-first' },
    el('div', { class: 'listen-head' },
      playButton('samples of the best run', queue, { kind: 'play big' }),
      el('div', {}, el('h3', {}, 'Hear the best run'),
        el('p', {}, `${plural(joined.seams.length + 1, 'sample')}, the farthest apart first: ${runName(source.run)}`))),
    rollView(joined, pitchRange([joined], source), { height: 250 }),
    rollLegend(source.planes, [['c1', 'sample']]));
}

/** Makes the list of warnings, most of them about estimates of likelihoods. */
function warnings() {
  const warned = Object.entries(report.runs.warnings);
  return warned.length > 0 && el('details', { class: 'notice' },
    el('summary', {}, `${plural(warned.length, 'run')} with warnings`),
    el('ul', {}, warned.flatMap(([run, texts]) => texts.map((text) => el('li', {}, `${runName(Number(run))}: ${text}`)))));
}

function overview() {
  const { totals } = report;
  const swept = axes.map((axis) => axis.label);
  const each = totals.replicates > 1 ? `, ${totals.replicates} replicates each` : '';
  const on = report.not_music ? 'rows of bits' : 'piano rolls';
  const single = report.kinds.length === 1 ? `${report.kinds[0][0].match(/^RNN/) ? 'An' : 'A'} ${report.kinds[0][0]}` : '';
  const several = inSeries(report.kinds.map(([, many]) => many));
  const what = !totals.runs ? 'The plan of this sweep has no runs.'
    : swept.length || !single ? `${sentence(several)} on ${on}: ${plural(totals.points, 'point')}${swept.length ? ` of ${inSeries(swept)}` : ''}${each}.`
    : `${single} on ${on}: one point${totals.replicates > 1 ? `, ${totals.replicates} replicates` : ''}.`;
  const none = totals.runs && !totals.ok && el('p', { class: 'notice' },
    totals.failed ? 'No run ended well. The list of runs gives the reasons.' : 'No run is complete yet.');
  return el('div', { class: 'hero' },
    el('p', { class: 'kicker' }, 'Sweep report'),
    el('h1', {}, report.name),
    el('p', { class: 'lead' }, what),
    report.note && el('p', { class: 'lead' }, report.note),
    report.tags.length > 0 && el('p', { class: 'hint' }, `Tags: ${report.tags.join(', ')}`),
    none,
    overviewTiles(),
    warnings(),
    firstListen(),
    report.left_out.length > 0 && el('details', { class: 'notice' },
      el('summary', {}, `Kept small: ${plural(report.left_out.length, 'part')} left out of this page`),
      el('ul', {}, report.left_out.map((text) => el('li', {}, text)))));
}
