//! A small dump of each schema, as the migrations made it. Every later version opens all of them.
//!
//! A dump is made once and, from the release that has its schema on, never again: made by a later
//! version it would prove nothing. (Until then a change of a stored noun makes it anew.) For a new
//! schema, add its migration to `MIGRATIONS`, run the line below, and commit the new dump beside the
//! old ones:
//!
//! ```text
//! cargo test -p fluxcascade-store --features postgres --test postgres -- --ignored make_the_fixture
//! ```

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use fluxcascade_core::clock::{Clock, ManualClock};
use fluxcascade_core::model::{
    Answer, AnswerTo, Awaited, Choice, Hold, HoldKey, HoldReason, LinkStatus, MappingKey, RecordId,
    RunNumber, RunRow, RunStatus, Side, Sides, Timestamp, Withheld, WorkKey,
};
use fluxcascade_core::store::{
    Budget, Budgets, ClaimRequest, CommitBatch, Draw, Intake, Page, Requeue, RunStart, Schedule,
    Scheduled, Store, StoreErrorKind, Sweep, TokenKey, TokenStore, Upkeep,
};
use fluxcascade_core::testkit::conformance::store::nouns::*;
use fluxcascade_core::testkit::{SimProfile, SimSystem};
use fluxcascade_core::{Engine, Mapping};
use fluxcascade_store::PostgresStore;
use tokio_postgres::Client;

use crate::opening::{client, relations};
use crate::server::{Place, programs};

/// What made each schema of the one before.
const MIGRATIONS: [&str; 4] = [
    include_str!("../../migrations/postgres/0001_first.sql"),
    include_str!("../../migrations/postgres/0002_turns.sql"),
    include_str!("../../migrations/postgres/0003_key_indexes.sql"),
    include_str!("../../migrations/postgres/0004_former_records.sql"),
];

const CURRENT: usize = MIGRATIONS.len();

/// Stands in the dumps for the schema that they are put into.
const SCHEMA: &str = "schema_of_the_fixture";

fn fixture(schema: usize) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests").join("fixtures");
    folder.join(format!("postgres-schema-{schema}.sql"))
}

/// A new place with what the dump of a schema has.
async fn restored(schema: usize) -> Option<(Place, Client)> {
    let place = Place::or_skip()?;
    let client = client(&place.url).await;
    let dump = std::fs::read_to_string(fixture(schema)).unwrap();
    client.batch_execute(&dump.replace(SCHEMA, &place.schema)).await.unwrap();
    Some((place, client))
}

async fn version(client: &Client, schema: &str) -> usize {
    let sql = format!("SELECT version FROM {schema}.fluxcascade_store");
    let version: i32 = client.query_one(&sql, &[]).await.unwrap().get(0);
    usize::try_from(version).unwrap()
}

/// Two systems that hold the same three records, and an engine that keeps them in sync; it is so many
/// hours after they came to be.
async fn engine(store: Arc<PostgresStore>, hours: u64) -> Engine {
    let clock = Arc::new(ManualClock::starting("2026-03-01T12:00:00Z".parse().unwrap()));
    let system = |name: &str, object: &str, fields: [&'static str; 2]| {
        let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
        let system = SimSystem::new(name, object, SimProfile::default(), clock);
        let system = fields.into_iter().fold(system, SimSystem::field);
        for n in 0..3 {
            let email = format!("person{n}@example.com");
            system.insert([(fields[0], email), (fields[1], format!("Person {n}"))]);
        }
        system
    };
    let crm = system("crm", "contacts", ["email", "name"]);
    let field = system("field", "clients", ["mail", "name"]);
    clock.advance(Duration::from_secs(3600 * hours));
    let people = Mapping::builder("people")
        .source("crm", "contacts")
        .target("field", "clients")
        .match_on("email", "mail")
        .pair("email", "mail")
        .pair("name", "name")
        .build()
        .unwrap();
    let engine = Engine::builder().connection("crm", crm).connection("field", field);
    engine.store(store).clock(clock).mapping(people).build().await.unwrap()
}

fn people() -> MappingKey {
    mapping("people")
}

fn token_key() -> TokenKey {
    TokenKey { tenant: contacts().tenant, connection: feed_key().connection }
}

