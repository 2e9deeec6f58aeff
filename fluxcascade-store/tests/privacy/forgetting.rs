//! P30: `forget` removes all that is held of a record, says what that was, and keeps it away.

use std::collections::BTreeSet;

use fluxcascade_core::model::{
    Awaited, Hold, MappingKey, Side, TenantId, Timestamp, Work, WorkKey,
};
use fluxcascade_core::store::{
    CommitBatch, Counts, Hint, Intake, Lease, Page, Receipt, Removed, Store, StoreErrorKind,
    Subject, Sweep, Upkeep,
};
use fluxcascade_core::testkit::conformance::store::nouns::*;
use fluxcascade_store::{MemoryStore, SqliteStore};

use crate::planted::{found_in, raw};
use crate::sealed;
use crate::whole::{PRINTS, fill};

/// A second mapping, whose source is the target of [`contacts`].
fn invoices() -> MappingKey {
    mapping("invoices")
}

fn invoices_page(side: Side, ids: &[&str]) -> Intake {
    let mut read = page(side, ids.iter().map(|id| keyed(id, &[(0, 7)])));
    read.feed_key = match side {
        Side::Source => feed_of("jobber", "clients", "invoices"),
        Side::Target => feed_of("books", "customers", "invoices"),
    };
    read
}

pub(crate) fn subject(id: &str) -> Subject {
    let Hint { tenant, connection, object, record } = hint(id);
    Subject { tenant, connection, object, record }
}

/// Two chains `s1 - t1 - b1` and `s2 - t2 - b2` through two mappings, with something of everything
/// about each; and a third record that names both.
async fn two_chains<S: Upkeep>(store: &S) -> (Lease, Lease) {
    let (one, two) =
        (leased(store).await.unwrap(), store.lease(&invoices(), at(0), TTL).await.unwrap());
    let ids = ["s1", "s2", "s5"];
    let rows = ids.map(|id| keyed(id, &[(0, 1), (1, 2)]));
    store.intake(&one, &sweep(Sweep::First, Side::Source, rows)).await.unwrap();
    store
        .intake(&one, &page(Side::Target, [keyed("t1", &[(0, 1)]), keyed("t2", &[])]))
        .await
        .unwrap();
    store.intake(&two, &invoices_page(Side::Source, &["t1", "t2"])).await.unwrap();
    store.intake(&two, &invoices_page(Side::Target, &["b1", "b2"])).await.unwrap();
    let open = |n, of: &str| claiming(create(n, Side::Target, of, &[(0, 1)]), &[n]);
    let ended = claiming(create(8, Side::Target, "s1", &[]), &[8]);
    let operations =
        [update(1, &link(1)), update(2, &link(2)), open(3, "s1"), open(4, "s2"), ended];
    store.begin(&one, &operations).await.unwrap();
    let parked = Hold {
        candidates: [(Side::Target, "t1"), (Side::Target, "t2")]
            .map(|(s, id)| (s, record(id)))
            .into(),
        ..record_hold(Side::Source, "s5", None)
    };
    let mut logged =
        vec![log_row(1, Some("s1"), Some("t1"), "one"), log_row(1, Some("s2"), Some("t2"), "two")];
    logged.push(log_row(1, None, Some("t1"), "made"));
    let batch = CommitBatch {
        holds: vec![
            pair_hold(1, "name", None),
            pair_hold(2, "name", None),
            record_hold(Side::Source, "s1", Some(at(9))),
            parked,
        ],
        conflicts: vec![conflict(1, 1), conflict(2, 1)],
        log: logged,
        closed: vec![operation_id(8)],
        made: vec![made(8, "t1", at(999))],
        ..links([
            link(1),
            link(2),
            with_status(
                link_between(3, "s1", "t9"),
                fluxcascade_core::model::LinkStatus::Tombstone,
            ),
        ])
    };
    store.commit(&one, &batch).await.unwrap();
    let awaited = Awaited { mapping: contacts().mapping, side: Side::Target, record: record("t1") };
    let waiting = Hold { waits_for: Some(awaited), ..pair_hold(6, "owner", None) };
    let batch = CommitBatch {
        holds: vec![waiting],
        ..links([link_between(5, "t1", "b1"), link_between(6, "t2", "b2")])
    };
    store.commit(&two, &batch).await.unwrap();
    (one, two)
}

