// The section on time: its parts, and the speed of training.

const TIME_PARTS = [
  ['train_s', 'training', 'var(--c1)'],
  ['evaluate_s', 'evaluating', 'var(--c2)'],
  ['sample_s', 'sampling', 'var(--c3)'],
  ['likelihood_s', 'log-likelihood', 'var(--c5)'],
  ['corpus_s', 'cutting windows', 'var(--c4)'],
  ['rest', 'writing and the rest', 'var(--faint)'],
];
const TIME_ROWS = 20;

function timingSection() {
  const timed = points.map((_, point) => point).filter((point) => okRunsOf(point).some((run) => numberOf('total_s', run) !== null));
  if (!timed.length) return section('timing', 'Time', null, empty('No run that ended well was timed.'));
  const shared = runs.contended.some(Boolean);
  const lead = `Wall-clock time of a run, mean over replicates; training is timed alone.${shared ? ' Marked points shared the machine with other runs: their times are not a benchmark.' : ''}`;
  const rowsOf = timed.map((point) => {
    const mean = (name) => pointStatistic(name, point)?.mean ?? 0;
    const parts = TIME_PARTS.slice(0, -1).map(([name]) => mean(name));
    const total = mean('total_s');
    return { point, total, parts: [...parts, Math.max(0, total - parts.reduce((sum, part) => sum + part, 0))], shared: okRunsOf(point).some((run) => runs.contended[run]) };
  });
  const state = { order: 'best', share: false, page: 0 };
  const list = el('div');
  const pages = el('div', { class: 'pages' });

  function draw() {
    const sorted = [...rowsOf];
    if (state.order === 'slow') sorted.sort((a, b) => b.total - a.total);
    if (state.order === 'rate') sorted.sort((a, b) => (pointStatistic('connection_updates_per_s', b.point)?.mean ?? 0) - (pointStatistic('connection_updates_per_s', a.point)?.mean ?? 0));
    const last = Math.ceil(sorted.length / TIME_ROWS) - 1;
    const most = Math.max(...rowsOf.map((row) => row.total), 1e-12);
    const head = ['Point', '', 'Total', 'Training', 'An epoch', 'Windows/s', 'Connections/s'];
    const row = (own) => {
      const whole = state.share ? own.total : most;
      let from = 0;
      const bars = own.parts.map((part, index) => {
        const width = whole > 0 ? (100 * part) / whole : 0;
        const bar = svg('rect', { x: from, y: 0, width: Math.max(0, width - 0.15), height: 10, fill: TIME_PARTS[index][2] });
        from += width;
        return bar;
      });
      const label = TIME_PARTS.map(([, name], index) => `${name} ${seconds(own.parts[index])}`).join(', ');
      const bar = svg('svg', { viewBox: '0 0 100 10', preserveAspectRatio: 'none', class: 'bar', role: 'img', 'aria-label': label, tabindex: 0 }, bars);
      withTip(bar, pointName(own.point), () => TIME_PARTS.map(([, name], index) => [name, `${seconds(own.parts[index])} · ${number((100 * own.parts[index]) / own.total, 2)} %`]));
      const cell = (name) => el('td', { class: 'numeric' }, metric(name, pointStatistic(name, own.point)?.mean ?? null));
      return el('tr', {}, el('th', { scope: 'row' }, `${own.point + 1}. ${pointName(own.point)} `, own.shared && contended()), el('td', { class: 'bar' }, bar),
        ['total_s', 'train_s', 'epoch_s', 'examples_per_s', 'connection_updates_per_s'].map(cell));
    };
    list.replaceChildren(scroller('Time by point', el('table', { class: 'timing' },
      el('thead', {}, el('tr', {}, head.map((title, index) => el('th', { scope: 'col', class: index > 1 ? 'numeric' : index === 1 ? 'bar' : null }, title || el('span', { class: 'unseen' }, 'Breakdown'))))),
      el('tbody', {}, sorted.slice(state.page * TIME_ROWS, (state.page + 1) * TIME_ROWS).map(row)))));
    const go = (label, page, off) => el('button', { type: 'button', class: 'quiet', disabled: off, on: { click: () => { state.page = page; draw(); } } }, label);
    pages.replaceChildren(go('Previous', state.page - 1, state.page === 0), el('span', {}, `Page ${state.page + 1} of ${last + 1}`), go('Next', state.page + 1, state.page === last));
    pages.hidden = last === 0;
  }
  const orders = [['best', 'Best point first'], ['slow', 'Longest first'], ['rate', 'Most connections a second first']];
  draw();
  return section('timing', 'Time', lead, panel(
    toolbar(
      chooser('Order', orders, 'best', (order) => { state.order = order; state.page = 0; draw(); }),
      segments('Bars', [['time', 'Seconds'], ['share', 'Shares']], 'time', (own) => { state.share = own === 'share'; draw(); })),
    el('div', { class: 'legend' }, TIME_PARTS.map(([, name, colour]) => el('span', { class: 'key' }, el('i', { class: 'swatch', style: { background: colour }, 'aria-hidden': 'true' }), name))),
    list, pages));
}
