//! P30: a wrong or a lost key is one clear error, and nothing is written.

use fluxcascade_core::store::{
    ClaimRequest, Rows, Schedule, Scheduled, Store, StoreError, StoreErrorKind, Table, TokenStore,
};
use fluxcascade_core::testkit::conformance::store::nouns::*;
use fluxcascade_store::sealed::{KeyError, Keyring, Sealed, SealingKey};
use fluxcascade_store::{MemoryStore, SqliteStore};

use crate::whole::{content, fill, token_key};
use crate::{key, sealed};

/// What the calls say that begin everything else.
async fn refusals<S: Rows + TokenStore>(store: &Sealed<S>) -> Vec<StoreError> {
    vec![
        store.lease(&contacts(), at(900), TTL).await.unwrap_err(),
        store.fingerprint_key(&contacts()).await.unwrap_err(),
        store.links(&contacts(), None, 9).await.unwrap_err(),
        store.token(&token_key("default")).await.unwrap_err(),
        store.replace_token(&token_key("default"), 1, b"new").await.unwrap_err(),
    ]
}

#[tokio::test]
async fn a_wrong_key_is_told_from_a_lost_one_and_neither_writes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sync.db");
    let store = sealed(SqliteStore::open(&path).await.unwrap());
    fill(&store).await.unwrap();
    drop(store);
    let before = std::fs::read(&path).unwrap();
    let cases = [
        (Keyring::new(key("one", 2)), "another key than the keyring has as one"),
        (Keyring::new(key("two", 1)), "the key one, which is not in the keyring"),
    ];
    for (ring, told) in cases {
        let store = Sealed::new(SqliteStore::open(&path).await.unwrap(), ring);
        for error in refusals(&store).await {
            assert_eq!(error.kind, StoreErrorKind::Locked, "{error}");
            assert!(error.message.contains(told), "{error}");
            assert!(error.message.starts_with("the "), "which row: {error}");
        }
        drop(store);
        assert_eq!(std::fs::read(&path).unwrap(), before, "nothing is written");
    }
}

/// What it claimed would wait a whole period, for workers that have the key.
#[tokio::test]
async fn a_worker_with_a_wrong_key_takes_no_turn() {
    let store = sealed(MemoryStore::new());
    store.release(&leased(&store).await.unwrap()).await.unwrap();
    let every = std::time::Duration::from_secs(300);
    let scheduled = Scheduled { mapping: contacts(), every, first: at(0) };
    store.schedule(&scheduled).await.unwrap();
    let claim = |name: &str, among| ClaimRequest {
        worker: worker(name),
        among,
        now: at(10),
        ttl: TTL,
        limit: 9,
    };
    let wrong = Sealed::new(store.into_inner(), Keyring::new(key("one", 9)));
    for among in [None, Some(vec![contacts()])] {
        let refused = wrong.claim(&claim("wrong", among)).await.unwrap_err();
        assert_eq!(refused.kind, StoreErrorKind::Locked, "{refused}");
    }
    let right = sealed(wrong.into_inner());
    let claimed = right.claim(&claim("right", None)).await.unwrap();
    assert_eq!(claimed.leases.len(), 1);
}

/// The same on a server, whose rows stay as they are.
#[cfg(feature = "postgres")]
#[tokio::test]
async fn a_wrong_and_a_lost_key_write_nothing_on_a_server() {
    use fluxcascade_store::PostgresStore;

    let Some(place) = crate::server::Place::or_skip() else { return };
    let store = sealed(PostgresStore::open(&place.options()).await.unwrap());
    fill(&store).await.unwrap();
    drop(store);
    let before = dump(&place).await;
    assert!(before.iter().map(Vec::len).sum::<usize>() > 10);
    let cases = [
        (Keyring::new(key("one", 2)), "another key than the keyring has as one"),
        (Keyring::new(key("two", 1)), "the key one, which is not in the keyring"),
    ];
    for (ring, told) in cases {
        let store = Sealed::new(PostgresStore::open(&place.options()).await.unwrap(), ring);
        for error in refusals(&store).await {
            assert_eq!(error.kind, StoreErrorKind::Locked, "{error}");
            assert!(error.message.contains(told), "{error}");
        }
        assert_eq!(dump(&place).await, before, "nothing is written");
    }
}

/// All rows of all tables, as text.
#[cfg(feature = "postgres")]
async fn dump(place: &crate::server::Place) -> Vec<Vec<String>> {
    let (client, connection) =
        tokio_postgres::connect(&place.url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let sql = "SELECT c.oid::regclass::text FROM pg_class c
         JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = $1 AND c.relkind = 'r' ORDER BY 1";
    let mut tables = Vec::new();
    for table in client.query(sql, &[&place.schema]).await.unwrap() {
        let table: &str = table.get(0);
        let sql = format!("SELECT '{table} ' || t::text FROM {table} t ORDER BY 1");
        let rows = client.query(&sql, &[]).await.unwrap();
        tables.push(rows.iter().map(|row| row.get(0)).collect());
    }
    tables
}

#[tokio::test]
async fn a_lost_fingerprint_secret_is_not_drawn_anew_over_rows() {
    let store = sealed(MemoryStore::new());
    fill(&store).await.unwrap();
    let rows = store.into_inner();
    // Another store with the same rows, and without the secret.
    let bare = MemoryStore::new();
    let lease = leased(&bare).await.unwrap();
    let links_below = rows.rows(&contacts(), Table::Links, None, 9).await.unwrap();
    let fluxcascade_core::store::Row::Link(link) = links_below[0].row.clone() else {
        unreachable!("a link")
    };
    bare.commit(&lease, &links([link])).await.unwrap();
    bare.release(&lease).await.unwrap();
    let error = sealed(bare).lease(&contacts(), at(900), TTL).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Damaged);
    assert!(error.message.contains("no fingerprint secret"), "{error}");
}

#[test]
fn keys_are_checked_and_never_shown() {
    assert_eq!(SealingKey::new("", &[1; 32]).unwrap_err(), KeyError::Id);
    assert_eq!(SealingKey::new("a key", &[1; 32]).unwrap_err(), KeyError::Id);
    let short = SealingKey::from_base64("one", "AQEB").unwrap_err();
    assert!(matches!(&short, KeyError::Text(id) if id.as_str() == "one"), "{short}");
    assert!(!short.to_string().contains("AQEB"));
    let twice = Keyring::new(key("one", 1)).with_older(key("one", 2)).unwrap_err();
    assert!(matches!(twice, KeyError::Twice(_)));
    let ring = Keyring::new(key("one", 77)).with_older(key("two", 78)).unwrap();
    let shown = format!("{:?} {ring:?}", Sealed::new(MemoryStore::new(), ring.clone()));
    assert!(shown.contains("one") && shown.contains("two"), "{shown}");
    assert!(!shown.contains("77") && !shown.contains("78"), "{shown}");
}

#[tokio::test]
async fn the_reserved_connection_is_nobody_s() {
    let store = sealed(MemoryStore::new());
    fill(&store).await.unwrap();
    let mut secret = token_key("default");
    secret.connection = fluxcascade_core::model::ConnectionName::new("fluxcascade.sealed").unwrap();
    let error = store.token(&secret).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Misuse);
    assert!(store.replace_token(&secret, 1, b"mine").await.is_err());
    assert!(content(&store).await.is_ok());
}
