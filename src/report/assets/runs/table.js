// The list of runs: sorted, filtered, a page at a time.

/** Returns the columns: key, heading, tooltip, value to sort by, text or element to show. */
function tableColumns() {
  const several = report.totals.replicates > 1;
  const own = [
    { key: 'id', label: 'run', hint: 'Name of the run and of its folder below runs/', value: (run) => runs.id[run], cell: (run) => el('code', {}, runs.id[run]), first: true, shown: true },
    { key: 'status', label: 'status', hint: 'ok, failed, interrupted, running or missing', value: (run) => runs.status[run], cell: (run) => status(run), first: true, shown: true },
    ...axes.map((axis, index) => ({
      key: axis.key, label: axis.label, hint: axis.key, shown: true, numeric: axis.values.every((value) => typeof value === 'number'),
      value: (run) => axisValue(index, runs.point[run]), cell: (run) => plain(axisValue(index, runs.point[run])),
    })),
    { key: 'replicate', label: 'replicate', hint: 'Number of the replicate of its point, from 0', numeric: true, shown: several, value: (run) => runs.replicate[run], cell: (run) => String(runs.replicate[run]) },
    { key: 'seed', label: 'seed', hint: 'Seed of the replicate', value: (run) => runs.seeds[runs.seed[run]], cell: (run) => el('code', {}, runs.seeds[runs.seed[run]]) },
  ];
  const measured = metricNames.map((name) => {
    const { label, short = label, unit, definition } = termOf(name);
    return {
      key: name, label: short, long: label, unit: ['s', '1/s'].includes(unit) ? '' : unit, hint: `${sentence(label)}. ${definition}`, numeric: true, shown: columns.get(name).shown,
      value: (run) => numberOf(name, run),
      cell: (run) => metric(name, numberOf(name, run)),
      timed: columns.get(name).group === 'timing',
    };
  });
  return [...own, ...measured];
}

const STATUS_MARKS = { ok: '✓', failed: '✕', interrupted: '◐', running: '▸', missing: '○' };
function status(run) {
  const own = runs.status[run];
  return el('span', { class: `status ${own}` }, el('span', { 'aria-hidden': 'true' }, STATUS_MARKS[own] ?? '•'), ` ${own}`);
}
const contended = () => el('span', { class: 'contended', title: 'Other runs shared the machine: these times are not a benchmark' }, 'shared');

