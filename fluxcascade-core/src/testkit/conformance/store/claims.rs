//! Rules of intents, and of what creates claim among the mappings of their tenant.

use super::nouns::*;
use super::work::of_record;
use super::{Checked, Found, nth, same};
use crate::model::{Operation, Side, Sides};
use crate::store::{Begun, CommitBatch, Lease, Store};

/// The create `n` that claims `claim`, begun at a time.
fn create_at(n: u8, claim: u8, secs: i64) -> Operation {
    let create = create(n, Side::Target, &format!("s{n}"), &[]);
    Operation { begun: at(secs), ..claiming(create, &[claim]) }
}

/// Begins one operation.
async fn begin(store: &dyn Store, lease: &Lease, operation: Operation) -> Result<Begun, Found> {
    let begun = store.begin(lease, &[operation]).await?;
    nth(&begun, 0).cloned()
}

async fn of(store: &dyn Store, name: &str) -> Result<Lease, Found> {
    Ok(store.lease(&mapping(name), at(0), TTL).await?)
}

fn claimed_by(lease: &Lease) -> Begun {
    Begun::ClaimedBy(lease.mapping.mapping.clone())
}

fn made_by(lease: &Lease, id: &str) -> Begun {
    Begun::MadeBy(lease.mapping.mapping.clone(), record(id))
}

/// What closes the operation `n`, and has made the record `t<n>` if its claims stay until a time.
fn closed(n: u8, until: Option<i64>) -> CommitBatch {
    CommitBatch {
        closed: vec![operation_id(n)],
        made: until.map(|secs| made(n, &format!("t{n}"), at(secs))).into_iter().collect(),
        ..CommitBatch::default()
    }
}

pub(super) async fn of_each_operation_is_said_whether_it_was_begun_in_the_order_given(
    store: &dyn Store,
) -> Checked {
    let (contacts, leads) = (leased(store).await?, of(store, "leads").await?);
    same!(store.begin(&contacts, &[]).await?, []);
    same!(begin(store, &contacts, create_at(1, 1, 0)).await?, Begun::Yes);
    let operations = [create_at(4, 2, 0), update(3, &link(1)), create_at(2, 1, 0)];
    let begun = store.begin(&leads, &operations).await?;
    same!(begun, [Begun::Yes, Begun::Yes, claimed_by(&contacts)]);
    same!(store.counts(&leads.mapping).await?.operations, 2, "the number of operations");
    Ok(())
}

pub(super) async fn a_create_whose_claim_an_operation_of_another_mapping_holds_is_not_begun(
    store: &dyn Store,
) -> Checked {
    let (contacts, leads) = (leased(store).await?, of(store, "leads").await?);
    begin(store, &contacts, create_at(1, 1, 0)).await?;
    let second = claiming(create_at(2, 9, 99), &[2, 1]);
    same!(begin(store, &leads, second).await?, claimed_by(&contacts));
    same!(store.counts(&leads.mapping).await?.operations, 0, "the number of operations");
    // It has claimed nothing either.
    let clients = of(store, "clients").await?;
    same!(begin(store, &clients, create_at(3, 2, 0)).await?, Begun::Yes);
    // Only creates claim, and only creates are refused.
    let update = claiming(update(4, &link(1)), &[1, 3]);
    same!(begin(store, &leads, update).await?, Begun::Yes);
    same!(begin(store, &clients, create_at(5, 3, 0)).await?, Begun::Yes);
    Ok(())
}

pub(super) async fn a_create_whose_claim_a_record_of_another_mapping_holds_is_not_begun(
    store: &dyn Store,
) -> Checked {
    let (contacts, leads) = (leased(store).await?, of(store, "leads").await?);
    begin(store, &contacts, claiming(create_at(1, 1, 0), &[1, 2])).await?;
    store.commit(&contacts, &closed(1, Some(60))).await?;
    same!(store.counts(&contacts.mapping).await?.operations, 0, "the number of operations");
    for claim in [1, 2] {
        same!(begin(store, &leads, create_at(2, claim, 59)).await?, made_by(&contacts, "t1"));
    }
    same!(begin(store, &leads, create_at(2, 3, 59)).await?, Begun::Yes);
    Ok(())
}

