//! What can go wrong with a call, by order or by seed, and the ledger's lines. What a fault does to
//! a read or a write is told where reads and writes are.

use std::time::Duration;

use crate::model::Timestamp;

/// What a call to a system was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallKind {
    /// A page of changes.
    Changes,
    /// A read by id.
    Fetch,
    /// A look-up.
    Find,
    /// A read of the times of fields.
    FieldTimes,
    /// A batch of creates and upserts.
    Create,
    /// A batch of updates.
    Update,
    /// A batch of archives.
    Archive,
    /// A batch of deletes for good.
    Delete,
    /// A batch of restores.
    Restore,
}

impl CallKind {
    /// All of them.
    pub const ALL: [CallKind; 9] = [
        CallKind::Changes,
        CallKind::Fetch,
        CallKind::Find,
        CallKind::FieldTimes,
        CallKind::Create,
        CallKind::Update,
        CallKind::Archive,
        CallKind::Delete,
        CallKind::Restore,
    ];

    /// Whether the call writes.
    pub fn writes(self) -> bool {
        match self {
            CallKind::Changes | CallKind::Fetch | CallKind::Find | CallKind::FieldTimes => false,
            CallKind::Create
            | CallKind::Update
            | CallKind::Archive
            | CallKind::Delete
            | CallKind::Restore => true,
        }
    }
}

/// One call in a system's ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// What it was.
    pub kind: CallKind,
    /// How many records it was about; for a page, how many were asked for by id: none.
    pub records: usize,
    /// When.
    pub at: Timestamp,
    /// What went wrong with it.
    pub mishap: Option<Mishap>,
}

/// What went wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mishap {
    /// The fault.
    pub fault: Fault,
    /// Whether it made a difference: rows in another order do not where there is one row.
    pub took_effect: bool,
}

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// The request never arrives, and nobody can say so.
    RequestLost,
    /// It is carried out, and the answer is lost.
    AnswerLost,
    /// The caller stops waiting, and the request is carried out this much later.
    Timeout(Duration),
    /// It is carried out twice, as when a proxy repeats it; the second answer is the one that
    /// arrives.
    DoneTwice,
    /// So many rows are carried out and answered, the next is carried out without an answer, the
    /// others are not sent. Of a read, nothing is answered.
    Partial(usize),
    /// The system is not there (HTTP 503); nothing was done.
    Unavailable,
    /// The system fails on it (HTTP 500) before anything is done, and does not say so.
    ServerError,
    /// Too many requests (HTTP 429), with the time to wait; nothing was done.
    RateLimited(Duration),
    /// The credentials are refused; nothing was done.
    Unauthorised,
    /// The cursor is not taken any more.
    PositionLost,
    /// The page breaks off within its rows: an error, and no row of it counts.
    Truncated,
    /// A page's rows come in another order.
    Reordered,
    /// A page's newest row is not shown, nor for this long; at most for the declared look-back,
    /// and not at all if that has passed since its last change.
    Invisible(Duration),
    /// A page shows its newest row as it was before its last change; within the look-back only.
    Stale,
    /// A full read comes back empty, as if there were no records.
    Empty,
    /// The system's clock jumps, by so many seconds, before the call is carried out.
    ClockJump(i64),
}

impl Fault {
    /// One of each, for those who draw from all.
    pub const EXAMPLES: [Fault; 16] = [
        Fault::RequestLost,
        Fault::AnswerLost,
        Fault::Timeout(Duration::from_secs(5)),
        Fault::DoneTwice,
        Fault::Partial(1),
        Fault::Unavailable,
        Fault::ServerError,
        Fault::RateLimited(Duration::from_secs(10)),
        Fault::Unauthorised,
        Fault::PositionLost,
        Fault::Truncated,
        Fault::Reordered,
        Fault::Invisible(Duration::from_secs(60)),
        Fault::Stale,
        Fault::Empty,
        Fault::ClockJump(3),
    ];

