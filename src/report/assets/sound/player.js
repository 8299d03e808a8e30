// The player: it plays a queue piece by piece, with tempo, volume and a position in steps.

const player = (() => {
  /** Seconds scheduled ahead. The timers of a page in the background run once a second. */
  const ahead = () => document.hidden ? 1.6 : 0.15;
  let context = null;
  let graph = null;
  let queue = [];
  let index = 0;
  let playing = false;
  let position = 0; // steps, where `anchor` is
  let anchor = 0; // time of the audio context
  let tempo = null; // chosen by the reader; otherwise the piece's own
  let volume = 0.8;
  let repeat = false;
  let next = 0; // the next note to schedule
  let voices = [];
  let timer = 0;
  const listeners = new Set();

  const piece = () => queue[index] ?? null;
  const beatsPerMinute = () => tempo ?? piece()?.tempo ?? 120;
  const perStep = () => 60 / beatsPerMinute() / piece().stepsPerBeat;
  const now = () => !piece() ? 0 : playing ? Math.min(piece().steps, position + Math.max(0, context.currentTime - anchor) / perStep()) : position;
  const changed = () => listeners.forEach((listener) => listener());

  function silence() {
    voices.forEach((voice) => voice.stop(context.currentTime));
    voices = [];
    clearTimeout(timer);
  }

  /** Continues from a step: a note that sounds there already starts again for the rest of its length. */
  function resumeAt(step) {
    silence();
    position = step;
    anchor = context.currentTime + 0.05;
    const { notes } = piece();
    next = notes.findIndex((note) => note.start >= step);
    if (next < 0) next = notes.length;
    for (const note of notes.slice(0, next)) {
      const rest = note.start + note.length - step;
      if (rest > 0.01) voices.push(startVoice(context, graph.input, note.pitch, anchor, rest * perStep()));
    }
    schedule();
  }

  function schedule() {
    const horizon = context.currentTime + ahead();
    const { notes, steps } = piece();
    for (; next < notes.length; next++) {
      const time = anchor + (notes[next].start - position) * perStep();
      if (time > horizon) break;
      voices.push(startVoice(context, graph.input, notes[next].pitch, Math.max(time, context.currentTime), notes[next].length * perStep()));
    }
    voices = voices.filter((voice) => voice.end > context.currentTime);
    if (now() >= steps - 1e-6) return finish();
    timer = setTimeout(schedule, 25);
    return undefined;
  }

  /** Ends the piece: plays the next of the queue, or stops. */
  function finish() {
    piece().views.forEach((view) => view.show(null));
    if (index + 1 < queue.length || repeat) {
      index = (index + 1) % queue.length;
      // Notes that still sound may fade.
      voices = [];
      resumeAt(0);
    } else {
      playing = false;
      position = 0;
    }
    changed();
  }

  function start(step) {
    if (!piece()) return;
    if (!context) {
      context = new AudioContext();
      graph = buildGraph(context, volume);
    }
    context.resume();
    playing = true;
    resumeAt(step);
    changed();
    requestAnimationFrame(animate);
  }

  function animate() {
    if (!piece()) return;
    piece().views.forEach((view) => view.show(now()));
    dock.place(now());
    if (playing) requestAnimationFrame(animate);
  }

  const own = {
    get piece() { return piece(); },
    get queue() { return queue; },
    get index() { return index; },
    get playing() { return playing; },
    get position() { return now(); },
    get tempo() { return beatsPerMinute(); },
    get volume() { return volume; },
    get repeat() { return repeat; },
    get analyser() { return graph?.analyser ?? null; },
    onChange: (listener) => listeners.add(listener),
    /** Plays pieces one after the other. */
    play(pieces, first = 0) {
      own.stop();
      queue = pieces;
      index = first;
      start(0);
      announce(`Playing ${piece()?.title ?? ''}`);
    },
    playFrom(wanted, step) {
      if (piece() === wanted && playing) return own.seek(step);
      piece()?.views.forEach((view) => view.show(null));
      if (context) silence();
      const place = queue.indexOf(wanted);
      if (place < 0) { queue = [wanted]; index = 0; } else index = place;
      return start(step);
    },
    pause() {
      if (!playing) return;
      position = now();
      playing = false;
      silence();
      changed();
    },
    toggle() { if (playing) own.pause(); else start(position >= (piece()?.steps ?? 0) ? 0 : position); },
    seek(step) {
      if (!piece()) return;
      const place = Math.min(Math.max(0, step), piece().steps);
      if (playing) resumeAt(place); else position = place;
      animate();
    },
    skip(by) {
      if (!queue.length) return;
      piece().views.forEach((view) => view.show(null));
      index = (index + by + queue.length) % queue.length;
      if (playing) resumeAt(0); else position = 0;
      changed();
      animate();
    },
    setTempo(value) {
      const place = now();
      tempo = value;
      if (playing) resumeAt(place);
      changed();
    },
    setVolume(value) {
      volume = value;
      if (graph) graph.level.gain.setTargetAtTime(value, context.currentTime, 0.02);
    },
    setRepeat(value) { repeat = value; changed(); },
    stop() {
      own.pause();
      piece()?.views.forEach((view) => view.show(null));
      queue = [];
      index = 0;
      position = 0;
      changed();
    },
  };
  return own;
})();

