//! What every store decides alike: who may write, which row makes an entry, what is due.
//!
//! Pure functions over the nouns. No storage, no clock, no randomness: a backend reads what it
//! has, asks here, and writes the answer.

use std::cmp::Ordering;
use std::time::Duration;

use fluxcascade_core::model::{
    AnswerOutcome, AnswerTo, DeleteEvidence, Fingerprint, Hold, InboxEntry, Link, LinkStatus,
    MappingKey, Observation, Operation, OperationKind, RecordId, Revision, RunNumber, RunRow,
    RunStatus, Side, Sides, State, Timestamp, Work,
};
use fluxcascade_core::store::{FeedKey, Hint, IntakeRow, Lease, Page, Requeue, RunStart, Sweep};
use fluxcascade_core::store::{StoreError, StoreErrorKind};

/// Where the lease of a mapping stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Standing {
    /// The fencing number of the latest lease; 0 before the first.
    pub(crate) fence: u64,
    /// When the latest lease ends; `None` if nobody that could be alive has it.
    pub(crate) until: Option<Timestamp>,
}

impl Standing {
    /// Gives the next lease, unless another one holds.
    ///
    /// A lease that ran out and was not given back may have a holder that still runs, so the next
    /// one is not `sole`.
    pub(crate) fn grant(
        &mut self,
        mapping: &MappingKey,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Lease, StoreError> {
        if let Some(until) = self.until
            && until > now
        {
            return Err(StoreError::new(
                StoreErrorKind::Busy,
                format!(
                    "another sync of mapping {mapping} is under way, its lease ends at {until}: wait for it to end"
                ),
            ));
        }
        let sole = self.until.is_none();
        let until = now + ttl;
        self.fence += 1;
        self.until = Some(until);
        Ok(Lease { mapping: mapping.clone(), fence: self.fence, since: now, until, sole })
    }

    /// Whether calls under this lease are accepted.
    pub(crate) fn admit(&self, lease: &Lease) -> Result<(), StoreError> {
        if self.until.is_some() && self.fence == lease.fence {
            Ok(())
        } else {
            Err(lease_lost(lease))
        }
    }

    /// Extends the latest lease.
    pub(crate) fn renew(
        &mut self,
        lease: &Lease,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Lease, StoreError> {
        self.admit(lease)?;
        let until = now + ttl;
        self.until = Some(until);
        Ok(Lease { until, ..lease.clone() })
    }

    /// Takes a lease back; one that was lost already changes nothing.
    pub(crate) fn release(&mut self, lease: &Lease) {
        if self.admit(lease).is_ok() {
            self.until = None;
        }
    }
}

/// The error for a call under a lease that is not the latest.
pub(crate) fn lease_lost(lease: &Lease) -> StoreError {
    StoreError::new(
        StoreErrorKind::LeaseLost,
        format!(
            "lease {} of mapping {} is not the latest or was given back: stop this run and take a new lease",
            lease.fence, lease.mapping
        ),
    )
}

/// The error for a feed of another mapping than the lease's.
pub(crate) fn own_feed(lease: &Lease, feed: &FeedKey) -> Result<(), StoreError> {
    if feed.reader == lease.mapping.mapping {
        return Ok(());
    }
    Err(StoreError::new(
        StoreErrorKind::Misuse,
        format!(
            "a lease of mapping {} cannot reach the feed of mapping {}: take that mapping's lease",
            lease.mapping, feed.reader
        ),
    ))
}

/// Whether a revision may follow the last one.
pub(crate) fn next_revision(
    lease: &Lease,
    last: Option<u32>,
    revision: &Revision,
) -> Result<(), StoreError> {
    let expected = last.unwrap_or(0).saturating_add(1);
    if revision.number == expected {
        return Ok(());
    }
    Err(StoreError::new(
        StoreErrorKind::Misuse,
        format!(
            "revision {} of mapping {} cannot be stored, {expected} is the next: read the revisions again",
            revision.number, lease.mapping
        ),
    ))
}

/// A run that begins.
pub(crate) fn running(number: RunNumber, start: &RunStart) -> RunRow {
    RunRow {
        number,
        started: start.started,
        ended: None,
        status: RunStatus::Running,
        writes: Sides::default(),
        error: None,
    }
}

/// The error for a run that was never begun.
pub(crate) fn unknown_run(lease: &Lease, run: RunNumber) -> StoreError {
    StoreError::new(
        StoreErrorKind::Misuse,
        format!("run {run} of mapping {} was never begun: begin it first", lease.mapping),
    )
}

/// The error for draws of a budget that are not what they must be.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) fn damaged_draws() -> StoreError {
    StoreError::new(
        StoreErrorKind::Damaged,
        "the stored draws of a budget are damaged: restore the store from a backup",
    )
}

/// The error for a commit that would link a record twice.
pub(crate) fn linked_twice(side: Side, record: &RecordId) -> StoreError {
    StoreError::new(
        StoreErrorKind::Misuse,
        format!(
            "the {side} record {record} would have two links: end the first one in the same commit"
        ),
    )
}

/// What the intake knows of a row's record, other than its inbox entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ground<'a> {
    /// Its link, unless that is a tombstone.
    pub(crate) link: Option<&'a BaseMark>,
    /// Whether the link or the record has a hold.
    pub(crate) held: Held,
}

