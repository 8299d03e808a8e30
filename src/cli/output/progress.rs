//! Progress: bars on a terminal, plain lines elsewhere, events where the log is JSON.

use crate::cli::output::console::{PROGRESS, logs_json, say};
use crate::sweep::{RunRecord, RunStatus, Rung, SweepObserver};
use clap::ValueEnum;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The form in which progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum ProgressMode {
    /// Bars on a terminal, plain lines elsewhere.
    Auto,
    /// One line per run that ends.
    Plain,
    /// No progress.
    Never,
}

/// The longest time without a plain line while runs continue.
const PLAIN_INTERVAL: Duration = Duration::from_secs(30);

/// The progress of corpus and runs, shown on standard error.
pub(in crate::cli) struct Progress {
    display: Display,
    state: Mutex<State>,
}

enum Display {
    Bars {
        all: MultiProgress,
        corpus: ProgressBar,
    },
    Plain,
    /// As events of the log; see [`PROGRESS`].
    Events,
    Never,
}

struct State {
    /// The number of runs to do, then of runs complete before the start.
    total: usize,
    skipped: usize,
    done: usize,
    started: Instant,
    last_line: Instant,
    runs: BTreeMap<usize, RunState>,
    sweep_bar: Option<ProgressBar>,
}

struct RunState {
    name: String,
    epoch: u64,
    epochs: u64,
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(in crate::cli) fn new(mode: ProgressMode) -> Self {
        let display = match mode {
            ProgressMode::Never => Display::Never,
            _ if logs_json() => Display::Events,
            ProgressMode::Auto if std::io::stderr().is_terminal() => {
                let all = MultiProgress::new();
                let corpus = all.add(bar("corpus {wide_bar} {pos}/{len} files {per_sec} {eta} left"));
                Display::Bars { all, corpus }
            }
            ProgressMode::Auto | ProgressMode::Plain => Display::Plain,
        };
        let now = Instant::now();
        let state = State {
            total: 0,
            skipped: 0,
            done: 0,
            started: now,
            last_line: now,
            runs: BTreeMap::new(),
            sweep_bar: None,
        };
        Self { display, state: Mutex::new(state) }
    }

    /// Shows the number of files of a corpus that are read.
    pub(in crate::cli) fn corpus(&self, done: usize, of: usize) {
        if let Display::Bars { corpus, .. } = &self.display {
            corpus.set_length(of as u64);
            corpus.set_position(done as u64);
        }
    }

