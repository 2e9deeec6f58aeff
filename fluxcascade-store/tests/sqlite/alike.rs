//! Both stores given the same calls at random, by seed: they must answer alike at every step.
//!
//! The contract suite says what is right; this finds where one store forgets an index.

use fluxcascade_core::model::{
    ConflictId, ConflictStatus, Hold, HoldKey, HoldReason, Link, LinkStatus, Operation,
    OperationKind, Side, Timestamp,
};
use fluxcascade_core::store::{
    CommitBatch, Hint, InboxMark, Intake, IntakeRow, Lease, Page, Requeue, Store, WorkRequest,
};
use fluxcascade_store::{MemoryStore, SqliteStore};

use crate::nouns::*;

/// A small generator (xorshift): the same seed gives the same calls everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn byte(&mut self, limit: u8) -> u8 {
        u8::try_from(self.below(u64::from(limit))).unwrap()
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn some<T>(&mut self, limit: u64, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.below(limit)).map(|_| make(self)).collect()
    }

    fn side(&mut self) -> Side {
        if self.one_in(2) { Side::Source } else { Side::Target }
    }

    fn id(&mut self, side: Side) -> String {
        let letter = if side == Side::Source { 's' } else { 't' };
        format!("{letter}{}", self.below(5))
    }

    fn keys(&mut self) -> Vec<(u16, u8)> {
        self.some(3, |dice| (u16::from(dice.byte(2)), dice.byte(3)))
    }

    fn time(&mut self) -> Option<Timestamp> {
        let late = self.below(4);
        (late > 0).then(|| at(i64::try_from(late).unwrap() * 10))
    }

    fn row(&mut self, side: Side) -> IntakeRow {
        let id = self.id(side);
        let keys = if self.one_in(2) { Some(some_keys(&self.keys())) } else { None };
        let order = self.below(4);
        IntakeRow { keys, fingerprint: Some(print(self.byte(5))), ..row(&id, order) }
    }

    fn link(&mut self) -> Link {
        let (source, target) = (self.id(Side::Source), self.id(Side::Target));
        let link = link_between(self.byte(5), &source, &target);
        let status = match self.below(4) {
            0 => LinkStatus::Tombstone,
            1 => LinkStatus::Suspended,
            _ => LinkStatus::Active,
        };
        with_status(link, status)
    }

    fn hold_key(&mut self) -> HoldKey {
        match self.below(3) {
            0 => HoldKey::Pair(link_id(self.byte(5)), pair(["a", "b"][usize::from(self.byte(2))])),
            1 => HoldKey::Link(link_id(self.byte(5))),
            _ => {
                let side = self.side();
                HoldKey::Record(side, record(&self.id(side)))
            }
        }
    }

    fn hold(&mut self) -> Hold {
        let reason = if self.one_in(2) { HoldReason::Guard } else { HoldReason::Missing };
        hold(self.hold_key(), reason, self.time())
    }

    fn operation(&mut self) -> Operation {
        let side = self.side();
        let origin = self.id(side.other());
        let kind = if self.one_in(2) {
            OperationKind::Create
        } else {
            OperationKind::Update { record: record(&self.id(side)) }
        };
        let (n, link, keys) = (self.byte(6), link_id(self.byte(8)), self.keys());
        operation(n, link, side, &origin, kind, &keys)
    }

    fn mark(&mut self) -> InboxMark {
        let side = self.side();
        InboxMark { side, record: record(&self.id(side)), sequence: self.below(60) }
    }

    fn requeue(&mut self) -> Requeue {
        let side = self.side();
        let failed = if self.one_in(2) { Some(2) } else { None };
        Requeue { side, record: record(&self.id(side)), not_before: self.time(), failed }
    }

    fn batch(&mut self) -> CommitBatch {
        let conflicts = self.some(2, |dice| {
            let n = dice.byte(4);
            conflict(n, 1 + u64::from(n))
        });
        CommitBatch {
            links: links(self.some(4, Self::link)).links,
            keys: self.some(2, |dice| {
                let side = dice.side();
                let id = dice.id(side);
                record_keys(side, &id, &dice.keys())
            }),
            closed: self.some(3, |dice| operation_id(dice.byte(6))),
            made: Vec::new(),
            released: self.some(3, Self::hold_key),
            holds: self.some(3, Self::hold),
            conflicts,
            judged: self.some(2, |dice| (ConflictId([dice.byte(4); 16]), ConflictStatus::Stale)),
            log: self
                .some(2, |dice| log_row(dice.below(3), Some(&dice.id(Side::Source)), None, "")),
            cleared: self.some(4, Self::mark),
            requeued: self.some(2, Self::requeue),
        }
    }
}

