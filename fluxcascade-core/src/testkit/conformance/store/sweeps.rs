//! Rules of what a complete read of a side did not show.

use super::nouns::*;
use super::{Checked, Found, ensure, same, there};
use crate::model::{
    InboxEntry, LinkStatus, Observation, Provenance, RecordId, Side, State, Timestamp, Values,
};
use crate::store::{CommitBatch, IntakeRow, Lease, Requeue, Store, Sweep};

/// Takes in a page of a full read of the source; says how many records it missed.
async fn read(store: &dyn Store, lease: &Lease, part: Sweep, ids: &[&str]) -> Result<u64, Found> {
    let rows: Vec<_> = ids.iter().map(|id| row(id, 1)).collect();
    Ok(store.intake(lease, &sweep(part, Side::Source, rows)).await?.missed)
}

async fn entries(store: &dyn Store, lease: &Lease, side: Side) -> Result<Vec<InboxEntry>, Found> {
    let work = store.work(lease, &all_work(Timestamp::from_micros(i64::MAX))).await?;
    Ok(work.into_iter().filter_map(|work| work.entries[side].clone()).collect())
}

/// The ids of a side's records that have an entry without an observation, links' first.
async fn bare(store: &dyn Store, lease: &Lease, side: Side) -> Result<Vec<RecordId>, Found> {
    let bare = entries(store, lease, side).await?.into_iter();
    let bare = bare.filter(|entry| entry.observation.is_none() && entry.revision == 0);
    Ok(bare.map(|entry| entry.record).collect())
}

/// Links 1 to 3, tombstones 4 and 5, keys of s5 and s6: a sweep can miss s1, s2, s3, s5 and s6.
async fn known(store: &dyn Store) -> Result<Lease, Found> {
    let lease = leased(store).await?;
    let live = [link(1), link(2), with_status(link(3), LinkStatus::Suspended)];
    let ended = [4, 5].map(|n| with_status(link(n), LinkStatus::Tombstone));
    let keys = ["s5", "s6"].map(|id| record_keys(Side::Source, id, &[(0, 1)]));
    let batch = CommitBatch { keys: keys.into(), ..links(live.into_iter().chain(ended)) };
    store.commit(&lease, &batch).await?;
    Ok(lease)
}

pub(super) async fn after_a_sweep_each_known_record_that_it_did_not_show_has_an_entry(
    store: &dyn Store,
) -> Checked {
    let lease = known(store).await?;
    // Many more, so that they do not fit into one breath of a store.
    let keys = (0..1200).map(|n| record_keys(Side::Target, &format!("k{n:04}"), &[(0, 2)]));
    store.commit(&lease, &CommitBatch { keys: keys.collect(), ..CommitBatch::default() }).await?;
    same!(read(store, &lease, Sweep::First, &["s7"]).await?, 0, "missed by the first page");
    same!(read(store, &lease, Sweep::Going, &["s1"]).await?, 0, "missed by the second page");
    same!(bare(store, &lease, Side::Source).await?, []);
    same!(read(store, &lease, Sweep::Last, &["s6"]).await?, 3, "missed in all");
    // s4 has neither a link nor a key.
    same!(bare(store, &lease, Side::Source).await?, ["s2", "s3", "s5"].map(record));
    same!(bare(store, &lease, Side::Target).await?, [], "the side that was not read");

    let only = sweep(Sweep::Only, Side::Target, [row("t1", 1), row("k0007", 1)]);
    same!(store.intake(&lease, &only).await?.missed, 1201, "missed of many");
    same!(bare(store, &lease, Side::Target).await?.len(), 1201, "entries of many");
    Ok(())
}

