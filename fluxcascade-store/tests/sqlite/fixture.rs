//! A small file of each schema, as the version that had that schema wrote it. Every later version
//! opens all of them.
//!
//! A file is made once and, from the release that has its schema on, never again: made by a later
//! version it would prove nothing. (Until then a change of a stored noun makes it anew.) For a new
//! schema, raise `CURRENT`, run the line below, and commit the new file beside the old ones:
//!
//! ```text
//! cargo test -p fluxcascade-store --test sqlite -- --ignored make_the_fixture_of_this_schema
//! ```

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use fluxcascade_core::model::{
    Answer, AnswerTo, Awaited, Choice, Conflict, ConflictKind, Ending, Hold, HoldKey, HoldReason,
    LayoutPair, LinkStatus, LogKind, LogRow, Operation, Revision, RunNumber, RunRow, RunStatus,
    Side, Sides, Stamp, Timestamp, Withheld, WorkKey, WorkerName, WriteOrigin, Written,
};
use fluxcascade_core::store::{
    Begun, Budget, Budgets, ClaimRequest, CommitBatch, Counts, Draw, Feed, Intake, Lease, Page,
    Requeue, RunStart, Schedule, Scheduled, Store, Sweep, Taken,
};
use fluxcascade_core::testkit::conformance::store::nouns::*;
use fluxcascade_store::SqliteStore;
use rusqlite::Connection;
use tempfile::TempDir;

/// The schema that this version writes.
const CURRENT: u32 = 4;

fn fixture(schema: u32) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests").join("fixtures");
    folder.join(format!("schema-{schema}.db"))
}

fn copied(schema: u32) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sync.db");
    fs::copy(fixture(schema), &path).unwrap();
    (folder, path)
}

/// A copy, opened.
async fn opened(schema: u32) -> (TempDir, SqliteStore) {
    let (folder, path) = copied(schema);
    let store = SqliteStore::open(&path).await.unwrap();
    (folder, store)
}

fn ended_run() -> RunRow {
    RunRow {
        number: RunNumber(1),
        started: at(0),
        ended: Some(at(9)),
        status: RunStatus::Partial,
        writes: Sides::new(1, 2),
        error: None,
    }
}

fn stored_revision(schema: u32) -> Revision {
    let mut revision = revision(1);
    if schema >= 2 {
        revision.layout.pairs[0].transform = Some(print(50));
        revision.policies = Some(print(51));
        let retired = Some(at(3));
        let former = LayoutPair {
            pair: pair("phone"),
            retired,
            from: 1,
            ..revision.layout.pairs[0].clone()
        };
        revision.layout.pairs.push(former);
    }
    revision
}

fn stored_feed(schema: u32) -> Feed {
    let sweep_rows = if schema >= 2 { 7 } else { 0 };
    Feed { sweep_rows, ..feed_at("page 7") }
}

/// The open create.
fn stored_create(schema: u32) -> Operation {
    let mut plain = create(30, Side::Target, "s8", &[(0, 1)]);
    if schema < 2 {
        plain.pairs.iter_mut().for_each(|pair| pair.fields = Sides::default());
        return plain;
    }
    Operation {
        stamp: Some(Stamp { field: field("jobber_id"), id: record("s8") }),
        joint: Some(operation_id(31)),
        conflicts: vec![conflict(8, 1)],
        ..claiming(plain, &[40])
    }
}

/// What is stored of each noun, as the version with that schema knew it.
fn batch(schema: u32) -> CommitBatch {
    let requeue = Requeue {
        side: Side::Target,
        record: record("t2"),
        not_before: Some(at(60)),
        failed: Some(3),
    };
    let batch = CommitBatch {
        keys: vec![record_keys(Side::Source, "s1", &[(0, 1)])],
        holds: vec![pair_hold(1, "name", None), record_hold(Side::Source, "s8", Some(at(60)))],
        conflicts: vec![conflict(1, 1)],
        log: vec![
            log_row(1, Some("s1"), Some("t1"), "first"),
            log_row(1, Some("s2"), None, "second"),
        ],
        requeued: vec![requeue],
        ..links([link(1), link(2), with_status(link(3), LinkStatus::Tombstone)])
    };
    if schema < 2 { batch } else { second(batch) }
}

