//! Pages and hints into the inbox.

use std::time::Duration;

use fluxcascade_core::model::{
    ConnectionName, DeleteEvidence, HoldKey, HoldReason, InboxEntry, LinkStatus, ObjectType,
    Observation, Provenance, RecordId, Side, State, TenantId, Timestamp, Values, Version,
};
use fluxcascade_core::store::{
    CommitBatch, Feed, Hint, InboxMark, Intake, IntakeRow, Lease, Requeue, Taken,
};

use crate::FullStore;
use crate::nouns::*;

/// All entries of a mapping, at the end of time.
async fn entries(store: &impl FullStore, lease: &Lease) -> Vec<(Side, InboxEntry)> {
    let work = store.work(lease, &all_work(Timestamp::from_micros(i64::MAX))).await.unwrap();
    let mut found = Vec::new();
    for work in work {
        for side in Side::BOTH {
            found.extend(work.entries[side].clone().map(|entry| (side, entry)));
        }
    }
    found
}

async fn entry(store: &impl FullStore, lease: &Lease, id: &str) -> InboxEntry {
    let all = entries(store, lease).await;
    all.into_iter().map(|(_, entry)| entry).find(|entry| entry.record == record(id)).unwrap()
}

pub(crate) async fn a_feed_is_where_the_last_page_left_it(store: &impl FullStore) {
    let lease = leased(store).await;
    assert_eq!(store.feed(&lease, &feed_key()).await.unwrap(), Feed::default());
    for (cursor, sweep_rows) in [("page 1", 7), ("page 2", 12)] {
        let feed = Feed { sweep_rows, ..feed_at(cursor) };
        let read = Intake { feed: feed.clone(), ..page(Side::Source, []) };
        assert_eq!(store.intake(&lease, &read).await.unwrap(), Taken::default());
        assert_eq!(store.feed(&lease, &feed_key()).await.unwrap(), feed);
    }
    let other = feed_of("hubspot", "companies", "contacts");
    assert_eq!(store.feed(&lease, &other).await.unwrap(), Feed::default());
    store.intake(&lease, &page(Side::Source, [])).await.unwrap();
    assert_eq!(store.feed(&lease, &feed_key()).await.unwrap(), Feed::default());
}

pub(crate) async fn a_row_that_tells_nothing_new_is_dropped(store: &impl FullStore) {
    let lease = leased(store).await;
    store.commit(&lease, &links([link(1)])).await.unwrap();
    let rows = [row_like("s1", 1), row("s2", 1)];
    let read = Intake { feed: feed_at("page 1"), ..page(Side::Source, rows) };
    assert_eq!(store.intake(&lease, &read).await.unwrap().entered, 1);
    assert_eq!(store.feed(&lease, &feed_key()).await.unwrap(), feed_at("page 1"));
    let found = entries(store, &lease).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].1.record, record("s2"));
    assert_eq!(found[0].1.observation, Some(row("s2", 1).observation));
    assert_eq!((found[0].1.revision, found[0].1.attempts, found[0].1.not_before), (1, 0, None));
    assert_eq!(
        store.intake(&lease, &page(Side::Target, [row_like("t1", 1)])).await.unwrap().entered,
        0
    );
}

pub(crate) async fn a_row_is_dropped_only_if_its_link_is_active_free_and_has_its_fingerprint(
    store: &impl FullStore,
) {
    let lease = leased(store).await;
    let mut unmarked = link(4);
    unmarked.bases.source.fingerprint = None;
    let batch = links([
        link(1),
        with_status(link(2), LinkStatus::Suspended),
        with_status(link(3), LinkStatus::Tombstone),
        unmarked,
    ]);
    store.commit(&lease, &batch).await.unwrap();
    let entered = async |rows: Vec<IntakeRow>| {
        store.intake(&lease, &page(Side::Source, rows)).await.unwrap().entered
    };
    assert_eq!(entered(vec![row_like("s1", 1)]).await, 0);
    assert_eq!(entered(vec![row_like("s2", 2)]).await, 1, "suspended");
    assert_eq!(entered(vec![row_like("s3", 3)]).await, 1, "a tombstone");
    assert_eq!(entered(vec![row_like("s4", 4)]).await, 1, "a base without a fingerprint");
    let bare = IntakeRow { fingerprint: None, ..row("s4", 2) };
    assert_eq!(entered(vec![bare]).await, 1, "neither has a fingerprint");
    assert_eq!(entered(vec![row_like("s5", 5)]).await, 1, "not linked");
    let later = Intake { revision: 2, ..page(Side::Source, [row_like("s1", 1)]) };
    assert_eq!(store.intake(&lease, &later).await.unwrap().entered, 1, "a base of other fields");
    store.commit(&lease, &links([link(6)])).await.unwrap();
    assert_eq!(entered(vec![row_like("s6", 7)]).await, 1, "another fingerprint");
}

