//! Leases, revisions and runs, and what is kept apart.

use fluxcascade_core::model::{
    Answer, AnswerOutcome, AnswerTo, Choice, ConnectionName, ObjectType, RunNumber, RunRow,
    RunStatus, Side, Sides, TenantId, WorkKey,
};
use fluxcascade_core::store::{
    CommitBatch, Counts, Feed, Hint, Intake, Lease, Page, RunStart, StoreErrorKind,
};

use crate::FullStore;
use crate::nouns::*;

pub(crate) async fn while_a_lease_is_neither_released_nor_past_its_end_another_is_busy(
    store: &impl FullStore,
) {
    let lease = store.lease(&contacts(), at(0), TTL).await.unwrap();
    assert_eq!(lease.until, at(0) + TTL);
    let error = store.lease(&contacts(), at(299), TTL).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Busy);
    assert!(error.message.contains("default/contacts"), "{error}");
    store.lease(&mapping("deals"), at(1), TTL).await.unwrap();

    let second = store.lease(&contacts(), at(300), TTL).await.unwrap();
    store.release(&second).await.unwrap();
    store.lease(&contacts(), at(301), TTL).await.unwrap();
}

pub(crate) async fn each_lease_has_a_greater_fencing_number_than_the_one_before(
    store: &impl FullStore,
) {
    let mut last = 0;
    for _ in 0..3 {
        let lease = store.lease(&contacts(), at(0), TTL).await.unwrap();
        assert!(lease.fence > last);
        last = lease.fence;
        store.release(&lease).await.unwrap();
    }
}

/// Every call that a lease is given to, by name.
async fn refused_by(store: &impl FullStore, lease: &Lease) -> Vec<&'static str> {
    let run = RunRow {
        number: RunNumber(1),
        started: at(0),
        ended: Some(at(1)),
        status: RunStatus::Failed,
        writes: Sides::new(7, 7),
        error: None,
    };
    let calls = [
        ("renew", store.renew(lease, at(0), TTL).await.err()),
        ("add_revision", store.add_revision(lease, &revision(1)).await.err()),
        ("start_run", store.start_run(lease, &RunStart { started: at(0) }).await.err()),
        ("finish_run", store.finish_run(lease, &run).await.err()),
        ("feed", store.feed(lease, &feed_key()).await.err()),
        ("intake", store.intake(lease, &page(Side::Source, [row("s9", 1)])).await.err()),
        ("work", store.work(lease, &all_work(at(0))).await.err()),
        ("gather", store.gather(lease, &[]).await.err()),
        ("begin", store.begin(lease, &[update(9, &link(1))]).await.err()),
        ("commit", store.commit(lease, &links([link(9)])).await.err()),
    ];
    calls
        .into_iter()
        .filter(|(_, error)| error.as_ref().is_some_and(|e| e.kind == StoreErrorKind::LeaseLost))
        .map(|(name, _)| name)
        .collect()
}

const UNDER_A_LEASE: [&str; 10] = [
    "renew",
    "add_revision",
    "start_run",
    "finish_run",
    "feed",
    "intake",
    "work",
    "gather",
    "begin",
    "commit",
];

pub(crate) async fn a_call_under_a_lease_that_is_not_the_latest_fails_as_lease_lost(
    store: &impl FullStore,
) {
    let old = leased(store).await;
    store.start_run(&old, &RunStart { started: at(0) }).await.unwrap();
    let new = store.lease(&contacts(), old.until, TTL).await.unwrap();
    assert_eq!(refused_by(store, &old).await, UNDER_A_LEASE);

    let never = Lease { fence: new.fence + 1, ..new.clone() };
    assert_eq!(refused_by(store, &never).await, UNDER_A_LEASE);
    let elsewhere = Lease { mapping: mapping_of("other", "contacts"), ..new.clone() };
    assert_eq!(refused_by(store, &elsewhere).await, UNDER_A_LEASE);

    assert_eq!(store.counts(&contacts()).await.unwrap(), Counts::default());
    assert_eq!(store.runs(&contacts(), &Page::all()).await.unwrap().len(), 1);
    assert!(store.revisions(&contacts()).await.unwrap().is_empty());
    store.renew(&new, at(0), TTL).await.unwrap();
}