    /// Ends the display of reading.
    pub(in crate::cli) fn corpus_finished(&self) {
        if let Display::Bars { corpus, .. } = &self.display {
            corpus.finish_and_clear();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Estimates the seconds left, by the share of the work done since the start.
    fn seconds_left(&self) -> Option<f64> {
        let to_do = (self.total - self.skipped) as f64;
        let share = |run: &RunState| if run.epochs == 0 { 0.0 } else { run.epoch as f64 / run.epochs as f64 };
        let done = self.done as f64 + self.runs.values().map(share).sum::<f64>();
        (done > 0.0).then(|| self.started.elapsed().as_secs_f64() * (to_do - done) / done)
    }

    fn plain_line(&mut self, text: &str) {
        self.last_line = Instant::now();
        let left = self.seconds_left().map(|seconds| format!(", {} left", duration(seconds))).unwrap_or_default();
        say(&format!("[{}/{}] {text}{left}", self.skipped + self.done, self.total));
    }
}

impl SweepObserver for Progress {
    fn sweep_started(&self, total: usize, skipped: usize) {
        let mut state = self.state();
        (state.total, state.skipped, state.started) = (total, skipped, Instant::now());
        match &self.display {
            Display::Bars { all, .. } => {
                let bar = all.add(bar("sweep  {wide_bar} {pos}/{len} runs {elapsed} {msg}"));
                bar.set_length(total as u64);
                bar.set_position(skipped as u64);
                bar.enable_steady_tick(Duration::from_millis(200));
                state.sweep_bar = Some(bar);
            }
            Display::Plain => say(&format!("[{skipped}/{total}] {skipped} runs complete, {} to do", total - skipped)),
            Display::Events => {
                tracing::info!(target: PROGRESS, event = "sweep_started", runs = total, complete = skipped, "sweep started");
            }
            Display::Never => {}
        }
    }

    fn rung_started(&self, rung: usize, rungs: &[Rung]) {
        let Rung { epochs, points, .. } = rungs[rung];
        let mut state = self.state();
        (state.done, state.skipped) = (0, 0);
        if let Some(bar) = state.sweep_bar.take() {
            bar.finish_and_clear();
        }
        let text = format!("rung {} of {}: up to {points} points, to epoch {epochs}", rung + 1, rungs.len());
        match &self.display {
            Display::Plain => say(&text),
            Display::Bars { all, .. } => {
                let _ = all.println(text);
            }
            Display::Events => {
                tracing::info!(target: PROGRESS, event = "rung_started", rung, rungs = rungs.len(), points, epochs, "rung started");
            }
            Display::Never => {}
        }
    }

    fn run_started(&self, run: usize, run_id: &str, epochs: u64) {
        let bar = match &self.display {
            Display::Bars { all, .. } => {
                let bar = all.add(bar("{prefix} {wide_bar} {pos}/{len} epochs {per_sec} {eta} left"));
                bar.set_prefix(run_id.to_owned());
                bar.set_length(epochs);
                Some(bar)
            }
            Display::Events => {
                tracing::info!(target: PROGRESS, event = "run_started", run_id, index = run, epochs, "run started");
                None
            }
            Display::Plain | Display::Never => None,
        };
        self.state().runs.insert(run, RunState { name: run_id.to_owned(), epoch: 0, epochs, bar });
    }

    fn epoch_finished(&self, run: usize, epoch: u64) {
        let mut state = self.state();
        let seconds_left = state.seconds_left();
        if let (Some(bar), Some(seconds)) = (&state.sweep_bar, seconds_left) {
            bar.set_message(format!("{} left", duration(seconds)));
        }
        let Some(own) = state.runs.get_mut(&run) else { return };
        own.epoch = epoch;
        if let Some(bar) = &own.bar {
            bar.set_position(epoch);
        }
        let (run_id, epochs) = (own.name.clone(), own.epochs);
        if state.last_line.elapsed() <= PLAIN_INTERVAL {
            return;
        }
        match &self.display {
            Display::Plain => state.plain_line(&format!("run {run_id}: epoch {epoch} of {epochs}")),
            Display::Events => {
                state.last_line = Instant::now();
                tracing::info!(
                    target: PROGRESS,
                    event = "epoch_finished",
                    run_id,
                    index = run,
                    epoch,
                    epochs,
                    seconds_left,
                    "epoch finished"
                );
            }
            Display::Bars { .. } | Display::Never => {}
        }
    }

    fn run_finished(&self, run: usize, record: &RunRecord) {
        for warning in &record.warnings {
            tracing::warn!("run {}: {warning}", record.run_id);
        }
        let mut state = self.state();
        state.done += 1;
        if let Some(RunState { bar: Some(bar), .. }) = state.runs.remove(&run) {
            bar.finish_and_clear();
        }
        if let Some(bar) = &state.sweep_bar {
            bar.set_position((state.skipped + state.done) as u64);
        }
        if matches!(self.display, Display::Plain) {
            let outcome = match record.status {
                RunStatus::Ok => format!("done in {}", duration(record.timing.total_s)),
                RunStatus::Failed => format!("failed: {}", record.error.as_deref().unwrap_or("no reason known")),
            };
            state.plain_line(&format!("run {} {outcome}", record.run_id));
        }
        if matches!(self.display, Display::Events) {
            state.last_line = Instant::now();
            tracing::info!(
                target: PROGRESS,
                event = "run_finished",
                run_id = record.run_id,
                index = run,
                status = if record.status == RunStatus::Ok { "ok" } else { "failed" },
                error = record.error,
                total_s = record.timing.total_s,
                train_s = record.timing.train_s,
                digest = record.digest,
                complete = state.skipped + state.done,
                runs = state.total,
                seconds_left = state.seconds_left(),
                "run finished"
            );
        }
    }

    fn run_interrupted(&self, run: usize, run_id: &str, reason: &str) {
        let mut state = self.state();
        if let Some(RunState { bar: Some(bar), .. }) = state.runs.remove(&run) {
            bar.finish_and_clear();
        }
        match self.display {
            Display::Plain => state.plain_line(&format!("run {run_id} stopped: {reason}")),
            Display::Events => {
                tracing::info!(target: PROGRESS, event = "run_interrupted", run_id, index = run, reason, "run stopped");
            }
            Display::Bars { .. } | Display::Never => {}
        }
    }

    fn waiting(&self, runs: usize) {
        match self.display {
            Display::Plain => self.state().plain_line(&format!("waiting for {runs} runs of other processes")),
            Display::Events => tracing::info!(target: PROGRESS, event = "waiting", runs, "waiting for other processes"),
            Display::Bars { .. } | Display::Never => {}
        }
    }

    fn sweep_finished(&self) {
        if let Some(bar) = self.state().sweep_bar.take() {
            bar.finish_and_clear();
        }
        if matches!(self.display, Display::Events) {
            let state = self.state();
            let (complete, runs) = (state.skipped + state.done, state.total);
            tracing::info!(
                target: PROGRESS,
                event = "sweep_finished",
                complete,
                runs,
                elapsed_s = state.started.elapsed().as_secs_f64(),
                "sweep finished"
            );
        }
    }
}

fn bar(template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::no_length().with_style(style)
}

/// Formats a time: "0.8 s", "75 s", "12 min", "3.5 h".
pub(in crate::cli) fn duration(seconds: f64) -> String {
    if seconds < 10.0 {
        format!("{seconds:.1} s")
    } else if seconds < 100.0 {
        format!("{seconds:.0} s")
    } else if seconds < 6000.0 {
        format!("{:.0} min", seconds / 60.0)
    } else {
        format!("{:.1} h", seconds / 3600.0)
    }
}