/// One call, and what it answers, as text.
async fn step(store: &dyn Store, lease: &Lease, dice: &mut Dice) -> String {
    match dice.below(6) {
        0 | 1 => {
            let side = dice.side();
            let read = page(side, dice.some(4, |dice| dice.row(side)));
            let read = Intake { revision: 1 + u32::from(dice.one_in(5)), ..read };
            format!("{:?}", store.intake(lease, &read).await)
        }
        2 => format!("{:?}", store.begin(lease, &dice.some(3, Dice::operation)).await),
        3 => {
            let side = dice.side();
            let feed = page(side, []).feed_key;
            let hint = Hint {
                tenant: lease.mapping.tenant.clone(),
                connection: feed.connection,
                object: feed.object,
                record: record(&dice.id(side)),
            };
            format!("{:?}", store.notify(&[hint]).await)
        }
        _ => {
            // The record that is named in a refusal may differ, that it is refused may not.
            let answer = store.commit(lease, &dice.batch()).await;
            format!("{:?}", answer.map_err(|error| error.kind))
        }
    }
}

async fn all(store: &dyn Store, lease: &Lease, dice: &mut Dice) -> String {
    let now = dice.time().unwrap_or(at(0));
    let limit = 1 + usize::from(dice.byte(4));
    let (mut work, mut after) = (Vec::new(), None);
    loop {
        let request = WorkRequest { after: after.clone(), limit, now };
        let found = store.work(lease, &request).await.unwrap();
        let Some(last) = found.last() else { break };
        after = Some(last.key.clone());
        work.extend(found);
    }
    let (key, page) = (&lease.mapping, Page::all());
    format!(
        "{work:#?} {:#?}",
        (
            store.counts(key).await.unwrap(),
            store.links(key, None, usize::MAX).await.unwrap(),
            store.log(key, &page).await.unwrap().len(),
            store
                .conflicts(key, &page)
                .await
                .unwrap()
                .iter()
                .map(|c| (c.id, c.status))
                .collect::<Vec<_>>(),
            store.holds(key, &page).await.unwrap(),
        )
    )
}

#[tokio::test]
async fn both_stores_answer_alike_whatever_they_are_asked() {
    let folder = tempfile::tempdir().unwrap();
    let (mut refused, mut done) = (0, 0);
    for seed in 1..=25_u64 {
        let memory = MemoryStore::new();
        let sqlite = SqliteStore::open(folder.path().join(format!("{seed}.db"))).await.unwrap();
        let leases = (leased(&memory).await, leased(&sqlite).await);
        let dice = || Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut pair = (dice(), dice());
        for n in 0..40 {
            let expected = step(&memory, &leases.0, &mut pair.0).await;
            let found = step(&sqlite, &leases.1, &mut pair.1).await;
            assert_eq!(found, expected, "seed {seed}, step {n}");
            if expected.starts_with("Err") {
                refused += 1;
            } else {
                done += 1;
            }
            let expected = all(&memory, &leases.0, &mut pair.0).await;
            let found = all(&sqlite, &leases.1, &mut pair.1).await;
            assert!(found == expected, "seed {seed}, step {n}: {found} instead of {expected}");
        }
    }
    assert!(refused > 50 && done > 500, "{refused} refused, {done} done");
}