pub(crate) async fn a_lease_that_was_given_back_is_no_lease(store: &impl FullStore) {
    let lease = leased(store).await;
    store.start_run(&lease, &RunStart { started: at(0) }).await.unwrap();
    store.release(&lease).await.unwrap();
    assert_eq!(refused_by(store, &lease).await, UNDER_A_LEASE);
}

pub(crate) async fn a_renewed_lease_holds_until_its_new_end(store: &impl FullStore) {
    let lease = leased(store).await;
    let renewed = store.renew(&lease, at(150), TTL).await.unwrap();
    assert_eq!(renewed, Lease { until: at(450), ..lease });
    assert!(store.lease(&contacts(), at(449), TTL).await.is_err());
    store.lease(&contacts(), at(450), TTL).await.unwrap();
}

pub(crate) async fn giving_back_a_lost_lease_leaves_the_later_one(store: &impl FullStore) {
    let old = leased(store).await;
    let new = store.lease(&contacts(), old.until, TTL).await.unwrap();
    store.release(&old).await.unwrap();
    store.release(&Lease { mapping: mapping("never seen"), ..old }).await.unwrap();
    assert!(store.lease(&contacts(), new.since, TTL).await.is_err());
    store.commit(&new, &CommitBatch::default()).await.unwrap();
}

pub(crate) async fn a_lease_is_not_sole_after_one_that_ran_out(store: &impl FullStore) {
    let first = leased(store).await;
    assert!(first.sole);
    let second = store.lease(&contacts(), first.until, TTL).await.unwrap();
    assert!(!second.sole, "the first holder may still run");
    store.release(&second).await.unwrap();
    assert!(store.lease(&contacts(), second.since, TTL).await.unwrap().sole);
}

pub(crate) async fn nothing_of_one_tenant_or_mapping_is_seen_by_a_call_for_another(
    store: &impl FullStore,
) {
    let lease = leased(store).await;
    store.add_revision(&lease, &revision(1)).await.unwrap();
    store.start_run(&lease, &RunStart { started: at(0) }).await.unwrap();
    let read = Intake { feed: feed_at("c1"), ..page(Side::Source, [keyed("s1", &[(0, 1)])]) };
    store.intake(&lease, &read).await.unwrap();
    store
        .begin(&lease, &[update(1, &link(2)), create(3, Side::Target, "s1", &[(0, 1)])])
        .await
        .unwrap();
    let batch = CommitBatch {
        links: links([link(2)]).links,
        holds: vec![record_hold(Side::Source, "s1", Some(at(0)))],
        conflicts: vec![conflict(2, 1)],
        log: vec![log_row(1, Some("s1"), None, "")],
        ..CommitBatch::default()
    };
    store.commit(&lease, &batch).await.unwrap();

    for other in [mapping("deals"), mapping_of("other", "contacts")] {
        let lease = store.lease(&other, at(0), TTL).await.unwrap();
        assert_eq!(lease.fence, 1);
        assert_eq!(store.counts(&other).await.unwrap(), Counts::default());
        assert!(store.revisions(&other).await.unwrap().is_empty());
        assert!(store.links(&other, None, 9).await.unwrap().is_empty());
        assert!(store.log(&other, &Page::all()).await.unwrap().is_empty());
        assert!(store.conflicts(&other, &Page::all()).await.unwrap().is_empty());
        assert!(store.holds(&other, &Page::all()).await.unwrap().is_empty());
        assert!(store.runs(&other, &Page::all()).await.unwrap().is_empty());
        assert!(store.work(&lease, &all_work(at(9))).await.unwrap().is_empty());
        assert_eq!(store.linked(&other, Side::Source, &[record("s2")]).await.unwrap(), [None]);
        let rows = store.conflict_rows(&other, &[conflict(2, 1).id]).await.unwrap();
        assert_eq!(rows, [None]);
        let keys = [WorkKey::Link(link_id(2)), WorkKey::Record(Side::Source, record("s1"))];
        assert!(store.gather(&lease, &keys).await.unwrap().is_empty());
        let answer = AnswerTo {
            hold: batch.holds[0].key.clone(),
            version: batch.holds[0].version(),
            answer: Answer { choice: Choice::Leave, at: at(1) },
        };
        assert_eq!(store.answer(&other, &[answer]).await.unwrap(), [AnswerOutcome::Gone]);
        let feed = feed_of("hubspot", "contacts", other.mapping.as_str());
        assert_eq!(store.feed(&lease, &feed).await.unwrap(), Feed::default());

        // The same record there: not linked, and alone with its key.
        let mut there = page(Side::Source, [keyed("s2", &[(0, 1)])]);
        there.feed_key.reader = other.mapping.clone();
        store.intake(&lease, &there).await.unwrap();
        let work = store.work(&lease, &all_work(at(9))).await.unwrap();
        assert_eq!(work.len(), 1);
        assert_eq!(work[0].entries.source.as_ref().unwrap().sequence, 1);
        assert_eq!(work[0].candidates[0].holders.source.len(), 1);
        assert_eq!(work[0].candidates[0].holders.source[0].link, None);
        assert_eq!(work[0].candidates[0].pending, Sides::new(0, 0));
    }
    let hint = Hint {
        tenant: TenantId::new("third").unwrap(),
        connection: ConnectionName::new("hubspot").unwrap(),
        object: ObjectType::new("contacts").unwrap(),
        record: record("s3"),
    };
    let before = store.counts(&contacts()).await.unwrap();
    store.notify(&[hint]).await.unwrap();
    assert_eq!(store.counts(&contacts()).await.unwrap(), before);
}