pub(super) async fn a_record_on_a_page_of_the_sweep_was_shown_whatever_its_state(
    store: &dyn Store,
) -> Checked {
    let lease = known(store).await?;
    let gone = Observation {
        record: record("s2"),
        state: State::Archived(Values::default()),
        provenance: Provenance::Listed,
    };
    let odd = IntakeRow { observation: gone, fingerprint: None, keys: None };
    // The first tells nothing new, and the fourth has no key any more.
    let rows = [row_like("s1", 1), odd, row("s3", 1), keyed("s5", &[]), row("s6", 1)];
    let taken = store.intake(&lease, &sweep(Sweep::Only, Side::Source, rows)).await?;
    same!(taken.missed, 0, "missed");
    same!(bare(store, &lease, Side::Source).await?, []);
    Ok(())
}

pub(super) async fn a_first_page_forgets_what_earlier_sweeps_showed(store: &dyn Store) -> Checked {
    let lease = known(store).await?;
    let all = ["s1", "s2", "s3", "s5", "s6"];
    same!(read(store, &lease, Sweep::Only, &all).await?, 0, "missed by a whole sweep");
    // One that is cut off, and begins anew.
    read(store, &lease, Sweep::First, &all).await?;
    read(store, &lease, Sweep::First, &["s1", "s2"]).await?;
    same!(read(store, &lease, Sweep::Last, &["s5"]).await?, 2, "missed by the second try");
    same!(bare(store, &lease, Side::Source).await?, ["s3", "s6"].map(record));
    Ok(())
}

pub(super) async fn only_pages_of_a_sweep_show_records_to_it(store: &dyn Store) -> Checked {
    let lease = known(store).await?;
    read(store, &lease, Sweep::First, &["s1", "s2"]).await?;
    read(store, &lease, Sweep::None, &["s3", "s5"]).await?;
    store.intake(&lease, &sweep(Sweep::Only, Side::Target, [row("s6", 1)])).await?;
    same!(read(store, &lease, Sweep::Last, &[]).await?, 3, "missed");
    // Without a sweep nothing is missed.
    same!(read(store, &lease, Sweep::None, &[]).await?, 0, "missed by an incremental read");
    same!(read(store, &lease, Sweep::Last, &[]).await?, 0, "missed by a sweep that never began");
    Ok(())
}

pub(super) async fn the_first_read_of_a_side_misses_nothing(store: &dyn Store) -> Checked {
    let lease = leased(store).await?;
    let keyed = |id: &str| keyed(id, &[(0, 1)]);
    store.intake(&lease, &sweep(Sweep::Only, Side::Target, [keyed("t8")])).await?;
    store.intake(&lease, &sweep(Sweep::First, Side::Source, [keyed("s1")])).await?;
    // Known by now, and not by the sweep.
    store.commit(&lease, &links([link(2)])).await?;
    let taken = store.intake(&lease, &sweep(Sweep::Last, Side::Source, [keyed("s3")])).await?;
    same!((taken.entered, taken.missed), (1, 0));
    same!(bare(store, &lease, Side::Source).await?, []);
    Ok(())
}

pub(super) async fn a_missed_record_s_entry_that_is_an_id_alone_stays_as_it_is(
    store: &dyn Store,
) -> Checked {
    let lease = known(store).await?;
    let waiting = ["s1", "s2"].map(|id| Requeue {
        side: Side::Source,
        record: record(id),
        not_before: Some(at(60)),
        failed: Some(3),
    });
    let batch = CommitBatch { requeued: waiting.into(), ..CommitBatch::default() };
    store.commit(&lease, &batch).await?;
    read(store, &lease, Sweep::None, &["s3", "s6"]).await?;
    let before = entries(store, &lease, Side::Source).await?;
    same!(read(store, &lease, Sweep::Only, &["s5"]).await?, 2, "missed that had an observation");
    let after = entries(store, &lease, Side::Source).await?;
    let of = |all: &[InboxEntry], id: &str| {
        there("entry", all.iter().find(|entry| entry.record == record(id)).cloned())
    };
    for id in ["s1", "s2"] {
        same!(of(&after, id)?, of(&before, id)?);
    }
    for id in ["s3", "s6"] {
        let (before, after) = (of(&before, id)?, of(&after, id)?);
        same!(after.observation, None, "what was observed of {id}");
        ensure!(after.sequence > before.sequence, "the number of {id} did not grow");
    }
    Ok(())
}