/// What of a link the intake compares a row with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BaseMark {
    /// The link's status.
    pub(crate) status: LinkStatus,
    /// The revision of the base on the row's side.
    pub(crate) revision: u32,
    /// The fingerprint of that base.
    pub(crate) fingerprint: Option<Fingerprint>,
}

impl BaseMark {
    /// What a row of this side is compared with.
    pub(crate) fn of(link: &Link, side: Side) -> Self {
        let base = &link.bases[side];
        Self { status: link.status, revision: base.revision, fingerprint: base.fingerprint }
    }
}

/// Whether anything keeps a link from being passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    /// A hold, or an operation whose outcome is not known.
    Yes,
    /// Neither.
    No,
}

/// Whether a row tells nothing new. A base of another revision had other fields, so its
/// fingerprint says nothing about this row.
pub(crate) fn is_known(ground: &Ground<'_>, row: &IntakeRow, revision: u32) -> bool {
    let Some(link) = ground.link else { return false };
    link.status == LinkStatus::Active
        && ground.held == Held::No
        && link.revision == revision
        && row.fingerprint.is_some()
        && link.fingerprint == row.fingerprint
}

/// The entry that a listed row makes of the one that is there; `None` leaves that as it is.
///
/// An entry that is an id alone stays one: whatever put it there may be newer than the row. The
/// time to wait and the attempts start anew only with a version that is known to be newer.
pub(crate) fn listed(
    entry: Option<&InboxEntry>,
    row: &IntakeRow,
    revision: u32,
    sequence: u64,
) -> Option<InboxEntry> {
    let fresh = InboxEntry {
        record: row.observation.record.clone(),
        sequence,
        revision,
        observation: Some(row.observation.clone()),
        not_before: None,
        attempts: 0,
    };
    let Some(entry) = entry else { return Some(fresh) };
    if let State::Deleted(DeleteEvidence::Feed) = row.observation.state {
        return Some(InboxEntry {
            not_before: entry.not_before,
            attempts: entry.attempts,
            ..fresh
        });
    }
    let order = entry.observation.as_ref().and_then(|seen| compare(&row.observation, seen));
    match order {
        Some(Ordering::Greater) => Some(fresh),
        Some(Ordering::Equal) => {
            Some(InboxEntry { not_before: entry.not_before, attempts: entry.attempts, ..fresh })
        }
        Some(Ordering::Less) => None,
        None => Some(InboxEntry { sequence, revision: 0, observation: None, ..entry.clone() }),
    }
}

fn compare(mine: &Observation, theirs: &Observation) -> Option<Ordering> {
    let (_, mine) = mine.known()?;
    let (_, theirs) = theirs.known()?;
    mine.compare(theirs)
}

