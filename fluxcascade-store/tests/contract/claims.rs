//! Intents, and what creates claim among the mappings of their tenant.

use fluxcascade_core::model::{Operation, Side, Sides, WorkKey};
use fluxcascade_core::store::{Begun, CommitBatch, Lease};

use crate::FullStore;
use crate::nouns::*;

/// A create of a mapping that claims `claim`, begun at a time.
fn create_at(n: u8, claim: u8, secs: i64) -> Operation {
    let create = create(n, Side::Target, &format!("s{n}"), &[]);
    Operation { begun: at(secs), ..claiming(create, &[claim]) }
}

async fn begin(store: &impl FullStore, lease: &Lease, operation: Operation) -> Begun {
    store.begin(lease, &[operation]).await.unwrap().remove(0)
}

async fn of(store: &impl FullStore, name: &str) -> Lease {
    store.lease(&mapping(name), at(0), TTL).await.unwrap()
}

fn claimed_by(lease: &Lease) -> Begun {
    Begun::ClaimedBy(lease.mapping.mapping.clone())
}

fn made_by(lease: &Lease, id: &str) -> Begun {
    Begun::MadeBy(lease.mapping.mapping.clone(), record(id))
}

/// What closes an operation, and what it has made.
fn closed(n: u8, made_until: Option<i64>) -> CommitBatch {
    CommitBatch {
        closed: vec![operation_id(n)],
        made: made_until.map(|secs| made(n, &format!("t{n}"), at(secs))).into_iter().collect(),
        ..CommitBatch::default()
    }
}

pub(crate) async fn of_each_operation_is_said_whether_it_was_begun_in_the_order_given(
    store: &impl FullStore,
) {
    let (contacts, leads) = (leased(store).await, of(store, "leads").await);
    assert_eq!(store.begin(&contacts, &[]).await.unwrap(), []);
    assert_eq!(begin(store, &contacts, create_at(1, 1, 0)).await, Begun::Yes);
    let operations = [create_at(4, 2, 0), create_at(2, 1, 0), update(3, &link(1))];
    let begun = store.begin(&leads, &operations).await.unwrap();
    assert_eq!(begun, [Begun::Yes, claimed_by(&contacts), Begun::Yes]);
    assert_eq!(store.counts(&leads.mapping).await.unwrap().operations, 2, "the others are begun");
}

pub(crate) async fn a_create_whose_claim_an_operation_of_another_mapping_holds_is_not_begun(
    store: &impl FullStore,
) {
    let (contacts, leads) = (leased(store).await, of(store, "leads").await);
    begin(store, &contacts, create_at(1, 1, 0)).await;
    let second = claiming(create_at(2, 9, 99), &[2, 1]);
    assert_eq!(begin(store, &leads, second.clone()).await, claimed_by(&contacts));
    assert_eq!(store.counts(&leads.mapping).await.unwrap().operations, 0);
    // It has claimed nothing either.
    let clients = of(store, "clients").await;
    assert_eq!(begin(store, &clients, create_at(3, 2, 0)).await, Begun::Yes);
    // Only creates claim, and only creates are refused.
    let update = claiming(update(4, &link(1)), &[1, 3]);
    assert_eq!(begin(store, &leads, update).await, Begun::Yes);
    assert_eq!(begin(store, &clients, create_at(5, 3, 0)).await, Begun::Yes);
}

pub(crate) async fn a_create_whose_claim_a_record_of_another_mapping_holds_is_not_begun(
    store: &impl FullStore,
) {
    let (contacts, leads) = (leased(store).await, of(store, "leads").await);
    begin(store, &contacts, claiming(create_at(1, 1, 0), &[1, 2])).await;
    store.commit(&contacts, &closed(1, Some(60))).await.unwrap();
    assert_eq!(store.counts(&contacts.mapping).await.unwrap().operations, 0);
    for claim in [1, 2] {
        assert_eq!(begin(store, &leads, create_at(2, claim, 59)).await, made_by(&contacts, "t1"));
    }
    assert_eq!(begin(store, &leads, create_at(2, 3, 59)).await, Begun::Yes);
}