/// Everything that can be read of a mapping.
async fn all<S: Store>(store: &S, mapping: &MappingKey) -> (Vec<Work>, String, Counts) {
    let lease = store.lease(mapping, at(9_000), TTL).await.unwrap();
    let work = store.work(&lease, &all_work(Timestamp::from_micros(i64::MAX))).await.unwrap();
    store.release(&lease).await.unwrap();
    let page = Page::all();
    let told = format!(
        "{:?}{:?}{:?}{:?}",
        store.links(mapping, None, 99).await.unwrap(),
        store.holds(mapping, &page).await.unwrap(),
        store.conflicts(mapping, &page).await.unwrap(),
        store.log(mapping, &page).await.unwrap(),
    );
    (work, told, store.counts(mapping).await.unwrap())
}

fn names_of(text: &str, ids: &[&str]) -> Vec<String> {
    ids.iter().filter(|id| text.contains(&format!("\"{id}\""))).map(|id| (*id).to_owned()).collect()
}

const GONE: [&str; 4] = ["s1", "t1", "b1", "t9"];

fn assert_receipt(receipt: &Receipt) {
    let records: BTreeSet<String> = receipt
        .records
        .iter()
        .map(|(mapping, side, record)| format!("{mapping} {side} {record}"))
        .collect();
    let expected = [
        "contacts source s1",
        "contacts target t1",
        "contacts target t9",
        "invoices source t1",
        "invoices source t9",
        "invoices target b1",
    ];
    assert_eq!(records, expected.map(str::to_owned).into());
    let contacts_removed = Removed {
        links: 2,
        entries: 2,
        keys: 3,
        operations: 2,
        claims: 1,
        holds: 2,
        conflicts: 1,
        log: 2,
    };
    assert_eq!(receipt.removed[&contacts().mapping], contacts_removed);
    let invoices_removed = Removed { links: 1, entries: 2, keys: 2, ..Removed::default() };
    assert_eq!(receipt.removed[&invoices().mapping], invoices_removed);
    let shown = receipt.to_string();
    assert!(shown.contains("hubspot contacts s1") && shown.contains("target b1"), "{shown}");
}

async fn forgets<S: Upkeep>(store: &S) {
    let (one, two) = two_chains(store).await;
    let receipt = store.forget(&subject("s1"), at(50)).await.unwrap();
    assert_receipt(&receipt);

    // What a run still has of it is not committed.
    let lost = store.commit(&one, &links([link(1)])).await.unwrap_err();
    assert_eq!(lost.kind, StoreErrorKind::LeaseLost);
    assert_eq!(store.renew(&two, at(51), TTL).await.unwrap_err().kind, StoreErrorKind::LeaseLost);
    let (of_contacts, of_invoices) = (all(store, &contacts()).await, all(store, &invoices()).await);
    for (work, told, _) in [&of_contacts, &of_invoices] {
        let told = format!("{work:?}{told}");
        assert_eq!(names_of(&told, &GONE), [""; 0], "{told}");
    }
    // The other chain is whole.
    let counts = &of_contacts.2;
    assert_eq!((counts.active_links, counts.tombstones, counts.inbox), (1, 0, 3), "{counts:?}");
    assert_eq!((counts.operations, counts.open_conflicts), (2, 1), "{counts:?}");
    assert_eq!(names_of(&format!("{of_contacts:?}"), &["s2", "t2", "s5"]), ["s2", "t2", "s5"]);
    assert_eq!(of_invoices.2.active_links, 1);
    let holds = store.holds(&contacts(), &Page::all()).await.unwrap();
    let parked = holds.iter().find(|hold| !hold.candidates.is_empty()).unwrap();
    assert_eq!(parked.candidates, [(Side::Target, record("t2"))]);
    assert!(parked.not_before.is_some_and(|due| due < at(0)), "it is decided anew");
    let waiting = store.holds(&invoices(), &Page::all()).await.unwrap().swap_remove(0);
    assert!(waiting.waits_for.is_none() && waiting.not_before.is_some(), "{waiting:?}");
    stays_away(store).await;
    nothing_more(store).await;
}

