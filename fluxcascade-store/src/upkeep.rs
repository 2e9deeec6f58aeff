//! What every store decides alike about upkeep: which rows are old enough, which holds name a
//! forgotten record, and the fingerprint by which a record stays forgotten.
//!
//! Pure functions over the nouns, as in `rules`.

use std::collections::BTreeSet;

use fluxcascade_core::model::{
    Choice, Conflict, ConflictStatus, ConnectionName, Fingerprint, Hold, HoldKey, HoldReason,
    LogRow, MappingName, ObjectType, Operation, RecordId, Side, Timestamp,
};
use fluxcascade_core::store::{Prune, Pruned, Rewrite, Row, StoreError, StoreErrorKind};

use crate::rules;

/// A record of a side.
pub(crate) type Place = (Side, RecordId);

/// The key of a tenant's forgotten records: it is never shown.
pub(crate) struct ForgottenKey {
    key: [u8; 32],
    /// The fingerprint key itself, with which records were forgotten before there was a key for them
    /// alone. A tenant that has another fingerprint key since has it no more.
    first: Option<[u8; 32]>,
}

impl ForgottenKey {
    /// The key of a tenant whose fingerprint key is this one.
    pub(crate) fn of(fingerprint_key: &[u8; 32]) -> Self {
        let context = "fluxcascade 1: the key of forgotten records";
        Self { key: blake3::derive_key(context, fingerprint_key), first: Some(*fingerprint_key) }
    }

    /// The key of a tenant that has another fingerprint key now than the one that it was made of.
    pub(crate) fn kept(key: [u8; 32]) -> Self {
        Self { key, first: None }
    }

    /// As it is kept once the fingerprint key is another one.
    pub(crate) fn to_keep(&self) -> [u8; 32] {
        self.key
    }

    /// What is kept of a record that was forgotten.
    pub(crate) fn print(
        &self,
        connection: &ConnectionName,
        object: &ObjectType,
        record: &RecordId,
    ) -> [u8; 16] {
        keyed(&self.key, &of_record(connection, object, record))
    }

    /// By what a record that was forgotten is known: what is kept of it, and what once was.
    pub(crate) fn known_by(
        &self,
        connection: &ConnectionName,
        object: &ObjectType,
        record: &RecordId,
    ) -> impl Iterator<Item = [u8; 16]> {
        let keys = [Some(self.key), self.first].into_iter().flatten();
        keys.map(move |key| keyed(&key, &of_record(connection, object, record)))
    }

    /// What is kept of a match key of a create without an answer whose origin was forgotten.
    pub(crate) fn created(
        &self,
        mapping: &MappingName,
        side: Side,
        (rule, key): (u16, Fingerprint),
    ) -> [u8; 16] {
        let (side, rule) = ([side.number()], rule.to_le_bytes());
        let parts = [&b"forgotten create"[..], mapping.as_str().as_bytes(), &side, &rule, &key.0];
        keyed(&self.key, &parts)
    }
}

fn of_record<'a>(
    connection: &'a ConnectionName,
    object: &'a ObjectType,
    record: &'a RecordId,
) -> [&'a [u8]; 4] {
    let ids = [connection.as_str(), object.as_str(), record.as_str()].map(str::as_bytes);
    [b"forgotten", ids[0], ids[1], ids[2]]
}

fn keyed(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new_keyed(key);
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let mut print = [0; 16];
    print.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    print
}

/// What a create without an answer leaves behind when its origin is forgotten.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Loose {
    /// This record is what it made: it is forgotten too.
    Record(RecordId),
    /// No record is known: the next one that shows up with one of these keys is what it made.
    Keys(Vec<(u16, Fingerprint)>),
    /// Several records have its keys, and none is created for any of them.
    Unclear,
}

/// What a create leaves, by the records of its side that have a key of it and no link (P6).
pub(crate) fn loose(create: &Operation, unlinked: BTreeSet<RecordId>) -> Loose {
    let mut unlinked = unlinked.into_iter();
    match (unlinked.next(), unlinked.next()) {
        (None, _) => Loose::Keys(create.keys.clone()),
        (Some(made), None) => Loose::Record(made),
        (Some(_), Some(_)) => Loose::Unclear,
    }
}

/// Under which name a [`ForgottenKey`] stands among a tenant's secrets once it has another fingerprint
/// key than the one that it was made of.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) const FORGOTTEN_KEY: &str = "key of the forgotten";

/// Under which name a fingerprint of [`ForgottenKey`] stands among a tenant's secrets.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) fn forgotten_name(print: &[u8; 16]) -> String {
    use std::fmt::Write as _;
    let mut name = String::from("forgotten ");
    for byte in print {
        // Writing to a text cannot fail.
        let _ = write!(name, "{byte:02x}");
    }
    name
}

