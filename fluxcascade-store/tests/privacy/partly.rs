//! P30: where only sensitive values are sealed, the others are legible, and those and all texts are not.

use fluxcascade_core::mapping::{FieldPair, Mapping};
use fluxcascade_core::model::TenantId;
use fluxcascade_core::store::Store;
use fluxcascade_core::testkit::conformance::store::nouns::*;
use fluxcascade_store::sealed::{Keyring, Sealed};
use fluxcascade_store::{MemoryStore, SqliteStore};

use crate::planted::{found_in, raw};
use crate::whole::{content, fill};
use crate::{Kept, key, sealed};

/// What is planted in the values of the pair `name`: the other places of the bases are of no pair.
const OF_NAME: [&str; 8] = [
    "planted source base",
    "planted target base",
    "planted in a list",
    "planted base of a conflict",
    "planted source of a conflict",
    "planted target of a conflict",
    "planted before",
    "planted after",
];

const NONE: [&str; 0] = [];

/// The mapping of [`fill`], with the pair `name` as it is told.
fn mapping_with(name: impl FnOnce(FieldPair) -> FieldPair) -> Mapping {
    let mapping = Mapping::builder("contacts").source("hubspot", "contacts");
    let mapping = mapping.target("jobber", "clients").match_on("email", "emails.primary");
    let mut mapping = mapping.pair("email", "emails.primary").build().unwrap();
    let names = FieldPair::new(vec![field("name")], vec![field("firstName"), field("lastName")]);
    mapping.pairs.push(name(FieldPair { id: Some(pair("name")), ..names }));
    mapping
}

fn partly<S>(store: S, mapping: &Mapping) -> Sealed<S> {
    Sealed::only_sensitive(store, Keyring::new(key("one", 1)), [mapping])
}

fn sensitive(pair: FieldPair) -> FieldPair {
    FieldPair { sensitive: true, ..pair }
}

/// What is legible in a file that was filled so.
async fn legible(mapping: &Mapping) -> Vec<&'static str> {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("sync.db")).await.unwrap();
    let store = partly(store, mapping);
    fill(&store).await.unwrap();
    let found = found_in(&raw(folder.path()));
    drop(store);
    assert_eq!(found_in(&raw(folder.path())), found);
    found
}

#[tokio::test]
async fn values_of_pairs_that_are_not_sensitive_are_legible_and_nothing_else_is() {
    assert_eq!(legible(&mapping_with(|name| name)).await, OF_NAME);
}

#[tokio::test]
async fn what_is_sensitive_or_not_told_is_not_legible() {
    let other = {
        let mut mapping = mapping_with(|name| name);
        mapping.name = mapping_of("default", "deals").mapping;
        mapping
    };
    let retired = {
        let mut mapping = mapping_with(|name| name);
        mapping.pairs.pop();
        mapping
    };
    let shared = {
        let mut mapping = mapping_with(|name| name);
        let also = FieldPair::new(vec![field("name")], vec![field("companyName")]);
        mapping.pairs.push(sensitive(also));
        mapping
    };
    let cases = [
        ("sensitive", mapping_with(sensitive)),
        ("another mapping's", other),
        ("not in the mapping any more", retired),
        ("also in a sensitive pair", shared),
        (
            "other fields once",
            mapping_with(|name| FieldPair { source: vec![field("nick")], ..name }),
        ),
        ("another id", mapping_with(|name| FieldPair { id: Some(pair("names")), ..name })),
    ];
    for (why, mapping) in cases {
        assert_eq!(legible(&mapping).await, NONE, "{why}");
    }
}

/// What is read is what is sealed, under either policy.
async fn reads_the_same<S: Kept>(store: S) {
    let bare = MemoryStore::new();
    fill(&bare).await.unwrap();
    let expected = content(&bare).await.unwrap();
    let store = partly(store, &mapping_with(|name| name));
    fill(&store).await.unwrap();
    assert_eq!(content(&store).await.unwrap(), expected);
    let store = sealed(store.into_inner());
    assert_eq!(content(&store).await.unwrap(), expected);
    let store = partly(store.into_inner(), &mapping_with(sensitive));
    assert_eq!(content(&store).await.unwrap(), expected);
}

