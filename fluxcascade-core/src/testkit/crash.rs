//! Crashes: every call to a connector, a store or a sleeping clock is two points, before it and
//! after it, at which a process may end. A run is dropped at one of them, and the next process goes
//! on with what was durable. Or a call of the store is there one whose commit got no answer: not
//! carried out before it, carried out after it, and the process goes on with that error.
//!
//! What is durable is the test's to say: a store in memory survives the run, a store on a file is
//! opened again. What a crash must not break is judged elsewhere, in `oracle`.

mod connector;
mod plan;
mod store;

use std::collections::BTreeMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

pub use connector::{CrashingClock, CrashingConnector};
pub use plan::{CrashPlan, Moment};
pub use store::CrashingStore;

use crate::clock::Clock;
use crate::connector::Connector;
use crate::store::Store;

/// What is called at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wall {
    /// A system.
    Connector,
    /// The store.
    Store,
    /// The clock, to sleep; reading it is no point, for nothing can be dropped there.
    Clock,
}

/// A kind of point: where a process may end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CrashKind {
    /// What is called.
    pub wall: Wall,
    /// The method.
    pub method: &'static str,
    /// Before or after the call.
    pub moment: Moment,
}

impl fmt::Display for CrashKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wall = match self.wall {
            Wall::Connector => "connector",
            Wall::Store => "store",
            Wall::Clock => "clock",
        };
        write!(f, "{} {wall}.{}", self.moment, self.method)
    }
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended<T> {
    /// It came to its own end.
    Reached(T),
    /// It was dropped here.
    Crashed(CrashKind),
}

impl<T> Ended<T> {
    /// What came of it, if it came to its end.
    pub fn reached(self) -> Option<T> {
        match self {
            Ended::Reached(outcome) => Some(outcome),
            Ended::Crashed(_) => None,
        }
    }
}

/// Counts the points of a process, and ends it at one of them. Clones share everything: wrap the
/// connectors, the store and the clock of one process with one of these.
///
/// ```
/// use std::sync::Arc;
/// use fluxcascade_core::Connector;
/// use fluxcascade_core::clock::ManualClock;
/// use fluxcascade_core::connector::Reader;
/// use fluxcascade_core::testkit::{CrashPlan, CrashPoints, Ended, SimProfile, SimSystem};
///
/// # futures::executor::block_on(async {
/// let clock = Arc::new(ManualClock::starting("2026-03-01T14:00:00Z".parse().unwrap()));
/// let crm = SimSystem::new("crm", "contacts", SimProfile::default(), clock);
/// let points = CrashPoints::new();
/// let crm = points.connector(crm);
/// let end = points.run(CrashPlan::at(1), async { crm.account().await }).await;
/// assert!(matches!(end, Ended::Crashed(kind) if kind.to_string() == "before connector.account"));
/// let end = points.run(CrashPlan::none(), async { crm.account().await }).await;
/// assert!(matches!(end, Ended::Reached(Ok(_))));
/// assert_eq!(points.reached(), 2);
/// # });
/// ```
#[derive(Debug, Clone, Default)]
pub struct CrashPoints {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    plan: CrashPlan,
    reached: u64,
    crashed: Option<CrashKind>,
    crashes: BTreeMap<CrashKind, u64>,
    lost: Option<CrashKind>,
    losses: BTreeMap<CrashKind, u64>,
}

/// What a point says to the call that it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Say {
    GoOn,
    Stop,
    StopAmid,
    LoseAnswer,
}

impl CrashPoints {
    /// Points that were never reached.
    pub fn new() -> Self {
        Self::default()
    }

    /// A connector whose calls are points.
    pub fn connector<C: Connector>(&self, connector: C) -> CrashingConnector<C> {
        CrashingConnector::new(self.clone(), connector)
    }

    /// A store whose calls are points.
    pub fn store(&self, store: Arc<dyn Store>) -> Arc<dyn Store> {
        Arc::new(CrashingStore::new(self.clone(), store))
    }

    /// A clock whose sleeps are points.
    pub fn clock(&self, clock: Arc<dyn Clock>) -> CrashingClock {
        CrashingClock::new(self.clone(), clock)
    }