/// What the second schema added.
fn second(mut batch: CommitBatch) -> CommitBatch {
    batch.holds[0].asked = Some(print(52));
    batch.links[2].link.ending = Some(Ending::TwinRemoved(Side::Target));
    batch.links[1].link.bases.source.written = vec![Written {
        position: 0,
        fingerprint: print(51),
        at: at(2),
        origin: WriteOrigin::Rewriting,
    }];
    batch.holds.splice(1..1, [awaiting(), withheld()]);
    batch.conflicts.push(Conflict {
        pair: None,
        kind: ConflictKind::DeleteUpdate,
        ..conflict(2, 1)
    });
    batch.log.push(LogRow { kind: LogKind::End, ..log_row(1, Some("s3"), Some("t3"), "third") });
    batch
}

fn awaiting() -> Hold {
    let mapping = mapping("companies").mapping;
    let awaited = Awaited { mapping, side: Side::Target, record: record("t70") };
    let key = HoldKey::Pair(link_id(2), pair("company"));
    Hold { waits_for: Some(awaited), ..hold(key, HoldReason::Reference, None) }
}

fn withheld() -> Hold {
    let key = HoldKey::Pair(link_id(2), pair("name"));
    Hold { withheld: Some(Withheld::Blanking), ..hold(key, HoldReason::Guard, None) }
}

fn leave(hold: &Hold) -> AnswerTo {
    let answer = Answer { choice: Choice::Leave, at: at(8) };
    AnswerTo { hold: hold.key.clone(), version: hold.version(), answer }
}

/// The holds as they are read: the first was answered.
fn stored_holds(schema: u32) -> Vec<Hold> {
    let mut holds = batch(schema).holds;
    if schema >= 2 {
        holds[0].answer = Some(leave(&holds[0]).answer);
    }
    holds
}

async fn fill_second(store: &SqliteStore, lease: &Lease) {
    let outcome = store.answer(&contacts(), &[leave(&batch(CURRENT).holds[0])]).await.unwrap();
    assert_eq!(outcome, [fluxcascade_core::model::AnswerOutcome::Stored]);
    let operation = claiming(create(32, Side::Target, "s9", &[]), &[41]);
    assert_eq!(store.begin(lease, &[operation]).await.unwrap(), [Begun::Yes]);
    let batch = CommitBatch {
        closed: vec![operation_id(32)],
        made: vec![made(32, "t9", at(500))],
        ..CommitBatch::default()
    };
    store.commit(lease, &batch).await.unwrap();
    let first =
        Intake { feed: stored_feed(2), ..sweep(Sweep::First, Side::Source, [row_like("s1", 1)]) };
    store.intake(lease, &first).await.unwrap();
}

/// Leads are scheduled and were claimed, and requests were drawn.
async fn fill_third(store: &SqliteStore) {
    let every = Duration::from_secs(60);
    let scheduled = Scheduled { mapping: mapping("leads"), every, first: at(100) };
    store.schedule(&scheduled).await.unwrap();
    let lease = store.claim(&claim_at(100)).await.unwrap().leases.remove(0);
    store.release(&lease).await.unwrap();
    assert_eq!(store.draw(&drawing(100, 40)).await.unwrap().granted, 40);
}

fn claim_at(secs: i64) -> ClaimRequest {
    let worker = WorkerName::new("one").unwrap();
    ClaimRequest { worker, among: None, now: at(secs), ttl: TTL, limit: 9 }
}

fn drawing(secs: i64, wanted: u32) -> Draw {
    Draw {
        tenant: contacts().tenant,
        connection: feed_key().connection,
        limit: "requests".to_owned(),
        worker: WorkerName::new("one").unwrap(),
        budget: Budget { requests: 100, window: Duration::from_secs(10) },
        now: at(secs),
        wanted,
        least: 1,
        late: Duration::ZERO,
    }
}

#[tokio::test]
#[ignore = "makes a file that is committed: cargo test -p fluxcascade-store --test sqlite \
            -- --ignored make_the_fixture_of_this_schema"]
