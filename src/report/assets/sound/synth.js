// The sound: an electric piano made of oscillators, with one graph for loudspeakers and for rendering without them.

/** Makes the output of all voices: volume, a compressor against clipping, and an analyser to measure with. */
function buildGraph(context, volume) {
  const input = context.createGain();
  const level = context.createGain();
  const compressor = context.createDynamicsCompressor();
  const analyser = context.createAnalyser();
  level.gain.value = volume;
  compressor.threshold.value = -18;
  compressor.ratio.value = 6;
  analyser.fftSize = 2048;
  input.connect(compressor).connect(level).connect(analyser).connect(context.destination);
  return { input, level, analyser };
}

const RELEASE_S = 0.25;

/** Plays one note from `time` on, for `duration` seconds; returns a function that stops it early. */
function startVoice(context, output, pitch, time, duration) {
  const frequency = 440 * 2 ** ((pitch - 69) / 12);
  const envelope = context.createGain();
  const tone = context.createBiquadFilter();
  tone.type = 'lowpass';
  tone.frequency.value = Math.min(12000, 1200 + frequency * 4);
  // High notes are softer: they would be shrill.
  const peak = 0.22 * Math.min(1, (262 / frequency) ** 0.35);
  const end = time + Math.max(0.06, duration);
  envelope.gain.setValueAtTime(0, time);
  envelope.gain.linearRampToValueAtTime(peak, time + 0.006);
  envelope.gain.setTargetAtTime(peak * 0.35, time + 0.006, 0.35);
  envelope.gain.setTargetAtTime(0, end, RELEASE_S / 4);
  // Partials, and a modulator whose decay sounds like a hammer.
  const carrier = context.createOscillator();
  const body = context.createOscillator();
  const modulator = context.createOscillator();
  const depth = context.createGain();
  carrier.frequency.value = frequency;
  body.type = 'triangle';
  body.frequency.value = frequency;
  modulator.frequency.value = frequency * 3;
  depth.gain.setValueAtTime(frequency * 1.6, time);
  depth.gain.setTargetAtTime(frequency * 0.1, time, 0.12);
  modulator.connect(depth).connect(carrier.frequency);
  const soft = context.createGain();
  soft.gain.value = 0.5;
  carrier.connect(tone);
  body.connect(soft).connect(tone);
  tone.connect(envelope).connect(output);
  const sources = [carrier, body, modulator];
  sources.forEach((source) => { source.start(time); source.stop(end + RELEASE_S * 2); });
  carrier.onended = () => envelope.disconnect();
  return {
    end: end + RELEASE_S * 2,
    stop(now) {
      envelope.gain.cancelScheduledValues(now);
      envelope.gain.setTargetAtTime(0, now, 0.015);
      sources.forEach((source) => source.stop(Math.max(now, time) + 0.1));
    },
  };
}

/** Renders a piece without loudspeakers and measures it as {rms, peak, seconds}, for tests. */
async function renderOffline(piece, tempo) {
  const perStep = 60 / tempo / piece.stepsPerBeat;
  const length = piece.steps * perStep + 1;
  const context = new OfflineAudioContext(1, Math.ceil(length * 22050), 22050);
  const graph = buildGraph(context, 0.8);
  for (const note of piece.notes) startVoice(context, graph.input, note.pitch, note.start * perStep, note.length * perStep);
  const samples = (await context.startRendering()).getChannelData(0);
  let [squares, peak] = [0, 0];
  for (const sample of samples) {
    squares += sample * sample;
    peak = Math.max(peak, Math.abs(sample));
  }
  return { rms: Math.sqrt(squares / samples.length), peak, seconds: length };
}