#[tokio::test]
async fn a_store_reads_the_same_under_either_policy() {
    reads_the_same(MemoryStore::new()).await;
    let folder = tempfile::tempdir().unwrap();
    reads_the_same(SqliteStore::open(folder.path().join("sync.db")).await.unwrap()).await;
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn a_server_reads_the_same_and_its_dump_shows_what_is_not_sensitive() {
    use crate::planted::on_a_server::{dump, found_in_dump};
    let Some(place) = crate::server::Place::or_skip() else { return };
    let open = async || fluxcascade_store::PostgresStore::open(&place.options()).await.unwrap();
    reads_the_same(open().await).await;
    let Some(told) = dump(&place) else { return };
    assert_eq!(found_in_dump(&told), OF_NAME);
    let store = partly(open().await, &mapping_with(sensitive));
    store.rewrap(&TenantId::default(), None, 99).await.unwrap();
    assert_eq!(found_in_dump(&dump(&place).unwrap()), NONE);
}

/// A pair becomes sensitive, or the layer is to seal everything: the rows show it until they are
/// rewrapped.
#[tokio::test]
async fn what_was_legible_and_may_not_be_any_more_is_removed_by_a_rewrap() {
    type Layer = fn(SqliteStore) -> Sealed<SqliteStore>;
    let layers: [Layer; 2] = [|store| partly(store, &mapping_with(sensitive)), sealed];
    for layer in layers {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sync.db");
        let store = partly(SqliteStore::open(&path).await.unwrap(), &mapping_with(|name| name));
        fill(&store).await.unwrap();
        let before = content(&store).await.unwrap();
        let store = layer(store.into_inner());
        let done = store.rewrap(&TenantId::default(), None, 99).await.unwrap();
        // A link, a conflict, a log row.
        assert_eq!((done.rewrapped, done.next), (3, None));
        let again = store.rewrap(&TenantId::default(), None, 99).await.unwrap();
        assert_eq!(again.rewrapped, 0);
        assert_eq!(content(&store).await.unwrap(), before);
        drop(store);
        assert_eq!(found_in(&raw(folder.path())), NONE);
    }
}

/// The layer is told apart from what somebody writes beside it.
#[tokio::test]
async fn a_copy_that_somebody_changed_changes_nothing() {
    let store = partly(MemoryStore::new(), &mapping_with(|name| name));
    fill(&store).await.unwrap();
    let before = content(&store).await.unwrap();
    let bare = store.into_inner();
    let lease = leased(&bare).await.unwrap();
    let mut shell = bare.links(&contacts(), None, 9).await.unwrap().swap_remove(0);
    assert!(shell.bases.source.slots.len() > 1);
    let forged = fluxcascade_core::model::Value::from("forged");
    shell.bases.source.slots[1] = fluxcascade_core::model::Slot::Present(forged);
    bare.commit(&lease, &links([shell])).await.unwrap();
    bare.release(&lease).await.unwrap();
    let store = partly(bare, &mapping_with(|name| name));
    assert_eq!(content(&store).await.unwrap(), before);
}

/// A store that was used without the layer is sealed under this policy, too.
#[tokio::test]
async fn a_store_is_sealed_later_in_part() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sync.db");
    let bare = SqliteStore::open(&path).await.unwrap();
    fill(&bare).await.unwrap();
    let before = content(&bare).await.unwrap();
    let store = partly(bare, &mapping_with(|name| name));
    for tenant in ["default", "other"] {
        let tenant = TenantId::new(tenant).unwrap();
        while store.adopt(&tenant, at(900), 99).await.unwrap().next.is_some() {}
    }
    assert_eq!(found_in(&raw(folder.path())), OF_NAME);
    assert_eq!(content(&store).await.unwrap(), before);
}