/// Where a record is, as its match keys tell it: live holders of a key come before archived ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kept {
    Live,
    Archived,
}

impl Kept {
    /// Where a row has its record.
    pub(crate) fn of(row: &IntakeRow) -> Self {
        match row.observation.state {
            State::Archived(_) => Kept::Archived,
            State::Known { .. }
            | State::Deleted(_)
            | State::Missing
            | State::MergedInto(_)
            | State::OutOfScope
            | State::Unreadable(_) => Kept::Live,
        }
    }
}

/// The entry that a hint makes: an id alone, due now. A hint is a new edit, as far as is known.
pub(crate) fn hinted(hint: &Hint, sequence: u64) -> InboxEntry {
    InboxEntry {
        record: hint.record.clone(),
        sequence,
        revision: 0,
        observation: None,
        not_before: None,
        attempts: 0,
    }
}

/// The entry of a record that a complete sweep did not show; `None` leaves the one that is there.
/// That it was not shown is no new edit, so that it waits no less than before.
pub(crate) fn missed(
    entry: Option<&InboxEntry>,
    record: &RecordId,
    sequence: u64,
) -> Option<InboxEntry> {
    if entry.is_some_and(|entry| entry.observation.is_none()) {
        return None;
    }
    Some(InboxEntry {
        record: record.clone(),
        sequence,
        revision: 0,
        observation: None,
        not_before: entry.and_then(|entry| entry.not_before),
        attempts: entry.map_or(0, |entry| entry.attempts),
    })
}

/// Whether a page begins a sweep.
pub(crate) fn begins(sweep: Sweep) -> bool {
    match sweep {
        Sweep::First | Sweep::Only => true,
        Sweep::None | Sweep::Going | Sweep::Last => false,
    }
}

/// Whether a page is of a sweep that others follow or that ends with it.
pub(crate) fn shows(sweep: Sweep) -> bool {
    match sweep {
        Sweep::First | Sweep::Going | Sweep::Last | Sweep::Only => true,
        Sweep::None => false,
    }
}

/// Whether a sweep is complete with a page.
pub(crate) fn ends(sweep: Sweep) -> bool {
    match sweep {
        Sweep::Last | Sweep::Only => true,
        Sweep::None | Sweep::First | Sweep::Going => false,
    }
}

/// The entry that a requeued record gets.
pub(crate) fn requeued(entry: Option<&InboxEntry>, requeue: &Requeue, sequence: u64) -> InboxEntry {
    let attempts = entry.map_or(0, |entry| entry.attempts);
    InboxEntry {
        record: requeue.record.clone(),
        sequence,
        revision: 0,
        observation: None,
        // No time is the earliest one, and `None` sorts before all others.
        not_before: requeue.not_before.max(entry.and_then(|entry| entry.not_before)),
        attempts: requeue.failed.unwrap_or(attempts),
    }
}

/// Whether an entry is to be looked at.
pub(crate) fn entry_is_due(entry: &InboxEntry, now: Timestamp) -> bool {
    entry.not_before.is_none_or(|at| at <= now)
}

/// Before every time that a clock shows: when a hold is due that was woken.
const EARLIEST: Timestamp = Timestamp::from_micros(0);

/// Whether a hold is to be looked at by itself.
pub(crate) fn hold_is_due(hold: &Hold, now: Timestamp) -> bool {
    due_since(hold).is_some_and(|at| at <= now)
}

/// Since when a hold is due, or from when on: an answered one always was.
pub(crate) fn due_since(hold: &Hold) -> Option<Timestamp> {
    match hold.answer {
        Some(_) => Some(Timestamp::from_micros(i64::MIN)),
        None => hold.not_before,
    }
}

/// A hold as it is stored in place of another: a person who has answered is not asked again while
/// the question is the same.
pub(crate) fn renewed(old: Option<&Hold>, new: &Hold) -> Hold {
    let mut hold = new.clone();
    if let Some(old) = old
        && hold.answer.is_none()
        && old.answer.is_some()
        && old.version() == hold.version()
    {
        hold.answer.clone_from(&old.answer);
    }
    hold
}

