//! Where a process ends, and what people do while it runs.

use std::fmt;

use super::{CrashKind, Say, Wall};

/// When a process ends, told from a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Moment {
    /// The call was not made.
    Before,
    /// The call was made, and nobody waited for it: a store on a file may still carry it out.
    Amid,
    /// The call was carried out, and its answer is lost.
    After,
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Moment::Before => "before",
            Moment::Amid => "amid",
            Moment::After => "after",
        })
    }
}

type Act = Box<dyn FnOnce() + Send>;

/// What happens to a process at its points, which are counted from 1.
#[derive(Default)]
pub struct CrashPlan {
    crash: Option<Crash>,
    unanswered: Option<u64>,
    acts: Vec<(u64, Act)>,
}

#[derive(Debug, Clone, Copy)]
struct Crash {
    at: u64,
    moment: Moment,
}

impl fmt::Debug for CrashPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let acts: Vec<u64> = self.acts.iter().map(|(at, _)| *at).collect();
        f.debug_struct("CrashPlan")
            .field("crash", &self.crash)
            .field("unanswered", &self.unanswered)
            .field("acts", &acts)
            .finish()
    }
}

impl CrashPlan {
    /// The process comes to its end.
    pub fn none() -> Self {
        Self::default()
    }

    /// The process ends at this point; a process with fewer comes to its end.
    pub fn at(point: u64) -> Self {
        Self { crash: Some(Crash { at: point, moment: Moment::Before }), ..Self::default() }
    }

    /// The process ends within a store's call, at the first that begins at this point or after.
    pub fn amid(point: u64) -> Self {
        Self { crash: Some(Crash { at: point, moment: Moment::Amid }), ..Self::default() }
    }

    /// The store's call at this point is one whose commit gets no answer: at the point before it, it
    /// is not carried out, and at the one after it, it was. The process goes on with that error. At a
    /// point of another wall nothing happens.
    pub fn unanswered(point: u64) -> Self {
        Self { unanswered: Some(point), ..Self::default() }
    }

    /// Does something at this point, before a crash there: an edit of a person while a run is under
    /// way.
    #[must_use]
    pub fn act(mut self, point: u64, act: impl FnOnce() + Send + 'static) -> Self {
        self.acts.push((point, Box::new(act)));
        self
    }

    pub(super) fn take_acts(&mut self, point: u64) -> Vec<Act> {
        let (due, later) = std::mem::take(&mut self.acts).into_iter().partition(|a| a.0 == point);
        self.acts = later;
        let due: Vec<(u64, Act)> = due;
        due.into_iter().map(|(_, act)| act).collect()
    }

    pub(super) fn say(&self, point: u64, kind: CrashKind) -> Say {
        if self.unanswered == Some(point) && kind.wall == Wall::Store {
            return Say::LoseAnswer;
        }
        let Some(crash) = self.crash else { return Say::GoOn };
        match crash.moment {
            Moment::Before | Moment::After if point == crash.at => Say::Stop,
            Moment::Amid
                if point >= crash.at
                    && kind.wall == Wall::Store
                    && kind.moment == Moment::Before =>
            {
                Say::StopAmid
            }
            Moment::Before | Moment::Amid | Moment::After => Say::GoOn,
        }
    }
}
