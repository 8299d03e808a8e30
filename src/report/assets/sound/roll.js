// The piano roll: notes on a canvas beside a keyboard, with attack cells marked, and a playhead above it.

/**
 * Unpacks a roll into a piece that can be seen and heard: {title, notes, silent, steps, stepsPerBeat, tempo, planes, seams}. Notes are
 * {pitch, start, length, struck}; seams are the steps at which one of several rolls ends and the next begins.
 */
function unpack(packed, title, source) {
  const notes = [];
  let start = 0;
  for (let i = 0; i < packed.n.length; i += 3) {
    start += packed.n[i + 1];
    notes.push({ pitch: packed.n[i], start, length: packed.n[i + 2] >> 1, struck: (packed.n[i + 2] & 1) === 1 });
  }
  const silent = [];
  let step = 0;
  for (let i = 0; i < (packed.s ?? []).length; i += 2) {
    step += packed.s[i + 1];
    silent.push({ pitch: packed.s[i], step });
  }
  const { steps, steps_per_beat: stepsPerBeat, tempo, planes } = source;
  return { title, notes, silent, steps, stepsPerBeat, tempo, planes, seams: [], views: new Set() };
}

/** Joins several pieces of one kind end to end. */
function join(pieces, title) {
  const joined = { ...pieces[0], title, notes: [], silent: [], steps: 0, seams: [], views: new Set() };
  for (const piece of pieces) {
    if (joined.steps) joined.seams.push(joined.steps);
    joined.notes.push(...piece.notes.map((note) => ({ ...note, start: note.start + joined.steps })));
    joined.silent.push(...piece.silent.map((own) => ({ ...own, step: own.step + joined.steps })));
    joined.steps += piece.steps;
  }
  return joined;
}

/** Returns true if a note was struck, or if its roll has no plane that would tell. */
const attacks = (piece, note) => note.struck || piece.planes.length === 1;

/** Returns the pitches of pieces shown together, as [lowest, one above the highest]; at least an octave and a half. */
function pitchRange(pieces, source) {
  let [low, high] = [Infinity, -Infinity];
  for (const piece of pieces) {
    for (const { pitch } of [...piece.notes, ...piece.silent]) {
      low = Math.min(low, pitch);
      high = Math.max(high, pitch + 1);
    }
  }
  if (low > high) [low, high] = [60, 61];
  low -= 1;
  high += 1;
  while (high - low < 18) { low -= 1; high += 1; }
  return [Math.max(low, source.lowest_pitch), Math.min(high, source.highest_pitch)];
}

const isBlackKey = (pitch) => [1, 3, 6, 8, 10].includes(pitch % 12);
const KEYS = 42;
/** The beats of a bar. */
const BEATS = 4;
/** A piece of more steps than this has steps of at least this width, in pixels, and scrolls. */
const [LONG, STEP] = [48, 6];

/** Makes a canvas of its parent's width; `draw(context, width, height)` draws it, again when width or theme changes. */
function canvas(label, heightOf, draw) {
  const surface = el('canvas', { role: 'img', 'aria-label': label });
  const frame = el('div', { class: 'canvas' }, surface);
  let width = 0;
  frame.draw = () => {
    if (!width) return;
    const height = heightOf(width);
    const ratio = Math.min(3, devicePixelRatio || 1);
    surface.width = Math.round(width * ratio);
    surface.height = Math.round(height * ratio);
    surface.style.width = `${width}px`;
    surface.style.height = `${height}px`;
    const context = surface.getContext('2d');
    context.scale(ratio, ratio);
    draw(context, width, height);
  };
  frame.width = () => width;
  new ResizeObserver(([entry]) => {
    const now = Math.floor(entry.contentRect.width);
    if (now && now !== width) { width = now; frame.draw(); }
  }).observe(frame);
  onThemeChange(() => frame.isConnected && frame.draw());
  return frame;
}