/// A hold whose awaited link was made.
pub(crate) fn woken(hold: Hold) -> Hold {
    Hold { not_before: Some(EARLIEST), ..hold }
}

/// What becomes of an answer, and the hold with it if it is stored.
pub(crate) fn answered(hold: Option<Hold>, to: &AnswerTo) -> (AnswerOutcome, Option<Hold>) {
    let Some(hold) = hold else { return (AnswerOutcome::Gone, None) };
    if hold.version() != to.version {
        return (AnswerOutcome::Stale, None);
    }
    match &hold.answer {
        Some(answer) if answer.choice == to.answer.choice => (AnswerOutcome::Already, None),
        Some(_) => (AnswerOutcome::Stale, None),
        None => (AnswerOutcome::Stored, Some(Hold { answer: Some(to.answer.clone()), ..hold })),
    }
}

/// The records that a link has no more: it follows what they were merged into.
pub(crate) fn left<'a>(
    old: Option<&'a Sides<RecordId>>,
    now: &'a Sides<RecordId>,
) -> impl Iterator<Item = (Side, &'a RecordId)> {
    old.into_iter().flat_map(Sides::iter).filter(move |(side, record)| now[*side] != **record)
}

/// The records that a change of a link gives an active link: those that had it before have it
/// still, and nothing waits for them.
pub(crate) fn activated<'a>(
    old: Option<(LinkStatus, &Sides<RecordId>)>,
    (status, records): (LinkStatus, &'a Sides<RecordId>),
) -> Vec<(Side, &'a RecordId)> {
    if status != LinkStatus::Active {
        return Vec::new();
    }
    let had = |side: Side| {
        old.is_some_and(|(status, old)| status == LinkStatus::Active && old[side] == records[side])
    };
    records.iter().filter(|(side, _)| !had(*side)).collect()
}

/// Whether anything is stored that a work tells of.
pub(crate) fn tells_something(work: &Work) -> bool {
    let Work { key: _, link, entries, holds, operations, candidates, tombstones } = work;
    link.is_some()
        || Side::BOTH.iter().any(|side| entries[*side].is_some())
        || !holds.is_empty()
        || !operations.is_empty()
        || !candidates.is_empty()
        || !tombstones.is_empty()
}

/// The records that an operation names: where its values come from, and what it changes.
pub(crate) fn touched(operation: &Operation) -> Vec<(Side, &RecordId)> {
    let mut records = vec![(operation.side.other(), &operation.origin)];
    records.extend(operation.kind.record().map(|record| (operation.side, record)));
    records
}

/// Whether this is the create of a record's partner.
pub(crate) fn creates_for(operation: &Operation, side: Side, record: &RecordId) -> bool {
    operation.kind == OperationKind::Create
        && operation.side == side.other()
        && operation.origin == *record
}

/// The match keys that an operation claims: a create's, for the record that it makes.
pub(crate) fn claimed_keys(operation: &Operation) -> &[(u16, Fingerprint)] {
    if operation.kind == OperationKind::Create { &operation.keys } else { &[] }
}

/// What an operation claims among all mappings of its tenant: a create's.
pub(crate) fn claims(operation: &Operation) -> &[Fingerprint] {
    if operation.kind == OperationKind::Create { &operation.claims } else { &[] }
}

/// Those of a page among the holds of the keys that it asks for, which come in key order.
pub(crate) fn page_of(page: &Page, holds: impl IntoIterator<Item = Hold>) -> Vec<Hold> {
    let wanted = |hold: &Hold| page.reason.is_none_or(|reason| hold.reason == reason);
    holds.into_iter().filter(wanted).skip(page.skip).take(page.limit).collect()
}

/// Fills a tenant's new fingerprint key from the system's randomness.
pub(crate) fn draw_key() -> Result<[u8; 32], StoreError> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| {
        StoreError::failed(format_args!(
            "no randomness for the fingerprint key ({error}): check the system's random source"
        ))
    })?;
    Ok(key)
}
