//! P30: a ciphertext opens in its own row alone, and says which row it is not of.

use fluxcascade_core::model::{Choice, MappingKey, Side, Slot, State, Value, Values};
use fluxcascade_core::store::{
    CommitBatch, MarkedRow, Page, Rewrite, Row, Rows, Store, StoreError, StoreErrorKind, Table,
    TokenStore,
};
use fluxcascade_core::testkit::conformance::store::nouns::*;
use fluxcascade_store::MemoryStore;

use crate::sealed;
use crate::whole::{content, fill, token_key};

/// Where a shell has what is sealed of it.
fn sealed_of(row: &mut Row, side: Side) -> &mut Value {
    fn of_slot(slot: &mut Slot) -> &mut Value {
        match slot {
            Slot::Present(value) => value,
            Slot::Absent => unreachable!("nothing is sealed there"),
        }
    }
    match row {
        Row::Entry(_, entry) => {
            let seen = &mut entry.observation.as_mut().unwrap().state;
            let (State::Known { values, .. } | State::Archived(values)) = seen else {
                unreachable!("it has no values")
            };
            of_slot(&mut Values::slots_mut(values)[0])
        }
        Row::Link(link) => of_slot(&mut link.bases[side].slots[0]),
        Row::Operation(operation) => &mut operation.pairs[0].origin[0],
        Row::Conflict(conflict) => &mut conflict.values.source[0],
        Row::Log(log) => &mut log.pairs[0].before[0],
        Row::Hold(hold) => {
            let Choice::Set(values) = &mut hold.answer.as_mut().unwrap().choice else {
                unreachable!("it has no values")
            };
            &mut values.source[0]
        }
        Row::Run(_) => unreachable!("its text is no value"),
    }
}

async fn rows(store: &MemoryStore, mapping: &MappingKey, table: Table) -> Vec<MarkedRow> {
    store.rows(mapping, table, None, 99).await.unwrap()
}

/// Two of everything, in two mappings.
async fn two_of_everything() -> MemoryStore {
    let store = sealed(MemoryStore::new());
    fill(&store).await.unwrap();
    for (n, mapping) in [(2, contacts()), (3, mapping("leads"))] {
        let lease = store.lease(&mapping, at(500), TTL).await.unwrap();
        let mut read = page(Side::Source, [row(&format!("s1{n}"), 1)]);
        read.feed_key.reader = mapping.mapping.clone();
        store.intake(&lease, &read).await.unwrap();
        store.begin(&lease, &[update(n, &link(n))]).await.unwrap();
        let mut held = pair_hold(n, "name", None);
        held.answer =
            Some(fluxcascade_core::model::Answer { choice: crate::whole::the_answer(), at: at(1) });
        let batch = CommitBatch {
            holds: vec![held],
            conflicts: vec![conflict(n, 1)],
            log: vec![log_row(1, Some(&format!("s{n}")), None, "another")],
            ..links([link(n)])
        };
        store.commit(&lease, &batch).await.unwrap();
        store.release(&lease).await.unwrap();
    }
    store.into_inner()
}

/// Puts what is sealed of one row into another, and reads both mappings.
async fn moved(
    from: (&MappingKey, usize, Side),
    to: (&MappingKey, usize, Side),
    table: Table,
) -> StoreError {
    let store = two_of_everything().await;
    let mut theirs = rows(&store, from.0, table).await.swap_remove(from.1).row;
    let ours = rows(&store, to.0, table).await.swap_remove(to.1);
    let mut changed = ours.row.clone();
    *sealed_of(&mut changed, to.2) = sealed_of(&mut theirs, from.2).clone();
    assert_ne!(changed, ours.row, "something is moved");
    let rewrite = Rewrite { from: ours, to: changed };
    assert_eq!(store.rewrite(to.0, &[rewrite]).await.unwrap(), 1);
    let before = everything_below(&store).await;
    let store = sealed(store);
    let mut error = None;
    for mapping in [contacts(), mapping("leads")] {
        error = error.or(read(&store, &mapping).await.err());
    }
    assert_eq!(everything_below(&store.into_inner()).await, before, "nothing is written");
    error.expect("it does not open")
}

async fn everything_below(store: &MemoryStore) -> Vec<MarkedRow> {
    let mut all = Vec::new();
    for mapping in [contacts(), mapping("leads")] {
        for table in Table::ALL {
            all.extend(rows(store, &mapping, table).await);
        }
    }
    all
}

async fn read<S: Store>(store: &S, mapping: &MappingKey) -> Result<(), StoreError> {
    let (all, none) = (Page::all(), fluxcascade_core::model::Timestamp::from_micros(i64::MAX));
    store.links(mapping, None, 99).await?;
    store.holds(mapping, &all).await?;
    store.conflicts(mapping, &all).await?;
    store.log(mapping, &all).await?;
    store.runs(mapping, &all).await?;
    let lease = store.lease(mapping, at(9_000), TTL).await?;
    let work = store.work(&lease, &all_work(none)).await;
    store.release(&lease).await?;
    work.map(|_| ())
}

