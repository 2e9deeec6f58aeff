//! P30: a store that was used without the layer is sealed in bounded steps, which may be cut off
//! anywhere: nothing of it is lost, and nothing of it is legible afterwards.

use fluxcascade_core::model::{ConnectionName, TenantId};
use fluxcascade_core::store::{
    Page, Rows, Store, StoreErrorKind, StoredToken, Table, TokenKey, TokenStore,
};
use fluxcascade_core::testkit::conformance::store::nouns::*;
use fluxcascade_store::sealed::{Adopted, Keyring, Sealed};
use fluxcascade_store::{MemoryStore, SqliteStore};

use crate::planted::{found_in, raw};
use crate::whole::{answered, content, fill, token_key};
use crate::{Kept, key, sealed};
use fluxcascade_core::testkit::conformance::store::nouns::subject;

/// How much of the rows in [`fill`] is to be sealed: 3 entries, a link, an operation, a hold, a conflict,
/// a log row, a run, and a credential.
const SEALED: u64 = 10;

/// What stands in the store of how far it is.
async fn secret<S: Kept>(store: &S) -> (TokenKey, Option<StoredToken>) {
    let connection = ConnectionName::new("fluxcascade.sealed").unwrap();
    let key = TokenKey { tenant: TenantId::default(), connection };
    let token = store.token(&key).await.unwrap();
    (key, token)
}

async fn step<S: Kept>(store: &Sealed<S>, tenant: &str) -> Adopted {
    store.adopt(&TenantId::new(tenant).unwrap(), at(900), 2).await.unwrap()
}

/// Seals all of a tenant; how many rows it were, and the steps.
async fn adopt_all<S: Kept>(store: &Sealed<S>, tenant: &str) -> (u64, u32) {
    let (mut rows, mut steps) = (0, 0);
    loop {
        let done = step(store, tenant).await;
        rows += done.sealed;
        steps += 1;
        if done.next.is_none() {
            return (rows, steps);
        }
    }
}

async fn filled<S: Kept>(store: &S) -> String {
    fill(store).await.unwrap();
    // What was forgotten stays so.
    store.forget(&subject("s77"), at(1)).await.unwrap();
    content(store).await.unwrap()
}

/// After each step the process ends, and the store is opened anew.
async fn adopts<S: Kept>(reopen: impl AsyncFn(Option<S>) -> S) -> Sealed<S> {
    let bare = reopen(None).await;
    let before = filled(&bare).await;
    let match_keys = bare.fingerprint_key(&contacts()).await.unwrap();
    let mut store = sealed(bare);
    let refused = store.lease(&contacts(), at(900), TTL).await.unwrap_err();
    assert!(refused.message.contains("Sealed::adopt"), "{refused}");

    let (mut rows, mut steps) = (0, 0);
    loop {
        let done = step(&store, "default").await;
        assert!(done.looked <= 2 + 1, "its rows, and the credential: {done:?}");
        rows += done.sealed;
        steps += 1;
        if done.next.is_none() {
            break;
        }
        store = sealed(reopen(Some(store.into_inner())).await);
        for refused in [
            store.lease(&contacts(), at(900), TTL).await.unwrap_err(),
            store.links(&contacts(), None, 9).await.unwrap_err(),
            store.log(&contacts(), &Page::all()).await.unwrap_err(),
            store.token(&token_key("default")).await.unwrap_err(),
        ] {
            assert_eq!(refused.kind, StoreErrorKind::Misuse, "{refused}");
            assert!(refused.message.contains("not sealed whole yet"), "{refused}");
        }
        assert!(store.rewrap(&TenantId::default(), None, 9).await.is_err());
    }
    assert_eq!(rows, SEALED);
    assert!(steps > 5, "{steps}");
    assert_eq!(adopt_all(&store, "other").await, (1, 1), "a tenant with a credential alone");
    assert_eq!(adopt_all(&store, "default").await, (0, 1), "all is sealed already");

    let store = sealed(reopen(Some(store.into_inner())).await);
    assert_eq!(content(&store).await.unwrap(), before);
    // The engine knows records by the keys that it knew them by, which nobody else has any more.
    assert_eq!(store.fingerprint_key(&contacts()).await.unwrap(), match_keys);
    let again = store.answer(&contacts(), &[answered()]).await.unwrap();
    assert_eq!(again, [fluxcascade_core::model::AnswerOutcome::Already]);
    let lease = leased(&store).await.unwrap();
    let shown = page(fluxcascade_core::model::Side::Source, [keyed("s77", &[])]);
    assert_eq!(store.intake(&lease, &shown).await.unwrap().entered, 0, "it is forgotten");
    store.release(&lease).await.unwrap();
    store
}