pub(super) async fn a_claim_of_a_made_record_ends_at_its_time(store: &dyn Store) -> Checked {
    let (contacts, leads) = (leased(store).await?, of(store, "leads").await?);
    begin(store, &contacts, create_at(1, 1, 0)).await?;
    store.commit(&contacts, &closed(1, Some(60))).await?;
    same!(begin(store, &leads, create_at(3, 1, 60)).await?, Begun::Yes);
    Ok(())
}

pub(super) async fn a_claim_of_the_same_mapping_does_not_refuse_a_create(
    store: &dyn Store,
) -> Checked {
    let contacts = leased(store).await?;
    let operations = [create_at(1, 1, 0), create_at(2, 1, 0)];
    same!(store.begin(&contacts, &operations).await?, [Begun::Yes, Begun::Yes]);
    store.commit(&contacts, &closed(1, Some(60))).await?;
    same!(begin(store, &contacts, create_at(3, 1, 0)).await?, Begun::Yes);
    Ok(())
}

pub(super) async fn a_create_that_is_closed_without_a_record_gives_up_its_claims(
    store: &dyn Store,
) -> Checked {
    let (contacts, leads) = (leased(store).await?, of(store, "leads").await?);
    let operations = [create_at(1, 1, 0), create_at(2, 2, 0), create_at(3, 1, 0)];
    for operation in operations {
        begin(store, &contacts, operation).await?;
    }
    // What an operation that is not closed has made is no record.
    let made = vec![made(2, "t2", at(99)), made(77, "t77", at(99))];
    store.commit(&contacts, &CommitBatch { made, ..closed(1, None) }).await?;
    same!(begin(store, &leads, create_at(4, 1, 0)).await?, claimed_by(&contacts), "by the third");
    store.commit(&contacts, &closed(3, None)).await?;
    same!(begin(store, &leads, create_at(4, 1, 0)).await?, Begun::Yes);
    same!(begin(store, &leads, create_at(5, 2, 0)).await?, claimed_by(&contacts));
    Ok(())
}

pub(super) async fn claims_are_of_one_tenant(store: &dyn Store) -> Checked {
    let contacts = leased(store).await?;
    begin(store, &contacts, create_at(1, 1, 0)).await?;
    let other = store.lease(&mapping_of("other", "leads"), at(0), TTL).await?;
    same!(begin(store, &other, create_at(2, 1, 0)).await?, Begun::Yes);
    Ok(())
}

pub(super) async fn an_operation_that_is_begun_again_takes_the_place_of_the_one_with_its_id(
    store: &dyn Store,
) -> Checked {
    let (lease, leads) = (leased(store).await?, of(store, "leads").await?);
    let key: &[(u16, u8)] = &[(0, 1)];
    let rows = [keyed("p", key), keyed("q", &[(0, 2)])];
    store.intake(&lease, &page(Side::Source, rows)).await?;
    let first = claiming(create(30, Side::Target, "r", key), &[1]);
    let again = claiming(create(30, Side::Target, "r", &[(0, 2)]), &[2]);
    for operation in [&first, &again] {
        same!(begin(store, &lease, operation.clone()).await?, Begun::Yes);
    }
    let found = store.work(&lease, &all_work(at(9))).await?;
    same!(nth(&nth(&found, 0)?.candidates, 0)?.pending, Sides::new(0, 0), "of the first key");
    same!(nth(&nth(&found, 1)?.candidates, 0)?.pending, Sides::new(0, 1), "of the second key");
    same!(store.counts(&contacts()).await?.operations, 1, "the number of operations");
    let work = store.gather(&lease, &[of_record(Side::Source, "r")]).await?;
    same!(nth(&work, 0)?.operations, [again]);
    same!(begin(store, &leads, create_at(2, 1, 0)).await?, Begun::Yes);
    same!(begin(store, &leads, create_at(3, 2, 0)).await?, claimed_by(&lease));
    Ok(())
}
