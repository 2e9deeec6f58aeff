//! Links as JSON Lines: a mapping moves from one store to another without matching again.

mod line;
mod reading;

use std::io::{self, BufRead, Seek, Write};

use line::Line;
use reading::Lines;

use super::{CommitBatch, Lease, LinkChange, Page, RunStart, Store, StoreError, StoreErrorKind};
use crate::model::{Link, MappingKey, RunNumber, RunRow, RunStatus, Sides, Timestamp};

/// So many links are read and stored at a time.
const LINKS: usize = 1000;

/// How much was exported or imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transferred {
    /// Links, tombstones among them.
    pub links: u64,
    /// Revisions of the mapping.
    pub revisions: u32,
    /// The mapping's last run in the store that it comes from.
    pub last_run: RunNumber,
}

/// Why links were not exported or imported.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The file, or whatever stands for it, failed.
    #[error("the export cannot be {what}: {error}")]
    Io {
        /// What was to be done with it.
        what: &'static str,
        /// What failed.
        #[source]
        error: io::Error,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is no export, or a damaged one; nothing was stored.
    #[error("this cannot be imported, and nothing was stored: {}", .0.join("; "))]
    Invalid(Vec<String>),
    /// The mapping has been synced in this store already; nothing was stored.
    #[error(
        "mapping {mapping} has {links} links and {runs} runs in this store, and nothing was stored: import into a store in which it was never synced"
    )]
    Used {
        /// The mapping.
        mapping: MappingKey,
        /// Links that it has here.
        links: u64,
        /// Runs that it had here.
        runs: u64,
    },
}

/// Writes a mapping's links as JSON Lines, for [`import_links`]: the revisions of the mapping, its
/// links with their bases, tombstones among them, and the number of its last run.
///
/// What stays behind is what a full read brings again (match keys, the inbox and cursors), what
/// waits for a person, the log, and credentials. Let all writes be settled before (a run that ends
/// with nothing waiting), and sync the mapping in one store alone after.
///
/// Of a pair that keeps fingerprints alone these are by the key of the store that they come from, and
/// no base in another one: what agrees there is one again, and what does not is decided as a first
/// link.
///
/// The lines hold what the store tells, the values of sensitive fields too. The store crate's keyring
/// seals them as they are written, and opens them as they are read (`Keyring::sealing_writer`,
/// `opening_reader`, feature `sealed`): so a mapping may move between stores that are sealed with
/// different keys, or not at all.
///
/// # Errors
/// If writing fails, or the store.
pub async fn export_links(
    store: &dyn Store,
    mapping: &MappingKey,
    out: &mut (dyn Write + Send),
) -> Result<Transferred, TransferError> {
    let revisions = store.revisions(mapping).await?;
    let newest = store.runs(mapping, &Page { limit: 1, ..Page::default() }).await?;
    let last_run = newest.first().map(|run| run.number).unwrap_or_default();
    put(out, &Line::head(mapping, last_run))?;
    for revision in &revisions {
        put(out, &Line::Revision(revision.clone()))?;
    }
    let (mut links, mut after) = (0, None);
    loop {
        let page = store.links(mapping, after, LINKS).await?;
        for link in &page {
            put(out, &Line::of_link(link))?;
        }
        links += page.len() as u64;
        after = page.last().map(|link| link.id);
        if page.len() < LINKS {
            break;
        }
    }
    put(out, &Line::End { links })?;
    out.flush().map_err(written)?;
    let revisions = u32::try_from(revisions.len()).unwrap_or(u32::MAX);
    Ok(Transferred { links, revisions, last_run })
}

/// Stores what [`export_links`] wrote, under a lease of the same tenant's mapping of the same name.
///
/// It is read twice: whatever is wrong with it is told at once, before anything is stored. The next
/// run reads both sides whole, and finds the links. If it ends half done, as with a lost lease, do it
/// again before that run: what is there is stored again.
///
/// # Errors
/// If it is no export of this mapping, if the mapping was synced here already, if reading fails, or
/// the store.
///
/// # Example
///
/// ```no_run
/// # use std::time::Duration;
/// # use fluxcascade_core::model::{MappingKey, Timestamp};
/// # use fluxcascade_core::store::{Store, TransferError, export_links, import_links};
/// # async fn moved(
/// #     from: &dyn Store, to: &dyn Store, mapping: &MappingKey, now: Timestamp,
/// # ) -> Result<(), TransferError> {
/// let mut lines = Vec::new();
/// export_links(from, mapping, &mut lines).await?;
/// let lease = to.lease(mapping, now, Duration::from_secs(3600)).await?;
/// import_links(to, &lease, now, &mut std::io::Cursor::new(lines)).await?;
/// to.release(&lease).await?;
/// # Ok(())
/// # }
/// ```
pub async fn import_links<R: BufRead + Seek + Send>(
    store: &dyn Store,
    lease: &Lease,
    now: Timestamp,
    from: &mut R,
) -> Result<Transferred, TransferError> {
    let start = from.stream_position().map_err(read)?;
    let found = reading::check(&lease.mapping, from)?;
    refuse_used(store, &lease.mapping).await?;
    let known = store.revisions(&lease.mapping).await?.len();
    from.seek(io::SeekFrom::Start(start)).map_err(read)?;
    let mut batch: Vec<Link> = Vec::new();
    let mut lines = Lines::new(from);
    while let Some(line) = lines.next()? {
        match line {
            Line::Revision(revision) if revision.number as usize > known => {
                store.add_revision(lease, &revision).await?;
            }
            Line::Link(link) => {
                let link = link.read().map_err(|why| TransferError::Invalid(vec![why]))?;
                batch.push(link);
            }
            Line::Mapping { .. } | Line::Revision(_) | Line::End { .. } => {}
        }
        if batch.len() == LINKS {
            keep(store, lease, &mut batch).await?;
        }
    }
    keep(store, lease, &mut batch).await?;
    // Ids are made with the numbers of runs: those here go on behind those there.
    let start = RunStart { after: found.last_run, ..RunStart::at(now) };
    let number = store.start_run(lease, &start).await?;
    let run = RunRow {
        number,
        started: now,
        ended: Some(now),
        status: RunStatus::Completed,
        writes: Sides::default(),
        error: None,
    };
    store.finish_run(lease, &run).await?;
    Ok(found)
}

/// A mapping that was synced here has links of its own.
async fn refuse_used(store: &dyn Store, mapping: &MappingKey) -> Result<(), TransferError> {
    let newest = store.runs(mapping, &Page { limit: 1, ..Page::default() }).await?;
    let Some(newest) = newest.first() else { return Ok(()) };
    let counts = store.counts(mapping).await?;
    let links = counts.active_links + counts.suspended_links + counts.tombstones;
    Err(TransferError::Used { mapping: mapping.clone(), links, runs: newest.number.0 })
}

async fn keep(store: &dyn Store, lease: &Lease, batch: &mut Vec<Link>) -> Result<(), StoreError> {
    if batch.is_empty() {
        return Ok(());
    }
    let links = batch.drain(..).map(|link| LinkChange { link }).collect();
    store.commit(lease, &CommitBatch { links, ..CommitBatch::default() }).await
}

fn put(out: &mut (dyn Write + Send), line: &Line) -> Result<(), TransferError> {
    let text = serde_json::to_string(line)
        .map_err(|error| StoreError::new(StoreErrorKind::Damaged, error.to_string()))?;
    writeln!(out, "{text}").map_err(written)
}

fn written(error: io::Error) -> TransferError {
    TransferError::Io { what: "written", error }
}

fn read(error: io::Error) -> TransferError {
    TransferError::Io { what: "read", error }
}
