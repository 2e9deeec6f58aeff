//! Connections that break and calls that are in each other's way: what is done, what is done again,
//! and what is told.

use fluxcascade_core::model::{MappingKey, Side};
use fluxcascade_core::store::{Page, RunStart, Store, StoreErrorKind};
use fluxcascade_core::testkit::conformance::store::nouns::*;
use fluxcascade_store::PostgresStore;
use fluxcascade_store::postgres::PostgresOptions;

use crate::opening::client;
use crate::server::Place;
use crate::wire::{Wire, through};

async fn runs(store: &PostgresStore) -> usize {
    store.runs(&contacts(), &Page::all()).await.unwrap().len()
}

const START: RunStart = RunStart::at(fluxcascade_core::model::Timestamp::from_secs(0));

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_told_as_one_that_may_have_been_done() {
    let Some(place) = Place::or_skip() else { return };
    let (options, wire) = through(&place).await;
    let store = PostgresStore::open(&options).await.unwrap();
    let lease = leased(&store).await.unwrap();

    for (breaks, done) in [(Wire::LosesAnswer, 1), (Wire::BreaksAtCommit, 0)] {
        let before = runs(&store).await;
        wire.set(breaks);
        let error = store.start_run(&lease, &START).await.unwrap_err();
        assert!(wire.is_whole(), "{breaks:?} was not met");
        assert_eq!(error.kind, StoreErrorKind::Unanswered, "{error}");
        assert!(error.message.contains("may have been done"), "{error}");
        // It was not done again by itself, and the store goes on.
        assert_eq!(runs(&store).await, before + done, "{breaks:?}");
        store.start_run(&lease, &START).await.unwrap();
    }
}

/// A call that only read has changed nothing, however it ends.
#[tokio::test]
async fn a_read_whose_answer_is_lost_has_failed_and_nothing_else() {
    let Some(place) = Place::or_skip() else { return };
    let (options, wire) = through(&place).await;
    let store = PostgresStore::open(&options).await.unwrap();
    let lease = leased(&store).await.unwrap();
    for breaks in [Wire::LosesAnswer, Wire::BreaksAtCommit] {
        wire.set(breaks);
        let error = store.work(&lease, &all_work(lease.since)).await.unwrap_err();
        assert!(wire.is_whole(), "{breaks:?} was not met");
        assert_eq!(error.kind, StoreErrorKind::Failed, "{error}");
        assert_eq!(store.work(&lease, &all_work(lease.since)).await.unwrap(), []);
    }
}

/// What became of a commit without an answer stands once the next lease is given, also where the
/// server carries it out late.
#[tokio::test]
async fn the_next_lease_is_given_when_it_is_known_what_became_of_an_unanswered_commit() {
    let Some(place) = Place::or_skip() else { return };
    let (options, wire) = through(&place).await;
    let store = PostgresStore::open(&options).await.unwrap();
    let lease = leased(&store).await.unwrap();
    late_commits(&place).await;
    wire.set(Wire::HangsUpAtCommit);
    let error = store.start_run(&lease, &START).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unanswered, "{error}");
    let next = store.lease(&contacts(), lease.until, TTL).await.unwrap();
    assert_eq!((next.fence, runs(&store).await), (lease.fence + 1, 1));
}

/// A run's row takes a while to commit.
async fn late_commits(place: &Place) {
    let schema = &place.schema;
    let script = format!(
        "CREATE FUNCTION {schema}.late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             PERFORM pg_sleep(1);
             RETURN NULL;
         END $$;
         CREATE CONSTRAINT TRIGGER late AFTER INSERT ON {schema}.runs
             DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION {schema}.late();"
    );
    client(&place.url).await.batch_execute(&script).await.unwrap();
}

#[tokio::test]
async fn a_connection_that_is_broken_before_a_call_begins_is_replaced() {
    let Some(place) = Place::or_skip() else { return };
    let (options, wire) = through(&place).await;
    let store = PostgresStore::open(&options).await.unwrap();
    let lease = leased(&store).await.unwrap();
    wire.set(Wire::BreaksAtBegin);
    store.start_run(&lease, &START).await.unwrap();
    assert!(wire.is_whole());
    assert_eq!(runs(&store).await, 1);
}

/// A call that is given up by its caller leaves nothing behind that others wait for.
#[tokio::test]
async fn a_call_that_is_dropped_in_the_middle_is_undone() {
    let Some(place) = Place::or_skip() else { return };
    let store = PostgresStore::open(&place.options()).await.unwrap();
    let lease = leased(&store).await.unwrap();
    for n in 0..40 {
        let call = store.start_run(&lease, &START);
        let _ = tokio::time::timeout(std::time::Duration::from_micros(n * 100), call).await;
    }
    let before = runs(&store).await;
    store.start_run(&lease, &START).await.unwrap();
    assert_eq!(runs(&store).await, before + 1);
}

