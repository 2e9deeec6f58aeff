//! SQLite: the store, and bare `rusqlite`.

use std::hint::black_box;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fluxcascade_core::model::{LinkId, RecordId, Side, Timestamp, WorkKey};
use fluxcascade_core::store::{Lease, Store};
use fluxcascade_store::SqliteStore;
use futures::executor::block_on;
use rusqlite::config::DbConfig;
use rusqlite::types::Value;
use rusqlite::{CachedStatement, Connection, Transaction, TransactionBehavior, params};
use tempfile::TempDir;

use crate::batch::{
    Batch, Inbox, Keys, Listed, PAGE, Records, contacts, next_page, number, sequence,
};
use crate::turns::{Turns, timed};
use crate::{Scale, report};

/// Links with a log row each.
pub(crate) fn commits(scale: Scale) {
    for size in [1, 100, 1_000] {
        for (what, records) in [("new links", Records::New), ("changed links", Records::Known)] {
            let figures = commits_of(scale, size, records).figures();
            report(&format!("sqlite: commits of {size}, {what}"), &figures);
        }
    }
}

/// The store and the floor, each with a file of its own.
struct Both {
    folder: TempDir,
    store: SqliteStore,
    lease: Lease,
    floor: Connection,
}

impl Both {
    /// With so many links in each file.
    fn with(links: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let open = |name: &str| {
            let store = block_on(SqliteStore::open(folder.path().join(name))).unwrap();
            let hour = Duration::from_hours(1);
            let lease = block_on(store.lease(&contacts(), Timestamp::from_secs(0), hour)).unwrap();
            (store, lease)
        };
        drop(open("floor.db"));
        let (store, lease) = open("store.db");
        let floor = bare(&folder.path().join("floor.db"));
        let mut both = Self { folder, store, lease, floor };
        for first in (0..links).step_by(1_000) {
            let batch = Batch::of(first..links.min(first + 1_000), Records::New, Inbox::Empty);
            both.commit_store(&batch);
            both.commit_floor(&batch);
        }
        both
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Entries of both records, in the store's file alone.
    fn fill_inbox(&self, records: Range<usize>, keys: Keys) {
        for first in records.clone().step_by(1_000) {
            for side in Side::BOTH {
                let page = first..records.end.min(first + 1_000);
                let listed = Listed::of(page, 1, side, keys);
                block_on(self.store.intake(&self.lease, &listed.page)).unwrap();
            }
        }
    }

    fn commit_store(&self, batch: &Batch) {
        block_on(self.store.commit(&self.lease, &batch.commit)).unwrap();
    }

    fn commit_floor(&mut self, batch: &Batch) {
        let transaction = begin(&mut self.floor, "FULL");
        put(&transaction, batch);
        transaction.commit().unwrap();
    }

    /// Both have stored the same.
    fn check(&self) {
        for (table, rows) in TABLES {
            let sql = format!("SELECT {rows}");
            let (store, floor) = (self.file("store.db"), self.file("floor.db"));
            assert_eq!(content(&store, &sql), content(&floor, &sql), "{table}");
        }
    }
}

/// What is compared, row by row.
const TABLES: [(&str, &str); 4] = [
    (
        "links",
        "mapping, id, status, source, target, source_revision, target_revision, source_fingerprint,
         target_fingerprint, source_base, target_base, ending FROM links ORDER BY mapping, id",
    ),
    ("linked", "mapping, side, record, link FROM linked ORDER BY mapping, side, record"),
    ("log", "mapping, run, source, target, entry FROM log ORDER BY place"),
    (
        "inbox",
        "mapping, side, record, sequence, revision, not_before, attempts, link, observation
         FROM inbox ORDER BY mapping, side, record",
    ),
];

/// A connection as the store's own is.
fn bare(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    for (name, value) in [("fullfsync", "true"), ("checkpoint_fullfsync", "true")] {
        connection.pragma_update(None, name, value).unwrap();
    }
    connection.pragma_update(None, "cache_size", -8 * 1024).unwrap();
    connection.pragma_update(None, "journal_size_limit", 64 << 20).unwrap();
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).unwrap();
    connection.set_prepared_statement_cache_capacity(64);
    connection
}

fn begin<'a>(connection: &'a mut Connection, synchronous: &str) -> Transaction<'a> {
    connection.pragma_update(None, "synchronous", synchronous).unwrap();
    connection.transaction_with_behavior(TransactionBehavior::Immediate).unwrap()
}

