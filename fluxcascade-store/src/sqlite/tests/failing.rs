//! Rules of the contract on a disk that fails: it stops in the middle of a call, at the commit, or is
//! full. Each call fails at first and is made again, and each rule holds all the same.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use fluxcascade_core::testkit::conformance::store::{Fixture, Parts};
use fluxcascade_core::testkit::{Fate, Insisting, Trouble};

use super::trials::{Met, Trials, WRITING};
use super::*;
use crate::MemoryStore;

/// How the disk fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    /// At the n-th statement of a call: what came before it in the transaction is undone, as SQLite
    /// does it where the disk fails.
    Stops(u32),
    /// When all is to be committed.
    AtCommit,
    /// There is no room for another page.
    Full,
}

/// One by one, of the calls of one method.
const WAYS: [Way; 11] = [
    Way::AtCommit,
    Way::Stops(2),
    Way::Full,
    Way::Stops(4),
    Way::AtCommit,
    Way::Stops(7),
    Way::Full,
    Way::AtCommit,
    Way::Stops(12),
    Way::Stops(1),
    Way::AtCommit,
];

/// A disk that fails at the first try of each call.
#[derive(Debug)]
struct Disk {
    store: Arc<SqliteStore>,
    trials: Trials<Way>,
    /// How the call that is under way fails, and whether it has.
    now: Mutex<Option<(Way, Arc<AtomicBool>)>>,
}

#[async_trait]
impl Trouble for Disk {
    async fn before(&self, method: &'static str) {
        let way = self.trials.next(method);
        let met = Arc::new(AtomicBool::new(false));
        *self.now.lock().unwrap() = Some((way, Arc::clone(&met)));
        self.store.worker.run(move |session| fails(session, way, met)).await.unwrap();
    }

    async fn after(&self, method: &'static str, error: Option<&StoreError>) -> Option<Fate> {
        self.store.worker.run(heals).await.unwrap();
        let (way, met) = self.now.lock().unwrap().take()?;
        let full = error.is_some_and(|error| error.message.contains("the disk is full"));
        if !(met.load(Ordering::SeqCst) || full) {
            return None;
        }
        if error.is_some() {
            self.trials.met(method, way);
        }
        Some(Fate::Undone)
    }
}

fn fails(session: &mut worker::Session, way: Way, met: Arc<AtomicBool>) {
    let connection = &mut session.connection;
    match way {
        Way::Stops(statement) => {
            // Asked at least once for each statement.
            let mut asked = 0;
            let stops = move || {
                asked += 1;
                let stops = asked == statement;
                met.fetch_or(stops, Ordering::SeqCst);
                stops
            };
            connection.progress_handler(1, Some(stops)).unwrap();
        }
        Way::AtCommit => {
            let refuses = move || !met.swap(true, Ordering::SeqCst);
            connection.commit_hook(Some(refuses)).unwrap();
        }
        Way::Full => {
            let pages: i64 =
                connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
            most_pages(connection, pages);
        }
    }
}

fn heals(session: &mut worker::Session) {
    let connection = &mut session.connection;
    connection.progress_handler(0, None::<fn() -> bool>).unwrap();
    connection.commit_hook(None::<fn() -> bool>).unwrap();
    most_pages(connection, i64::from(u32::MAX - 1));
}

fn most_pages(connection: &rusqlite::Connection, pages: i64) {
    let sql = format!("PRAGMA max_page_count = {pages}");
    connection.query_row(&sql, [], |_| Ok(())).unwrap();
}

/// In small pages, so that many calls need another one.
fn small_pages(session: &mut worker::Session) {
    let mode = |mode: &str| {
        session.connection.pragma_update_and_check(None, "journal_mode", mode, |_| Ok(())).unwrap();
    };
    mode("DELETE");
    session.connection.execute_batch("PRAGMA page_size = 512; VACUUM").unwrap();
    mode("WAL");
}

/// Puts the rules to stores on such a disk.
async fn under_failures(
    ways: &'static [Way],
    left: impl Fn(&Met<Way>) -> Vec<&'static str>,
) -> Met<Way> {
    let folder = tempfile::tempdir().unwrap();
    let files = AtomicUsize::new(0);
    let open = async |trials| {
        let file = format!("{}.db", files.fetch_add(1, Ordering::SeqCst));
        let store = Arc::new(SqliteStore::open(folder.path().join(file)).await.unwrap());
        store.worker.run(small_pages).await.unwrap();
        let disk = Disk { store: Arc::clone(&store), trials, now: Mutex::default() };
        Fixture::of(Parts::whole(Insisting::new(store, MemoryStore::new(), disk)))
    };
    Trials::of(ways).put(open, left).await
}

#[tokio::test]
async fn every_rule_holds_on_a_disk_that_fails_at_each_call() {
    let left = |failed: &Met<Way>| -> Vec<&'static str> {
        let has = |method, is: fn(Way) -> bool| {
            failed.keys().any(|(failed, way)| *failed == method && is(*way))
        };
        let stopped = |method| has(method, |way| matches!(way, Way::Stops(_)));
        let needs_room = ["begin", "commit", "intake"];
        let met = |method| {
            stopped(method)
                && has(method, |way| way == Way::AtCommit)
                && (!needs_room.contains(&method) || has(method, |way| way == Way::Full))
        };
        WRITING.into_iter().filter(|method| !met(method)).collect()
    };
    let failed = under_failures(&WAYS, left).await;
    assert_eq!(left(&failed), [""; 0], "{failed:?}");
}

#[tokio::test]
#[ignore = "each way for each call: cargo test --release -p fluxcascade-store --lib -- --ignored"]
async fn every_rule_holds_on_a_disk_that_fails_at_each_call_in_each_way() {
    const EACH: [[Way; 1]; 14] = [
        [Way::AtCommit],
        [Way::Full],
        [Way::Stops(1)],
        [Way::Stops(2)],
        [Way::Stops(3)],
        [Way::Stops(4)],
        [Way::Stops(5)],
        [Way::Stops(6)],
        [Way::Stops(8)],
        [Way::Stops(10)],
        [Way::Stops(14)],
        [Way::Stops(20)],
        [Way::Stops(30)],
        [Way::Stops(50)],
    ];
    for way in &EACH {
        let failed = under_failures(way, |_| Vec::new()).await;
        println!("{:?}: {} calls have failed", way[0], failed.values().sum::<usize>());
        assert!(!failed.is_empty(), "{way:?}");
    }
}