/** Makes the dock at the foot of the window, shown while the queue has a piece. */
const dock = (() => {
  const root = document.getElementById('dock');
  const button = (path, label, onClick, kind = 'icon') => el('button', { type: 'button', class: kind, 'aria-label': label, title: label, on: { click: onClick } }, icon(path));
  const slider = (label, min, max, step, value, onInput) => {
    const id = newId('slider');
    const input = el('input', { type: 'range', id, min, max, step, value, on: { input: () => onInput(Number(input.value)) } });
    const shown = el('output', { for: id });
    return { input, shown, root: el('div', { class: 'slider' }, el('label', { for: id }, label), input, shown) };
  };
  const toggle = button(ICONS.play, 'Play', () => player.toggle(), 'icon primary');
  const title = el('div', { class: 'dock-title' });
  const place = slider('Position', 0, 1, 'any', 0, (value) => player.seek(value));
  const tempo = slider('Tempo', 30, 300, 1, 120, (value) => player.setTempo(value));
  const volume = slider('Volume', 0, 1, 0.01, player.volume, (value) => { player.setVolume(value); say(); });
  const before = button(ICONS.previous, 'Previous', () => player.skip(-1));
  const after = button(ICONS.next, 'Next', () => player.skip(1));
  const repeat = checkbox('Repeat', false, (on) => player.setRepeat(on));
  root.setAttribute('role', 'region');
  root.setAttribute('aria-label', 'Player');
  root.append(
    el('div', { class: 'dock-buttons' }, before, toggle, after),
    el('div', { class: 'dock-main' }, title, place.root),
    el('div', { class: 'dock-more' }, tempo.root, volume.root, repeat),
    button(ICONS.close, 'Close the player', () => player.stop(), 'icon close'));

  function say() {
    const { piece } = player;
    volume.shown.textContent = `${Math.round(player.volume * 100)} %`;
    volume.input.setAttribute('aria-valuetext', volume.shown.textContent);
    if (!piece) return;
    tempo.shown.textContent = `${Math.round(player.tempo)} bpm`;
    tempo.input.setAttribute('aria-valuetext', `${Math.round(player.tempo)} quarter notes a minute`);
  }
  const own = {
    place(step) {
      const { piece } = player;
      if (!piece) return;
      place.input.value = step;
      const beat = (steps) => number(steps / piece.stepsPerBeat, 2);
      place.shown.textContent = `${(step / piece.stepsPerBeat).toFixed(1)} / ${beat(piece.steps)} beats`;
      place.input.setAttribute('aria-valuetext', `beat ${(step / piece.stepsPerBeat).toFixed(1)} of ${beat(piece.steps)}`);
    },
  };
  player.onChange(() => {
    const { piece, queue } = player;
    root.hidden = !piece;
    document.body.classList.toggle('docked', Boolean(piece));
    if (!piece) return;
    toggle.replaceChildren(icon(player.playing ? ICONS.pause : ICONS.play));
    toggle.setAttribute('aria-label', player.playing ? 'Pause' : 'Play');
    toggle.title = player.playing ? 'Pause' : 'Play';
    const count = queue.length > 1 ? ` (${player.index + 1} of ${queue.length})` : '';
    title.textContent = piece.title + count;
    place.input.max = piece.steps;
    tempo.input.value = Math.round(player.tempo);
    before.disabled = queue.length < 2;
    after.disabled = queue.length < 2;
    own.place(player.position);
    say();
  });
  return own;
})();

/** Makes a button that plays pieces, and pauses them while they play. */
function playButton(label, pieces, { first = 0, kind = 'play', text = null } = {}) {
  const button = el('button', { type: 'button', class: kind });
  const own = () => player.piece && pieces.includes(player.piece) && (pieces.length > 1 ? player.queue === pieces : true);
  const update = () => {
    if (!button.isConnected && button.childNodes.length) return;
    const running = own() && player.playing;
    button.replaceChildren(icon(running ? ICONS.pause : ICONS.play), ...(text ? [el('span', {}, running ? 'Pause' : text)] : []));
    if (!text || running) button.setAttribute('aria-label', running ? `Pause ${label}` : `Play ${label}`); else button.setAttribute('aria-label', text);
  };
  button.addEventListener('click', () => { if (own()) player.toggle(); else player.play(pieces, first); });
  player.onChange(update);
  update();
  return button;
}