async fn make_the_fixture_of_this_schema() {
    let path = fixture(CURRENT);
    assert!(!path.exists(), "{} is there: it is never made again", path.display());
    let store = SqliteStore::open(&path).await.unwrap();
    let lease = leased(&store).await.unwrap();
    store.add_revision(&lease, &stored_revision(CURRENT)).await.unwrap();
    store.start_run(&lease, &RunStart::at(at(0))).await.unwrap();
    store.finish_run(&lease, &ended_run()).await.unwrap();
    let rows = [keyed("s8", &[(0, 1)])];
    let read = Intake { feed: stored_feed(CURRENT), ..page(Side::Source, rows) };
    store.intake(&lease, &read).await.unwrap();
    store.begin(&lease, &[stored_create(CURRENT)]).await.unwrap();
    store.commit(&lease, &batch(CURRENT)).await.unwrap();
    fill_second(&store, &lease).await;
    fill_third(&store).await;
    drop(store);
    // In one file, and in small pages: most of its tables have a row or two.
    let file = Connection::open(&path).unwrap();
    file.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get::<_, String>(0)).unwrap();
    file.execute_batch("PRAGMA page_size = 1024; VACUUM").unwrap();
    drop(file);
    fs::remove_file(path.with_extension("db.lock")).unwrap();
}

fn expected_counts(schema: u32) -> Counts {
    let batch = batch(schema);
    let mut holds: Vec<_> = batch.holds.iter().map(|hold| (hold.reason, 1)).collect();
    holds.sort_unstable();
    Counts {
        active_links: 2,
        tombstones: 1,
        // The page of the sweep entered s1, whose link has a hold.
        inbox: if schema < 2 { 2 } else { 3 },
        operations: 1,
        open_conflicts: batch.conflicts.len() as u64,
        holds,
        withheld: batch.holds.iter().filter_map(|hold| Some((hold.withheld?, 1))).collect(),
        ..Counts::default()
    }
}

#[tokio::test]
async fn files_of_every_schema_are_opened_with_all_that_is_in_them() {
    for schema in 1..=CURRENT {
        let (_folder, store) = opened(schema).await;
        let (contacts, all, batch) = (contacts(), Page::all(), batch(schema));

        assert_eq!(store.counts(&contacts).await.unwrap(), expected_counts(schema));
        let links: Vec<_> = batch.links.into_iter().map(|change| change.link).collect();
        assert_eq!(store.links(&contacts, None, 9).await.unwrap(), links, "schema {schema}");
        assert_eq!(store.holds(&contacts, &all).await.unwrap(), stored_holds(schema));
        let conflicts: Vec<_> = batch.conflicts.into_iter().rev().collect();
        assert_eq!(store.conflicts(&contacts, &all).await.unwrap(), conflicts);
        let log: Vec<_> = batch.log.into_iter().rev().collect();
        assert_eq!(store.log(&contacts, &all).await.unwrap(), log);
        assert_eq!(store.runs(&contacts, &all).await.unwrap(), [ended_run()]);
        assert_eq!(store.revisions(&contacts).await.unwrap(), [stored_revision(schema)]);

        let lease = store.lease(&contacts, at(1), TTL).await.unwrap();
        assert_eq!(lease.fence, 2);
        assert_eq!(store.feed(&lease, &feed_key()).await.unwrap(), stored_feed(schema));
        let work = store.work(&lease, &all_work(at(60))).await.unwrap();
        let of = |key| work.iter().find(|work| work.key == key).unwrap();
        let entry = of(WorkKey::Link(link_id(2))).entries.target.as_ref().unwrap();
        assert_eq!((entry.not_before, entry.attempts), (Some(at(60)), 3));
        let work = of(WorkKey::Record(Side::Source, record("s8")));
        let entry = work.entries.source.as_ref().unwrap();
        assert_eq!(entry.observation, Some(row("s8", 1).observation));
        assert_eq!(work.operations, [stored_create(schema)]);
        let holders = &work.candidates[0].holders.source;
        assert_eq!((holders.len(), holders[0].link), (2, Some(link_id(1))));
    }
}