pub(crate) async fn a_claim_of_a_made_record_ends_at_its_time(store: &impl FullStore) {
    let (contacts, leads) = (leased(store).await, of(store, "leads").await);
    for (n, until) in [(1, 60), (2, 90)] {
        begin(store, &contacts, create_at(n, n, 0)).await;
        store.commit(&contacts, &closed(n, Some(until))).await.unwrap();
    }
    assert_eq!(begin(store, &leads, create_at(3, 1, 60)).await, Begun::Yes);
    assert_eq!(begin(store, &leads, create_at(4, 2, 60)).await, made_by(&contacts, "t2"));
}

pub(crate) async fn a_claim_of_the_same_mapping_does_not_refuse_a_create(store: &impl FullStore) {
    let contacts = leased(store).await;
    let operations = [create_at(1, 1, 0), create_at(2, 1, 0)];
    assert_eq!(store.begin(&contacts, &operations).await.unwrap(), [Begun::Yes, Begun::Yes]);
    store.commit(&contacts, &closed(1, Some(60))).await.unwrap();
    assert_eq!(begin(store, &contacts, create_at(3, 1, 0)).await, Begun::Yes);
    // The claim is held until the last of them gives it up.
    let leads = of(store, "leads").await;
    store.commit(&contacts, &closed(2, None)).await.unwrap();
    assert_eq!(begin(store, &leads, create_at(4, 1, 60)).await, claimed_by(&contacts));
    store.commit(&contacts, &closed(3, None)).await.unwrap();
    assert_eq!(begin(store, &leads, create_at(4, 1, 60)).await, Begun::Yes);
}

pub(crate) async fn a_create_that_is_closed_without_a_record_gives_up_its_claims(
    store: &impl FullStore,
) {
    let (contacts, leads) = (leased(store).await, of(store, "leads").await);
    store.begin(&contacts, &[create_at(1, 1, 0), create_at(2, 2, 0)]).await.unwrap();
    // The other one made a record; a record of an operation that is not closed is none.
    let mut batch = closed(1, None);
    batch.made = vec![made(2, "t2", at(99)), made(77, "t77", at(99))];
    store.commit(&contacts, &batch).await.unwrap();
    assert_eq!(begin(store, &leads, create_at(3, 1, 0)).await, Begun::Yes);
    assert_eq!(begin(store, &leads, create_at(4, 2, 0)).await, claimed_by(&contacts));
}

pub(crate) async fn claims_are_of_one_tenant(store: &impl FullStore) {
    let contacts = leased(store).await;
    begin(store, &contacts, create_at(1, 1, 0)).await;
    let other = store.lease(&mapping_of("other", "leads"), at(0), TTL).await.unwrap();
    assert_eq!(begin(store, &other, create_at(2, 1, 0)).await, Begun::Yes);
}

pub(crate) async fn an_operation_that_is_begun_again_takes_the_place_of_the_one_with_its_id(
    store: &impl FullStore,
) {
    let (lease, leads) = (leased(store).await, of(store, "leads").await);
    let key: &[(u16, u8)] = &[(0, 1)];
    store
        .intake(&lease, &page(Side::Source, [keyed("p", key), keyed("q", &[(0, 2)])]))
        .await
        .unwrap();
    let first = claiming(create(30, Side::Target, "r", key), &[1]);
    let again = claiming(create(30, Side::Target, "r", &[(0, 2)]), &[2]);
    for operation in [&first, &again] {
        assert_eq!(begin(store, &lease, operation.clone()).await, Begun::Yes);
    }
    let found = store.work(&lease, &all_work(at(9))).await.unwrap();
    assert_eq!(found[0].candidates[0].pending, Sides::new(0, 0));
    assert_eq!(found[1].candidates[0].pending, Sides::new(0, 1));
    assert_eq!(store.counts(&contacts()).await.unwrap().operations, 1);
    let work = store.gather(&lease, &[WorkKey::Record(Side::Source, record("r"))]).await.unwrap();
    assert_eq!(work[0].operations, [again]);
    assert_eq!(begin(store, &leads, create_at(2, 1, 0)).await, Begun::Yes);
    assert_eq!(begin(store, &leads, create_at(3, 2, 0)).await, claimed_by(&lease));
}