/// Lets the first `times` inserts into `runs` fail as those fail that others are in the way of.
async fn in_the_way(place: &Place, times: u32, when: &str) -> String {
    let (schema, count) = (&place.schema, format!("{}.count", place.schema));
    let script = format!(
        "CREATE SEQUENCE {count};
         CREATE FUNCTION {schema}.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF nextval('{count}') <= {times} THEN
                 RAISE EXCEPTION 'in the way' USING ERRCODE = '40001';
             END IF;
             RETURN NULL;
         END $$;
         CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON {schema}.runs {when}
             FOR EACH ROW EXECUTE FUNCTION {schema}.refuse();"
    );
    client(&place.url).await.batch_execute(&script).await.unwrap();
    count
}

#[tokio::test]
async fn a_call_that_was_in_anothers_way_is_done_again_and_done_once() {
    for when in ["NOT DEFERRABLE", "DEFERRABLE INITIALLY DEFERRED"] {
        let Some(place) = Place::or_skip() else { return };
        let store = PostgresStore::open(&place.options()).await.unwrap();
        let lease = leased(&store).await.unwrap();
        in_the_way(&place, 3, when).await;
        assert_eq!(store.start_run(&lease, &START).await.unwrap().0, 1, "{when}");
        assert_eq!(runs(&store).await, 1, "{when}");
    }
}

#[tokio::test]
async fn a_call_that_is_always_in_anothers_way_fails_after_a_few_times() {
    let Some(place) = Place::or_skip() else { return };
    let store = PostgresStore::open(&place.options()).await.unwrap();
    let lease = leased(&store).await.unwrap();
    let count = in_the_way(&place, u32::MAX, "NOT DEFERRABLE").await;
    let error = store.start_run(&lease, &START).await.unwrap_err();
    assert!(error.is_transient() && error.message.contains("run again"), "{error}");
    assert_eq!(runs(&store).await, 0);
    let client = client(&place.url).await;
    let tried: i64 =
        client.query_one(&format!("SELECT nextval('{count}')"), &[]).await.unwrap().get(0);
    assert_eq!(tried - 1, 7);
}

/// Which durability is in force for which call: each table tells who wrote it under which setting,
/// though the role's own is another.
#[tokio::test]
async fn everything_but_an_intake_waits_for_the_servers_disk() {
    let Some(place) = Place::or_skip() else { return };
    drop(PostgresStore::open(&place.options()).await.unwrap());
    let (client, schema) = (client(&place.url).await, &place.schema);
    let script = format!(
        "CREATE SCHEMA {schema}_notes;
         CREATE TABLE {schema}_notes.notes (about text, setting text);
         CREATE FUNCTION {schema}_notes.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             INSERT INTO {schema}_notes.notes
             VALUES (TG_TABLE_NAME, current_setting('synchronous_commit'));
             RETURN NULL;
         END $$;
         DO $$ DECLARE t text; BEGIN
             FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = '{schema}' LOOP
                 EXECUTE format('CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON {schema}.%I
                     EXECUTE FUNCTION {schema}_notes.note()', t);
             END LOOP;
         END $$;"
    );
    client.batch_execute(&script).await.unwrap();
    let asleep =
        if place.url.contains("://") { "" } else { " options='-c synchronous_commit=off'" };
    let options = PostgresOptions::new(format!("{}{asleep}", place.url)).schema(schema);
    let store = PostgresStore::open(&options).await.unwrap();
    let noted = async |what: &str| -> Vec<String> {
        let sql = format!("DELETE FROM {schema}_notes.notes RETURNING setting");
        let rows = client.query(&sql, &[]).await.unwrap();
        assert!(!rows.is_empty(), "{what} wrote nothing");
        let mut settings: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        settings.sort();
        settings.dedup();
        settings
    };
    let lease = leased(&store).await.unwrap();
    assert_eq!(noted("a lease").await, ["on"]);
    let read = page(Side::Source, [row("s1", 1)]);
    store.intake(&lease, &read).await.unwrap();
    assert_eq!(noted("an intake").await, ["off"]);
    let create = create(3, Side::Target, "s1", &[(0, 1)]);
    store.begin(&lease, &[create]).await.unwrap();
    assert_eq!(noted("an intent").await, ["on"]);
    store.commit(&lease, &links([link(1)])).await.unwrap();
    assert_eq!(noted("a commit").await, ["on"]);
    store.notify(&[hint("s9")]).await.unwrap();
    assert_eq!(noted("a hint").await, ["on"]);
    let key: MappingKey = contacts();
    store.fingerprint_key(&key).await.unwrap();
    assert_eq!(noted("a fingerprint key").await, ["on"]);
    let key = fluxcascade_core::store::TokenKey {
        tenant: key.tenant,
        connection: fluxcascade_core::model::ConnectionName::new("hubspot").unwrap(),
    };
    fluxcascade_core::store::TokenStore::replace_token(&store, &key, 0, b"s").await.unwrap();
    assert_eq!(noted("a token").await, ["on"]);
}
