//! A commit with its bulk as bytes: links and log rows.
//!
//! Callers encode them before they hand the commit to the thread, which has only to write. So a
//! caller copies no values, and several encode at once.

use fluxcascade_core::codec::{encode, encode_base};
use fluxcascade_core::model::{
    Ending, Fingerprint, Link, LinkId, LinkStatus, LogRow, RecordId, RunNumber, Sides,
};
use fluxcascade_core::store::CommitBatch;

/// A commit as the thread gets it.
#[derive(Debug)]
pub(super) struct EncodedBatch {
    pub(super) links: Vec<EncodedLink>,
    pub(super) log: Vec<EncodedLog>,
    /// All but links and log rows.
    pub(super) rest: CommitBatch,
}

/// A link with its bases as they are stored.
#[derive(Debug)]
pub(super) struct EncodedLink {
    pub(super) id: LinkId,
    pub(super) status: LinkStatus,
    pub(super) records: Sides<RecordId>,
    pub(super) revisions: Sides<u32>,
    pub(super) prints: Sides<Option<Fingerprint>>,
    pub(super) bases: Sides<Vec<u8>>,
    pub(super) ending: Option<Ending>,
}

/// A log row as it is stored, and what it is found by.
#[derive(Debug)]
pub(super) struct EncodedLog {
    pub(super) run: RunNumber,
    pub(super) records: Sides<Option<RecordId>>,
    pub(super) entry: Vec<u8>,
}

impl From<&CommitBatch> for EncodedBatch {
    fn from(batch: &CommitBatch) -> Self {
        let rest = CommitBatch {
            links: Vec::new(),
            keys: batch.keys.clone(),
            archived: batch.archived.clone(),
            closed: batch.closed.clone(),
            made: batch.made.clone(),
            released: batch.released.clone(),
            holds: batch.holds.clone(),
            conflicts: batch.conflicts.clone(),
            judged: batch.judged.clone(),
            log: Vec::new(),
            cleared: batch.cleared.clone(),
            requeued: batch.requeued.clone(),
        };
        Self {
            links: batch.links.iter().map(|change| (&change.link).into()).collect(),
            log: batch.log.iter().map(Into::into).collect(),
            rest,
        }
    }
}

impl From<&Link> for EncodedLink {
    fn from(link: &Link) -> Self {
        Self {
            id: link.id,
            status: link.status,
            records: link.records.clone(),
            revisions: link.bases.as_ref().map(|base| base.revision),
            prints: link.bases.as_ref().map(|base| base.fingerprint),
            bases: link.bases.as_ref().map(encode_base),
            ending: link.ending,
        }
    }
}

impl From<&LogRow> for EncodedLog {
    fn from(row: &LogRow) -> Self {
        Self { run: row.run, records: row.records.clone(), entry: encode(row) }
    }
}