#[tokio::test]
async fn a_tombstone_of_every_schema_is_found_by_its_records() {
    for schema in 1..=CURRENT {
        let (_folder, store) = opened(schema).await;
        let lease = leased(&store).await.unwrap();
        let key = WorkKey::Record(Side::Target, record("t3"));
        let work = store.gather(&lease, &[key]).await.unwrap();
        let link = batch(schema).links.remove(2).link;
        assert_eq!(work[0].tombstones, [link], "schema {schema}");
    }
}

#[tokio::test]
async fn a_file_of_the_second_schema_goes_on_with_answers_claims_and_a_sweep() {
    let (_folder, store) = opened(2).await;
    let lease = store.lease(&contacts(), at(1), TTL).await.unwrap();
    let due = store.work(&lease, &all_work(Timestamp::from_micros(0))).await.unwrap();
    assert_eq!(due[0].key, WorkKey::Link(link_id(1)), "its hold is answered");

    let leads = store.lease(&mapping("leads"), at(1), TTL).await.unwrap();
    let operations = [40, 41, 42].map(|n| claiming(create(n, Side::Target, "a", &[]), &[n]));
    let contacts = contacts().mapping;
    let begun =
        [Begun::ClaimedBy(contacts.clone()), Begun::MadeBy(contacts, record("t9")), Begun::Yes];
    assert_eq!(store.begin(&leads, &operations).await.unwrap(), begun);

    let companies = store.lease(&mapping("companies"), at(1), TTL).await.unwrap();
    store.commit(&companies, &links([link_between(70, "s70", "t70")])).await.unwrap();
    let holds = store.holds(&lease.mapping, &Page::all()).await.unwrap();
    let woken = holds.iter().find(|hold| hold.key == awaiting().key).unwrap();
    assert!(woken.not_before.is_some_and(|due| due < at(0)));

    // Linked or with a key are s1, s2 and s8; s1 was on the first page.
    let last = store.intake(&lease, &sweep(Sweep::Last, Side::Source, [])).await.unwrap();
    assert_eq!(last, Taken { entered: 0, missed: 2 });
}

#[tokio::test]
async fn a_file_of_the_third_schema_knows_what_is_due_and_what_was_drawn() {
    let (_folder, store) = opened(3).await;
    assert_eq!(store.claim(&claim_at(159)).await.unwrap().next, Some(at(160)));
    let due = store.claim(&claim_at(160)).await.unwrap().leases;
    assert_eq!(due.iter().map(|lease| lease.fence).collect::<Vec<_>>(), [2]);
    assert_eq!(store.draw(&drawing(101, 100)).await.unwrap().granted, 60);
}

/// Holds of what was gone are none of today's: they are read, counted and listed as ones of what is
/// missing.
#[tokio::test]
async fn a_hold_of_the_first_schema_for_what_is_gone_is_one_for_what_is_missing() {
    let (_folder, path) = copied(1);
    let file = Connection::open(&path).unwrap();
    let parked = "SELECT hold FROM holds WHERE reason = 'ambiguous'";
    let mut hold: Vec<u8> = file.query_row(parked, [], |row| row.get(0)).unwrap();
    // Format, key (a record, its side, its id of two letters), reason.
    assert_eq!(hold[6], 6);
    hold[6] = 12;
    let gone = "UPDATE holds SET reason = 'gone', hold = ?1 WHERE reason = 'ambiguous'";
    assert_eq!(file.execute(gone, [hold]).unwrap(), 1);
    drop(file);

    let store = SqliteStore::open(&path).await.unwrap();
    let counts = store.counts(&contacts()).await.unwrap();
    assert_eq!(counts.holds, [(HoldReason::Conflict, 1), (HoldReason::Missing, 1)]);
    let missing = Page { reason: Some(HoldReason::Missing), ..Page::all() };
    let holds = store.holds(&contacts(), &missing).await.unwrap();
    assert_eq!(holds.len(), 1);
    assert_eq!(holds[0].key, HoldKey::Record(Side::Source, record("s8")));
}
