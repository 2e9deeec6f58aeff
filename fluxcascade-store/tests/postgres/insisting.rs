//! Rules of the contract on a server whose connections break and whose calls are in each other's way:
//! each call fails at first, is made again as the contract allows, and each rule holds all the same.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use fluxcascade_core::store::StoreError;
use fluxcascade_core::testkit::conformance::store::{Fixture, Parts};
use fluxcascade_core::testkit::{Fate, Insisting, Trouble};
use fluxcascade_store::{MemoryStore, PostgresStore};
use tokio_postgres::Client;

use crate::opening::client;
use crate::server::Place;
use crate::trials::{Met, Trials, WRITING};
use crate::wire::{Breaker, Wire, through};

/// How a call fails at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    /// The connection breaks in the middle of it.
    BreaksAmid,
    /// The connection breaks before the server hears of the commit.
    BreaksAtCommit,
    /// The server carries the commit out, and its answer is lost.
    LosesAnswer,
    /// The n-th of its statements that write is in another call's way: a serialization failure.
    Meets(i64),
    /// Its commit is.
    MeetsAtCommit,
}

/// One by one, of the calls of one method.
const WAYS: [Way; 7] = [
    Way::LosesAnswer,
    Way::BreaksAmid,
    Way::Meets(1),
    Way::BreaksAtCommit,
    Way::MeetsAtCommit,
    Way::LosesAnswer,
    Way::Meets(3),
];

/// A server that is in trouble at the first try of each call.
#[derive(Debug, Clone)]
struct Server {
    wire: Breaker,
    client: Arc<Client>,
    schema: String,
    trials: Trials<Way>,
    now: Arc<Mutex<Option<Way>>>,
}

/// Where a sequence stands for the trigger of a table to raise an error at its next value.
const RAISES: i64 = 1_000_000;

impl Server {
    async fn in_the_way(&self, sequence: &str, at: i64) {
        let sql = format!("SELECT setval('{}.{sequence}', {})", self.schema, RAISES - at);
        self.client.batch_execute(&sql).await.unwrap();
    }

    /// Whether a sequence has passed the value at which an error is raised; it does so from here on.
    async fn was_in_the_way(&self, sequence: &str) -> bool {
        let sql = format!("SELECT last_value FROM {}.{sequence}", self.schema);
        let last: i64 = self.client.query_one(&sql, &[]).await.unwrap().get(0);
        self.in_the_way(sequence, -1).await;
        last >= RAISES
    }
}

#[async_trait]
impl Trouble for Server {
    async fn before(&self, method: &'static str) {
        let way = self.trials.next(method);
        *self.now.lock().unwrap() = Some(way);
        match way {
            Way::BreaksAmid => self.wire.set(Wire::BreaksAmid),
            Way::BreaksAtCommit => self.wire.set(Wire::BreaksAtCommit),
            Way::LosesAnswer => self.wire.set(Wire::LosesAnswer),
            Way::Meets(statement) => self.in_the_way("at_once", statement).await,
            Way::MeetsAtCommit => self.in_the_way("at_commit", 1).await,
        }
    }

    async fn after(&self, method: &'static str, _: Option<&StoreError>) -> Option<Fate> {
        let way = self.now.lock().unwrap().take()?;
        let met = match way {
            Way::BreaksAmid | Way::BreaksAtCommit | Way::LosesAnswer => {
                let met = self.wire.is_whole();
                self.wire.set(Wire::Whole);
                met
            }
            Way::Meets(_) => self.was_in_the_way("at_once").await,
            Way::MeetsAtCommit => self.was_in_the_way("at_commit").await,
        };
        if !met {
            return None;
        }
        self.trials.met(method, way);
        match way {
            Way::LosesAnswer => Some(Fate::Done),
            Way::BreaksAmid | Way::BreaksAtCommit => Some(Fate::Undone),
            // The store makes such a call again by itself.
            Way::Meets(_) | Way::MeetsAtCommit => None,
        }
    }
}

