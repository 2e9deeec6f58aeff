//! PostgreSQL: the store, and bare `tokio-postgres`.
//!
//! The server is started for the bench and waits for its disk, or is the one that
//! `FLUXCASCADE_TEST_POSTGRES` names.

mod run;

use std::collections::HashMap;
use std::time::Duration;

use fluxcascade_core::model::{Side, Timestamp};
use fluxcascade_core::store::{Lease, Store};
use fluxcascade_store::PostgresStore;
use tokio::runtime::Runtime;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls, Statement};

use crate::batch::{Batch, Inbox, Records, contacts};
use crate::server::Place;
use crate::turns::Turns;
use crate::{Scale, report};

pub(crate) use self::run::{run, takes};

/// Links with a log row each.
pub(crate) fn commits(scale: Scale) {
    if Both::or_skip(0).is_none() {
        return;
    }
    for size in [1, 100, 1_000] {
        for (what, records) in [("new links", Records::New), ("changed links", Records::Known)] {
            let figures = commits_of(scale, size, records).figures();
            report(&format!("postgres: commits of {size}, {what}"), &figures);
        }
    }
}

/// The store and the floor, each in a schema of its own.
struct Both {
    runtime: Runtime,
    places: [Place; 2],
    store: PostgresStore,
    lease: Lease,
    floor: Floor,
}

impl Both {
    /// The same, unless there is no server.
    fn or_skip(links: usize) -> Option<Self> {
        match Place::durable() {
            Ok(_) => Some(Self::with(links)),
            Err(why) => {
                println!("postgres: skipped, no server: {why}");
                None
            }
        }
    }

    /// With so many links in each.
    fn with(links: usize) -> Self {
        let runtime = Runtime::new().unwrap();
        let places = [Place::durable().unwrap(), Place::durable().unwrap()];
        let open = |place: &Place| {
            let options = place.options();
            runtime.block_on(async {
                let store = PostgresStore::open(&options).await.unwrap();
                let hour = Duration::from_hours(1);
                let lease = store.lease(&contacts(), Timestamp::from_secs(0), hour).await.unwrap();
                (store, lease)
            })
        };
        drop(open(&places[1]));
        let (store, lease) = open(&places[0]);
        let floor = runtime.block_on(Floor::open(&places[1]));
        let mut both = Self { runtime, places, store, lease, floor };
        for first in (0..links).step_by(1_000) {
            let batch = Batch::of(first..links.min(first + 1_000), Records::New, Inbox::Empty);
            both.commit_store(&batch);
            let columns = both.floor.columns(&batch);
            both.runtime.block_on(both.floor.commit(&columns));
        }
        both.runtime.block_on(both.floor.client.batch_execute("ANALYZE")).unwrap();
        both
    }

    fn commit_store(&self, batch: &Batch) {
        self.runtime.block_on(self.store.commit(&self.lease, &batch.commit)).unwrap();
    }

    /// Both have stored the same.
    fn check(&self) {
        for table in ["links", "linked", "log", "inbox", "mappings"] {
            let content = |place: &Place| {
                let sql = format!(
                    "SELECT count(*), md5(string_agg(md5(t::text), '' ORDER BY md5(t::text)))
                     FROM {}.{table} t",
                    place.schema
                );
                let row = self.runtime.block_on(self.floor.client.query_one(&sql, &[])).unwrap();
                (row.get::<_, i64>(0), row.get::<_, Option<String>>(1))
            };
            assert_eq!(content(&self.places[0]), content(&self.places[1]), "{table}");
        }
    }
}

/// A connection with the statements of a commit.
struct Floor {
    client: Client,
    links: Statement,
    linked: Statement,
    log: Statement,
    numbers: Statement,
    clear: Statement,
    /// What else is asked, by its text.
    prepared: HashMap<&'static str, Statement>,
    places: i64,
}