/// A hold of another record that names a forgotten one, as it is from now on: due, and without an
/// answer that is about that record. `None`: it names none.
///
/// `awaited` are the records that were forgotten in a mapping, which any mapping's holds may wait
/// for; `here` those that were forgotten in the hold's own.
pub(crate) fn reconsidered(
    hold: &Hold,
    (mapping, awaited): (&str, &BTreeSet<Place>),
    here: &BTreeSet<Place>,
) -> Option<Hold> {
    let is_forgotten = |side: Side, record: &RecordId| here.contains(&(side, record.clone()));
    let on = match &hold.key {
        HoldKey::Record(side, _) => side.other(),
        HoldKey::Pair(..) | HoldKey::Link(_) => Side::Target,
    };
    let answered = match hold.answer.as_ref().map(|answer| &answer.choice) {
        Some(Choice::LinkTo(record)) => is_forgotten(on, record),
        Some(
            Choice::Take(_)
            | Choice::Set(_)
            | Choice::Leave
            | Choice::Create
            | Choice::Never
            | Choice::NotMade
            | Choice::Allow
            | Choice::Retry
            | Choice::Recreate,
        )
        | None => false,
    };
    let waits = hold.waits_for.as_ref().is_some_and(|of| {
        of.mapping.as_str() == mapping && awaited.contains(&(of.side, of.record.clone()))
    });
    let named = hold.candidates.iter().any(|(side, record)| is_forgotten(*side, record));
    if !(answered || waits || named) {
        return None;
    }
    let candidates = hold.candidates.iter();
    let candidates = candidates.filter(|(side, record)| !is_forgotten(*side, record)).cloned();
    let mut hold = rules::woken(Hold { candidates: candidates.collect(), ..hold.clone() });
    hold.waits_for = hold.waits_for.filter(|_| !waits);
    hold.answer = hold.answer.filter(|_| !answered);
    Some(hold)
}

/// Whether a row may be let go.
pub(crate) fn log_is_old(row: &LogRow, before: Timestamp) -> bool {
    row.at < before
}

/// Whether a conflict row may be let go: one that waits for a person never.
pub(crate) fn conflict_is_old(row: &Conflict, before: Timestamp) -> bool {
    row.status != ConflictStatus::Open && row.at < before
}

/// Whether a hold is a dead letter that may be let go.
pub(crate) fn letter_is_old(hold: &Hold, before: Timestamp) -> bool {
    hold.reason == HoldReason::Rejected
        && hold.not_before.is_none()
        && hold.answer.is_none()
        && hold.since < before
}

/// What a step did that looked at so many rows, and found so many old enough. Its number is how many rows
/// were kept.
pub(crate) fn pruned(prune: &Prune, looked: usize, old: usize) -> Pruned {
    let next = prune.from + (looked - old) as u64;
    Pruned { removed: old as u64, next: (looked >= prune.limit.max(1)).then_some(next) }
}

/// The same where its number is a place: these were looked at, in order, and so many were old enough.
pub(crate) fn pruned_to(prune: &Prune, places: &[u64], old: usize) -> Pruned {
    let next = places.last().filter(|_| places.len() >= prune.limit.max(1));
    Pruned { removed: old as u64, next: next.map(|last| last + 1) }
}

/// Where a row stands in stores that find rows by their ids: bytes that sort as the ids do. A log
/// row has a place, and no id.
pub(crate) fn mark(row: &Row, place: u64) -> Vec<u8> {
    let with_side = |side: Side, record: &RecordId| {
        let mut mark = vec![side.number()];
        mark.extend_from_slice(record.as_str().as_bytes());
        mark
    };
    match row {
        Row::Entry(side, entry) => with_side(*side, &entry.record),
        Row::Link(link) => link.id.0.to_vec(),
        Row::Operation(operation) => operation.id.0.to_vec(),
        Row::Hold(hold) => hold_mark(&hold.key),
        Row::Conflict(conflict) => conflict.id.0.to_vec(),
        Row::Log(_) => place.to_be_bytes().to_vec(),
        Row::Run(run) => run.number.0.to_be_bytes().to_vec(),
    }
}

fn hold_mark(key: &HoldKey) -> Vec<u8> {
    let (kind, link, side, name) = match key {
        HoldKey::Pair(link, pair) => (0, Some(link), 0, pair.as_str()),
        HoldKey::Link(link) => (1, Some(link), 0, ""),
        HoldKey::Record(side, record) => (2, None, side.number(), record.as_str()),
    };
    let mut mark = vec![kind];
    mark.extend_from_slice(link.map_or(&[][..], |link| &link.0));
    mark.push(side);
    mark.extend_from_slice(name.as_bytes());
    mark
}

/// Rows are written anew as themselves.
pub(crate) fn check_same(rows: &[Rewrite]) -> Result<(), StoreError> {
    let is_same = |rewrite: &Rewrite| match (&rewrite.from.row, &rewrite.to) {
        (Row::Conflict(from), Row::Conflict(to)) => from.link == to.link,
        (from, to) => mark(from, 0) == mark(to, 0),
    };
    if rows.iter().all(is_same) {
        return Ok(());
    }
    Err(StoreError::new(
        StoreErrorKind::Misuse,
        "a row can be written anew as itself alone: keep its ids and its side",
    ))
}
