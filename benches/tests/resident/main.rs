//! How much memory a process holds that runs over many linked records: the peak of its resident set.
//! How long it takes is not asked.
//!
//! A normal test run has few records. `FLUXCASCADE_RESIDENT=1000000` is the size that counts:
//!
//! ```text
//! FLUXCASCADE_RESIDENT=1000000 cargo test --release -p fluxcascade-benches --test resident -- --nocapture
//! ```

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do
#![allow(clippy::print_stdout)] // a figure that nobody sees was not measured

#[allow(dead_code, reason = "one helper for the servers of all tests")]
#[path = "../../../fluxcascade-store/tests/shared/server.rs"]
mod server;
mod systems;

use std::process::Command;
use std::sync::Arc;

use fluxcascade_benches::definition;
use fluxcascade_core::Engine;
use fluxcascade_core::model::Side;
use fluxcascade_core::store::Store;
use fluxcascade_store::postgres::PostgresOptions;
use fluxcascade_store::{PostgresStore, SqliteStore};

use crate::server::Place;
use crate::systems::Contacts;

/// How many linked pairs, for the process that is weighed; and where its store is: a server's URL
/// and schema, else it is a file.
const RECORDS: &str = "FLUXCASCADE_RESIDENT_RECORDS";
const SERVER: &str = "FLUXCASCADE_RESIDENT_SERVER";
const SCHEMA: &str = "FLUXCASCADE_RESIDENT_SCHEMA";

/// No more than this, in KiB: 100 MB.
const MOST: u64 = 100_000_000 / 1024;

/// The peak of this process's resident memory, in KiB; 0 where the system does not tell.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// Runs in the process that is weighed, and only there: both sides are read whole and linked; then
/// every hundredth record is edited, and both sides are read whole again.
#[test]
fn the_process_that_is_weighed() {
    let Ok(records) = std::env::var(RECORDS) else { return };
    let records = records.parse().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (linked, written) = runtime.block_on(async {
        let store: Arc<dyn Store> = match std::env::var(SERVER) {
            Ok(url) => {
                let options = PostgresOptions::new(url).schema(std::env::var(SCHEMA).unwrap());
                Arc::new(PostgresStore::open(&options).await.unwrap())
            }
            Err(_) => Arc::new(SqliteStore::open(folder.path().join("sync.db")).await.unwrap()),
        };
        let sides = Side::BOTH.map(|side| Contacts::new(side, records));
        let engine = Engine::builder()
            .connection("hubspot", sides[0].clone())
            .connection("jobber", sides[1].clone())
            .store(store)
            .mapping(definition())
            .build()
            .await
            .unwrap();
        let first = engine.sync("contacts").await.unwrap();
        assert_eq!(first.writes(), 0, "{first}");
        sides[0].edit_every_hundredth();
        let second = engine.run("contacts").full().sync().await.unwrap();
        (first.linked, second.sides.target.updated)
    });
    println!("\nweighed {linked} {written} {}", peak());
}

/// Weighs a process that runs over so many pairs; says what it held, in KiB.
fn weigh(records: usize, place: Option<&Place>) -> u64 {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "the_process_that_is_weighed", "--nocapture"]);
    command.env(RECORDS, records.to_string());
    if let Some(place) = place {
        command.env(SERVER, &place.url).env(SCHEMA, &place.schema);
    }
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let line = text.split("\nweighed ").nth(1).unwrap_or_else(|| panic!("it says nothing: {text}"));
    let numbers: Vec<u64> =
        line.split_whitespace().take(3).map(|word| word.parse().unwrap()).collect();
    let all = records as u64;
    assert_eq!(numbers[..2], [all, all / 100], "linked, and written");
    numbers[2]
}

/// How many pairs are asked for.
fn records() -> usize {
    let asked = std::env::var("FLUXCASCADE_RESIDENT").ok();
    asked.map_or(1_000, |text| text.parse().expect("a number of records"))
}

/// P27: memory is of a page, whatever the number of records.
#[test]
fn a_run_over_linked_records_in_a_file_holds_less_than_100_megabytes() {
    let held = weigh(records(), None);
    println!("a file, {} linked records: {held} KiB at most", records());
    assert!(held < MOST, "{held} KiB");
}

/// P27: the same for the process beside a server.
#[test]
fn a_run_over_linked_records_on_a_server_holds_less_than_100_megabytes() {
    let Some(place) = Place::or_skip() else { return };
    let held = weigh(records(), Some(&place));
    println!("a server, {} linked records: {held} KiB at most", records());
    assert!(held < MOST, "{held} KiB");
}
