//! Works that are taken from the server, and a run over linked pairs.

use std::hint::black_box;
use std::ops::Range;

use fluxcascade_core::model::{LinkId, RecordId, Side, WorkKey};
use fluxcascade_core::store::Store;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::{Both, Floor};
use crate::batch::{Batch, Inbox, Keys, Listed, PAGE, Records, next_page, number, sequence};
use crate::turns::{Turns, timed};
use crate::{Scale, report};

/// Records' entries.
const ENTRIES: &str =
    "SELECT p.side, p.record, i.* FROM unnest($3::smallint[], $4::text[]) p (side, record)
     CROSS JOIN LATERAL (SELECT sequence, revision, not_before, attempts, observation FROM inbox i
         WHERE i.tenant = $1 AND i.mapping = $2 AND i.side = p.side AND i.record = p.record
         OFFSET 0) i";

/// The links of a side's records.
const LINKS_OF: &str = "SELECT l.* FROM unnest($3::text[]) p (record)
     CROSS JOIN LATERAL (SELECT d.link FROM linked d
         WHERE d.tenant = $1 AND d.mapping = $2 AND d.side = 0 AND d.record = p.record OFFSET 0) d
     CROSS JOIN LATERAL (SELECT id, status, source, target, source_base, target_base, ending
         FROM links l WHERE l.tenant = $1 AND l.mapping = $2 AND l.id = d.link OFFSET 0) l";

const KEYS: &str = "SELECT k.rule, k.fingerprint FROM unnest($3::text[]) p (record)
     CROSS JOIN LATERAL (SELECT k.rule, k.fingerprint FROM match_keys k
         WHERE k.tenant = $1 AND k.mapping = $2 AND k.side = 0 AND k.record = p.record
         AND k.rule >= 0 OFFSET 0) k";

const HOLDERS: &str =
    "SELECT s.side, h.record FROM unnest($3::integer[], $4::bytea[]) k (rule, fingerprint)
     CROSS JOIN (VALUES (0::smallint), (1::smallint)) s (side)
     CROSS JOIN LATERAL (SELECT m.record FROM match_keys m
         WHERE m.tenant = $1 AND m.mapping = $2 AND m.rule = k.rule
         AND m.fingerprint = k.fingerprint AND m.side = s.side AND m.side >= 0
         ORDER BY m.archived, m.record LIMIT 9) h";

/// The next links that have entries.
const DUE: &str = "SELECT DISTINCT link FROM inbox WHERE tenant = $1 AND mapping = $2
     AND link > $3 AND coalesce(not_before, 0) <= $4 ORDER BY link LIMIT $5";

const BY_ID: &str = "SELECT l.* FROM unnest($3::bytea[]) p (id) CROSS JOIN LATERAL
         (SELECT id, status, source, target, source_base, target_base, ending FROM links l
         WHERE l.tenant = $1 AND l.mapping = $2 AND l.id = p.id OFFSET 0) l";

const ENTER: &str = "INSERT INTO inbox (tenant, mapping, side, record, sequence, revision,
         attempts, observation, link)
     SELECT $1, $2, $3, p.record, p.sequence, 1, 0, p.observation,
         (SELECT d.link FROM linked d WHERE d.tenant = $1 AND d.mapping = $2 AND d.side = $3
             AND d.record = p.record)
     FROM unnest($4::text[], $5::bigint[], $6::bytea[]) p (record, sequence, observation)
     ON CONFLICT (tenant, mapping, side, record) DO UPDATE SET sequence = excluded.sequence,
     revision = excluded.revision, not_before = excluded.not_before,
     attempts = excluded.attempts, observation = excluded.observation";

const NUMBER: &str = "UPDATE mappings SET sequence = $3 WHERE tenant = $1 AND number = $2";

type Value<'a> = &'a (dyn ToSql + Sync);

