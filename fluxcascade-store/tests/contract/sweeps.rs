//! What a complete read of a side did not show.

use fluxcascade_core::model::{
    DeleteEvidence, LinkStatus, Observation, Provenance, RecordId, Side, State, Timestamp,
};
use fluxcascade_core::store::{CommitBatch, IntakeRow, Lease, Requeue, Sweep, Taken};

use crate::FullStore;
use crate::nouns::*;

/// A page of a full read of the source; what it did.
async fn read(store: &impl FullStore, lease: &Lease, part: Sweep, ids: &[&str]) -> Taken {
    let rows: Vec<_> = ids.iter().map(|id| row(id, 1)).collect();
    store.intake(lease, &sweep(part, Side::Source, rows)).await.unwrap()
}

fn missed(missed: u64) -> Taken {
    Taken { entered: 0, missed }
}

/// The ids of a side's records that have an entry without an observation.
async fn bare(store: &impl FullStore, lease: &Lease, side: Side) -> Vec<RecordId> {
    let work = store.work(lease, &all_work(Timestamp::from_micros(i64::MAX))).await.unwrap();
    let entries = work.into_iter().filter_map(|work| work.entries[side].clone());
    let bare = entries.filter(|entry| (entry.observation.is_none()) && entry.revision == 0);
    bare.map(|entry| entry.record).collect()
}

/// Links 1 to 3, a tombstone 4 and 5, a key of s5 and s6.
async fn known(store: &impl FullStore) -> Lease {
    let lease = leased(store).await;
    let ended = [4, 5].map(|n| with_status(link(n), LinkStatus::Tombstone));
    let keys = ["s5", "s6"].map(|id| record_keys(Side::Source, id, &[(0, 1)]));
    let batch = CommitBatch {
        keys: keys.into(),
        ..links(
            [link(1), link(2), with_status(link(3), LinkStatus::Suspended)]
                .into_iter()
                .chain(ended),
        )
    };
    store.commit(&lease, &batch).await.unwrap();
    lease
}

pub(crate) async fn after_a_sweep_each_known_record_that_it_did_not_show_has_an_entry(
    store: &impl FullStore,
) {
    let lease = known(store).await;
    // Many more, so that they do not fit into one breath of a store.
    let keys = (0..1200).map(|n| record_keys(Side::Target, &format!("k{n:04}"), &[(0, 2)]));
    let batch = CommitBatch { keys: keys.collect(), ..CommitBatch::default() };
    store.commit(&lease, &batch).await.unwrap();
    assert_eq!(read(store, &lease, Sweep::First, &["s7"]).await.missed, 0);
    assert_eq!(read(store, &lease, Sweep::Going, &["s1"]).await.missed, 0);
    assert!(bare(store, &lease, Side::Source).await.is_empty());
    assert_eq!(read(store, &lease, Sweep::Last, &["s6"]).await.missed, 3);
    // The records of the links 2 and 3 come first; s4 has neither a link nor a key.
    assert_eq!(bare(store, &lease, Side::Source).await, ["s2", "s3", "s5"].map(record));
    assert!(bare(store, &lease, Side::Target).await.is_empty(), "it was not read");

    let only = sweep(Sweep::Only, Side::Target, [row_like("t1", 1), row("k0007", 1)]);
    let taken = store.intake(&lease, &only).await.unwrap();
    assert_eq!(taken, Taken { entered: 1, missed: 1201 });
    assert_eq!(bare(store, &lease, Side::Target).await.len(), 1201);
}

pub(crate) async fn a_record_on_a_page_of_the_sweep_was_shown_whatever_its_state(
    store: &impl FullStore,
) {
    let lease = known(store).await;
    let gone = Observation {
        record: record("s2"),
        state: State::Deleted(DeleteEvidence::Flag),
        provenance: Provenance::Listed,
    };
    let odd = IntakeRow { observation: gone, fingerprint: None, keys: None };
    // The first is dropped, its record was shown nevertheless.
    let rows = [row_like("s1", 1), odd, row("s3", 1), keyed("s5", &[]), row("s6", 1)];
    let taken = store.intake(&lease, &sweep(Sweep::Only, Side::Source, rows)).await.unwrap();
    assert_eq!(taken, Taken { entered: 4, missed: 0 });
    assert!(bare(store, &lease, Side::Source).await.is_empty());
}