fn prepared<'a>(transaction: &'a Transaction<'_>, sql: &str) -> CachedStatement<'a> {
    transaction.prepare_cached(sql).unwrap()
}

/// Every row of a commit.
fn put(transaction: &Transaction<'_>, batch: &Batch) {
    let mut link = prepared(
        transaction,
        "INSERT INTO links (mapping, id, status, source, target, source_revision, target_revision,
         source_fingerprint, target_fingerprint, source_base, target_base, ending)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
         ON CONFLICT (mapping, id) DO UPDATE SET status = excluded.status,
         source = excluded.source, target = excluded.target,
         source_revision = excluded.source_revision, target_revision = excluded.target_revision,
         source_fingerprint = excluded.source_fingerprint,
         target_fingerprint = excluded.target_fingerprint,
         source_base = excluded.source_base, target_base = excluded.target_base,
         ending = excluded.ending",
    );
    let mut linked = prepared(
        transaction,
        "INSERT OR IGNORE INTO linked (mapping, side, record, link) VALUES (?1, ?2, ?3, ?4)",
    );
    let mut log = prepared(
        transaction,
        "INSERT INTO log (mapping, run, source, target, entry) VALUES (?1, ?2, ?3, ?4, ?5)",
    );
    let mut clear = prepared(
        transaction,
        "DELETE FROM inbox WHERE mapping = ?1 AND side = ?2 AND record = ?3 AND sequence = ?4",
    );
    for row in &batch.rows {
        let (id, records) = (row.link.id.0, row.link.records.as_ref().map(RecordId::as_str));
        let bases = row.link.bases.as_ref();
        let prints = bases.map(|base| base.fingerprint.map(|print| print.0));
        link.execute(params![
            1,
            id,
            0,
            records.source,
            records.target,
            row.link.bases.source.revision,
            row.link.bases.target.revision,
            prints.source,
            prints.target,
            row.bases.source,
            row.bases.target,
            None::<i16>,
        ])
        .unwrap();
        if batch.records == Records::New {
            for (side, record) in records.iter() {
                linked.execute(params![1, side.number(), record, id]).unwrap();
            }
        }
        log.execute(params![1, 1, records.source, records.target, row.log]).unwrap();
    }
    for mark in &batch.commit.cleared {
        let (side, record) = (mark.side.number(), mark.record.as_str());
        let at = i64::try_from(mark.sequence).unwrap();
        clear.execute(params![1, side, record, at]).unwrap();
    }
}

/// All that a statement selects.
fn content(path: &Path, sql: &str) -> Vec<Vec<Value>> {
    let connection = Connection::open(path).unwrap();
    let mut statement = connection.prepare(sql).unwrap();
    let columns = statement.column_count();
    let row = |row: &rusqlite::Row<'_>| (0..columns).map(|column| row.get(column)).collect();
    statement.query_map([], row).unwrap().map(Result::unwrap).collect()
}

fn commits_of(scale: Scale, size: usize, records: Records) -> Turns {
    let rounds = if size == 1 { scale.rounds * 20 } else { scale.rounds };
    let links = match records {
        Records::New => scale.before,
        Records::Known => scale.before.max(rounds * size),
    };
    let mut both = Both::with(links);
    let mut turns = Turns::of(size);
    for round in 0..rounds {
        let at = round * size;
        let batch = match records {
            Records::New => Batch::of(links + at..links + at + size, records, Inbox::Empty),
            Records::Known => Batch::of(at..at + size, records, Inbox::Empty),
        };
        let Both { store, lease, floor, .. } = &mut both;
        turns.round(
            || block_on(store.commit(lease, &batch.commit)).unwrap(),
            || {
                let transaction = begin(floor, "FULL");
                put(&transaction, &batch);
                transaction.commit().unwrap();
            },
        );
    }
    both.check();
    turns
}

