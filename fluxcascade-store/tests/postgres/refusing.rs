//! Bad input: what is wrong with the database is one clear error that says what and what to do next,
//! and nothing is written. Tables of another program, a newer schema and missing rights are
//! `opening`'s; keys that are wrong or lost are `privacy/keys.rs`'s.

use fluxcascade_core::store::{Store, StoreErrorKind};
use fluxcascade_core::testkit::conformance::store::nouns::*;
use fluxcascade_store::PostgresStore;
use fluxcascade_store::postgres::PostgresOptions;

use crate::opening::{client, relations};
use crate::server::Place;

/// The place's address with something else at its end.
fn elsewhere(place: &Place, end: &str) -> Option<String> {
    (!place.url.contains("://")).then(|| format!("{} {end}", place.url))
}

#[tokio::test]
async fn a_schema_that_does_not_tell_its_version_is_damaged_and_left_as_it_is() {
    let Some(place) = Place::or_skip() else { return };
    drop(PostgresStore::open(&place.options()).await.unwrap());
    let (client, schema) = (client(&place.url).await, &place.schema);
    client.batch_execute(&format!("DELETE FROM {schema}.fluxcascade_store")).await.unwrap();
    let before = relations(&client, schema).await;
    let error = PostgresStore::open(&place.options()).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Damaged);
    for told in [schema.as_str(), "schema number", "restore the store from a backup"] {
        assert!(error.message.contains(told), "{error}");
    }
    assert_eq!(relations(&client, schema).await, before);
    let sql = format!("SELECT version FROM {schema}.fluxcascade_store");
    assert!(client.query(&sql, &[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_damaged_row_is_told_by_the_call_that_reads_it_and_stops_nothing_else() {
    let Some(place) = Place::or_skip() else { return };
    let store = PostgresStore::open(&place.options()).await.unwrap();
    let lease = leased(&store).await.unwrap();
    store.commit(&lease, &links([link(1), link(2)])).await.unwrap();
    let (client, schema) = (client(&place.url).await, &place.schema);
    let spoil = format!(
        "UPDATE {schema}.links SET source_base = '\\x02ff' WHERE source = 's1';
         UPDATE {schema}.links SET source_base = '\\x63' WHERE source = 's2'"
    );
    client.batch_execute(&spoil).await.unwrap();
    let error = store.links(&contacts(), None, 1).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Damaged);
    assert!(error.message.contains("restore the store from a backup"), "{error}");
    let error = store.links(&contacts(), Some(link_id(1)), 1).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Newer);
    assert!(error.message.contains("use the version that wrote it, or a newer one"), "{error}");
    store.commit(&lease, &links([link(3)])).await.unwrap();
    assert_eq!(store.links(&contacts(), Some(link_id(2)), 9).await.unwrap(), [link(3)]);
}

#[tokio::test]
async fn a_database_that_is_not_there_is_one_clear_error() {
    let Some(place) = Place::own_or_skip() else { return };
    let Some(url) = elsewhere(&place, "dbname=nowhere") else { return };
    let error = PostgresStore::connect(url).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Failed);
    for told in ["nowhere", "make the database, or give another name"] {
        assert!(error.message.contains(told), "{error}");
    }
}

#[tokio::test]
async fn a_database_with_another_encoding_is_refused_and_left_as_it_is() {
    let Some(place) = Place::own_or_skip() else { return };
    let name = format!("{}_ascii", place.schema);
    let Some(url) = elsewhere(&place, &format!("dbname={name}")) else { return };
    let make = format!("CREATE DATABASE {name} ENCODING 'SQL_ASCII' TEMPLATE template0");
    client(&place.url).await.batch_execute(&make).await.unwrap();
    let options = PostgresOptions::new(&url).schema(&place.schema);
    let error = PostgresStore::open(&options).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Misuse);
    assert!(error.message.contains("make one with the encoding UTF8"), "{error}");
    assert_eq!(relations(&client(&url).await, &place.schema).await, []);
}
