//! Bad input: what is wrong with the database is one clear error that says what and what to do next,
//! and nothing is written. Tables of another program, a newer schema and missing rights are
//! `opening`'s; keys that are wrong or lost are `privacy/keys.rs`'s.

use fluxcascade_core::store::{Store, StoreErrorKind};
use fluxcascade_core::testkit::conformance::store::nouns::*;
use fluxcascade_store::PostgresStore;
use fluxcascade_store::postgres::PostgresOptions;

use crate::opening::{client, relations};
use crate::server::Place;
use crate::wire::{Wire, through, wired};

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

/// All of these words, of each error, and none of the password.
fn assert_tells(error: &fluxcascade_core::store::StoreError, told: &[&str]) {
    assert_eq!(error.kind, StoreErrorKind::Failed, "{error}");
    for told in told {
        assert!(error.message.contains(told), "{told}: {error}");
    }
    assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
}

#[tokio::test]
async fn a_wrong_password_is_one_clear_error_that_does_not_tell_it() {
    let Some(place) = Place::own_or_skip() else { return };
    let (client, role) = (client(&place.url).await, format!("{}_guest", place.schema));
    // Only this role is asked for its password.
    let ask = format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'right';
         CREATE TABLE {role} AS SELECT 0 AS place, 'host all {role} all scram-sha-256' AS line;
         INSERT INTO {role} SELECT n, l FROM regexp_split_to_table(
             pg_read_file(current_setting('hba_file')), E'\n') WITH ORDINALITY AS old (l, n);
         DO $$ BEGIN
             EXECUTE format('COPY (SELECT line FROM {role} ORDER BY place) TO %L',
                 current_setting('hba_file'));
         END $$;
         DROP TABLE {role};
         SELECT pg_reload_conf()"
    );
    client.batch_execute(&ask).await.unwrap();
    let config: tokio_postgres::Config = place.url.parse().unwrap();
    let port = config.get_ports()[0];
    let with = |password: &str| {
        format!(
            "host=localhost port={port} user={role} dbname=postgres password={password} sslmode=disable"
        )
    };
    // The server reads its configuration a little later.
    while tokio_postgres::connect(&with("wrong"), tokio_postgres::NoTls).await.is_ok() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let options = PostgresOptions::new(with("s3cret")).schema(&place.schema);
    let error = PostgresStore::open(&options).await.unwrap_err();
    assert_tells(&error, &[&role, "check the role and its password"]);
    assert_eq!(relations(&client, &place.schema).await, []);
}

/// Also where no statement of an opening would write: the first run would fail in its middle.
#[tokio::test]
async fn a_server_that_is_set_to_read_only_is_refused_when_it_is_opened() {
    let Some(place) = Place::or_skip() else { return };
    let (client, schema) = (client(&place.url).await, &place.schema);
    let read_only = "options='-c default_transaction_read_only=on'";
    let Some(url) = elsewhere(&place, read_only) else { return };
    let options = PostgresOptions::new(url).schema(schema);
    let told = ["read only", "give the address of a server that may be written"];
    assert_tells(&PostgresStore::open(&options).await.unwrap_err(), &told);
    assert_eq!(relations(&client, schema).await, []);

    let store = PostgresStore::open(&place.options()).await.unwrap();
    let lease = leased(&store).await.unwrap();
    assert_tells(&PostgresStore::open(&options).await.unwrap_err(), &told);
    store.renew(&lease, at(1), TTL).await.unwrap();
}

/// A standby that follows the server of the tests, with all that the server has.
#[tokio::test]
async fn a_standby_is_refused_when_it_is_opened() {
    let Some(place) = Place::own_or_skip() else { return };
    drop(PostgresStore::open(&place.options()).await.unwrap());
    let standby = crate::server::Standby::of(&place).unwrap();
    let options = PostgresOptions::new(&standby.url).schema(&place.schema);
    let error = PostgresStore::open(&options).await.unwrap_err();
    assert_tells(&error, &["standby", "give the address of a server that may be written"]);
    let elsewhere = PostgresOptions::new(&standby.url).schema("nothing_there_yet");
    let error = PostgresStore::open(&elsewhere).await.unwrap_err();
    assert_tells(&error, &["standby", "give the address of a server that may be written"]);
}

/// The server goes away while the store is open, and comes back.
#[tokio::test]
async fn a_server_that_is_gone_is_one_clear_error_until_it_is_back() {
    let Some(place) = Place::or_skip() else { return };
    let (options, wire) = through(&place).await;
    let store = PostgresStore::open(&options).await.unwrap();
    let lease = leased(&store).await.unwrap();
    wire.set(Wire::Gone);
    for _ in 0..3 {
        let error = store.commit(&lease, &links([link(1)])).await.unwrap_err();
        assert_tells(&error, &["check that the server runs and can be reached"]);
    }
    let error = PostgresStore::open(&options).await.unwrap_err();
    assert_tells(&error, &["check that the server runs and can be reached"]);
    wire.set(Wire::Whole);
    assert_eq!(store.links(&contacts(), None, 9).await.unwrap(), []);
    store.commit(&lease, &links([link(1)])).await.unwrap();
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_tls_is_asked_for() {
    let Some(place) = Place::own_or_skip() else { return };
    // The wire ends at the server's socket in a folder, where it speaks no TLS.
    let (url, _wire) = wired(&place).await;
    let options = PostgresOptions::new(format!("{url} sslmode=require")).schema(&place.schema);
    let error = PostgresStore::open(&options).await.unwrap_err();
    assert_tells(&error, &["does not support TLS", "sslmode=disable"]);
    let client = client(&place.url).await;
    assert_eq!(relations(&client, &place.schema).await, []);
}