#[tokio::test]
async fn what_is_sealed_for_a_row_does_not_open_in_another_of_its_table() {
    let (contacts, leads, side) = (contacts(), mapping("leads"), Side::Source);
    let (one, two) = (0, 1);
    let tables = [
        (Table::Inbox, "the inbox entry source s"),
        (Table::Links, "the base "),
        (Table::Operations, "the operation "),
        (Table::Holds, "the answer pair "),
        (Table::Conflicts, "the conflict "),
        (Table::Log, "the log row run 1"),
    ];
    for (table, named) in tables {
        for (to, at) in [(&contacts, two), (&leads, 0)] {
            let error = moved((&contacts, one, side), (to, at, side), table).await;
            assert_eq!(error.kind, StoreErrorKind::Damaged, "{table}: {error}");
            assert!(error.message.starts_with(named), "{table}: {error}");
            assert!(error.message.contains("with the key one"), "{table}: {error}");
            assert!(error.message.contains(to.mapping.as_str()), "{table}: {error}");
        }
    }
}

#[tokio::test]
async fn the_base_of_one_side_does_not_open_as_the_other_side_s() {
    let contacts = contacts();
    let error =
        moved((&contacts, 0, Side::Source), (&contacts, 0, Side::Target), Table::Links).await;
    assert_eq!(error.kind, StoreErrorKind::Damaged);
    assert!(error.message.contains("target"), "{error}");
}

/// The same link, at the same revision: only whose it is is another.
#[tokio::test]
async fn what_is_sealed_for_a_mapping_or_a_tenant_does_not_open_in_another() {
    let bare = two_of_everything().await;
    let moved = links(bare.links(&contacts(), None, 9).await.unwrap());
    let others = [mapping("deals"), mapping_of("other", "contacts")];
    for other in &others {
        let lease = bare.lease(other, at(900), TTL).await.unwrap();
        bare.commit(&lease, &moved).await.unwrap();
        bare.release(&lease).await.unwrap();
    }
    let store = sealed(bare);
    store.links(&contacts(), None, 9).await.unwrap();
    for other in &others {
        let error = store.links(other, None, 9).await.unwrap_err();
        assert!(error.message.contains("was changed or moved"), "{other}: {error}");
    }
}

#[tokio::test]
async fn a_credential_does_not_open_for_another_tenant_or_generation() {
    let store = two_of_everything().await;
    let theirs = store.token(&token_key("other")).await.unwrap().unwrap();
    assert!(store.replace_token(&token_key("default"), 1, &theirs.secret).await.unwrap());
    // The same bytes once more: an older credential that somebody puts back.
    assert!(store.replace_token(&token_key("other"), 1, &theirs.secret).await.unwrap());
    let store = sealed(store);
    for tenant in ["default", "other"] {
        let error = store.token(&token_key(tenant)).await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Damaged);
        assert!(error.message.contains("credential hubspot generation 2"), "{error}");
    }
}

#[tokio::test]
async fn a_changed_byte_is_found_wherever_it_is() {
    let store = two_of_everything().await;
    let whole = store.token(&token_key("default")).await.unwrap().unwrap().secret;
    for place in 0..whole.len() {
        let store = two_of_everything().await;
        let mut secret = whole.clone();
        secret[place] ^= 1;
        let token = store.token(&token_key("default")).await.unwrap().unwrap();
        assert!(store.rewrite_credential(&token_key("default"), &token, &secret).await.unwrap());
        let error = sealed(store).token(&token_key("default")).await.unwrap_err();
        assert!(error.message.contains("credential hubspot"), "{place}: {error}");
    }
}

#[tokio::test]
async fn a_row_in_the_clear_is_refused() {
    let bare = MemoryStore::new();
    fill(&bare).await.unwrap();
    let store = sealed(bare);
    let contacts = contacts();
    let all = Page::all();
    for error in [
        store.links(&contacts, None, 9).await.unwrap_err(),
        store.holds(&contacts, &all).await.unwrap_err(),
        store.conflicts(&contacts, &all).await.unwrap_err(),
        store.log(&contacts, &all).await.unwrap_err(),
        store.runs(&contacts, &all).await.unwrap_err(),
        store.token(&token_key("default")).await.unwrap_err(),
    ] {
        assert_eq!(error.kind, StoreErrorKind::Damaged);
        assert!(error.message.contains("is not sealed"), "{error}");
    }
    // Before anything is written to it at all.
    let error = store.lease(&contacts, at(900), TTL).await.unwrap_err();
    assert!(error.message.contains("without its sealing layer"), "{error}");
    assert!(content(&store).await.is_err());
}