    /// Whether a call of this kind can go wrong like this. A fault that cannot strike changes
    /// nothing, and the ledger says that it took no effect.
    pub fn strikes(self, kind: CallKind) -> bool {
        match self {
            Fault::RequestLost
            | Fault::AnswerLost
            | Fault::Timeout(_)
            | Fault::Partial(_)
            | Fault::Unavailable
            | Fault::ServerError
            | Fault::RateLimited(_)
            | Fault::Unauthorised
            | Fault::ClockJump(_) => true,
            Fault::DoneTwice => kind.writes(),
            Fault::PositionLost
            | Fault::Truncated
            | Fault::Reordered
            | Fault::Invisible(_)
            | Fault::Stale
            | Fault::Empty => kind == CallKind::Changes,
        }
    }
}

/// Faults drawn from a seed: which call goes wrong, and how, is told by the seed and the number of
/// the call among those of its kind. More calls of one kind do not move the faults of another.
///
/// ```
/// use fluxcascade_core::testkit::{CallKind, Fault, FaultPlan};
///
/// let plan = FaultPlan::new(7)
///     .per_thousand(CallKind::Create, Fault::AnswerLost, 200)
///     .per_thousand(CallKind::Changes, Fault::Unavailable, 50);
/// let lost = (0..1000).filter(|&n| plan.draw(CallKind::Create, n).is_some()).count();
/// assert!((150..250).contains(&lost), "{lost}");
/// assert_eq!(plan.draw(CallKind::Fetch, 1), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultPlan {
    seed: u64,
    rates: Vec<(CallKind, Fault, u32)>,
}

impl FaultPlan {
    /// A plan in which nothing goes wrong yet.
    pub fn new(seed: u64) -> Self {
        Self { seed, rates: Vec::new() }
    }

    /// A plan in which each fault that can strike a call strikes so many of a thousand, but for
    /// those that a host has to answer for: refused credentials, an empty full read, a clock that
    /// jumps.
    pub fn all(seed: u64, per_thousand: u32) -> Self {
        let mut plan = Self::new(seed);
        for kind in CallKind::ALL {
            for fault in Fault::EXAMPLES {
                let asks_a_person = match fault {
                    Fault::Unauthorised | Fault::Empty | Fault::ClockJump(_) => true,
                    Fault::RequestLost
                    | Fault::AnswerLost
                    | Fault::Timeout(_)
                    | Fault::DoneTwice
                    | Fault::Partial(_)
                    | Fault::Unavailable
                    | Fault::ServerError
                    | Fault::RateLimited(_)
                    | Fault::PositionLost
                    | Fault::Truncated
                    | Fault::Reordered
                    | Fault::Invisible(_)
                    | Fault::Stale => false,
                };
                if fault.strikes(kind) && !asks_a_person {
                    plan = plan.per_thousand(kind, fault, per_thousand);
                }
            }
        }
        plan
    }

    /// So many of a thousand calls of this kind go wrong like this.
    #[must_use]
    pub fn per_thousand(mut self, kind: CallKind, fault: Fault, rate: u32) -> Self {
        self.rates.push((kind, fault, rate));
        self
    }

    /// What goes wrong with the call of this number among those of its kind.
    pub fn draw(&self, kind: CallKind, number: u64) -> Option<Fault> {
        let drawn = draw(self.seed, &[kind as u64, number]) % 1000;
        let mut from = 0;
        for (_, fault, rate) in self.rates.iter().filter(|(of, ..)| *of == kind) {
            from += u64::from(*rate);
            if drawn < from {
                return Some(*fault);
            }
        }
        None
    }
}

/// A number drawn for this purpose: it depends on nothing that was drawn before.
pub(super) fn draw(seed: u64, purpose: &[u64]) -> u64 {
    purpose.iter().fold(mix(seed), |state, part| mix(state ^ part.wrapping_mul(0x9e37_79b9)))
}

/// The finaliser of `SplitMix64`: every bit of the input moves every bit of the output.
fn mix(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