    /// Runs a process, and drops it where the plan says. Points are counted anew, from 1.
    pub async fn run<F: Future>(&self, plan: CrashPlan, process: F) -> Ended<F::Output> {
        {
            let mut state = self.state();
            state.plan = plan;
            state.reached = 0;
            state.crashed = None;
            state.lost = None;
        }
        let mut process = pin!(process);
        let end = poll_fn(|context| match process.as_mut().poll(context) {
            Poll::Ready(outcome) => Poll::Ready(Ended::Reached(outcome)),
            Poll::Pending => match self.state().crashed {
                Some(kind) => Poll::Ready(Ended::Crashed(kind)),
                None => Poll::Pending,
            },
        })
        .await;
        self.state().plan = CrashPlan::none(); // what is called after the process is none of it
        end
    }

    /// How many points the last process has reached.
    pub fn reached(&self) -> u64 {
        self.state().reached
    }

    /// How often processes were dropped at each kind of point.
    pub fn crashes(&self) -> BTreeMap<CrashKind, u64> {
        self.state().crashes.clone()
    }

    /// Which call of the last process was one without an answer.
    pub fn lost(&self) -> Option<CrashKind> {
        self.state().lost
    }

    /// How often calls were without an answer, by kind of point.
    pub fn losses(&self) -> BTreeMap<CrashKind, u64> {
        self.state().losses.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call with its two points.
    async fn around<F: Future>(&self, wall: Wall, method: &'static str, call: F) -> F::Output {
        self.around_or(wall, method, call, || None).await
    }

    /// The same for a call that has an answer for those whose answer is lost.
    async fn around_or<F: Future>(
        &self,
        wall: Wall,
        method: &'static str,
        call: F,
        lost: impl Fn() -> Option<F::Output>,
    ) -> F::Output {
        let before = CrashKind { wall, method, moment: Moment::Before };
        let mut call = pin!(call);
        match self.point(before) {
            Say::GoOn => {}
            Say::LoseAnswer => {
                if let Some(answer) = lost() {
                    self.lose(before);
                    return answer;
                }
            }
            Say::Stop => return std::future::pending().await,
            Say::StopAmid => {
                let first = poll_fn(|context| Poll::Ready(call.as_mut().poll(context))).await;
                self.crash(CrashKind { moment: Moment::Amid, ..before });
                drop(first);
                return std::future::pending().await;
            }
        }
        let answer = call.await;
        let after = CrashKind { moment: Moment::After, ..before };
        match self.point(after) {
            Say::GoOn => answer,
            Say::LoseAnswer => match lost() {
                Some(lost) => {
                    self.lose(after);
                    lost
                }
                None => answer,
            },
            Say::Stop | Say::StopAmid => {
                drop(answer);
                std::future::pending().await
            }
        }
    }

    fn point(&self, kind: CrashKind) -> Say {
        let (number, acts) = {
            let mut state = self.state();
            state.reached += 1;
            let number = state.reached;
            (number, state.plan.take_acts(number))
        };
        for act in acts {
            act(); // without the lock: it may call anything
        }
        let say = self.state().plan.say(number, kind);
        if say == Say::Stop {
            self.crash(kind);
        }
        say
    }

    fn lose(&self, kind: CrashKind) {
        let mut state = self.state();
        state.lost = Some(kind);
        *state.losses.entry(kind).or_default() += 1;
    }

    fn crash(&self, kind: CrashKind) {
        let mut state = self.state();
        state.crashed = Some(kind);
        *state.crashes.entry(kind).or_default() += 1;
    }
}

/// Plays a scenario with a crash at its first point, then at its second, and so on, until it comes
/// to its end without one. Returns how many points it has.
///
/// The scenario gets the plan for its process, and says how that ended; it makes its own world.
pub async fn at_every_point<T, F: Future<Output = Ended<T>>>(
    mut scenario: impl FnMut(CrashPlan) -> F,
) -> u64 {
    let mut points = 0;
    while let Ended::Crashed(_) = scenario(CrashPlan::at(points + 1)).await {
        points += 1;
    }
    points
}
