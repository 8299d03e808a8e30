// The embedded report.

const report = JSON.parse(document.getElementById('data').textContent);
const { runs, axes, points } = report;
const runCount = runs.id.length;
const columns = new Map(report.columns.map((column) => [column.name, column]));

/** The line in place of a part that is about music, where the corpus is not music. */
const NOT_MUSIC = 'This part does not apply: the corpus is rows of 0 and 1 that are not music.';

/** Returns the number of a run in a column; null where it is undefined. */
const numberOf = (name, run) => columns.get(name)?.values[run] ?? null;

/** Returns labels, unit, better direction and definition of a metric. */
const termOf = (name) => report.glossary[name]
  ?? { label: name.replaceAll('_', ' '), unit: '', better: 'neither', definition: '' };

/** Returns the value of an axis at a point, as configured. */
const axisValue = (axis, point) => axes[axis].values[points[point][axis]];

/** Returns a value of a key as text. */
const plain = (value) => Array.isArray(value) ? value.join('+') : value === null ? '–' : String(value);

/** The runs of each point. */
const runsOf = points.map(() => []);
runs.point.forEach((point, run) => runsOf[point].push(run));
const okRunsOf = (point) => runsOf[point].filter((run) => runs.status[run] === 'ok');

/** Describes a point by the values of its axes. */
function pointName(point) {
  if (!axes.length) return 'the only point';
  return axes.map((axis, index) => `${axis.label} ${plain(axisValue(index, point))}`).join(' · ');
}

/** Describes a run by its point and replicate. */
function runName(run) {
  const replicate = report.totals.replicates > 1 ? ` · replicate ${runs.replicate[run]}` : '';
  return (axes.length ? pointName(runs.point[run]) : `run ${runs.id[run]}`) + replicate;
}

/** Returns mean, sample standard deviation, least, greatest and count of the numbers that are finite; null without any. */
function statistic(values) {
  const known = values.filter((value) => value !== null && Number.isFinite(value));
  if (!known.length) return null;
  const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
  const squares = known.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const sd = known.length > 1 ? Math.sqrt(squares / (known.length - 1)) : null;
  return { mean, sd, min: Math.min(...known), max: Math.max(...known), count: known.length };
}

/** Returns the statistic of a metric of a point over its replicates. */
const pointStatistic = (name, point) => statistic(okRunsOf(point).map((run) => numberOf(name, run)));

/** Compares two values of a metric: negative if the first is better. */
function compareQuality(name, a, b) {
  return termOf(name).better === 'higher' ? b - a : a - b;
}

/** All metrics, the most telling first. */
const metricNames = [...columns.keys()];
const mainMetric = report.ordered_by ?? metricNames[0] ?? null;
