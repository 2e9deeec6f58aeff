//! Batches as the engine hands them to a store, and the same rows encoded for the floor.

use std::ops::Range;

use fluxcascade_benches::{fingerprint, link, listed, log_row, number_of};
use fluxcascade_core::codec::{encode, encode_base};
use fluxcascade_core::model::{
    ConnectionName, Fingerprint, Link, MappingKey, MappingName, MatchKeys, ObjectType, RecordId,
    Side, Sides, Timestamp, WorkKey,
};
use fluxcascade_core::store::{
    CommitBatch, Feed, FeedKey, InboxMark, Intake, IntakeRow, LinkChange, RecordKeys, Sweep,
    WorkRequest,
};

/// The mapping that all of it is about.
pub(crate) fn contacts() -> MappingKey {
    MappingKey::of(MappingName::new("contacts").unwrap())
}

/// The feed of a side.
pub(crate) fn feed_key(side: Side) -> FeedKey {
    let (connection, object) = match side {
        Side::Source => ("hubspot", "contacts"),
        Side::Target => ("jobber", "clients"),
    };
    FeedKey {
        connection: ConnectionName::new(connection).unwrap(),
        object: ObjectType::new(object).unwrap(),
        reader: contacts().mapping,
    }
}

/// A linked record with all its blobs.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub(crate) link: Link,
    pub(crate) bases: Sides<Vec<u8>>,
    pub(crate) log: Vec<u8>,
}

/// Which records a commit is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Records {
    /// They have no link yet.
    New,
    /// They are linked, and their bases change.
    Known,
}

/// So many links with a log row each.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) records: Records,
    pub(crate) commit: CommitBatch,
    pub(crate) rows: Vec<Encoded>,
}

/// What of a commit there is beside links and log rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inbox {
    /// Nothing.
    Empty,
    /// Both records' entries, which are cleared. The sequence is that of a run over all pairs.
    Cleared,
}

impl Batch {
    /// New links have the first edition of their records, known ones get the second.
    pub(crate) fn of(
        numbers: impl IntoIterator<Item = usize>,
        records: Records,
        inbox: Inbox,
    ) -> Self {
        let edition = usize::from(records == Records::Known);
        let (links, log): (Vec<_>, Vec<_>) =
            numbers.into_iter().map(|n| (link(n, edition), log_row(n, edition))).unzip();
        let rows = links.iter().zip(&log).map(|(link, log)| Encoded {
            link: link.clone(),
            bases: link.bases.as_ref().map(encode_base),
            log: encode(log),
        });
        let rows = rows.collect();
        let cleared = match inbox {
            Inbox::Empty => Vec::new(),
            Inbox::Cleared => links.iter().flat_map(marks).collect(),
        };
        let links = links.into_iter().map(|link| LinkChange { link }).collect();
        let commit = CommitBatch { links, log, cleared, ..CommitBatch::default() };
        Self { records, commit, rows }
    }

    /// As after a first sync: the records have keys, and the links are found, not written.
    pub(crate) fn with_keys_and_no_log(self) -> CommitBatch {
        let of_link = |row: &Encoded| {
            let keys = MatchKeys::from(vec![(0, key(number(&row.link)))]);
            Side::BOTH.map(|side| RecordKeys {
                side,
                record: row.link.records[side].clone(),
                keys: keys.clone(),
            })
        };
        let keys = self.rows.iter().flat_map(of_link).collect();
        CommitBatch { keys, log: Vec::new(), ..self.commit }
    }
}

/// Where a record's entry stands after every record was taken in once, its two sides one after the
/// other.
pub(crate) fn sequence(record: usize, side: Side) -> u64 {
    let before = record / PAGE * 2 * PAGE + usize::from(side == Side::Target) * PAGE;
    (before + record % PAGE + 1) as u64
}

/// Which record a link is of.
pub(crate) fn number(link: &Link) -> usize {
    number_of(&link.records.source, Side::Source)
}

fn marks(link: &Link) -> [InboxMark; 2] {
    Side::BOTH.map(|side| InboxMark {
        side,
        record: link.records[side].clone(),
        sequence: sequence(number(link), side),
    })
}

/// Records on a page, and works that are asked for at once.
pub(crate) const PAGE: usize = 200;

/// Which match keys are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keys {
    Without,
    /// One, which both records of a pair have.
    OfBoth,
}

fn key(record: usize) -> Fingerprint {
    fingerprint(record, 400, Side::Source)
}

/// A page of one side's records, and what the floor needs of each: its id and its observation.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) page: Intake,
    pub(crate) rows: Vec<(RecordId, Vec<u8>)>,
}

impl Listed {
    pub(crate) fn of(records: Range<usize>, edition: usize, side: Side, keys: Keys) -> Self {
        let observed: Vec<_> =
            records.clone().map(|record| listed(record, edition, side)).collect();
        let rows = observed.iter().map(|one| (one.record.clone(), encode(one))).collect();
        let rows_in = observed.into_iter().zip(records).map(|(observation, record)| IntakeRow {
            observation,
            fingerprint: Some(fingerprint(record, edition, side)),
            keys: match keys {
                Keys::Without => None,
                Keys::OfBoth => Some(vec![(0, key(record))].into()),
            },
        });
        let page = Intake {
            side,
            revision: 1,
            rows: rows_in.collect(),
            feed_key: feed_key(side),
            feed: Feed::default(),
            sweep: Sweep::None,
        };
        Self { page, rows }
    }
}

/// Asks for the next page of work.
pub(crate) fn next_page(after: Option<WorkKey>) -> WorkRequest {
    WorkRequest { after, limit: PAGE, now: Timestamp::from_secs(2_000_000_000) }
}