/** Draws the keyboard at the left of a roll, with the names of the Cs. */
function drawKeys(context, [low, high], rowHeight, height) {
  context.fillStyle = css(rgb('key-white'));
  context.fillRect(0, 0, KEYS - 6, height);
  for (let pitch = low; pitch < high; pitch++) {
    const y = height - (pitch - low + 1) * rowHeight;
    if (isBlackKey(pitch)) {
      context.fillStyle = css(rgb('key-black'));
      context.fillRect(0, y, (KEYS - 6) * 0.42, rowHeight);
    }
    if (pitch % 12 === 0 && y + rowHeight > 9) {
      context.fillStyle = css(rgb('key-line'));
      context.fillRect(0, y + rowHeight - 0.5, KEYS - 6, 1);
      context.fillStyle = css(rgb('key-text'));
      context.font = `600 ${Math.max(8, Math.min(10, rowHeight * 2))}px ${getComputedStyle(document.body).fontFamily}`;
      context.textAlign = 'right';
      context.textBaseline = 'alphabetic';
      context.fillText(pitchName(pitch), KEYS - 8, y + rowHeight - 1.5);
    }
  }
}

/** Draws the ground of a roll: dark rows for black keys, lines for beats and bars. */
function drawGround(context, width, height, [low, high], rowHeight, steps, stepsPerBeat, seams) {
  context.fillStyle = css(rgb('roll'));
  context.fillRect(KEYS, 0, width - KEYS, height);
  context.fillStyle = css(rgb('roll-black'));
  for (let pitch = low; pitch < high; pitch++) {
    if (isBlackKey(pitch)) context.fillRect(KEYS, height - (pitch - low + 1) * rowHeight, width - KEYS, rowHeight);
  }
  const cell = (width - KEYS) / steps;
  for (let step = 0; step <= steps; step++) {
    const beat = step % stepsPerBeat === 0;
    const bar = step % (BEATS * stepsPerBeat) === 0 && steps > BEATS * stepsPerBeat;
    if (!beat && cell < 6) continue;
    context.fillStyle = css(rgb(bar ? 'roll-bar' : beat ? 'roll-beat' : 'roll-step'));
    context.fillRect(Math.round(KEYS + step * cell), 0, 1, height);
  }
  context.fillStyle = css(rgb('ink'));
  for (const seam of seams) context.fillRect(Math.round(KEYS + seam * cell) - 0.5, 0, 1.5, height);
}

function drawNotes(context, piece, width, height, [low, high], rowHeight, hue) {
  const cell = (width - KEYS) / piece.steps;
  const gap = Math.min(1, rowHeight * 0.15);
  for (const note of piece.notes) {
    if (note.pitch < low || note.pitch >= high) continue;
    const x = KEYS + note.start * cell;
    const y = height - (note.pitch - low + 1) * rowHeight + gap / 2;
    const tall = rowHeight - gap;
    const struck = attacks(piece, note);
    context.fillStyle = css(rgb(hue), 0.5);
    context.beginPath();
    context.roundRect(x + 0.5, y, Math.max(1, note.length * cell - 1), tall, Math.min(2, tall / 3));
    context.fill();
    if (struck) {
      // The attack cell: full colour, and a dark edge where the note is struck.
      context.fillStyle = css(rgb(hue));
      context.beginPath();
      context.roundRect(x + 0.5, y, Math.max(1, Math.min(note.length, 1) * cell - 1), tall, Math.min(2, tall / 3));
      context.fill();
      context.fillStyle = css(rgb('attack'));
      context.fillRect(x + 0.5, y, Math.min(2.5, Math.max(1, cell / 4)), tall);
    }
  }
  context.strokeStyle = css(rgb('silent'));
  context.lineWidth = 1.25;
  for (const { pitch, step } of piece.silent) {
    if (pitch < low || pitch >= high) continue;
    const size = Math.min(cell, rowHeight) - 1.5;
    const [x, y] = [KEYS + (step + 0.5) * cell, height - (pitch - low + 0.5) * rowHeight];
    context.strokeRect(x - size / 2, y - size / 2, Math.max(1.5, size), Math.max(1.5, size));
  }
}

/** Describes a roll in words. */
function describe(piece) {
  if (!piece.notes.length) return `${piece.title}: silence, ${plural(piece.steps, 'step')}`;
  const pitches = piece.notes.map((note) => note.pitch);
  return `${piece.title}: ${plural(piece.notes.length, 'note')} from ${pitchName(Math.min(...pitches))} to ${pitchName(Math.max(...pitches))} in ${plural(piece.steps, 'step')}`;
}