async fn stays_away<S: Upkeep>(store: &S) {
    let before = store.counts(&contacts()).await.unwrap();
    let one = store.lease(&contacts(), at(9_000), TTL).await.unwrap();
    let two = store.lease(&invoices(), at(9_000), TTL).await.unwrap();
    let rows = [keyed("s1", &[(0, 1)]), keyed("s6", &[(0, 3)])];
    let taken = store.intake(&one, &sweep(Sweep::Only, Side::Source, rows)).await.unwrap();
    assert_eq!(taken.entered, 1, "only the other record");
    let taken = store.intake(&two, &invoices_page(Side::Target, &["b1"])).await.unwrap();
    assert_eq!(taken.entered, 0);
    let mut hints = vec![hint("s1"), hint("s6")];
    hints.push(Hint {
        connection: feed_of("jobber", "clients", "x").connection,
        object: feed_of("jobber", "clients", "x").object,
        ..hint("t1")
    });
    store.notify(&hints).await.unwrap();
    let key = |id| WorkKey::Record(Side::Source, record(id));
    assert_eq!(store.gather(&one, &[key("s1")]).await.unwrap(), []);
    assert_eq!(store.gather(&one, &[key("s6")]).await.unwrap().len(), 1);
    let gone = [Some(WorkKey::Record(Side::Target, record("t1")))];
    assert_eq!(store.gather(&one, &gone.map(Option::unwrap)).await.unwrap(), []);
    let after = store.counts(&contacts()).await.unwrap();
    assert_eq!(after.inbox, before.inbox + 1);
    // The create for s1 had no answer: the first new record with its key is what it made.
    let known = page(Side::Target, [keyed("t2", &[(0, 1)])]);
    assert_eq!(store.intake(&one, &known).await.unwrap().entered, 1, "t2 was there before");
    for entered in [1, 1] {
        let shown = page(Side::Target, [keyed("t7", &[(0, 1)]), keyed("t8", &[(0, 1)])]);
        assert_eq!(store.intake(&one, &shown).await.unwrap().entered, entered);
    }
    let made = WorkKey::Record(Side::Target, record("t7"));
    assert_eq!(store.gather(&one, &[made]).await.unwrap(), []);
    store.release(&one).await.unwrap();
    store.release(&two).await.unwrap();
}

/// Asked again, there is nothing left; another tenant's record of the same name has all it had.
async fn nothing_more<S: Upkeep>(store: &S) {
    let again = store.forget(&subject("s1"), at(60)).await.unwrap();
    assert_eq!(again.removed.values().map(Removed::total).sum::<u64>(), 0, "{again}");
    let theirs = mapping_of("other", "contacts");
    let lease = store.lease(&theirs, at(0), TTL).await.unwrap();
    let taken = store.intake(&lease, &page(Side::Source, [row("s1", 1)])).await.unwrap();
    assert_eq!(taken.entered, 1);
    store.release(&lease).await.unwrap();
    store.forget(&subject("s2"), at(70)).await.unwrap();
    assert_eq!(store.counts(&theirs).await.unwrap().inbox, 1);
    let receipt = store
        .forget(&Subject { tenant: TenantId::new("other").unwrap(), ..subject("s1") }, at(80))
        .await
        .unwrap();
    assert_eq!(receipt.removed[&theirs.mapping].entries, 1);
    assert_eq!(store.counts(&theirs).await.unwrap(), Counts::default());
}

#[tokio::test]
async fn a_record_is_forgotten_in_memory() {
    forgets(&MemoryStore::new()).await;
}

/// Also where a hold of another record has its id sealed.
#[tokio::test]
async fn a_record_is_forgotten_through_the_layer() {
    forgets(&sealed(MemoryStore::new())).await;
}

#[tokio::test]
async fn a_record_is_forgotten_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    forgets(&SqliteStore::open(folder.path().join("sync.db")).await.unwrap()).await;
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn a_record_is_forgotten_on_a_server() {
    let Some(place) = crate::server::Place::or_skip() else { return };
    forgets(&fluxcascade_store::PostgresStore::open(&place.options()).await.unwrap()).await;
}

/// Also where nothing was sealed: what is removed is overwritten.
#[tokio::test]
async fn a_forgotten_record_s_values_are_not_in_the_file_either() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("sync.db")).await.unwrap();
    fill(&store).await.unwrap();
    assert!(found_in(&raw(folder.path())).len() > 20);
    for id in ["s1", "s7", "s8", "s9"] {
        store.forget(&subject(id), at(900)).await.unwrap();
    }
    let found = found_in(&raw(folder.path()));
    // Neither a run nor a credential is a record's.
    let left =
        ["planted error of a run", "planted credential", "planted credential of another tenant"];
    assert_eq!(found, left);
    assert!(PRINTS.iter().all(|print| !found.contains(&std::str::from_utf8(print).unwrap())));
}

/// Its files have it until they are vacuumed, a dump from then on not.
#[cfg(feature = "postgres")]
#[tokio::test]
async fn a_forgotten_record_s_values_are_in_no_dump() {
    use crate::planted::on_a_server::{dump, found_in_dump};
    let Some(place) = crate::server::Place::or_skip() else { return };
    let store = fluxcascade_store::PostgresStore::open(&place.options()).await.unwrap();
    fill(&store).await.unwrap();
    let Some(told) = dump(&place) else { return };
    assert!(found_in_dump(&told).len() > 20);
    for id in ["s1", "s7", "s8", "s9"] {
        store.forget(&subject(id), at(900)).await.unwrap();
    }
    let left =
        ["planted error of a run", "planted credential", "planted credential of another tenant"];
    assert_eq!(found_in_dump(&dump(&place).unwrap()), left);
}