pub(crate) async fn the_fingerprint_key_is_the_tenants_and_stays(store: &impl FullStore) {
    let key = store.fingerprint_key(&contacts()).await.unwrap();
    assert_ne!(key, [0; 32]);
    assert_eq!(store.fingerprint_key(&contacts()).await.unwrap(), key);
    assert_eq!(store.fingerprint_key(&mapping("deals")).await.unwrap(), key);
    assert_ne!(store.fingerprint_key(&mapping_of("other", "contacts")).await.unwrap(), key);
}

pub(crate) async fn a_revision_must_follow_the_last_one(store: &impl FullStore) {
    let lease = leased(store).await;
    for wrong in [0, 2] {
        let error = store.add_revision(&lease, &revision(wrong)).await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Misuse);
    }
    store.add_revision(&lease, &revision(1)).await.unwrap();
    store.add_revision(&lease, &revision(2)).await.unwrap();
    assert!(store.add_revision(&lease, &revision(2)).await.is_err());
    assert_eq!(store.revisions(&contacts()).await.unwrap(), [revision(1), revision(2)]);
}

pub(crate) async fn runs_are_counted_and_keep_how_they_ended(store: &impl FullStore) {
    let lease = leased(store).await;
    for n in 1..=3 {
        let number = store.start_run(&lease, &RunStart { started: at(n) }).await.unwrap();
        assert_eq!(i64::try_from(number.0).unwrap(), n);
    }
    let second = RunRow {
        number: RunNumber(2),
        started: at(2),
        ended: Some(at(9)),
        status: RunStatus::Partial,
        writes: Sides::new(3, 4),
        error: Some("the system did not answer".into()),
    };
    store.finish_run(&lease, &second).await.unwrap();
    let runs = store.runs(&contacts(), &Page::all()).await.unwrap();
    assert_eq!(runs[1], second);
    assert_eq!((runs[2].status, runs[2].started, runs[2].ended), (RunStatus::Running, at(1), None));

    let unknown = RunRow { number: RunNumber(4), ..second };
    let error = store.finish_run(&lease, &unknown).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Misuse);
}

pub(crate) async fn a_lease_does_not_reach_the_feed_of_another_mapping(store: &impl FullStore) {
    let lease = leased(store).await;
    let deals = feed_of("hubspot", "contacts", "deals");
    let error = store.feed(&lease, &deals).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Misuse);
    let read = Intake { feed_key: deals, ..page(Side::Source, [row("s1", 1)]) };
    let error = store.intake(&lease, &read).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Misuse);
    assert_eq!(store.counts(&contacts()).await.unwrap().inbox, 0);
}
