//! Copies: made by the store while it is written to, and of its files at any moment.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use fluxcascade_core::model::{Link, Slot, Value};
use fluxcascade_core::store::{CommitBatch, Lease, Page, Store, StoreErrorKind};
use fluxcascade_core::testkit::conformance::store::nouns::*;
use fluxcascade_store::SqliteStore;
use rusqlite::Connection;

use crate::opening::{content, fill, place};

/// Links that every commit writes.
const LINKS: u8 = 8;

/// The links as the commit `n` leaves them.
fn edition(n: i64) -> Vec<Link> {
    let links = (1..=LINKS).map(|number| {
        let mut link = link(number);
        link.bases.source.slots[2] = Slot::Present(Value::Int(n));
        // So that the log grows fast, and is often moved into the file.
        link.bases.target.slots[0] = Slot::Present(Value::from("x".repeat(2_000)));
        link
    });
    links.collect()
}

async fn commit(store: &SqliteStore, lease: &Lease, n: i64) {
    let log = vec![log_row(1, Some("s1"), Some("t1"), "edited")];
    let batch = CommitBatch { log, ..links(edition(n)) };
    store.commit(lease, &batch).await.unwrap();
}

/// Opens a copy: it must have all of some commits and nothing of those after. The last one's number.
async fn judge(path: &Path) -> i64 {
    let file = Connection::open(path).unwrap();
    let check: String = file.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
    drop(file);
    let store = SqliteStore::open(path).await.unwrap();
    let n = store.log(&contacts(), &Page::all()).await.unwrap().len();
    let n = i64::try_from(n).unwrap();
    let there = store.links(&contacts(), None, 99).await.unwrap();
    assert_eq!(there, if n == 0 { Vec::new() } else { edition(n) });
    n
}

/// The store's thread goes on while copies are made of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_made_while_the_store_is_written_to_is_whole() {
    let (folder, path) = place();
    let store = Arc::new(SqliteStore::open(&path).await.unwrap());
    let lease = leased(&*store).await.unwrap();
    let (done, stop) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicBool::new(false)));
    let writer = tokio::spawn({
        let (store, done, stop) = (Arc::clone(&store), Arc::clone(&done), Arc::clone(&stop));
        async move {
            while !stop.load(Ordering::SeqCst) {
                let n = done.load(Ordering::SeqCst) + 1;
                commit(&store, &lease, n).await;
                done.store(n, Ordering::SeqCst);
            }
        }
    });
    let mut last = 0;
    for copy in 0..6 {
        while done.load(Ordering::SeqCst) < last + 10 {
            tokio::task::yield_now().await;
        }
        let before = done.load(Ordering::SeqCst);
        let to = folder.path().join(format!("copy-{copy}.db"));
        store.back_up(&to).await.unwrap();
        let after = done.load(Ordering::SeqCst) + 1;
        last = judge(&to).await;
        assert!((before..=after).contains(&last), "{before} {last} {after}");
    }
    stop.store(true, Ordering::SeqCst);
    writer.await.unwrap();
    let names = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name());
    let parts: Vec<_> = names.filter(|name| name.to_string_lossy().ends_with(".part")).collect();
    assert!(parts.is_empty(), "{parts:?}");
}

#[tokio::test]
async fn a_copy_is_a_store_with_everything_that_only_its_owner_can_read() {
    let (folder, path) = place();
    let store = SqliteStore::open(&path).await.unwrap();
    let lease = leased(&store).await.unwrap();
    fill(&store, &lease).await;
    let before = content(&store, &lease).await;
    let to = folder.path().join("copy.db");
    store.back_up(&to).await.unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&to).unwrap().permissions().mode() & 0o077, 0);
    }
    let copy = SqliteStore::open(&to).await.unwrap();
    let its_lease = leased(&copy).await.unwrap();
    assert_eq!(content(&copy, &its_lease).await, before);
}

#[tokio::test]
async fn a_copy_overwrites_nothing() {
    let (folder, path) = place();
    let store = SqliteStore::open(&path).await.unwrap();
    leased(&store).await.unwrap();
    let there = folder.path().join("there");
    fs::write(&there, b"something").unwrap();
    for to in [&there, &path, &folder.path().to_owned()] {
        let error = store.back_up(to).await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Misuse, "{error}");
        assert!(error.message.contains("is there already and was left as it is"), "{error}");
        assert!(error.message.contains("give a new name"), "{error}");
    }
    assert_eq!(fs::read(&there).unwrap(), b"something");
    let nowhere = folder.path().join("missing").join("copy.db");
    let error = store.back_up(&nowhere).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Failed);
    assert!(error.message.contains("missing"), "{error}");
    // Of two at once one is first.
    let to = folder.path().join("both.db");
    let (one, other) = futures::join!(store.back_up(&to), store.back_up(&to));
    assert_eq!(u8::from(one.is_ok()) + u8::from(other.is_ok()), 1);
    SqliteStore::open(&to).await.unwrap();
}

/// Not a test by itself: the process that writes in the test below.
#[tokio::test]
async fn write_in_another_process() {
    let Some(path) = std::env::var_os("FLUXCASCADE_TEST_WRITER") else { return };
    let store = SqliteStore::open(PathBuf::from(path)).await.unwrap();
    let lease = leased(&store).await.unwrap();
    for n in 1.. {
        commit(&store, &lease, n).await;
        println!("done {n}");
    }
}

/// As after a power failure of a disk that kept all that it was given: the files of one moment, at
/// any point of writing to them.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn files_of_any_one_moment_are_a_consistent_store() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};
    use std::time::Duration;

    let (folder, path) = place();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "durable::write_in_another_process", "--nocapture"])
        .env("FLUXCASCADE_TEST_WRITER", &path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let done = Arc::new(AtomicI64::new(0));
    let listener = std::thread::spawn({
        let (done, output) = (Arc::clone(&done), child.stdout.take().unwrap());
        move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let Some((_, n)) = line.rsplit_once("done ") {
                    done.store(n.parse().unwrap(), Ordering::SeqCst);
                }
            }
        }
    });
    while done.load(Ordering::SeqCst) == 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    let mut moments = Vec::new();
    for copy in 0..25 {
        // Not in step with the writer.
        std::thread::sleep(Duration::from_micros(7_919 * (copy % 5) + 1_013 * copy));
        let before = done.load(Ordering::SeqCst);
        stop(child.id());
        let place = folder.path().join(format!("copy-{copy}"));
        fs::create_dir(&place).unwrap();
        for file in ["sync.db", "sync.db-wal"] {
            // As much of its memory as it had given to the system: nothing else is in its files.
            fs::copy(folder.path().join(file), place.join(file)).unwrap();
        }
        signal(child.id(), "CONT");
        moments.push((before, place.join("sync.db")));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    listener.join().unwrap();
    for (before, copy) in moments {
        let last = judge(&copy).await;
        assert!(last >= before, "the commit {before} was done, and {last} is the last one there");
    }
}

#[cfg(target_os = "linux")]
fn signal(process: u32, name: &str) {
    let kill = format!("kill -s {name} {process}");
    assert!(std::process::Command::new("sh").args(["-c", &kill]).status().unwrap().success());
}

/// Stops a process, and waits until each of its threads has stopped.
#[cfg(target_os = "linux")]
fn stop(process: u32) {
    signal(process, "STOP");
    let stopped = |task: fs::DirEntry| {
        let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
    };
    let tasks = || fs::read_dir(format!("/proc/{process}/task")).unwrap();
    while !tasks().all(|task| stopped(task.unwrap())) {
        std::thread::sleep(std::time::Duration::from_micros(100));
    }
}
