// The filter of the list of runs: words, and conditions such as `hidden=50 learning_rate<0.01 status=ok`.

/** Returns the reader of an axis, a column or a field by its name in a condition; null for an unknown name. */
function quantity(name) {
  const axis = axes.findIndex((own) => own.key === name || own.label === name);
  if (axis >= 0) return (run) => axisValue(axis, runs.point[run]);
  if (columns.has(name)) return (run) => numberOf(name, run);
  if (columns.has(`sample_${name}`)) return (run) => numberOf(`sample_${name}`, run);
  const fields = {
    status: (run) => runs.status[run],
    id: (run) => runs.id[run],
    replicate: (run) => runs.replicate[run],
    seed: (run) => runs.seeds[runs.seed[run]],
    threads: (run) => runs.threads[run],
    contended: (run) => runs.contended[run] ? 'yes' : 'no',
  };
  return fields[name] ?? null;
}

/** Returns a predicate over runs, and the names that are unknown. */
function parseFilter(text) {
  const tests = [];
  const unknown = [];
  for (const word of text.trim().split(/\s+/).filter(Boolean)) {
    const parts = word.match(/^([^<>=!]+)(<=|>=|!=|=|<|>)(.+)$/);
    if (!parts) {
      const wanted = word.toLowerCase();
      tests.push((run) => searchText(run).includes(wanted));
      continue;
    }
    const [, name, operator, wanted] = parts;
    const of = quantity(name);
    if (!of) { unknown.push(name); continue; }
    const limit = Number(wanted);
    tests.push((run) => {
      const value = of(run);
      if (operator === '=' || operator === '!=') {
        const same = typeof value === 'number' && !Number.isNaN(limit) ? value === limit : plain(value).toLowerCase() === wanted.toLowerCase();
        return same === (operator === '=');
      }
      if (typeof value !== 'number' || Number.isNaN(limit)) return false;
      return operator === '<' ? value < limit : operator === '<=' ? value <= limit : operator === '>' ? value > limit : value >= limit;
    });
  }
  return { matches: (run) => tests.every((test) => test(run)), unknown };
}

const searchTexts = [];
function searchText(run) {
  searchTexts[run] ??= [runs.id[run], runs.status[run], runs.reason[run] ?? '', pointName(runs.point[run]), runs.seeds[runs.seed[run]]].join(' ').toLowerCase();
  return searchTexts[run];
}
