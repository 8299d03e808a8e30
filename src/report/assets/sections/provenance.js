// The sections on provenance and on definitions.

function provenanceSection() {
  const { provenance } = report;
  const entry = (term, ...value) => el('div', {}, el('dt', {}, term), el('dd', {}, ...value));
  const [version, commit] = provenance.made_by;
  const machines = provenance.environments.map((own) => el('dl', { class: 'facts' },
    entry('Runs', own.runs.toLocaleString('en-US')),
    entry('Program', `chordbench ${own.version}, commit `, el('code', {}, own.git)),
    entry('Processor', own.cpu),
    entry('Instruction set', own.isa),
    entry('Logical processors', String(own.logical_cpus)),
    entry('System', own.os),
    entry('Compiler', own.rustc)));
  const corpora = provenance.corpora.map((own) => el('dl', { class: 'facts' },
    entry('Digest', el('code', {}, own.digest)),
    entry('Songs', plural(own.songs, 'song'), own.training_songs !== null && `: ${own.training_songs} to train on, ${own.validation_songs} held out${own.test_songs ? `, ${own.test_songs} for a test that no run looks at` : ''}, in the first run`),
    own.density !== null && entry('Cells on', `${number(own.density * 100, 3)} %`),
    own.used !== null && entry('Files', [[own.used, 'used'], [own.skipped, 'skipped'], [own.damaged, 'damaged'], [own.failed, 'failed']].filter(([count]) => count).map(([count, word]) => `${count} ${word}`).join(', ') || 'none')));
  const more = provenance.seed_count - provenance.seeds.length;
  const fixed = Object.entries(provenance.fixed);
  return section('provenance', 'Provenance', 'The same version with the same configuration and corpus gives the same digests.', panel(
    el('div', { class: 'columns-2' },
      el('div', {}, el('h3', {}, machines.length > 1 ? 'Machines and builds' : 'Machine and build'), machines.length ? machines : empty('No run is complete.')),
      el('div', {}, el('h3', {}, corpora.length > 1 ? 'Corpora' : 'Corpus'), corpora.length ? corpora : empty('None.'),
        el('h3', {}, 'Seeds'), el('p', {}, provenance.seeds.map((seed, index) => [index ? ', ' : '', el('code', {}, seed)]), more > 0 && ` and ${more.toLocaleString('en-US')} more`),
        el('h3', {}, 'This page'), el('p', {}, `Made by chordbench ${version}, commit `, el('code', {}, commit), '. It holds everything it shows and makes no request to a network.'))),
    el('details', {}, el('summary', {}, 'Configuration, as resolved'), el('pre', { tabindex: 0, 'aria-label': 'Configuration' }, provenance.config || 'sweep.toml is missing')),
    fixed.length > 0 && el('details', {}, el('summary', {}, 'Parameters that all runs share'),
      el('dl', { class: 'grid-list' }, fixed.map(([key, value]) => el('div', {}, el('dt', {}, el('code', {}, key)), el('dd', {}, plain(value))))))));
}

function definitionsSection() {
  const names = [...new Set([...columns.keys(), ...report.curves.names])].filter((name) => report.glossary[name]);
  if (!names.length) return null;
  const ways = { higher: 'higher is better', lower: 'lower is better', near: 'best near the value of the training data', neither: '' };
  const groups = [['model', 'Model'], ['music', 'Music of the samples'], ['timing', 'Time']];
  const list = ([group, title]) => {
    const own = names.filter((name) => (columns.get(name)?.group ?? 'model') === group);
    return own.length > 0 && [el('h3', {}, title), el('dl', { class: 'definitions' }, own.map((name) => {
      const { label, unit, better, definition } = termOf(name);
      return el('div', {}, el('dt', {}, sentence(label), el('code', {}, name)), el('dd', {}, definition, el('small', {}, [unit, ways[better]].filter(Boolean).join(' · '))));
    }))];
  };
  return section('definitions', 'Definitions', 'Every metric by its name.', panel(
    names.some((name) => name.endsWith('reconstruction_error')) && el('p', { class: 'notice' }, el('b', {}, 'Reconstruction error is not a measure of quality. '), 'It falls when chains mix slowly as well as when the model improves. Choose models by likelihoods, and by ear.'),
    groups.map(list)));
}