pub(crate) async fn a_row_is_dropped_only_if_its_link_has_no_hold(store: &impl FullStore) {
    let lease = leased(store).await;
    store.commit(&lease, &links([link(1), link(2), link(3), link(4)])).await.unwrap();
    let batch = holds([
        pair_hold(1, "name", None),
        hold(HoldKey::Link(link_id(2)), HoldReason::Missing, None),
        record_hold(Side::Target, "t3", None),
    ]);
    store.commit(&lease, &batch).await.unwrap();
    let rows = (1..=4).map(|n| row_like(&format!("s{n}"), n));
    assert_eq!(store.intake(&lease, &page(Side::Source, rows)).await.unwrap().entered, 3);

    let keys = batch.holds.iter().map(|hold| hold.key.clone()).collect();
    let cleared = entries(store, &lease).await.into_iter().map(|(side, entry)| InboxMark {
        side,
        record: entry.record,
        sequence: entry.sequence,
    });
    let batch =
        CommitBatch { released: keys, cleared: cleared.collect(), ..CommitBatch::default() };
    store.commit(&lease, &batch).await.unwrap();
    let rows = (1..=4).map(|n| row_like(&format!("s{n}"), n));
    assert_eq!(store.intake(&lease, &page(Side::Source, rows)).await.unwrap().entered, 0);
}

pub(crate) async fn a_row_is_dropped_only_if_its_link_has_no_open_operation(
    store: &impl FullStore,
) {
    let lease = leased(store).await;
    store.commit(&lease, &links([link(1), link(2), link(3)])).await.unwrap();
    // The second is a create that was sent before its origin was linked otherwise.
    let operations = [update(1, &link(1)), create(20, Side::Source, "t2", &[])];
    store.begin(&lease, &operations).await.unwrap();
    let rows = (1..=3).map(|n| row_like(&format!("s{n}"), n));
    assert_eq!(store.intake(&lease, &page(Side::Source, rows)).await.unwrap().entered, 2);
    let rows = (1..=3).map(|n| row_like(&format!("t{n}"), n));
    assert_eq!(store.intake(&lease, &page(Side::Target, rows)).await.unwrap().entered, 2);
}

pub(crate) async fn a_row_that_an_entry_waits_for_is_not_dropped(store: &impl FullStore) {
    let lease = leased(store).await;
    store.intake(&lease, &page(Side::Source, [row("s1", 1)])).await.unwrap();
    store.commit(&lease, &links([link(1)])).await.unwrap();
    let newer = IntakeRow { fingerprint: Some(print(1)), ..row("s1", 2) };
    assert_eq!(
        store.intake(&lease, &page(Side::Source, [newer.clone()])).await.unwrap().entered,
        1
    );
    assert_eq!(entry(store, &lease, "s1").await.observation, Some(newer.observation));
}

pub(crate) async fn a_row_replaces_an_entrys_observation_unless_its_version_is_older(
    store: &impl FullStore,
) {
    let lease = leased(store).await;
    let read = async |order| {
        store.intake(&lease, &page(Side::Source, [row("s1", order)])).await.unwrap().entered
    };
    assert_eq!(read(5).await, 1);
    assert_eq!(read(4).await, 0);
    let kept = entry(store, &lease, "s1").await;
    assert_eq!((kept.sequence, kept.observation), (1, Some(row("s1", 5).observation)));

    let mut same = row("s1", 5);
    same.observation = Observation::listed(
        record("s1"),
        Values::default(),
        Version { order: Some(5), ..Version::default() },
    );
    store.intake(&lease, &page(Side::Source, [same.clone()])).await.unwrap();
    assert_eq!(entry(store, &lease, "s1").await.observation, Some(same.observation));

    let later = Intake { revision: 2, ..page(Side::Source, [row("s1", 6)]) };
    assert_eq!(store.intake(&lease, &later).await.unwrap().entered, 1);
    let entry = entry(store, &lease, "s1").await;
    assert_eq!((entry.revision, entry.sequence), (2, 3));
    assert_eq!(entry.observation, Some(row("s1", 6).observation));
}