/// What is written without the layer afterwards is refused.
async fn refuses_plain_rows<S: Kept>(store: Sealed<S>) {
    let match_keys = store.fingerprint_key(&contacts()).await.unwrap();
    let bare = store.into_inner();
    assert_ne!(bare.fingerprint_key(&contacts()).await.unwrap(), match_keys);
    let lease = leased(&bare).await.unwrap();
    bare.commit(&lease, &links([link(9)])).await.unwrap();
    bare.release(&lease).await.unwrap();
    let store = sealed(bare);
    assert_eq!(step(&store, "default").await.sealed, 0);
    let refused = store.links(&contacts(), None, 99).await.unwrap_err();
    assert_eq!(refused.kind, StoreErrorKind::Damaged);
    assert!(refused.message.contains("is not sealed"), "{refused}");
}

#[tokio::test]
async fn a_store_in_memory_is_sealed_later() {
    let open = async |before: Option<MemoryStore>| before.unwrap_or_default();
    refuses_plain_rows(adopts(open).await).await;
}

#[tokio::test]
async fn a_file_is_sealed_later_and_nothing_is_left_legible_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sync.db");
    let open = async |before: Option<SqliteStore>| {
        drop(before);
        SqliteStore::open(&path).await.unwrap()
    };
    let bare = open(None).await;
    let match_keys = bare.fingerprint_key(&contacts()).await.unwrap();
    drop(bare);
    let store = adopts(open).await;
    let bytes = raw(folder.path());
    let none: [&str; 0] = [];
    assert_eq!(found_in(&bytes), none);
    assert!(!bytes.windows(32).any(|window| window == match_keys), "the key of match keys");
    refuses_plain_rows(store).await;
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn a_server_is_sealed_later_and_nothing_is_legible_in_its_dump() {
    use fluxcascade_store::PostgresStore;
    let Some(place) = crate::server::Place::or_skip() else { return };
    let open = async |before: Option<PostgresStore>| {
        drop(before);
        PostgresStore::open(&place.options()).await.unwrap()
    };
    let store = adopts(open).await;
    if let Some(dump) = crate::planted::on_a_server::dump(&place) {
        let none: [&str; 0] = [];
        assert_eq!(crate::planted::on_a_server::found_in_dump(&dump), none);
    }
    refuses_plain_rows(store).await;
}

/// A crash between a step and the note of it: what was sealed is not sealed twice.
#[tokio::test]
async fn a_step_whose_note_is_lost_is_done_again_and_changes_nothing() {
    let bare = MemoryStore::new();
    let before = filled(&bare).await;
    let mut store = sealed(bare);
    let mut rows = 0;
    loop {
        let bare = store.into_inner();
        let (key, was) = secret(&bare).await;
        store = sealed(bare);
        let done = step(&store, "default").await;
        rows += done.sealed;
        let Some(was) = was else { continue };
        let bare = store.into_inner();
        let now = secret(&bare).await.1.unwrap();
        assert!(bare.rewrite_credential(&key, &now, &was.secret).await.unwrap());
        store = sealed(bare);
        let again = step(&store, "default").await;
        assert_eq!((again.sealed, &again.next), (0, &done.next));
        if done.next.is_none() {
            break;
        }
    }
    assert_eq!(rows, SEALED);
    adopt_all(&store, "other").await;
    assert_eq!(content(&store).await.unwrap(), before);
}