/// Works by their records: linked ones, and ones that are to be matched.
pub(crate) fn takes(scale: Scale) {
    let links = scale.before;
    let both = Both::with(links);
    both.fill_inbox(0..links, Keys::Without);
    let unlinked = links..links + scale.before;
    both.fill_inbox(unlinked.clone(), Keys::OfBoth);
    let reader = bare(&both.file("store.db"));
    let (mut by_id, mut by_key) = (Turns::of(PAGE), Turns::of(PAGE));
    for round in 0..scale.rounds {
        // Not one after the other in any index.
        let some = |all: &Range<usize>| {
            let (first, len) = (all.start, all.len());
            let numbers = (0..PAGE).map(move |n| first + (round * PAGE + n) * 7_919 % len);
            numbers.map(listed_id).collect::<Vec<_>>()
        };
        let gather = |ids: &[RecordId]| {
            let key = |id: &RecordId| WorkKey::Record(Side::Source, id.clone());
            let keys: Vec<_> = ids.iter().map(key).collect();
            let works = block_on(both.store.gather(&both.lease, &keys)).unwrap();
            assert_eq!(works.len(), ids.len());
            works
        };
        let ids = some(&(0..links));
        by_id.round(
            || assert!(gather(&ids)[0].link.is_some()),
            || drop(black_box(read_by_id(&reader, &ids))),
        );
        let ids = some(&unlinked);
        by_key.round(
            || assert_eq!(gather(&ids)[0].candidates[0].holders.target.len(), 1),
            || drop(black_box(read_by_key(&reader, &ids))),
        );
    }
    report("sqlite: take by id", &by_id.figures());
    report("sqlite: take by key", &by_key.figures());
}

fn listed_id(record: usize) -> RecordId {
    fluxcascade_benches::record_ids(record).source
}

/// Rows as they stand, nothing decoded.
type Raw = Vec<Vec<Value>>;

fn select(connection: &Connection, sql: &str, values: impl rusqlite::Params, into: &mut Raw) {
    let mut statement = connection.prepare_cached(sql).unwrap();
    let columns = statement.column_count();
    let mut rows = statement.query(values).unwrap();
    while let Some(row) = rows.next().unwrap() {
        into.push((0..columns).map(|column| row.get(column).unwrap()).collect());
    }
}

const ENTRY: &str =
    "SELECT record, sequence, revision, not_before, attempts, observation FROM inbox
     WHERE mapping = ?1 AND side = ?2 AND record = ?3";

/// A record's link and both entries.
fn read_by_id(connection: &Connection, ids: &[RecordId]) -> Raw {
    let mut found = Raw::new();
    let transaction = connection.unchecked_transaction().unwrap();
    for id in ids {
        let mut link = Raw::new();
        let sql = "SELECT link FROM linked WHERE mapping = ?1 AND side = ?2 AND record = ?3";
        select(&transaction, sql, params![1, 0, id.as_str()], &mut link);
        let sql = "SELECT id, status, source, target, source_base, target_base, ending FROM links
             WHERE mapping = ?1 AND id = ?2";
        let at = found.len();
        select(&transaction, sql, params![1, link[0][0]], &mut found);
        for side in Side::BOTH.map(Side::number) {
            let record = found[at][2 + usize::from(side)].clone();
            select(&transaction, ENTRY, params![1, side, record], &mut found);
        }
    }
    assert_eq!(found.len(), 3 * ids.len());
    found
}

/// A record's entry and keys, who has them, and their entries.
fn read_by_key(connection: &Connection, ids: &[RecordId]) -> Raw {
    let mut found = Raw::new();
    let transaction = connection.unchecked_transaction().unwrap();
    for id in ids {
        select(&transaction, ENTRY, params![1, 0, id.as_str()], &mut found);
        let mut keys = Raw::new();
        let sql = "SELECT rule, fingerprint FROM match_keys
             WHERE mapping = ?1 AND side = ?2 AND record = ?3 ORDER BY rule";
        select(&transaction, sql, params![1, 0, id.as_str()], &mut keys);
        for key in keys {
            for side in [0, 1] {
                let mut holders = Raw::new();
                let sql = "SELECT record, archived FROM match_keys
                     WHERE mapping = ?1 AND rule = ?2 AND fingerprint = ?3 AND side = ?4
                     ORDER BY archived, record LIMIT 9";
                select(&transaction, sql, params![1, key[0], key[1], side], &mut holders);
                for holder in holders {
                    select(&transaction, ENTRY, params![1, side, holder[0]], &mut found);
                }
            }
        }
    }
    assert_eq!(found.len(), 3 * ids.len());
    found
}