pub(crate) async fn where_the_two_versions_cannot_be_compared_the_entry_keeps_the_id_alone(
    store: &impl FullStore,
) {
    let lease = leased(store).await;
    let by_time = Version::modified(at(1), Duration::from_secs(1));
    let gone = State::Deleted(DeleteEvidence::Flag);
    let rows = [
        Observation::listed(record("s1"), Values::default(), by_time),
        Observation::listed(record("s2"), Values::default(), Version::default()),
        Observation { record: record("s3"), state: gone, provenance: Provenance::Listed },
    ];
    for observation in rows {
        let id = observation.record.to_string();
        store.intake(&lease, &page(Side::Source, [row(&id, 1)])).await.unwrap();
        let odd = IntakeRow { observation, fingerprint: None, keys: None };
        assert_eq!(store.intake(&lease, &page(Side::Source, [odd])).await.unwrap().entered, 1);
        let entry = entry(store, &lease, &id).await;
        assert_eq!((entry.observation, entry.revision), (None, 0), "{id}");
    }
}

pub(crate) async fn an_entry_that_is_an_id_alone_stays_one(store: &impl FullStore) {
    let lease = leased(store).await;
    store.intake(&lease, &page(Side::Source, [])).await.unwrap();
    store.notify(&[hint("s1")]).await.unwrap();
    assert_eq!(store.intake(&lease, &page(Side::Source, [row("s1", 1)])).await.unwrap().entered, 1);
    let entry = entry(store, &lease, "s1").await;
    assert_eq!((entry.observation, entry.sequence), (None, 2), "the hint may be the newer");
}

pub(crate) async fn only_a_newer_version_starts_the_waiting_anew(store: &impl FullStore) {
    let lease = leased(store).await;
    let waiting = Requeue {
        side: Side::Source,
        record: record("s1"),
        not_before: Some(at(60)),
        failed: Some(3),
    };
    let batch = CommitBatch { requeued: vec![waiting], ..CommitBatch::default() };
    store.commit(&lease, &batch).await.unwrap();
    store.intake(&lease, &page(Side::Source, [row("s1", 1)])).await.unwrap();
    let kept = entry(store, &lease, "s1").await;
    assert_eq!((kept.not_before, kept.attempts), (Some(at(60)), 3));

    store.intake(&lease, &page(Side::Source, [])).await.unwrap();
    store.notify(&[hint("s1")]).await.unwrap();
    let anew = entry(store, &lease, "s1").await;
    assert_eq!((anew.not_before, anew.attempts), (None, 0), "a hint is an edit");
}

/// The ids of the records that share a key with `probe`.
async fn sharing(store: &impl FullStore, lease: &Lease, probe: &str) -> Vec<(u16, Vec<RecordId>)> {
    let work = store.work(lease, &all_work(at(9))).await.unwrap();
    let is_probe = |id: &RecordId| id.as_str() == probe;
    let probe = work
        .into_iter()
        .find(|work| work.entries.source.as_ref().is_some_and(|entry| is_probe(&entry.record)));
    let candidates = probe.unwrap().candidates;
    let ids = |found: fluxcascade_core::model::Candidates| {
        found.holders.source.into_iter().map(|holder| holder.record).collect()
    };
    candidates.into_iter().map(|found| (found.rule, ids(found))).collect()
}

