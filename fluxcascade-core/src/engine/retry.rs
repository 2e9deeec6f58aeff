//! When a write that failed is tried again (P14): each time later, until a person must look.

use std::collections::HashMap;
use std::time::Duration;

use super::outcome::{Answer, Sent};
use super::run::Run;
use super::told::Told;
use crate::connector::{ConnectorError, ErrorKind};
use crate::model::{
    Hold, HoldKey, HoldReason, Observation, Operation, OperationKind, RecordId, Side, Timestamp,
    Work,
};
use crate::plan::Entry;
use crate::store::CommitBatch;

/// The first wait; each further one doubles it.
const FIRST_WAIT: Duration = Duration::from_secs(60);
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(6 * 3600);
/// After so many attempts a record waits for a person …
const MOST_ATTEMPTS: u32 = 10;
/// … or when it has failed for so long.
const LONGEST_FAILURE: Duration = Duration::from_secs(48 * 3600);

/// Says in a hold when what failed is tried again: 1 minute later, then twice as late each time, at
/// most 6 hours. After 10 attempts, or 48 hours after the first, never by itself.
///
/// `before` are the holds that there were: the count goes on under one with the same key and the
/// same values, also where a guard held it until it was tried. A new edit has other values, and
/// starts anew.
pub(super) fn try_again(before: &[Hold], mut hold: Hold, now: Timestamp) -> Hold {
    hold.keep_count(before.iter().find(|h| h.key == hold.key));
    hold.attempts += 1;
    hold.not_before = next_try(hold.attempts, hold.since, now);
    hold
}

/// When what has failed so often, since then, is tried again by itself; `None`: never.
pub(super) fn next_try(attempts: u32, since: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let over = attempts >= MOST_ATTEMPTS || now.since(since) >= LONGEST_FAILURE;
    (!over).then(|| now + wait(attempts))
}

fn wait(attempts: u32) -> Duration {
    let doubled = FIRST_WAIT.saturating_mul(1 << attempts.saturating_sub(1).min(16));
    doubled.min(LONGEST_WAIT)
}

/// What a failure of writes that were sent together is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Each record by itself: it is tried again later each time.
    Record,
    /// All of several: the system, more likely than each of them. The next run goes on.
    System,
}

/// What a failure is about, told from how many of the writes it took.
pub(super) fn reach(sent: &[Sent]) -> Reach {
    let failed = |sent: &Sent| matches!(sent.answer, Answer::NotApplied(Some(_)));
    if sent.len() > 1 && sent.iter().all(failed) { Reach::System } else { Reach::Record }
}

/// The error, if every one of several writes was refused for want of a permission: then it is the
/// account's, and no record is held for it.
pub(super) fn refused_everywhere(sent: &mut [Sent]) -> Option<ConnectorError> {
    let denied = |sent: &Sent| match &sent.answer {
        Answer::Rejected { error, .. } | Answer::NotApplied(Some(error)) => {
            Some(error).filter(|error| error.kind == ErrorKind::Permission).cloned()
        }
        Answer::Applied(_)
        | Answer::Unread { .. }
        | Answer::Moved(_)
        | Answer::Done(_)
        | Answer::Claimed(_)
        | Answer::Exists(_)
        | Answer::NotApplied(None)
        | Answer::Unknown(_) => None,
    };
    let errors: Option<Vec<ConnectorError>> = sent.iter().map(denied).collect();
    let errors = errors.filter(|errors| errors.len() > 1)?;
    for (sent, error) in sent.iter_mut().zip(&errors) {
        sent.answer = Answer::NotApplied(Some(error.clone()));
    }
    errors.into_iter().next()
}