/// What a step seals is not written by a run that has read it before.
#[tokio::test]
async fn nothing_is_sealed_beside_a_sync_that_is_under_way() {
    let bare = MemoryStore::new();
    fill(&bare).await.unwrap();
    let lease = bare.lease(&contacts(), at(900), TTL).await.unwrap();
    let store = sealed(bare);
    let refused = store.adopt(&TenantId::default(), at(900), 2).await.unwrap_err();
    assert_eq!(refused.kind, StoreErrorKind::Busy, "{refused}");
    let bare = store.into_inner();
    let links_below = bare.rows(&contacts(), Table::Links, None, 9).await.unwrap();
    assert!(format!("{links_below:?}").contains("planted source base"));
    bare.release(&lease).await.unwrap();
    assert_eq!(
        adopt_all(&sealed(bare), "default").await.0,
        SEALED - 1,
        "the credential was sealed"
    );
}

#[tokio::test]
async fn keys_rotate_while_and_after_a_store_is_sealed_later() {
    let bare = MemoryStore::new();
    let before = filled(&bare).await;
    let store = sealed(bare);
    for _ in 0..3 {
        step(&store, "default").await;
    }
    let both = Keyring::new(key("two", 2)).with_older(key("one", 1)).unwrap();
    let store = Sealed::new(store.into_inner(), both);
    adopt_all(&store, "default").await;
    adopt_all(&store, "other").await;
    store.rewrap(&TenantId::default(), None, 99).await.unwrap();
    store.rewrap(&TenantId::new("other").unwrap(), None, 99).await.unwrap();
    let store = Sealed::new(store.into_inner(), Keyring::new(key("two", 2)));
    assert_eq!(content(&store).await.unwrap(), before);
}

/// The layer's secret is not drawn for a new mapping, or for none, over what is there in the clear.
#[tokio::test]
async fn nothing_is_begun_with_the_layer_where_something_is_not_sealed() {
    let hubspot = TokenKey {
        tenant: TenantId::default(),
        connection: ConnectionName::new("hubspot").unwrap(),
    };
    let with_rows = MemoryStore::new();
    let lease = leased(&with_rows).await.unwrap();
    with_rows.commit(&lease, &links([link(1)])).await.unwrap();
    with_rows.release(&lease).await.unwrap();
    let with_credentials = MemoryStore::new();
    with_credentials.replace_token(&hubspot, 0, b"planted").await.unwrap();
    for bare in [with_rows, with_credentials] {
        let store = sealed(bare);
        let refused = store.lease(&mapping("deals"), at(0), TTL).await.unwrap_err();
        assert!(refused.message.contains("Sealed::adopt"), "{refused}");
        adopt_all(&store, "default").await;
        let lease = store.lease(&mapping("deals"), at(0), TTL).await.unwrap();
        store.release(&lease).await.unwrap();
        store.links(&contacts(), None, 9).await.unwrap();
        store.token(&hubspot).await.unwrap();
    }
}

/// Whoever may edit a contact can give it such a value.
#[tokio::test]
async fn a_value_that_looks_sealed_is_sealed_as_any_other() {
    use base64::Engine as _;
    use fluxcascade_core::model::{Observation, Side, Slot, Value, Values, Version};

    let mut bytes = b"FLX\x01\x01z".to_vec();
    bytes.extend([7; 40]);
    let text = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
    let values = Values::new([Slot::Present(Value::from(text.as_str()))]);
    let shown = Observation::listed(record("s1"), values, Version::default());
    let bare = MemoryStore::new();
    let lease = leased(&bare).await.unwrap();
    let rows = [fluxcascade_core::store::IntakeRow { observation: shown.clone(), ..row("s1", 1) }];
    bare.intake(&lease, &page(Side::Source, rows)).await.unwrap();
    bare.release(&lease).await.unwrap();
    let store = sealed(bare);
    assert_eq!(adopt_all(&store, "default").await.0, 1);
    let lease = leased(&store).await.unwrap();
    let work = store.work(&lease, &all_work(at(9))).await.unwrap();
    let entry = work[0].entries.source.as_ref().unwrap();
    assert_eq!(entry.observation.as_ref(), Some(&shown));
}
