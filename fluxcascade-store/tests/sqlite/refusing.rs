//! Bad input: what is wrong with the file is one clear error that says what, where and what to do
//! next, and nothing is written. Keys that are wrong or lost are `privacy/keys.rs`'s.

use std::fs;
use std::path::{Path, PathBuf};

use fluxcascade_core::store::{Store, StoreErrorKind};
use fluxcascade_core::testkit::conformance::store::nouns::*;
use fluxcascade_store::SqliteStore;
use rusqlite::Connection;
use tempfile::TempDir;

use crate::opening::{fill, place};

/// A store with something of everything, closed, all of it in its one file.
async fn filled() -> (TempDir, PathBuf) {
    let (folder, path) = place();
    let store = SqliteStore::open(&path).await.unwrap();
    let lease = leased(&store).await.unwrap();
    fill(&store, &lease).await;
    drop(store);
    assert!(!folder.path().join("sync.db-wal").exists());
    (folder, path)
}

const PAGE: usize = 4096;

/// What may have happened to a file, each told as what it is when the file is opened.
#[tokio::test]
async fn a_corrupt_file_is_refused_and_left_as_it_is() {
    type Spoil = fn(&mut Vec<u8>);
    let cases: [(&str, Spoil); 6] = [
        ("its end is missing", |bytes| bytes.truncate(bytes.len() / 2)),
        ("cut within its first page", |bytes| bytes.truncate(1_000)),
        ("its first page is zeros", |bytes| bytes[..PAGE].fill(0)),
        ("its first page is noise after the header", |bytes| bytes[100..PAGE].fill(0xA5)),
        ("all but its first page is noise", |bytes| bytes[PAGE..].fill(0xA5)),
        ("all but its first page is zeros", |bytes| bytes[PAGE..].fill(0)),
    ];
    for (what, spoil) in cases {
        let (_folder, path) = filled().await;
        let mut bytes = fs::read(&path).unwrap();
        spoil(&mut bytes);
        fs::write(&path, &bytes).unwrap();
        let error = SqliteStore::open(&path).await.expect_err(what);
        assert_eq!(error.kind, StoreErrorKind::Damaged, "{what}: {error}");
        for told in ["sync.db: ", "is damaged", "restore it from a backup"] {
            assert!(error.message.contains(told), "{what}: {error}");
        }
        assert!(fs::read(&path).unwrap() == bytes, "{what}: the file was changed");
    }
}