/// Lets each table raise an error when a sequence comes to a value: no transaction takes that back.
async fn raise_errors(client: &Client, schema: &str) {
    let script = format!(
        "CREATE SEQUENCE {schema}.at_once START {RAISES} INCREMENT 1;
         CREATE SEQUENCE {schema}.at_commit START {RAISES};
         SELECT nextval('{schema}.at_once'), nextval('{schema}.at_commit');
         CREATE FUNCTION {schema}.raises() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF nextval('{schema}.' || TG_ARGV[0]) = {RAISES} THEN
                 RAISE EXCEPTION 'in the way' USING ERRCODE = '40001';
             END IF;
             RETURN NULL;
         END $$;
         DO $$ DECLARE t text; BEGIN
             FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = '{schema}' LOOP
                 EXECUTE format('CREATE TRIGGER at_once AFTER INSERT OR UPDATE OR DELETE ON
                     {schema}.%I EXECUTE FUNCTION {schema}.raises(''at_once'')', t);
                 EXECUTE format('CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT OR UPDATE OR DELETE
                     ON {schema}.%I DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
                     EXECUTE FUNCTION {schema}.raises(''at_commit'')', t);
             END LOOP;
         END $$;"
    );
    client.batch_execute(&script).await.unwrap();
}

/// Takes everything out of a schema's tables.
async fn empty(client: &Client, schema: &str) {
    let tables = "SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') FROM pg_tables
         WHERE schemaname = $1 AND tablename <> 'fluxcascade_store'";
    let tables: String = client.query_one(tables, &[&schema]).await.unwrap().get(0);
    client.batch_execute(&format!("TRUNCATE {tables} RESTART IDENTITY")).await.unwrap();
}

/// Puts the rules to a store on such a server, which is emptied before each.
async fn under_failures(
    place: &Place,
    ways: &'static [Way],
    left: impl Fn(&Met<Way>) -> Vec<&'static str>,
) -> Met<Way> {
    let (options, wire) = through(place).await;
    let store = Arc::new(PostgresStore::open(&options).await.unwrap());
    let client = Arc::new(client(&place.url).await);
    raise_errors(&client, &place.schema).await;
    let open = async |trials| {
        empty(&client, &place.schema).await;
        let server = Server {
            wire: wire.clone(),
            client: Arc::clone(&client),
            schema: place.schema.clone(),
            trials,
            now: Arc::default(),
        };
        Fixture::of(Parts::whole(Insisting::new(Arc::clone(&store), MemoryStore::new(), server)))
    };
    Trials::of(ways).put(open, left).await
}

/// Each kind of call meets each sort of trouble.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes on a busy machine: cargo test --release -p fluxcascade-store \
            --features postgres --test postgres -- --ignored every_rule"]
async fn every_rule_holds_where_connections_break_and_calls_are_in_the_way() {
    let Some(place) = Place::or_skip() else { return };
    let each = [Way::BreaksAmid, Way::BreaksAtCommit, Way::LosesAnswer, Way::Meets(1)];
    let left = |met: &Met<Way>| -> Vec<&'static str> {
        let has_met_all = |method| each.iter().all(|way| met.contains_key(&(method, *way)));
        WRITING.into_iter().filter(|method| !has_met_all(*method)).collect()
    };
    let met = under_failures(&place, &WAYS, left).await;
    assert_eq!(left(&met), [""; 0], "{met:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "each way for each call: cargo test --release -p fluxcascade-store --features postgres \
            --test postgres -- --ignored every_rule"]
async fn every_rule_holds_in_each_sort_of_trouble_at_each_call() {
    const EACH: [[Way; 1]; 7] = [
        [Way::BreaksAmid],
        [Way::BreaksAtCommit],
        [Way::LosesAnswer],
        [Way::Meets(1)],
        [Way::Meets(2)],
        [Way::Meets(4)],
        [Way::MeetsAtCommit],
    ];
    for way in &EACH {
        let Some(place) = Place::or_skip() else { return };
        let met = under_failures(&place, way, |_| Vec::new()).await;
        println!("{:?}: {} calls have met it", way[0], met.values().sum::<usize>());
        assert!(!met.is_empty(), "{way:?}");
    }
}