pub(crate) async fn the_match_keys_of_a_row_replace_those_that_its_record_had(
    store: &impl FullStore,
) {
    let lease = leased(store).await;
    let probe = keyed("p", &[(0, 1), (1, 2)]);
    let read = async |row: IntakeRow| {
        store.intake(&lease, &page(Side::Source, [row])).await.unwrap();
        sharing(store, &lease, "p").await
    };
    let (p, s) = (record("p"), record("s"));
    read(probe).await;
    let both = vec![p.clone(), s.clone()];
    assert_eq!(read(keyed("s", &[(0, 1), (1, 2)])).await, [(0, both.clone()), (1, both.clone())]);
    assert_eq!(read(keyed("s", &[(1, 2)])).await, [(0, vec![p.clone()]), (1, both.clone())]);
    let unread = IntakeRow { keys: None, ..row("s", 1) };
    assert_eq!(read(unread).await, [(0, vec![p.clone()]), (1, both)], "no keys are known");
    assert_eq!(read(keyed("s", &[])).await, [(0, vec![p.clone()]), (1, vec![p])]);
}

pub(crate) async fn the_match_keys_of_a_dropped_row_replace_too(store: &impl FullStore) {
    let lease = leased(store).await;
    store.commit(&lease, &links([link(1)])).await.unwrap();
    let dropped = IntakeRow { keys: Some(some_keys(&[(0, 7)])), ..row_like("s1", 1) };
    let rows = [dropped, keyed("p", &[(0, 7)])];
    assert_eq!(store.intake(&lease, &page(Side::Source, rows)).await.unwrap().entered, 1);
    let found = sharing(store, &lease, "p").await;
    assert_eq!(found, [(0, vec![record("p"), record("s1")])]);
}

pub(crate) async fn a_new_or_replaced_entry_has_a_greater_sequence_number_than_any_before_it(
    store: &impl FullStore,
) {
    let lease = leased(store).await;
    let mut last = 0;
    for order in 1..4 {
        let rows = [row("s1", order), row("s2", order)];
        store.intake(&lease, &page(Side::Source, rows)).await.unwrap();
        for (side, entry) in entries(store, &lease).await {
            assert!(entry.sequence > last);
            last = entry.sequence;
            // Clearing the latest entry does not give its number free.
            let mark = InboxMark { side, record: entry.record, sequence: entry.sequence };
            let batch = CommitBatch { cleared: vec![mark], ..CommitBatch::default() };
            store.commit(&lease, &batch).await.unwrap();
        }
    }
    assert_eq!(last, 6);
}

fn hint(id: &str) -> Hint {
    Hint {
        tenant: TenantId::default(),
        connection: ConnectionName::new("hubspot").unwrap(),
        object: ObjectType::new("contacts").unwrap(),
        record: record(id),
    }
}

pub(crate) async fn a_hint_reaches_all_mappings_that_read_the_object_type(store: &impl FullStore) {
    let readers = ["contacts", "leads"];
    let others = [("hubspot", "deals"), ("hubspot 2", "contacts")];
    let mut leases = Vec::new();
    for reader in readers {
        let lease = store.lease(&mapping(reader), at(0), TTL).await.unwrap();
        let feed_key = feed_of("hubspot", "contacts", reader);
        let read = Intake { feed_key, ..page(Side::Source, []) };
        store.intake(&lease, &read).await.unwrap();
        leases.push(lease);
    }
    for (n, (connection, object)) in others.into_iter().enumerate() {
        let name = format!("other {n}");
        let lease = store.lease(&mapping(&name), at(0), TTL).await.unwrap();
        let read =
            Intake { feed_key: feed_of(connection, object, &name), ..page(Side::Source, []) };
        store.intake(&lease, &read).await.unwrap();
    }
    store.notify(&[hint("s1"), hint("s2"), hint("s1")]).await.unwrap();
    for lease in &leases {
        let found = entries(store, lease).await;
        let ids: Vec<_> = found.iter().map(|(side, entry)| (*side, entry.record.clone())).collect();
        assert_eq!(ids, [(Side::Source, record("s1")), (Side::Source, record("s2"))]);
    }
    for n in 0..2 {
        assert_eq!(store.counts(&mapping(&format!("other {n}"))).await.unwrap().inbox, 0);
    }
}

pub(crate) async fn a_hint_gives_an_entry_a_new_sequence_number_and_no_observation(
    store: &impl FullStore,
) {
    let lease = leased(store).await;
    store.intake(&lease, &page(Side::Source, [row("s1", 1)])).await.unwrap();
    let before = entry(store, &lease, "s1").await;
    store.notify(&[hint("s1")]).await.unwrap();
    let after = entry(store, &lease, "s1").await;
    assert!(after.sequence > before.sequence);
    assert_eq!(after.observation, None);
}
