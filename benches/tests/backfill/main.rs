//! What a first sync into an empty system costs: requests, counted, and the memory of the process
//! that runs it. The two systems are in another process, so that only the engine and its store are
//! weighed; `remote` is how they are reached. How long it takes is not asked.
//!
//! The sizes of a normal test run are small. `FLUXCASCADE_BACKFILL=100000` is the size that counts:
//!
//! ```text
//! FLUXCASCADE_BACKFILL=100000 cargo test --release -p fluxcascade-benches --test backfill
//! ```

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do
#![allow(clippy::print_stdout)] // a figure that nobody sees was not measured

mod remote;
mod server;

use std::process::Command;
use std::sync::Arc;

use fluxcascade_core::clock::ManualClock;
use fluxcascade_core::connector::Capabilities;
use fluxcascade_core::testkit::{CallKind, SimProfile, SimSystem};
use fluxcascade_core::{Engine, Mapping};
use fluxcascade_store::SqliteStore;

use crate::remote::Remote;
use crate::server::serve;

/// Records on a page and in a batch.
const PAGE: usize = 100;

/// The address of the systems, for the process that is weighed.
const SYSTEMS: &str = "FLUXCASCADE_BACKFILL_SYSTEMS";

/// No more resident memory than this, in KiB.
const MOST_MEMORY: u64 = 150 * 1024;

fn capabilities() -> Capabilities {
    Capabilities {
        page: PAGE,
        write_batch: PAGE,
        create_batch: PAGE,
        read_batch: PAGE,
        ..SimProfile::default().capabilities
    }
}

fn mapping() -> Mapping {
    Mapping::builder("contacts")
        .source("crm", "contacts")
        .target("field", "clients")
        .match_on("email", "mail")
        .pair("email", "mail")
        .pair("name", "name")
        .pair("phone", "phone")
        .pair_fields(["street", "city", "zip"], ["street", "city", "zip"], |pair| pair)
        .build()
        .unwrap()
}

/// Two systems: one with so many records, and one that is empty.
fn systems(records: usize) -> ([SimSystem; 2], Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::starting("2026-03-01T12:00:00Z".parse().unwrap()));
    let profile = || SimProfile { capabilities: capabilities(), ..SimProfile::default() };
    let with = |name: &str, object: &str, fields: [&str; 6]| {
        let clock = Arc::<ManualClock>::clone(&clock);
        let system = SimSystem::new(name, object, profile(), clock);
        fields.into_iter().fold(system, SimSystem::field)
    };
    let crm = with("crm", "contacts", ["email", "name", "phone", "street", "city", "zip"]);
    let field = with("field", "clients", ["mail", "name", "phone", "street", "city", "zip"]);
    for n in 0..records {
        crm.insert([
            ("email", format!("person{n}@example.com")),
            ("name", format!("Person Number {n}")),
            ("phone", format!("+1256593{n:07}")),
            ("street", format!("{n} Main Street")),
            ("city", "Boaz".to_owned()),
            ("zip", format!("{:05}", n % 100_000)),
        ]);
    }
    clock.advance(std::time::Duration::from_hours(1));
    ([crm, field], clock)
}

/// The peak of this process's resident memory, in KiB.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Runs in the process that is weighed, and only there.
#[test]
fn the_process_that_is_weighed() {
    let Ok(address) = std::env::var(SYSTEMS) else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sync.db");
    let sync = async {
        let crm = Remote::connect(&address, 0, capabilities());
        let field = Remote::connect(&address, 1, capabilities());
        let hours = Remote::connect(&address, 0, capabilities());
        let engine = Engine::builder()
            .connection("crm", crm)
            .connection("field", field)
            .store(Arc::new(SqliteStore::open(&path).await.unwrap()))
            .mapping(mapping())
            .build()
            .await
            .unwrap();
        let first = engine.sync("contacts").await.unwrap();
        let after_first = hours.wait();
        // What was created is listed once more; it is within the look-back of the next read.
        assert_eq!(engine.sync("contacts").await.unwrap().writes(), 0);
        let before = hours.wait();
        assert_eq!(engine.sync("contacts").await.unwrap().writes(), 0);
        (first.sides.target.created, after_first, hours.wait() - before)
    };
    let (created, calls, quiet) = futures::executor::block_on(sync);
    println!("taken {created} {calls} {quiet} {}", peak().unwrap_or(0));
}

/// What one backfill took.
struct Taken {
    created: u64,
    /// Calls of the first run.
    calls: usize,
    /// Calls of a run in which nothing has changed.
    quiet: usize,
    writes: usize,
    /// The peak of resident memory in KiB; 0 where the system does not tell.
    memory: u64,
}

fn backfill(records: usize) -> Taken {
    let (systems, clock) = systems(records);
    for system in &systems {
        system.clear_ledger();
    }
    let address = serve(systems.clone(), clock);
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_process_that_is_weighed", "--nocapture"])
        .env(SYSTEMS, address)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let line = text.split("taken ").nth(1).unwrap_or_else(|| panic!("it says nothing: {text}"));
    let words: Vec<&str> = line.split_whitespace().collect();
    let calls = |kinds: &[CallKind]| {
        let all = systems.iter().flat_map(|system| kinds.iter().map(|&kind| system.calls(kind)));
        all.sum::<usize>()
    };
    Taken {
        created: words[0].parse().unwrap(),
        calls: words[1].parse().unwrap(),
        quiet: words[2].parse().unwrap(),
        memory: words[3].parse().unwrap(),
        writes: calls(&[CallKind::Create, CallKind::Update]),
    }
}

/// P27: reads and writes are as few as pages and batches allow, and memory does not grow with the
/// number of records.
#[test]
fn a_backfill_costs_one_request_per_page_and_batch_and_no_memory_per_record() {
    let asked = std::env::var("FLUXCASCADE_BACKFILL").ok();
    let many: usize = asked.map_or(3_000, |text| text.parse().expect("a number of records"));
    let few = many / 10;
    let [small, large] = [few, many].map(|records| {
        let taken = backfill(records);
        println!(
            "{records} records: {} reads, {} writes, {} KiB at most; then a quiet run: {} reads",
            taken.calls - taken.writes,
            taken.writes,
            taken.memory,
            taken.quiet
        );
        assert_eq!(taken.created, records as u64);
        let reads = taken.calls - taken.writes;
        assert_eq!(reads, records.div_ceil(PAGE) + 1, "reads of {records} records");
        assert_eq!(taken.quiet, 2, "a quiet run reads once on each side");
        assert_eq!(taken.writes, records.div_ceil(PAGE), "writes of {records} records");
        taken
    });
    assert!(large.memory <= MOST_MEMORY, "{} KiB for {many} records", large.memory);
    let allowed = small.memory + small.memory / 10;
    assert!(
        large.memory <= allowed || many < 100_000,
        "{} KiB for {many} records, {} KiB for {few}: it grows with the records",
        large.memory,
        small.memory
    );
}