pub(crate) async fn a_first_page_forgets_what_earlier_sweeps_showed(store: &impl FullStore) {
    let lease = known(store).await;
    let all = ["s1", "s2", "s3", "s5", "s6"];
    assert_eq!(read(store, &lease, Sweep::Only, &all).await.missed, 0);
    // One that is cut off, and begins anew.
    read(store, &lease, Sweep::First, &all).await;
    read(store, &lease, Sweep::First, &["s1", "s2"]).await;
    assert_eq!(read(store, &lease, Sweep::Last, &["s5"]).await.missed, 2);
    assert_eq!(bare(store, &lease, Side::Source).await, ["s3", "s6"].map(record));
}

pub(crate) async fn only_pages_of_a_sweep_show_records_to_it(store: &impl FullStore) {
    let lease = known(store).await;
    read(store, &lease, Sweep::First, &["s1", "s2"]).await;
    read(store, &lease, Sweep::None, &["s3", "s5"]).await;
    let other = sweep(Sweep::Only, Side::Target, [row("s6", 1)]);
    store.intake(&lease, &other).await.unwrap();
    assert_eq!(read(store, &lease, Sweep::Last, &[]).await, missed(3));
    // Without a sweep nothing is missed.
    assert_eq!(read(store, &lease, Sweep::None, &[]).await, missed(0));
    assert_eq!(read(store, &lease, Sweep::Last, &[]).await, missed(0));
}

pub(crate) async fn the_first_read_of_a_side_misses_nothing(store: &impl FullStore) {
    let lease = leased(store).await;
    let keyed = |id: &str| keyed(id, &[(0, 1)]);
    let target = sweep(Sweep::Only, Side::Target, [keyed("t8")]);
    store.intake(&lease, &target).await.unwrap();
    let first = sweep(Sweep::First, Side::Source, [keyed("s1")]);
    store.intake(&lease, &first).await.unwrap();
    // Known by now, and not by the sweep.
    store.commit(&lease, &links([link(2)])).await.unwrap();
    let last = sweep(Sweep::Last, Side::Source, [keyed("s3")]);
    assert_eq!(store.intake(&lease, &last).await.unwrap(), Taken { entered: 1, missed: 0 });
    assert!(bare(store, &lease, Side::Source).await.is_empty());
}

pub(crate) async fn a_missed_entry_keeps_its_time_and_its_attempts(store: &impl FullStore) {
    let lease = known(store).await;
    let waiting = |id: &str| Requeue {
        side: Side::Source,
        record: record(id),
        not_before: Some(at(60)),
        failed: Some(3),
    };
    let batch =
        CommitBatch { requeued: vec![waiting("s1"), waiting("s2")], ..CommitBatch::default() };
    store.commit(&lease, &batch).await.unwrap();
    read(store, &lease, Sweep::None, &["s3", "s6"]).await;
    let before = entries(store, &lease).await;
    let taken = read(store, &lease, Sweep::Only, &["s5"]).await;
    assert_eq!(taken.missed, 2, "entries that are ids alone are left as they are");
    let after = entries(store, &lease).await;
    let of = |all: &[fluxcascade_core::model::InboxEntry], id: &str| {
        all.iter().find(|entry| entry.record == record(id)).unwrap().clone()
    };
    for id in ["s1", "s2"] {
        assert_eq!(of(&after, id), of(&before, id));
    }
    for id in ["s3", "s6"] {
        let (before, after) = (of(&before, id), of(&after, id));
        assert!(before.observation.is_some() && after.observation.is_none(), "{id}");
        assert!(after.sequence > before.sequence);
        assert_eq!((after.not_before, after.attempts), (before.not_before, before.attempts));
    }
}

async fn entries(
    store: &impl FullStore,
    lease: &Lease,
) -> Vec<fluxcascade_core::model::InboxEntry> {
    let work = store.work(lease, &all_work(Timestamp::from_micros(i64::MAX))).await.unwrap();
    work.into_iter().filter_map(|work| work.entries.source).collect()
}