impl Run<'_> {
    /// A write that was not carried out, or has no answer, is tried again later each time.
    pub(super) fn hold_failed(
        &mut self,
        commit: &mut CommitBatch,
        work: &Work,
        entry: &Entry,
        sent: &Sent,
        fetched: &HashMap<(Side, RecordId), Observation>,
    ) {
        let operation = &sent.operation;
        let (error, what) = match &sent.answer {
            Answer::NotApplied(Some(error)) if is_about_the_record(error) => {
                (error, "could not be written")
            }
            // A create without an answer has a hold of its own.
            Answer::Unknown(error) if operation.kind != OperationKind::Create => {
                (error, "was written to, and gave no answer")
            }
            Answer::Applied(_)
            | Answer::Unread { .. }
            | Answer::Moved(_)
            | Answer::Done(_)
            | Answer::Claimed(_)
            | Answer::Exists(_)
            | Answer::Rejected { .. }
            | Answer::NotApplied(_)
            | Answer::Unknown(_) => return,
        };
        let words = self.storable_words(operation, error);
        let detail = format!("the {} {what}: {words}", operation.side);
        let hold = match Told::of(work, entry) {
            Some(told) => told.tried_again(&self.mapping, entry, &detail, self.now()),
            None => self.failed_record(work, entry, operation, detail, fetched),
        };
        self.hold_record(commit, work, hold);
        self.keep_let_through(commit, work, entry, operation.side);
    }

    /// The hold of a whole record that could not be written.
    pub(super) fn failed_record(
        &self,
        work: &Work,
        entry: &Entry,
        operation: &Operation,
        detail: String,
        fetched: &HashMap<(Side, RecordId), Observation>,
    ) -> Hold {
        let key = match &work.link {
            Some(link) => HoldKey::Link(link.id),
            None => HoldKey::Record(operation.side.other(), operation.origin.clone()),
        };
        let mut hold = Hold::new(key, HoldReason::Rejected, detail, self.now());
        hold.values = self.seen_prints(work, entry, fetched);
        // What the record waits for stays with it, so that it is asked on, or ends with it.
        hold.keep_question(work.holds.iter().find(|before| before.key == hold.key));
        try_again(&work.holds, hold, self.now())
    }
}

/// Whether an error that left a write undone is about this record, and counts as an attempt. The
/// others are about the system or the account: the next run simply goes on.
fn is_about_the_record(error: &ConnectorError) -> bool {
    match error.kind {
        ErrorKind::Permission
        | ErrorKind::NotFound
        | ErrorKind::Validation
        | ErrorKind::Transient
        | ErrorKind::Permanent
        | ErrorKind::Protocol => true,
        ErrorKind::Auth
        | ErrorKind::RateLimited
        | ErrorKind::PreconditionFailed
        | ErrorKind::PositionLost => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{HoldKey, HoldReason, LinkId};

    fn minutes(of: u64) -> Duration {
        Duration::from_secs(60 * of)
    }

    /// P14: 1 minute, doubling to 6 hours, ten times.
    #[test]
    fn waits_double_up_to_six_hours_and_end_after_ten_attempts() {
        let mut now: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        let key = HoldKey::Link(LinkId([1; 16]));
        let mut holds: Vec<Hold> = Vec::new();
        let mut waits = Vec::new();
        for _ in 0..10 {
            let new = Hold::new(key.clone(), HoldReason::Rejected, "refused", now);
            let hold = try_again(&holds, new, now);
            waits.push(hold.not_before.map(|at| at.since(now).as_secs() / 60));
            now = hold.not_before.unwrap_or(now);
            holds = vec![hold];
        }
        let expected = [1, 2, 4, 8, 16, 32, 64, 128, 256];
        assert_eq!(waits[..9], expected.map(Some));
        assert_eq!(waits[9], None, "the tenth attempt is the last");
        let edited = Hold { values: crate::model::Sides::new(None, None), ..holds[0].clone() };
        assert_eq!(try_again(&holds, edited.clone(), now).attempts, 11);
        let print = crate::model::Fingerprint([7; 16]);
        let edited =
            Hold { values: crate::model::Sides::new(Some(print), None), attempts: 0, ..edited };
        assert_eq!(try_again(&holds, edited, now).attempts, 1, "a new edit starts anew");
    }

    #[test]
    fn what_has_failed_for_two_days_waits_for_a_person() {
        let began: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        let key = HoldKey::Link(LinkId([1; 16]));
        let first =
            try_again(&[], Hold::new(key.clone(), HoldReason::Rejected, "no", began), began);
        let later = began + minutes(48 * 60);
        let again = Hold::new(key, HoldReason::Rejected, "no", later);
        assert_eq!(try_again(&[first], again, later).not_before, None);
    }
}