/// What of each noun is stored of the suite's mapping.
fn batch() -> CommitBatch {
    let awaited =
        Awaited { mapping: mapping("companies").mapping, side: Side::Target, record: record("t9") };
    let waiting = HoldKey::Pair(link_id(2), pair("company"));
    let withheld = HoldKey::Pair(link_id(2), pair("name"));
    CommitBatch {
        keys: vec![record_keys(Side::Source, "s1", &[(0, 1)])],
        holds: vec![
            pair_hold(1, "name", None),
            Hold { waits_for: Some(awaited), ..hold(waiting, HoldReason::Reference, None) },
            Hold { withheld: Some(Withheld::Blanking), ..hold(withheld, HoldReason::Guard, None) },
            record_hold(Side::Source, "s8", Some(at(60))),
        ],
        conflicts: vec![conflict(1, 1), conflict(2, 1)],
        log: vec![
            log_row(1, Some("s1"), Some("t1"), "first"),
            log_row(1, Some("s2"), None, "second"),
        ],
        requeued: vec![Requeue {
            side: Side::Target,
            record: record("t2"),
            not_before: Some(at(60)),
            failed: Some(3),
        }],
        ..links([link(1), link(2), with_status(link(3), LinkStatus::Tombstone)])
    }
}

/// Something of everything, but for what only the second schema has.
async fn fill(store: &Arc<PostgresStore>) {
    for hours in [1, 2] {
        let report = engine(Arc::clone(store), hours).await.sync("people").await.unwrap();
        assert_eq!(report.writes(), 0, "{report}");
    }
    let lease = leased(&**store).await.unwrap();
    store.add_revision(&lease, &revision(1)).await.unwrap();
    store.start_run(&lease, &RunStart::at(at(0))).await.unwrap();
    let run = RunRow {
        number: RunNumber(1),
        started: at(0),
        ended: Some(at(9)),
        status: RunStatus::Partial,
        writes: Sides::new(1, 2),
        error: None,
    };
    store.finish_run(&lease, &run).await.unwrap();
    let rows = [keyed("s8", &[(0, 1)])];
    let read = Intake { feed: feed_at("page 7"), ..page(Side::Source, rows) };
    store.intake(&lease, &read).await.unwrap();
    let creates = [30, 32].map(|n| claiming(create(n, Side::Target, "s8", &[(0, 1)]), &[n]));
    store.begin(&lease, &creates).await.unwrap();
    store.commit(&lease, &batch()).await.unwrap();
    let closed = vec![operation_id(32)];
    let made = vec![made(32, "t9", at(500))];
    store.commit(&lease, &CommitBatch { closed, made, ..CommitBatch::default() }).await.unwrap();
    let asked = pair_hold(1, "name", None);
    let answer = Answer { choice: Choice::Leave, at: at(8) };
    let to = AnswerTo { version: asked.version(), hold: asked.key, answer };
    store.answer(&contacts(), &[to]).await.unwrap();
    let first = sweep(Sweep::First, Side::Source, [row_like("s1", 1)]);
    store.intake(&lease, &first).await.unwrap();
    store.release(&lease).await.unwrap();
    store.replace_token(&token_key(), 0, b"secret").await.unwrap();
    store.forget(&subject("s77"), at(9)).await.unwrap();
}

/// Leads are scheduled and were claimed, and requests were drawn.
async fn fill_second(store: &PostgresStore) {
    let every = Duration::from_secs(60);
    let scheduled = Scheduled { mapping: mapping("leads"), every, first: at(100) };
    store.schedule(&scheduled).await.unwrap();
    let lease = store.claim(&claim_at(100)).await.unwrap().leases.remove(0);
    store.release(&lease).await.unwrap();
    assert_eq!(store.draw(&drawing(100, 40)).await.unwrap().granted, 40);
}

fn claim_at(secs: i64) -> ClaimRequest {
    ClaimRequest { worker: worker("one"), among: None, now: at(secs), ttl: TTL, limit: 9 }
}

fn drawing(secs: i64, wanted: u32) -> Draw {
    Draw {
        tenant: contacts().tenant,
        connection: feed_key().connection,
        limit: "requests".to_owned(),
        worker: worker("one"),
        budget: Budget { requests: 100, window: Duration::from_secs(10) },
        now: at(secs),
        wanted,
        least: 1,
        late: Duration::ZERO,
    }
}

