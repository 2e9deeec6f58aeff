//! One limit of a connection, seen from this process: what it has spent, and what answers say is left.

use std::collections::VecDeque;
use std::time::Duration;

use fluxcascade_core::model::Timestamp;
use fluxcascade_core::store::Budget;

/// What an answer says of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reported {
    /// Which limit.
    pub(crate) limit: &'static str,
    /// How much there is in all, if it says so.
    pub(crate) of: Option<u32>,
    /// How much is left, of all who ask.
    pub(crate) left: u32,
    /// How long that may stay true, if nobody asks: after it there is more.
    pub(crate) holds_for: Duration,
}

/// So many hundredths of each limit are left to others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reserve(pub(super) u8);

impl Reserve {
    /// What may be spent of so much: at least one.
    fn spendable(self, of: u32) -> u32 {
        let kept = u64::from(of) * u64::from(self.0.min(100)) / 100;
        u32::try_from(u64::from(of) - kept).unwrap_or(of).max(1)
    }
}

/// Keeps a limit: in any window no more is spent than it has, and what answers say is left is believed.
#[derive(Debug)]
pub(super) struct Pace {
    budget: Option<Budget>,
    reserve: Reserve,
    /// When requests left within the window, oldest first.
    spent: VecDeque<Timestamp>,
    reported: Option<Known>,
}

/// What was last reported, less what was spent since.
#[derive(Debug, Clone, Copy)]
struct Known {
    left: u32,
    kept: u32,
    until: Timestamp,
    holds_for: Duration,
}

impl Known {
    /// Whether that holds, and is not from before the clock was set back.
    fn holds(&self, now: Timestamp) -> bool {
        now < self.until && self.until.since(now) <= self.holds_for
    }
}

impl Pace {
    pub(super) fn new(budget: Option<Budget>, reserve: Reserve) -> Self {
        Self { budget, reserve, spent: VecDeque::new(), reported: None }
    }

    /// What there is to spend, without the reserve.
    pub(super) fn budget(&self) -> Option<Budget> {
        self.budget
            .map(|budget| Budget { requests: self.reserve.spendable(budget.requests), ..budget })
    }

    /// Until when to wait before a request may leave; none if it may now.
    pub(super) fn wait(&mut self, now: Timestamp) -> Option<Timestamp> {
        let reported = self.reported.filter(|known| known.holds(now) && known.left <= known.kept);
        reported.map(|known| known.until).max(self.wait_for_window(now))
    }

    fn wait_for_window(&mut self, now: Timestamp) -> Option<Timestamp> {
        let Budget { requests, window } = self.budget()?;
        self.forget(window, now);
        // The one that must have left the window first.
        let over = self.spent.len().checked_sub(usize::try_from(requests).unwrap_or(usize::MAX))?;
        self.spent.get(over).map(|at| *at + window)
    }

    /// Notes that a request leaves.
    pub(super) fn spend(&mut self, now: Timestamp) {
        if let Some(budget) = self.budget {
            self.forget(budget.window, now);
            self.spent.push_back(now);
        }
        if let Some(known) = &mut self.reported {
            known.left = known.left.saturating_sub(1);
        }
    }

    /// Keeps what an answer says.
    pub(super) fn learn(&mut self, reported: &Reported, now: Timestamp) {
        let of = reported.of.or(self.budget.map(|budget| budget.requests));
        let kept = of.map_or(0, |of| of - self.reserve.spendable(of).min(of));
        let until = now + reported.holds_for;
        let holds_for = reported.holds_for;
        self.reported = Some(Known { left: reported.left, kept, until, holds_for });
        if let (Some(budget), Some(of)) = (&mut self.budget, reported.of) {
            budget.requests = of.max(1);
        }
    }

    fn forget(&mut self, window: Duration, now: Timestamp) {
        // What is later than now is from before the clock was set back.
        while self.spent.front().is_some_and(|at| *at + window <= now || *at > now) {
            self.spent.pop_front();
        }
    }
}