impl Floor {
    async fn open(place: &Place) -> Self {
        let (client, connection) = tokio_postgres::connect(&place.url, NoTls).await.unwrap();
        tokio::spawn(connection);
        // Statements are planned as the store's are.
        let setting = format!(
            "SET search_path TO {}; SET synchronous_commit TO on;
             SET plan_cache_mode TO force_generic_plan; SET enable_seqscan TO off",
            place.schema
        );
        client.batch_execute(&setting).await.unwrap();
        let links = client
            .prepare(
                "INSERT INTO links (tenant, mapping, id, status, source, target, source_revision,
                 target_revision, source_fingerprint, target_fingerprint, source_base, target_base, ending)
                 SELECT $1, $2, p.* FROM unnest($3::bytea[], $4::smallint[], $5::text[], $6::text[],
                     $7::bigint[], $8::bigint[], $9::bytea[], $10::bytea[], $11::bytea[], $12::bytea[],
                     $13::smallint[]) p
                 ON CONFLICT (tenant, mapping, id) DO UPDATE SET status = excluded.status,
                 source = excluded.source, target = excluded.target,
                 source_revision = excluded.source_revision, target_revision = excluded.target_revision,
                 source_fingerprint = excluded.source_fingerprint,
                 target_fingerprint = excluded.target_fingerprint,
                 source_base = excluded.source_base, target_base = excluded.target_base,
                 ending = excluded.ending",
            )
            .await
            .unwrap();
        let linked = client
            .prepare(
                "INSERT INTO linked (tenant, mapping, side, record, link)
                 SELECT $1, $2, p.* FROM unnest($3::smallint[], $4::text[], $5::bytea[]) p
                 ON CONFLICT (tenant, mapping, side, record) DO NOTHING",
            )
            .await
            .unwrap();
        let log = client
            .prepare(
                "INSERT INTO log (tenant, mapping, place, run, source, target, entry)
                 SELECT $1, $2, $3 + p.place, p.run, p.source, p.target, p.entry
                 FROM unnest($4::bigint[], $5::text[], $6::text[], $7::bytea[]) WITH ORDINALITY
                     p (run, source, target, entry, place)",
            )
            .await
            .unwrap();
        let numbers = "UPDATE mappings SET places = $3 WHERE tenant = $1 AND number = $2";
        let numbers = client.prepare(numbers).await.unwrap();
        let clear = "DELETE FROM inbox WHERE ctid = ANY(ARRAY(SELECT i.ctid
                 FROM unnest($3::smallint[], $4::text[], $5::bigint[]) p (side, record, sequence)
                 CROSS JOIN LATERAL (SELECT i.ctid FROM inbox i
                     WHERE i.tenant = $1 AND i.mapping = $2 AND i.side = p.side
                     AND i.record = p.record AND i.sequence = p.sequence OFFSET 0) i))";
        let clear = client.prepare(clear).await.unwrap();
        Self { client, links, linked, log, numbers, clear, prepared: HashMap::new(), places: 0 }
    }

    /// A commit's rows by columns, as the statements take them.
    fn columns<'a>(&mut self, batch: &'a Batch) -> Columns<'a> {
        let rows = &batch.rows;
        let before = self.places;
        self.places += i64::try_from(rows.len()).unwrap();
        let record = |side: Side| rows.iter().map(move |row| row.link.records[side].as_str());
        let records: [Vec<_>; 2] = Side::BOTH.map(|side| record(side).collect());
        let revision =
            |side: Side| rows.iter().map(move |row| row.link.bases[side].revision.into());
        let print = |side: Side| {
            rows.iter().map(move |row| row.link.bases[side].fingerprint.as_ref().map(|p| &p.0[..]))
        };
        let base = |side: Side| rows.iter().map(move |row| row.bases[side].as_slice());
        let ids: Vec<&[u8]> = rows.iter().map(|row| &row.link.id.0[..]).collect();
        let linked = match batch.records {
            Records::New => Linked {
                sides: [vec![0; rows.len()], vec![1; rows.len()]].concat(),
                records: records.concat(),
                links: [ids.clone(), ids.clone()].concat(),
            },
            Records::Known => Linked::default(),
        };
        Columns {
            ids,
            statuses: vec![0; rows.len()],
            records,
            revisions: Side::BOTH.map(|side| revision(side).collect()),
            prints: Side::BOTH.map(|side| print(side).collect()),
            bases: Side::BOTH.map(|side| base(side).collect()),
            endings: vec![None; rows.len()],
            linked,
            runs: vec![1; rows.len()],
            log: rows.iter().map(|row| row.log.as_slice()).collect(),
            places: (before, self.places),
            cleared: Cleared {
                sides: batch.commit.cleared.iter().map(|mark| mark.side.number().into()).collect(),
                records: batch.commit.cleared.iter().map(|mark| mark.record.as_str()).collect(),
                sequences: batch
                    .commit
                    .cleared
                    .iter()
                    .map(|mark| i64::try_from(mark.sequence).unwrap())
                    .collect(),
            },
        }
    }

    async fn commit(&self, columns: &Columns<'_>) {
        let Columns { ids, statuses, records: [source, target], linked, .. } = columns;
        let ([revision, other_revision], [print, other_print], [base, other_base]) =
            (&columns.revisions, &columns.prints, &columns.bases);
        let run = async |statement: &Statement, values: &[&(dyn ToSql + Sync)]| {
            let mut all: Vec<&(dyn ToSql + Sync)> = vec![&"default", &1_i32];
            all.extend_from_slice(values);
            self.client.execute(statement, &all).await.unwrap();
        };
        self.client.batch_execute("BEGIN").await.unwrap();
        run(
            &self.links,
            &[
                ids,
                statuses,
                source,
                target,
                revision,
                other_revision,
                print,
                other_print,
                base,
                other_base,
                &columns.endings,
            ],
        )
        .await;
        if !linked.sides.is_empty() {
            run(&self.linked, &[&linked.sides, &linked.records, &linked.links]).await;
        }
        let Cleared { sides, records, sequences } = &columns.cleared;
        if !sides.is_empty() {
            run(&self.clear, &[sides, records, sequences]).await;
        }
        run(&self.log, &[&columns.places.0, &columns.runs, source, target, &columns.log]).await;
        run(&self.numbers, &[&columns.places.1]).await;
        self.client.batch_execute("COMMIT").await.unwrap();
    }
}

/// What records have which link.
#[derive(Default)]
struct Linked<'a> {
    sides: Vec<i16>,
    records: Vec<&'a str>,
    links: Vec<&'a [u8]>,
}

/// What is cleared of the inbox.
struct Cleared<'a> {
    sides: Vec<i16>,
    records: Vec<&'a str>,
    sequences: Vec<i64>,
}

struct Columns<'a> {
    cleared: Cleared<'a>,
    ids: Vec<&'a [u8]>,
    statuses: Vec<i16>,
    records: [Vec<&'a str>; 2],
    revisions: [Vec<i64>; 2],
    prints: [Vec<Option<&'a [u8]>>; 2],
    bases: [Vec<&'a [u8]>; 2],
    endings: Vec<Option<i16>>,
    linked: Linked<'a>,
    runs: Vec<i64>,
    log: Vec<&'a [u8]>,
    /// The last place of a log row, before and after.
    places: (i64, i64),
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
        let columns = both.floor.columns(&batch);
        let Both { runtime, store, lease, floor, .. } = &both;
        turns.round(
            || runtime.block_on(store.commit(lease, &batch.commit)).unwrap(),
            || runtime.block_on(floor.commit(&columns)),
        );
    }
    both.check();
    turns
}