impl Floor {
    async fn select(&self, sql: &str, values: &[Value<'_>]) -> Vec<Row> {
        let mut all: Vec<Value<'_>> = vec![&"default", &1_i32];
        all.extend_from_slice(values);
        self.client.query(&self.prepared[sql], &all).await.unwrap()
    }

    /// Prepares what this file asks.
    pub(super) async fn prepare(&mut self) {
        for sql in [ENTRIES, LINKS_OF, KEYS, HOLDERS, DUE, BY_ID, ENTER, NUMBER] {
            let statement = self.client.prepare(sql).await.unwrap();
            self.prepared.insert(sql, statement);
        }
    }

    async fn begin_reading(&self) {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        self.client.batch_execute(begin).await.unwrap();
    }

    async fn end(&self) {
        self.client.batch_execute("COMMIT").await.unwrap();
    }

    /// Both entries of links.
    async fn entries_of(&self, links: &[Row]) -> Vec<Row> {
        let record = |column: usize| links.iter().map(move |row| row.get::<_, &str>(column));
        let records: Vec<&str> = record(2).chain(record(3)).collect();
        let sides = [vec![0_i16; links.len()], vec![1; links.len()]].concat();
        self.select(ENTRIES, &[&sides, &records]).await
    }

    /// Records' links and their entries.
    async fn take_by_id(&self, ids: &[RecordId]) -> (Vec<Row>, Vec<Row>) {
        self.begin_reading().await;
        let records: Vec<&str> = ids.iter().map(RecordId::as_str).collect();
        let links = self.select(LINKS_OF, &[&records]).await;
        let entries = self.entries_of(&links).await;
        self.end().await;
        assert_eq!((links.len(), entries.len()), (ids.len(), 2 * ids.len()));
        (links, entries)
    }

    /// Records' entries, who else has their keys, and the entries of those.
    async fn take_by_key(&self, ids: &[RecordId]) -> Vec<Row> {
        self.begin_reading().await;
        let records: Vec<&str> = ids.iter().map(RecordId::as_str).collect();
        let mut found = self.select(ENTRIES, &[&vec![0_i16; ids.len()], &records]).await;
        let keys = self.select(KEYS, &[&records]).await;
        let rules: Vec<i32> = keys.iter().map(|row| row.get(0)).collect();
        let prints: Vec<&[u8]> = keys.iter().map(|row| row.get(1)).collect();
        let holders = self.select(HOLDERS, &[&rules, &prints]).await;
        let sides: Vec<i16> = holders.iter().map(|row| row.get(0)).collect();
        let records: Vec<&str> = holders.iter().map(|row| row.get(1)).collect();
        found.extend(self.select(ENTRIES, &[&sides, &records]).await);
        self.end().await;
        assert_eq!(found.len(), 3 * ids.len());
        found
    }

    async fn take_in(&self, listed: &Listed, first: usize) {
        let side = listed.page.side;
        let records: Vec<&str> = listed.rows.iter().map(|(id, _)| id.as_str()).collect();
        let seen: Vec<&[u8]> = listed.rows.iter().map(|(_, seen)| seen.as_slice()).collect();
        let at = |n: usize| i64::try_from(sequence(first + n, side)).unwrap();
        let sequences: Vec<i64> = (0..records.len()).map(at).collect();
        let begin = "BEGIN; SET LOCAL synchronous_commit TO off";
        self.client.batch_execute(begin).await.unwrap();
        let side = i16::from(side.number());
        self.select(ENTER, &[&side, &records, &sequences, &seen]).await;
        self.select(NUMBER, &[&sequences[sequences.len() - 1]]).await;
        self.end().await;
    }

    async fn hand_out(&self, after: &[u8]) -> (Vec<Row>, Vec<Row>) {
        self.begin_reading().await;
        let most = i64::try_from(PAGE).unwrap();
        let due = self.select(DUE, &[&after, &i64::MAX, &most]).await;
        let ids: Vec<&[u8]> = due.iter().map(|row| row.get(0)).collect();
        let links = self.select(BY_ID, &[&ids]).await;
        let entries = self.entries_of(&links).await;
        self.end().await;
        (links, entries)
    }
}

impl Both {
    fn fill_inbox(&self, records: &Range<usize>, keys: Keys) {
        for first in records.clone().step_by(1_000) {
            for side in Side::BOTH {
                let listed = Listed::of(first..records.end.min(first + 1_000), 1, side, keys);
                let taken = self.store.intake(&self.lease, &listed.page);
                self.runtime.block_on(taken).unwrap();
            }
        }
    }
}

/// Works by their records: linked ones, and ones that are to be matched.
pub(crate) fn takes(scale: Scale) {
    let links = scale.before;
    let Some(both) = Both::or_skip(links) else { return };
    both.fill_inbox(&(0..links), Keys::Without);
    let unlinked = links..links + scale.before;
    both.fill_inbox(&unlinked, Keys::OfBoth);
    // What the store has is read by both.
    let reader = both.runtime.block_on(async {
        let mut reader = Floor::open(&both.places[0]).await;
        reader.client.batch_execute("ANALYZE").await.unwrap();
        reader.prepare().await;
        reader
    });
    let (mut by_id, mut by_key) = (Turns::of(PAGE), Turns::of(PAGE));
    for round in 0..scale.rounds {
        let some = |all: &Range<usize>| -> Vec<RecordId> {
            let number = |n: usize| all.start + (round * PAGE + n) * 7_919 % all.len();
            (0..PAGE).map(|n| fluxcascade_benches::record_ids(number(n)).source).collect()
        };
        let gather = |ids: &[RecordId]| {
            let key = |id: &RecordId| WorkKey::Record(Side::Source, id.clone());
            let keys: Vec<_> = ids.iter().map(key).collect();
            both.runtime.block_on(both.store.gather(&both.lease, &keys)).unwrap()
        };
        let ids = some(&(0..links));
        by_id.round(
            || assert!(gather(&ids)[0].link.is_some()),
            || drop(black_box(both.runtime.block_on(reader.take_by_id(&ids)))),
        );
        let ids = some(&unlinked);
        by_key.round(
            || assert_eq!(gather(&ids)[0].candidates[0].holders.target.len(), 1),
            || drop(black_box(both.runtime.block_on(reader.take_by_key(&ids)))),
        );
    }
    report("postgres: take by id", &by_id.figures());
    report("postgres: take by key", &by_key.figures());
}

/// Both records of every pair were edited and are listed, taken in, handed out and committed.
pub(crate) fn run(scale: Scale) {
    let Some(mut both) = Both::or_skip(scale.run) else { return };
    both.runtime.block_on(both.floor.prepare());
    let intake = taken_in(&both, scale);
    let (mut work, mut commit) = (Turns::of(PAGE), Turns::of(PAGE));
    let mut after = None;
    loop {
        let request = next_page(after.clone());
        let bytes = match &after {
            Some(WorkKey::Link(LinkId(id))) => id.to_vec(),
            _ => Vec::new(),
        };
        let (mut works, mut rows) = (Vec::new(), (Vec::new(), Vec::new()));
        let runtime = &both.runtime;
        let store = timed(|| {
            works = runtime.block_on(both.store.work(&both.lease, &request)).unwrap();
        });
        let floor = timed(|| rows = runtime.block_on(both.floor.hand_out(&bytes)));
        let Some(last) = works.last() else { break };
        assert_eq!((rows.0.len(), rows.1.len()), (works.len(), 2 * works.len()));
        work.add(store, floor);
        after = Some(last.key.clone());
        let numbers = works.iter().filter_map(|work| work.link.as_ref()).map(number);
        let batch = Batch::of(numbers, Records::Known, Inbox::Cleared);
        let columns = both.floor.columns(&batch);
        let Both { runtime, store, lease, floor, .. } = &both;
        commit.round(
            || runtime.block_on(store.commit(lease, &batch.commit)).unwrap(),
            || runtime.block_on(floor.commit(&columns)),
        );
    }
    both.check();
    let what = format!("postgres: a run over {} pairs", scale.run);
    report(&format!("{what}, taken in"), &intake.figures());
    report(&format!("{what}, handed out"), &work.figures());
    report(&format!("{what}, committed"), &commit.figures());
    report(&format!("{what}, all of it"), &Turns::sum([&intake, &intake, &work, &commit]));
}

fn taken_in(both: &Both, scale: Scale) -> Turns {
    let mut intake = Turns::of(2 * PAGE);
    for first in (0..scale.run).step_by(PAGE) {
        let pages = Side::BOTH.map(|side| Listed::of(first..first + PAGE, 1, side, Keys::Without));
        let Both { runtime, store, lease, floor, .. } = both;
        intake.round(
            || {
                for listed in &pages {
                    runtime.block_on(store.intake(lease, &listed.page)).unwrap();
                }
            },
            || {
                for listed in &pages {
                    runtime.block_on(floor.take_in(listed, first));
                }
            },
        );
    }
    intake
}