/// All that can be read, as text.
async fn content(store: &PostgresStore) -> String {
    let (all, end) = (Page::all(), Timestamp::from_micros(i64::MAX));
    let mut told = format!("{:?}", store.token(&token_key()).await.unwrap().unwrap().secret);
    for of in [contacts(), people()] {
        let lease = store.lease(&of, at(9_000), TTL).await.unwrap();
        let ended = WorkKey::Record(Side::Target, record("t3"));
        let named: Vec<RecordId> = ["s1", "s8"].map(record).into();
        let found = format!(
            "{:?}{:?}",
            (
                store.revisions(&of).await.unwrap(),
                store.runs(&of, &all).await.unwrap(),
                store.feed(&lease, &feed_of("hubspot", "contacts", of.mapping.as_str())).await,
                store.work(&lease, &all_work(end)).await.unwrap(),
                store.gather(&lease, &[ended]).await.unwrap(),
                store.linked(&of, Side::Source, &named).await.unwrap(),
            ),
            (
                store.counts(&of).await.unwrap(),
                store.links(&of, None, usize::MAX).await.unwrap(),
                store.holds(&of, &all).await.unwrap(),
                store.conflicts(&of, &all).await.unwrap(),
                store.log(&of, &all).await.unwrap(),
            ),
        );
        told.push_str(&found);
        store.release(&lease).await.unwrap();
    }
    told
}

#[tokio::test]
async fn dumps_of_every_schema_are_opened_with_all_that_is_in_them() {
    let Some(place) = Place::or_skip() else { return };
    let fresh = Arc::new(PostgresStore::open(&place.options()).await.unwrap());
    fill(&fresh).await;
    let expected = content(&fresh).await;
    for schema in 1..=CURRENT {
        let Some((place, client)) = restored(schema).await else { return };
        assert_eq!(version(&client, &place.schema).await, schema);
        let store = PostgresStore::open(&place.options()).await.unwrap();
        assert_eq!(version(&client, &place.schema).await, CURRENT);
        let found = content(&store).await;
        assert!(found == expected, "schema {schema}: {found} instead of {expected}");
        // What was forgotten stays away.
        let lease = store.lease(&contacts(), at(9_500), TTL).await.unwrap();
        let taken = store.intake(&lease, &page(Side::Source, [row("s77", 1)])).await.unwrap();
        assert_eq!(taken.entered, 0, "schema {schema}");
    }
}

#[tokio::test]
async fn a_dump_of_the_second_schema_knows_what_is_due_and_what_was_drawn() {
    for schema in 2..=CURRENT {
        let Some((place, _)) = restored(schema).await else { return };
        let store = PostgresStore::open(&place.options()).await.unwrap();
        assert_eq!(store.claim(&claim_at(159)).await.unwrap().next, Some(at(160)));
        let due = store.claim(&claim_at(160)).await.unwrap().leases;
        assert_eq!(due.iter().map(|lease| lease.fence).collect::<Vec<_>>(), [2]);
        assert_eq!(store.draw(&drawing(101, 100)).await.unwrap().granted, 60);
    }
}

/// Every row of every table but those that a quiet run moves.
async fn rows(client: &Client, schema: &str) -> Vec<(String, String)> {
    let tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = $1 AND tablename NOT IN
         ('runs', 'mappings', 'feeds', 'sweeps', 'seen', 'tokens', 'budgets') ORDER BY 1";
    let mut rows = Vec::new();
    for table in client.query(tables, &[&schema]).await.unwrap() {
        let table: String = table.get(0);
        let sql = format!("SELECT r::text FROM {schema}.{table} r ORDER BY 1");
        let found = client.query(&sql, &[]).await.unwrap();
        rows.extend(found.iter().map(|row| (table.clone(), row.get(0))));
    }
    rows
}