/// Damage inside is found when it is read, and told with the file.
#[tokio::test]
async fn a_damaged_page_is_told_by_the_call_that_reads_it() {
    let (_folder, path) = filled().await;
    let file = Connection::open(&path).unwrap();
    let page: i64 = file
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'links'", [], |row| row.get(0))
        .unwrap();
    drop(file);
    let mut bytes = fs::read(&path).unwrap();
    let start = (usize::try_from(page).unwrap() - 1) * PAGE;
    bytes[start..start + PAGE].fill(0xA5);
    fs::write(&path, &bytes).unwrap();
    let store = SqliteStore::open(&path).await.unwrap();
    let lease = leased(&store).await.unwrap();
    let read = store.links(&contacts(), None, 9).await.unwrap_err();
    let batch = links([link(1), link(9)]);
    let write = store.commit(&lease, &batch).await.unwrap_err();
    for error in [read, write] {
        assert_eq!(error.kind, StoreErrorKind::Damaged, "{error}");
        assert!(error.message.contains("sync.db: "), "{error}");
        assert!(error.message.contains("restore it from a backup"), "{error}");
    }
    // Of the commit nothing is there.
    drop(store);
    let file = Connection::open(&path).unwrap();
    let linked = "SELECT count(*) FROM linked WHERE record = 's9'";
    assert_eq!(file.query_row(linked, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
}

/// Not a test by itself: opens a store as somebody who may do little, or where little can be written.
#[tokio::test]
async fn open_as_somebody_else() {
    let Some(path) = std::env::var_os("FLUXCASCADE_TEST_FORBIDDEN") else { return };
    let error = SqliteStore::open(PathBuf::from(path)).await.unwrap_err();
    println!("\nrefused: {:?}: {}", error.kind, error.message);
}

/// Opens a store in another process, as somebody who is not root.
#[cfg(unix)]
fn opened_by_a_stranger(path: &Path) -> String {
    use std::process::Command;

    // A copy that others may run.
    let place = tempfile::tempdir().unwrap();
    allow(place.path(), 0o755);
    let test = place.path().join("test");
    fs::copy(std::env::current_exe().unwrap(), &test).unwrap();
    let id = Command::new("id").arg("-u").output().unwrap();
    let mut command = if id.stdout.trim_ascii() == b"0" {
        // Root may write everything.
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).arg(&test);
        command
    } else {
        Command::new(&test)
    };
    let output = command
        .args(["--exact", "refusing::open_as_somebody_else", "--nocapture"])
        .env("FLUXCASCADE_TEST_FORBIDDEN", path)
        .current_dir("/")
        .output()
        .unwrap();
    refusal(&output)
}

/// What the other process was told.
#[cfg(unix)]
fn refusal(output: &std::process::Output) -> String {
    let said = String::from_utf8_lossy(&output.stdout);
    let refused = said.lines().find_map(|line| line.strip_prefix("refused: "));
    refused.unwrap_or_else(|| panic!("{said} {}", String::from_utf8_lossy(&output.stderr))).into()
}

#[cfg(unix)]
fn allow(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Names and contents of a folder.
fn everything(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<_> = files.map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    files.sort();
    files
}

#[cfg(unix)]
#[tokio::test]
async fn a_folder_or_a_file_that_may_not_be_written_is_told_and_left_as_it_is() {
    // A folder with a store that may be read; one without; one in which only the file is forbidden.
    let cases = [("sync.db", 0o555), ("new.db", 0o555), ("sync.db", 0o777)];
    for (name, mode) in cases {
        let (folder, path) = filled().await;
        fs::remove_file(folder.path().join("sync.db.lock")).unwrap();
        allow(&path, 0o444);
        allow(folder.path(), mode);
        let before = everything(folder.path());
        let said = opened_by_a_stranger(&folder.path().join(name));
        let now = everything(folder.path());
        let now: Vec<_> =
            now.into_iter().filter(|(path, _)| !path.ends_with("sync.db.lock")).collect();
        allow(folder.path(), 0o755);
        assert!(said.starts_with("Failed: "), "{said}");
        assert!(said.contains(name) && said.contains("permissions"), "{said}");
        assert!(now == before, "{name} in {mode:o}: something was written");
    }
}

/// Opens a store in another process, whose files may not grow past so many bytes: what is more fails
/// as on a disk without room.
#[cfg(target_os = "linux")]
fn opened_without_room(path: &Path, room: usize) -> String {
    // Without the signal a write past the limit is an error, as on a disk.
    let limited = "trap '' XFSZ; exec prlimit \"--fsize=$1\" -- \"$2\" --exact \"$3\" --nocapture";
    let output = std::process::Command::new("sh")
        .args(["-c", limited, "sh", &room.to_string()])
        .arg(std::env::current_exe().unwrap())
        .arg("refusing::open_as_somebody_else")
        .env("FLUXCASCADE_TEST_FORBIDDEN", path)
        .output()
        .unwrap();
    refusal(&output)
}

/// A new store, and one of the first schema, which has to be migrated.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_disk_without_room_is_told_when_a_store_is_opened_and_leaves_it_as_it_is() {
    let old = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/schema-1.db");
    let size = usize::try_from(fs::metadata(&old).unwrap().len()).unwrap();
    for (room, is_old) in [(4_096, false), (size, true)] {
        let (_folder, path) = place();
        if is_old {
            fs::copy(&old, &path).unwrap();
        }
        let said = opened_without_room(&path, room);
        assert!(said.starts_with("Failed: ") && said.contains("sync.db: "), "{said}");
        assert!(said.contains("the disk is full") || said.contains("the disk failed"), "{said}");
        // Once there is room, it is opened as if nothing had been.
        let store = SqliteStore::open(&path).await.unwrap();
        let links = store.links(&contacts(), None, 9).await.unwrap();
        assert_eq!(links.len(), if is_old { 3 } else { 0 });
    }
}