function runsTable() {
  const all = tableColumns();
  const state = { sort: null, descending: false, page: 0, size: innerWidth < 760 ? 10 : 25, filter: '', status: 'all', open: new Set() };
  let rows = [];
  const body = el('tbody');
  const head = el('thead');
  const count = el('p', { class: 'count', 'aria-live': 'polite' });
  const pages = el('div', { class: 'pages' });
  const shown = () => all.filter((column) => column.shown);

  function select() {
    const { matches, unknown } = parseFilter(state.filter);
    rows = [];
    for (let run = 0; run < runCount; run++) {
      if ((state.status === 'all' || runs.status[run] === state.status) && matches(run)) rows.push(run);
    }
    const column = all.find((own) => own.key === state.sort);
    if (column) {
      const sign = state.descending ? -1 : 1;
      const keys = new Map(rows.map((run) => [run, column.value(run)]));
      rows.sort((a, b) => {
        const [x, y] = [keys.get(a), keys.get(b)];
        // Undefined values come last in either direction.
        if (x === null || y === null) return (x === null) - (y === null) || a - b;
        const order = typeof x === 'number' && typeof y === 'number' ? x - y : plain(x).localeCompare(plain(y), 'en', { numeric: true });
        return sign * order || a - b;
      });
    }
    const note = unknown.length ? ` Unknown in the filter: ${unknown.join(', ')}.` : '';
    count.textContent = `${rows.length.toLocaleString('en-US')} of ${plural(runCount, 'run')}.${note}`;
    state.page = Math.min(state.page, Math.max(0, Math.ceil(rows.length / state.size) - 1));
  }

  function drawHead() {
    const cell = (column) => {
      const sorted = state.sort === column.key;
      const button = el('button', {
        type: 'button', title: column.hint, on: {
          click: () => {
            if (sorted && !state.descending) state.descending = true;
            else if (sorted) state.sort = null;
            else { state.sort = column.key; state.descending = false; }
            state.page = 0;
            select();
            draw();
            head.querySelector(`[data-key="${CSS.escape(column.key)}"]`)?.focus();
            announce(state.sort ? `Sorted by ${column.label}, ${state.descending ? 'descending' : 'ascending'}` : 'In order of points, best first');
          },
        }, 'data-key': column.key,
      }, el('span', {}, column.label), column.unit && el('small', {}, column.unit), el('i', { 'aria-hidden': 'true' }, sorted ? (state.descending ? '▼' : '▲') : ''));
      return el('th', { scope: 'col', class: column.numeric ? 'numeric' : null, 'aria-sort': sorted ? (state.descending ? 'descending' : 'ascending') : 'none' }, button);
    };
    head.replaceChildren(el('tr', {}, el('th', { scope: 'col', class: 'opener' }, el('span', { class: 'unseen' }, 'Details')), shown().map(cell)));
  }

  function rowOf(run) {
    const open = state.open.has(run);
    const opener = el('button', {
      type: 'button', class: 'icon small', 'aria-expanded': String(open), 'aria-label': `Details of run ${runs.id[run]}`,
      on: { click: () => { if (open) state.open.delete(run); else state.open.add(run); draw(); body.querySelector(`[data-run="${run}"] button`)?.focus(); } },
    }, icon(ICONS.open));
    const cell = (column) => column.key === 'id'
      ? el('th', { scope: 'row' }, column.cell(run))
      : el('td', { class: column.numeric ? 'numeric' : null }, column.cell(run), column.timed && column.key === 'train_s' && runs.contended[run] ? contended() : null);
    const row = el('tr', { class: `${runs.status[run]}${open ? ' open' : ''}`, 'data-run': run }, el('td', { class: 'opener' }, opener), shown().map(cell));
    if (!open) return [row];
    return [row, el('tr', { class: 'details' }, el('td', { colspan: shown().length + 1 }, details(run)))];
  }

  function details(run) {
    const folder = `runs/${runs.id[run]}`;
    const entries = metricNames.filter((name) => numberOf(name, run) !== null).map((name) => el('div', { title: termOf(name).definition }, el('dt', {}, sentence(metricTitle(name))), el('dd', {}, metric(name, numberOf(name, run)))));
    const file = (name) => el('a', { href: `${folder}/${name}` }, name);
    return el('div', { class: 'details-inner' },
      runs.reason[run] && el('p', { class: 'reason' }, el('b', {}, `${sentence(runs.status[run])}: `), runs.reason[run]),
      el('p', {}, `Seed ${runs.seeds[runs.seed[run]]}`, runs.digest.length > 0 && runs.digest[run] && [' · digest ', el('code', {}, runs.digest[run])], runs.threads[run] > 0 && ` · ${plural(runs.threads[run], 'thread')}`),
      runs.folder.length > 0 ? el('p', {}, 'Folder ', el('code', {}, runs.folder[run])) : el('p', {}, 'Files beside this page: ', ['result.json', 'epochs.jsonl', 'model.safetensors', 'samples/', 'log.txt'].flatMap((name, index) => [index ? ' · ' : '', file(name)])),
      entries.length > 0 && el('dl', { class: 'grid-list' }, entries));
  }

  function drawPages() {
    const last = Math.max(0, Math.ceil(rows.length / state.size) - 1);
    const go = (label, page, off) => el('button', { type: 'button', class: 'quiet', disabled: off, on: { click: () => { state.page = page; draw(); } } }, label);
    pages.replaceChildren(
      go('First', 0, state.page === 0), go('Previous', state.page - 1, state.page === 0),
      el('span', {}, `Page ${state.page + 1} of ${last + 1}`),
      go('Next', state.page + 1, state.page === last), go('Last', last, state.page === last));
    pages.hidden = last === 0;
  }

  function draw() {
    drawHead();
    const from = state.page * state.size;
    body.replaceChildren(...rows.slice(from, from + state.size).flatMap(rowOf));
    if (!rows.length) body.append(el('tr', {}, el('td', { class: 'none', colspan: shown().length + 1 }, runCount ? 'No run matches.' : 'There are no runs.')));
    drawPages();
  }

  const refresh = () => { state.page = 0; select(); draw(); };
  let typing = 0;
  const filterId = newId('filter');
  const input = el('input', {
    type: 'search', id: filterId, placeholder: axes.length ? `${axes[0].label}=${plain(axes[0].values[0])} train_s<1` : 'status=ok train_s<1', spellcheck: 'false', autocomplete: 'off',
    'aria-describedby': `${filterId}-hint`, on: { input: () => { clearTimeout(typing); typing = setTimeout(() => { state.filter = input.value; refresh(); }, 120); } },
  });
  const found = [...new Set(runs.status)];
  const statusChoice = found.length > 1 && chooser('Status', [['all', 'All'], ...found.map((own) => [own, sentence(own)])], 'all', (chosen) => { state.status = chosen; refresh(); });
  const size = chooser('Rows', [['10', '10'], ['25', '25'], ['100', '100'], ['500', '500']], String(state.size), (chosen) => { state.size = Number(chosen); refresh(); });
  const choices = el('details', { class: 'columns' }, el('summary', {}, 'Columns'),
    el('div', { class: 'column-list' }, all.map((column) => checkbox((column.long ?? column.label) + (column.unit ? ` (${column.unit})` : ''), column.shown, (on) => { column.shown = on; draw(); }))));
  const save = el('button', { type: 'button', class: 'quiet', on: { click: () => {
    const quoted = (text) => /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    const line = (run) => all.map((column) => quoted(plain(column.value(run) ?? ''))).join(',');
    const text = [all.map((column) => column.key).join(','), ...rows.map(line)].join('\n');
    const link = el('a', { href: URL.createObjectURL(new Blob([`${text}\n`], { type: 'text/csv' })), download: `${report.name}-runs.csv` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  } } }, 'Save as CSV');
  select();
  draw();
  return panel(
    toolbar(
      el('div', { class: 'control grow' }, el('label', { for: filterId }, 'Filter'), input,
        el('small', { id: `${filterId}-hint`, class: 'unseen' }, 'Words, or conditions such as name=value, name<value, name>value, separated by spaces')),
      statusChoice, size, choices, save),
    count,
    scroller('Runs', el('table', { class: 'runs' }, head, body)),
    pages);
}

function runsSection() {
  const order = report.ordered_by ? `Best point first, by ${termOf(report.ordered_by).label}. ` : '';
  return section('runs', 'Runs', `${order}Headings sort. The filter takes words and conditions such as train_s<1.`, runsTable());
}
