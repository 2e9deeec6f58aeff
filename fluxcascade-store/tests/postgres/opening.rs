//! Opening: by many at once, of what is not ours, with rights that are missing, and what is told.

use std::time::Duration;

use fluxcascade_core::model::{MappingKey, MappingName, Timestamp};
use fluxcascade_core::store::{Counts, Store, StoreErrorKind, TokenKey, TokenStore};
use fluxcascade_store::PostgresStore;
use fluxcascade_store::postgres::PostgresOptions;
use tokio_postgres::{Client, NoTls};

use crate::server::{self, Place};

/// A connection of the test's own.
pub(crate) async fn client(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

fn contacts() -> MappingKey {
    MappingKey::of(MappingName::new("contacts").unwrap())
}

/// All relations of a schema, with their numbers of columns.
pub(crate) async fn relations(client: &Client, schema: &str) -> Vec<(String, i16)> {
    let rows = client
        .query(
            "SELECT relname::text, relnatts FROM pg_class
             WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1) ORDER BY 1",
            &[&schema],
        )
        .await
        .unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test]
async fn ten_workers_may_open_a_new_store_at_once() {
    let Some(place) = Place::or_skip() else { return };
    let opening = (0..10).map(|_| {
        let options = place.options().connections(1);
        tokio::spawn(async move { PostgresStore::open(&options).await })
    });
    let opening: Vec<_> = opening.collect();
    let mut granted = 0;
    for worker in opening {
        let store = worker.await.unwrap().unwrap();
        let now = Timestamp::from_secs(0);
        granted += u32::from(store.lease(&contacts(), now, Duration::from_secs(9)).await.is_ok());
    }
    assert_eq!(granted, 1);
    let client = client(&place.url).await;
    let sql = format!("SELECT version FROM {}.fluxcascade_store", place.schema);
    assert_eq!(client.query(&sql, &[]).await.unwrap().len(), 1);
}

#[tokio::test]
async fn tables_of_another_program_are_refused_and_left_as_they_are() {
    let Some(place) = Place::or_skip() else { return };
    let client = client(&place.url).await;
    let schema = &place.schema;
    client
        .batch_execute(&format!("CREATE SCHEMA {schema}; CREATE TABLE {schema}.theirs (a int)"))
        .await
        .unwrap();
    let error = PostgresStore::open(&place.options()).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Misuse);
    assert!(error.message.contains("another program"), "{error}");
    assert_eq!(relations(&client, schema).await, [("theirs".to_owned(), 1)]);
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_as_it_is() {
    let Some(place) = Place::or_skip() else { return };
    drop(PostgresStore::open(&place.options()).await.unwrap());
    let client = client(&place.url).await;
    let schema = &place.schema;
    let newer = format!("UPDATE {schema}.fluxcascade_store SET version = 1000");
    client.batch_execute(&newer).await.unwrap();
    let before = relations(&client, schema).await;
    let error = PostgresStore::open(&place.options()).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Newer);
    assert!(error.message.contains("1000"), "{error}");
    assert_eq!(relations(&client, schema).await, before);
}

/// Makes a role without any rights, and tells how it opens the schema.
async fn stranger(client: &Client, place: &Place) -> (String, PostgresOptions) {
    let role = format!("{}_stranger", place.schema);
    client.batch_execute(&format!("CREATE ROLE {role} LOGIN PASSWORD 's3cret'")).await.unwrap();
    let url = if place.url.contains("://") {
        let (scheme, rest) = place.url.split_once("://").unwrap();
        let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        format!("{scheme}://{role}:s3cret@{host}")
    } else {
        format!("{} user={role} password=s3cret", place.url)
    };
    (role, PostgresOptions::new(url).schema(&place.schema))
}

#[tokio::test]
async fn a_role_without_rights_gets_one_clear_error_and_nothing_is_written() {
    let Some(place) = Place::or_skip() else { return };
    let (client, schema) = (client(&place.url).await, &place.schema);
    let (role, options) = stranger(&client, &place).await;

    let error = PostgresStore::open(&options).await.unwrap_err();
    assert!(error.message.contains("permission denied"), "{error}");
    assert!(error.message.contains("give the role the rights"), "{error}");
    assert_eq!(relations(&client, schema).await, []);

    let owned = PostgresStore::open(&place.options()).await.unwrap();
    let error = PostgresStore::open(&options).await.unwrap_err();
    assert!(error.message.contains("permission denied"), "{error}");
    let reading = format!(
        "GRANT USAGE ON SCHEMA {schema} TO {role};
         GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}"
    );
    client.batch_execute(&reading).await.unwrap();
    let error = PostgresStore::open(&options).await.unwrap_err();
    assert!(error.message.contains("grant it SELECT, INSERT, UPDATE and DELETE"), "{error}");
    assert_eq!(owned.counts(&contacts()).await.unwrap(), Counts::default());

    let writing =
        format!("GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}");
    client.batch_execute(&writing).await.unwrap();
    let store = PostgresStore::open(&options).await.unwrap();
    let now = Timestamp::from_secs(0);
    assert!(store.lease(&contacts(), now, Duration::from_secs(9)).await.is_ok());
    let gone = format!("DROP OWNED BY {role}; DROP ROLE {role}");
    client.batch_execute(&gone).await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_not_there_is_one_clear_error_without_the_password() {
    let url = "postgres://u:s3cret@127.0.0.1:1/sync?connect_timeout=1";
    let error = PostgresStore::connect(url).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Failed);
    assert!(error.message.contains("check that the server runs"), "{error}");
    assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
}