/// P2, P27.
#[tokio::test]
async fn a_quiet_run_on_a_dump_of_every_schema_writes_nothing() {
    for schema in 1..=CURRENT {
        let Some((place, client)) = restored(schema).await else { return };
        let store = Arc::new(PostgresStore::open(&place.options()).await.unwrap());
        let before = rows(&client, &place.schema).await;
        assert!(before.len() > 20, "{before:?}");
        let report = engine(Arc::clone(&store), 3).await.sync("people").await.unwrap();
        assert_eq!(report.writes(), 0, "{report}");
        assert_eq!(store.counts(&people()).await.unwrap().active_links, 3);
        assert_eq!(store.runs(&people(), &Page::all()).await.unwrap().len(), 3);
        assert_eq!(rows(&client, &place.schema).await, before, "schema {schema}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_workers_that_open_an_old_schema_at_once_migrate_it_once() {
    for schema in 1..CURRENT {
        let Some((place, client)) = restored(schema).await else { return };
        // Whoever migrates writes down that it did.
        let note = format!(
            "CREATE TABLE {0}.migrated (at timestamptz);
             CREATE FUNCTION {0}.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 INSERT INTO {0}.migrated VALUES (now());
                 RETURN NULL;
             END $$;
             CREATE TRIGGER note AFTER INSERT ON {0}.fluxcascade_store
                 EXECUTE FUNCTION {0}.note()",
            place.schema
        );
        client.batch_execute(&note).await.unwrap();
        let opening = (0..10).map(|_| {
            let options = place.options().connections(1);
            tokio::spawn(async move { PostgresStore::open(&options).await })
        });
        let opening: Vec<_> = opening.collect();
        for worker in opening {
            let store = worker.await.unwrap().unwrap();
            assert_eq!(store.counts(&people()).await.unwrap().active_links, 3);
        }
        assert_eq!(version(&client, &place.schema).await, CURRENT);
        let sql = format!("SELECT count(*) FROM {}.migrated", place.schema);
        assert_eq!(client.query_one(&sql, &[]).await.unwrap().get::<_, i64>(0), 1, "{schema}");
    }
}

/// A migration that fails leaves the schema that was there.
#[tokio::test]
async fn an_old_schema_that_cannot_be_migrated_is_left_as_it_is() {
    let Some((place, client)) = restored(1).await else { return };
    // In the way of a table of the second schema.
    let other = format!("CREATE VIEW {}.budgets AS SELECT 1 AS one", place.schema);
    client.batch_execute(&other).await.unwrap();
    let before = relations(&client, &place.schema).await;
    let error = PostgresStore::open(&place.options()).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Failed, "{error}");
    assert!(error.message.contains("budgets"), "{error}");
    assert_eq!(relations(&client, &place.schema).await, before);
    assert_eq!(version(&client, &place.schema).await, 1);
}

/// What `pg_dump` says of a schema with these options, without what only its own program reads.
fn dumped(place: &Place, options: &[&str]) -> String {
    let program = programs().unwrap().join("pg_dump");
    let output = Command::new(program)
        .args(["--no-owner", "--no-privileges", "--inserts", "--schema", &place.schema])
        .args(options)
        .arg(&place.url)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).unwrap();
    let is_kept = |line: &&str| {
        let set = line.starts_with("SET ") || line.starts_with("SELECT pg_catalog.set_config");
        !(line.is_empty() || line.starts_with("--") || line.starts_with('\\') || set)
    };
    said.lines().filter(is_kept).flat_map(|line| [line, "\n"]).collect()
}

#[tokio::test]
#[ignore = "makes files that are committed: cargo test -p fluxcascade-store --features postgres \
            --test postgres -- --ignored make_the_fixture"]
async fn make_the_fixtures_of_every_schema() {
    let filled = Place::own_or_skip().unwrap();
    let store = Arc::new(PostgresStore::open(&filled.options()).await.unwrap());
    fill(&store).await;
    let first = dumped(&filled, &["--data-only", "--exclude-table=*.fluxcascade_store"]);
    fill_second(&store).await;
    let both = dumped(&filled, &["--data-only", "--exclude-table=*.fluxcascade_store"]);
    drop(store);
    for schema in 1..=CURRENT {
        let path = fixture(schema);
        if path.exists() {
            continue; // it is never made again
        }
        let place = Place::own_or_skip().unwrap();
        let client = client(&place.url).await;
        let steps = MIGRATIONS[..schema].join("\n");
        let data = if schema < 2 { &first } else { &both }.replace(&filled.schema, &place.schema);
        let script = format!(
            "CREATE SCHEMA {0}; SET search_path TO {0}; {steps};
             INSERT INTO fluxcascade_store (version) VALUES ({schema}); {data}",
            place.schema
        );
        client.batch_execute(&script).await.unwrap();
        let dump = dumped(&place, &[]).replace(&place.schema, SCHEMA);
        std::fs::write(path, dump).unwrap();
    }
}