/// Both records of every pair were edited and are listed, taken in, handed out and committed.
pub(crate) fn run(scale: Scale) {
    let mut both = Both::with(scale.run);
    let (mut intake, mut work) = (Turns::of(2 * PAGE), Turns::of(PAGE));
    let mut commit = Turns::of(PAGE);
    for first in (0..scale.run).step_by(PAGE) {
        let pages = Side::BOTH.map(|side| Listed::of(first..first + PAGE, 1, side, Keys::Without));
        let Both { store, lease, floor, .. } = &mut both;
        intake.round(
            || {
                for listed in &pages {
                    block_on(store.intake(lease, &listed.page)).unwrap();
                }
            },
            || {
                for listed in &pages {
                    let transaction = begin(floor, "NORMAL");
                    take_in(&transaction, listed, first);
                    transaction.commit().unwrap();
                }
            },
        );
    }
    let mut after = None;
    loop {
        let (mut works, mut rows) = (Vec::new(), Raw::new());
        let request = next_page(after.clone());
        let bytes = match &after {
            Some(WorkKey::Link(LinkId(id))) => id.to_vec(),
            _ => Vec::new(),
        };
        let store = timed(|| {
            works = block_on(both.store.work(&both.lease, &request)).unwrap();
        });
        let floor = timed(|| rows = read_work(&both.floor, &bytes));
        let Some(last) = works.last() else { break };
        assert_eq!(3 * works.len(), rows.len());
        work.add(store, floor);
        after = Some(last.key.clone());
        let numbers = works.iter().filter_map(|work| work.link.as_ref()).map(number);
        let batch = Batch::of(numbers, Records::Known, Inbox::Cleared);
        let Both { store, lease, floor, .. } = &mut both;
        commit.round(
            || block_on(store.commit(lease, &batch.commit)).unwrap(),
            || {
                let transaction = begin(floor, "FULL");
                put(&transaction, &batch);
                transaction.commit().unwrap();
            },
        );
    }
    both.check();
    assert!(block_on(both.store.counts(&contacts())).unwrap().inbox == 0);
    let what = format!("sqlite: a run over {} pairs", scale.run);
    report(&format!("{what}, taken in"), &intake.figures());
    report(&format!("{what}, handed out"), &work.figures());
    report(&format!("{what}, committed"), &commit.figures());
    report(&format!("{what}, all of it"), &Turns::sum([&intake, &intake, &work, &commit]));
}

fn take_in(transaction: &Transaction<'_>, listed: &Listed, first: usize) {
    let mut enter = prepared(
        transaction,
        "INSERT INTO inbox (mapping, side, record, sequence, revision, not_before, attempts, observation, link)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8,
             (SELECT link FROM linked WHERE mapping = ?1 AND side = ?2 AND record = ?3))
         ON CONFLICT (mapping, side, record) DO UPDATE SET sequence = excluded.sequence,
         revision = excluded.revision, not_before = excluded.not_before,
         attempts = excluded.attempts, observation = excluded.observation",
    );
    let side = listed.page.side;
    for (n, (record, observation)) in listed.rows.iter().enumerate() {
        let at = i64::try_from(sequence(first + n, side)).unwrap();
        let none = None::<i64>;
        enter
            .execute(params![1, side.number(), record.as_str(), at, 1, none, 0, observation])
            .unwrap();
    }
    let last = i64::try_from(sequence(first + PAGE - 1, side)).unwrap();
    let mut mapping = prepared(transaction, "UPDATE mappings SET sequence = ?2 WHERE number = ?1");
    mapping.execute(params![1, last]).unwrap();
}

/// The links that have entries, in order of their ids, with both entries.
fn read_work(connection: &Connection, after: &[u8]) -> Raw {
    let transaction = connection.unchecked_transaction().unwrap();
    let (mut ids, mut found) = (Raw::new(), Raw::new());
    let sql = "SELECT DISTINCT link FROM inbox
         WHERE mapping = ?1 AND link > ?2 AND ifnull(not_before, ?3) <= ?3 ORDER BY link LIMIT ?4";
    select(&transaction, sql, params![1, after, i64::MAX, 200], &mut ids);
    for id in ids {
        let sql = "SELECT id, status, source, target, source_base, target_base, ending FROM links
             WHERE mapping = ?1 AND id = ?2";
        let at = found.len();
        select(&transaction, sql, params![1, id[0]], &mut found);
        for side in Side::BOTH.map(Side::number) {
            let record = found[at][2 + usize::from(side)].clone();
            select(&transaction, ENTRY, params![1, side, record], &mut found);
        }
    }
    found
}

/// What a link takes in the file, with its records' keys and without a log row.
pub(crate) fn size_of_links(scale: Scale) {
    let both = Both::with(0);
    for first in (0..scale.run).step_by(1_000) {
        let batch = Batch::of(first..first + 1_000, Records::New, Inbox::Empty);
        let commit = batch.with_keys_and_no_log();
        block_on(both.store.commit(&both.lease, &commit)).unwrap();
    }
    let path = both.file("store.db");
    drop(both.store);
    let bytes = std::fs::metadata(&path).unwrap().len();
    println!("sqlite: {} links take {} bytes each", scale.run, bytes / scale.run as u64);
}
