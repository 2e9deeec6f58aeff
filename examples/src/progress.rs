//! How far a run has come, as one line that is rewritten while it works and gone when it is done.
//!
//! The line goes to standard error, and is not shown where that is no terminal; for a program that shows
//! tables meanwhile ([`Progress::new`]), where standard output is none.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::Duration;

use fluxcascade_core::engine::Event;
use fluxcascade_core::model::Sides;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A line of progress. Give [`Progress::tell`] to the engine as its observer.
///
/// ```
/// use fluxcascade_core::engine::Event;
/// use fluxcascade_core::model::{Side, Sides};
/// use fluxcascade_examples::progress::Progress;
///
/// let progress = Progress::new(Sides::new("hubspot".into(), "jobber".into()));
/// progress.begin("first sync");
/// progress.tell(&Event::Pulled { side: Side::Source, records: 100 });
/// assert_eq!(progress.line(), "first sync: read 100 from hubspot");
/// assert_eq!(progress.end().source, 100);
/// ```
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    state: Mutex<State>,
}

/// What is known of the run that is under way.
#[derive(Debug, Default)]
struct State {
    title: String,
    ends: Sides<String>,
    read: Sides<u64>,
    written: Sides<u64>,
    decided: u64,
}

impl Progress {
    /// A line that names the two systems so; nothing is shown yet.
    pub fn new(ends: Sides<String>) -> Self {
        let progress = if std::io::stdout().is_terminal() {
            Self::on_stderr()
        } else {
            Self::on(ProgressDrawTarget::hidden())
        };
        progress.between(ends);
        progress
    }

    /// A line that names no systems yet; see [`Progress::between`].
    pub fn on_stderr() -> Self {
        Self::on(ProgressDrawTarget::stderr())
    }

    /// A line that nobody sees.
    pub fn hidden() -> Self {
        Self::on(ProgressDrawTarget::hidden())
    }

    fn on(target: ProgressDrawTarget) -> Self {
        let bar = ProgressBar::with_draw_target(None, target);
        // A template without arguments that cannot be wrong; the usual style would do as well.
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        Self { bar, state: Mutex::default() }
    }

    /// The next runs are between these systems.
    pub fn between(&self, ends: Sides<String>) {
        self.state().ends = ends;
    }

    /// A run begins.
    pub fn begin(&self, title: impl Into<String>) {
        {
            let mut state = self.state();
            let ends = std::mem::take(&mut state.ends);
            *state = State { title: title.into(), ends, ..State::default() };
        }
        self.bar.reset();
        self.bar.enable_steady_tick(Duration::from_millis(80));
        self.bar.set_message(self.line());
    }

    /// Something has happened.
    pub fn tell(&self, event: &Event) {
        {
            let mut state = self.state();
            match event {
                Event::Pulled { side, records } => state.read[*side] = *records,
                Event::Decided { works } => state.decided = *works,
                Event::Wrote { side, records } => state.written[*side] = *records,
                // Events that come with later versions: the line goes on without them.
                _ => return,
            }
        }
        self.bar.set_message(self.line());
    }

    /// The run has ended, and the line goes. Gives how many records were listed on each side.
    pub fn end(&self) -> Sides<u64> {
        self.bar.disable_steady_tick();
        self.bar.finish_and_clear();
        self.state().read
    }

    /// The line as it stands.
    pub fn line(&self) -> String {
        let state = self.state();
        let counted = |word: &str, link: &str, counts: &Sides<u64>| {
            let parts: Vec<String> = counts
                .iter()
                .filter(|(_, count)| **count > 0)
                .map(|(side, count)| format!("{count} {link} {}", state.ends[side]))
                .collect();
            (!parts.is_empty()).then(|| format!("{word} {}", parts.join(" and ")))
        };
        let decided = (state.decided > 0).then(|| format!("decided {}", state.decided));
        let parts: Vec<String> =
            [counted("read", "from", &state.read), decided, counted("wrote", "to", &state.written)]
                .into_iter()
                .flatten()
                .collect();
        if parts.is_empty() {
            return format!("{}: under way", state.title);
        }
        format!("{}: {}", state.title, parts.join(", "))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