/** Makes the roll of a piece with its playhead; a click on it seeks there. `height` is that of all its rows. */
function rollView(piece, range, { hue = 'c1', height = 220 } = {}) {
  const rows = range[1] - range[0];
  const rowHeight = Math.max(2, Math.min(9, height / rows));
  const tall = rows * rowHeight;
  const frame = canvas(describe(piece), () => tall, (context, width) => {
    drawGround(context, width, tall, range, rowHeight, piece.steps, piece.stepsPerBeat, piece.seams);
    drawNotes(context, piece, width, tall, range, rowHeight, hue);
    drawKeys(context, range, rowHeight, tall);
  });
  const long = piece.steps > LONG ? longRoll(frame, piece, range, rowHeight, tall) : null;
  const head = el('div', { class: 'playhead', hidden: true });
  frame.classList.add('roll');
  frame.append(head);
  const view = {
    show(step) {
      if (!frame.isConnected && step !== null) return;
      head.hidden = step === null;
      if (step === null) return;
      const x = KEYS + (step / piece.steps) * (frame.width() - KEYS);
      head.style.transform = `translateX(${x}px)`;
      if (player.playing) long?.follow(x);
    },
  };
  piece.views.add(view);
  const stepAt = (event) => {
    const box = frame.getBoundingClientRect();
    return ((event.clientX - box.left - KEYS) / (box.width - KEYS)) * piece.steps;
  };
  frame.addEventListener('click', (event) => {
    const step = stepAt(event);
    if (step >= 0) player.playFrom(piece, step);
  });
  frame.addEventListener('pointermove', (event) => {
    const step = Math.floor(stepAt(event));
    const box = frame.getBoundingClientRect();
    const pitch = range[0] + Math.floor((box.bottom - event.clientY) / rowHeight);
    if (step < 0 || pitch < range[0] || pitch >= range[1]) return hideTip();
    const note = piece.notes.find((own) => own.pitch === pitch && own.start <= step && step < own.start + own.length);
    const silent = piece.silent.some((own) => own.pitch === pitch && own.step === step);
    const state = note ? (note.start !== step ? 'held' : attacks(piece, note) ? 'attack' : 'begins without an onset') : silent ? 'onset, but nothing sounds' : 'silent';
    return showTip(event.clientX, event.clientY, pitchName(pitch), [['step', String(step)], ['bar', String(Math.floor(step / piece.stepsPerBeat / BEATS) + 1)], ['beat', number((step / piece.stepsPerBeat) % BEATS + 1, 3)], ['cell', state]]);
  });
  frame.addEventListener('pointerleave', hideTip);
  return long?.root ?? frame;
}

/** Makes the scroller of a long roll: steps keep a width that shows them, and the keyboard stays in sight. */
function longRoll(frame, piece, range, rowHeight, tall) {
  frame.style.minWidth = `${KEYS + piece.steps * STEP}px`;
  const keys = canvas('Keyboard', () => tall, (context) => drawKeys(context, range, rowHeight, tall));
  keys.classList.add('keys');
  const track = el('div', { class: 'track', role: 'region', 'aria-label': `${piece.title}, scrolls`, tabindex: 0 }, frame);
  return {
    root: el('div', { class: 'long-roll' }, track, keys),
    /** Scrolls on when the playhead leaves the part in sight. */
    follow(x) {
      const [left, right] = [track.scrollLeft + KEYS, track.scrollLeft + track.clientWidth - STEP];
      if (x < left || x > right) track.scrollLeft = x - KEYS - 2 * STEP;
    },
  };
}

/** Makes the legend of the marks of a roll. */
function rollLegend(planes, hues) {
  const entry = (mark, text) => el('span', { class: 'key' }, el('i', { class: `swatch ${mark}`, 'aria-hidden': 'true' }), text);
  return el('div', { class: 'legend' },
    hues.map(([hue, text]) => entry(`fill-${hue}`, text)),
    entry('attack', planes.length === 1 ? 'first cell of a note' : 'attack cell (onset)'),
    entry('held', 'held'),
    planes.length > 1 && entry('hollow', 'onset at which nothing sounds'));
}