/// Where a server of our own is reached over TLS, and the certificate that it shows.
fn over_tls(place: &Place) -> Option<(String, Vec<u8>)> {
    let config: tokio_postgres::Config = place.url.parse().unwrap();
    let tokio_postgres::config::Host::Unix(folder) = config.get_hosts().first()? else {
        return None;
    };
    let certificate = std::fs::read(folder.join("data/server.crt")).ok()?;
    let port = config.get_ports().first()?;
    let url = format!("host=localhost port={port} user=fluxcascade dbname=postgres");
    Some((url, certificate))
}

#[tokio::test]
async fn a_server_is_believed_only_with_a_certificate_that_is_trusted() {
    let Some(place) = Place::own_or_skip() else { return };
    let Some((url, certificate)) = over_tls(&place) else {
        return server::skipped("there is no openssl to make the server's certificate");
    };
    let secret = || PostgresOptions::new(format!("{url} sslmode=require")).schema(&place.schema);
    let error = PostgresStore::open(&secret()).await.unwrap_err();
    assert!(error.message.contains("certificate"), "{error}");

    let store = PostgresStore::open(&secret().root_certificates(certificate.clone())).await;
    let store = store.unwrap();
    store.counts(&contacts()).await.unwrap();
    let client = client(&place.url).await;
    let sql = "SELECT count(*) FROM pg_stat_activity JOIN pg_stat_ssl USING (pid)
         WHERE application_name = 'fluxcascade' AND ssl";
    assert!(client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) > 0);

    let elsewhere = format!("{url} hostaddr=127.0.0.1").replace("localhost", "db.example.com");
    let elsewhere = PostgresOptions::new(elsewhere).root_certificates(certificate);
    let error = PostgresStore::open(&elsewhere).await.unwrap_err();
    assert!(error.message.contains("certificate"), "{error}");
    let error = PostgresStore::open(&secret().root_certificates("none")).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Misuse);
}

/// P30: neither the store nor what it says has the password or a stored secret.
#[tokio::test]
async fn no_secret_is_in_the_debug_of_a_store() {
    let Some(place) = Place::or_skip() else { return };
    let secret = |url: &str| format!("{url} password=s3cret");
    let url = if place.url.contains("://") { place.url.clone() } else { secret(&place.url) };
    let store = PostgresStore::open(&PostgresOptions::new(url).schema(&place.schema)).await;
    let store = store.unwrap();
    let key = TokenKey {
        tenant: contacts().tenant,
        connection: fluxcascade_core::model::ConnectionName::new("hubspot").unwrap(),
    };
    store.replace_token(&key, 0, b"t0ken").await.unwrap();
    let shown = format!("{store:?}");
    assert!(!shown.contains("s3cret") && !shown.contains("t0ken"), "{shown}");
}

/// What a database that is distributed by tenant needs: no key, and no index, that begins with
/// anything else.
#[tokio::test]
async fn every_key_and_every_index_begins_with_the_tenant() {
    let Some(place) = Place::or_skip() else { return };
    drop(PostgresStore::open(&place.options()).await.unwrap());
    let client = client(&place.url).await;
    let indexes = client
        .query(
            "SELECT i.indexrelid::regclass::text, a.attname::text, i.indisunique
             FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid
             LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = i.indkey[0]
             WHERE t.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)
             AND t.relkind = 'r'",
            &[&place.schema],
        )
        .await
        .unwrap();
    assert!(indexes.iter().filter(|row| row.get(2)).count() > 15);
    for row in &indexes {
        let (index, first): (&str, Option<&str>) = (row.get(0), row.get(1));
        assert_eq!(first, Some("tenant"), "{index}");
    }
    let without_key: Vec<String> = client
        .query(
            "SELECT c.relname::text FROM pg_class c
             WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)
             AND c.relkind = 'r'
             AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)
             ORDER BY 1",
            &[&place.schema],
        )
        .await
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    // The one row that tells the schema's version is everybody's. Both indexes of the match keys
    // are unique, each for one kind of search.
    assert_eq!(without_key, ["fluxcascade_store", "match_keys"]);
    // Nor may a row need one of another tenant, or a value that all tenants draw from.
    let shared = "SELECT conname::text FROM pg_constraint WHERE contype = 'f'
         AND connamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)
         UNION ALL SELECT relname::text FROM pg_class WHERE relkind = 'S'
         AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)";
    assert!(client.query(shared, &[&place.schema]).await.unwrap().is_empty());
}

/// A planner that knows nothing of the match keys yet, but that they are vacuumed, would search them by
/// record through the index by key, from end to end: it may not.
#[tokio::test]
async fn each_index_of_the_match_keys_is_for_one_kind_of_search() {
    let Some(place) = Place::or_skip() else { return };
    drop(PostgresStore::open(&place.options()).await.unwrap());
    let rows = client(&place.url)
        .await
        .query(
            "SELECT pg_get_expr(i.indpred, i.indrelid) FROM pg_index i
             JOIN pg_class t ON t.oid = i.indrelid
             WHERE t.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)
             AND t.relname = 'match_keys' ORDER BY 1",
            &[&place.schema],
        )
        .await
        .unwrap();
    let conditions: Vec<Option<&str>> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(conditions, [Some("(rule >= 0)"), Some("(side >= 0)")]);
}
