//! A store and the one in memory given the same calls at random, by seed: they must answer alike at
//! every step.
//!
//! The contract suite says what is right; this finds where one store forgets an index.

use fluxcascade_core::model::{
    Answer, AnswerTo, Awaited, Choice, ConflictId, ConflictStatus, Ending, Hold, HoldKey,
    HoldReason, Link, LinkStatus, MatchKeys, Operation, OperationId, OperationKind, Side,
    Timestamp, Withheld, WorkKey,
};
use fluxcascade_core::store::{
    CommitBatch, Hint, InboxMark, Intake, IntakeRow, Lease, Made, Page, RecordKeys, Requeue, Store,
    Sweep, WorkRequest,
};
use fluxcascade_core::testkit::conformance::store::nouns::*;
use fluxcascade_store::MemoryStore;

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

    fn told_keys(&mut self) -> MatchKeys {
        hiding(&self.keys(), &self.some(1, |dice| u16::from(dice.byte(2))))
    }

    fn time(&mut self) -> Option<Timestamp> {
        let late = self.below(4);
        (late > 0).then(|| at(i64::try_from(late).unwrap() * 10))
    }

    fn row(&mut self, side: Side) -> IntakeRow {
        let id = self.id(side);
        let keys = if self.one_in(2) { Some(self.told_keys()) } else { None };
        if self.one_in(5) {
            return IntakeRow { keys, ..archived(&id, &[]) };
        }
        let order = self.below(4);
        IntakeRow { keys, fingerprint: Some(print(self.byte(5))), ..row(&id, order) }
    }

    fn link(&mut self) -> Link {
        let (source, target) = (self.id(Side::Source), self.id(Side::Target));
        let mut link = link_between(self.byte(5), &source, &target);
        if self.one_in(3) {
            link.bases.target.retransformed = vec![self.byte(3).into()];
        }
        let status = match self.below(4) {
            0 => LinkStatus::Tombstone,
            1 => LinkStatus::Suspended,
            _ => LinkStatus::Active,
        };
        let ending = match self.below(9) {
            0 => Some(Ending::Deleted(Side::Source)),
            1 => Some(Ending::Deleted(Side::Target)),
            2 => Some(Ending::TwinRemoved(Side::Source)),
            3 => Some(Ending::TwinRemoved(Side::Target)),
            4 => Some(Ending::BothDeleted),
            5 => Some(Ending::Unlinked),
            6 => Some(Ending::Excluded(Side::Target)),
            _ => None,
        };
        Link { ending, ..with_status(link, status) }
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
        let withheld = [None, Some(Withheld::Delete), Some(Withheld::Blanking)];
        let waits_for = self.one_in(2).then(|| {
            let side = self.side();
            let mapping = mapping(MAPPINGS[usize::from(self.byte(2))]).mapping;
            Awaited { mapping, side, record: record(&self.id(side)) }
        });
        Hold {
            withheld: withheld[usize::from(self.byte(3))],
            waits_for,
            ..hold(self.hold_key(), reason, self.time())
        }
    }

    /// An answer to a hold that is there, mostly to what it asks.
    fn answer(&mut self, holds: &[Hold]) -> AnswerTo {
        let choice = if self.one_in(3) { Choice::Leave } else { Choice::Allow };
        let key = self.hold_key();
        let place = usize::try_from(self.below(8)).unwrap();
        let hold = holds.get(place).cloned().unwrap_or(hold(key, HoldReason::Guard, None));
        let version = if self.one_in(5) { print(7) } else { hold.version() };
        AnswerTo { hold: hold.key, version, answer: Answer { choice, at: at(5) } }
    }

    fn work_key(&mut self) -> WorkKey {
        if self.one_in(2) {
            return WorkKey::Link(link_id(self.byte(7)));
        }
        let side = self.side();
        WorkKey::Record(side, record(&self.id(side)))
    }

    fn sweep(&mut self) -> Sweep {
        match self.below(7) {
            0 | 1 => Sweep::First,
            2 => Sweep::Going,
            3 => Sweep::Last,
            4 => Sweep::Only,
            _ => Sweep::None,
        }
    }

    /// What some of the operations that are closed have made.
    fn made(&mut self, closed: &[OperationId]) -> Vec<Made> {
        let creates: Vec<_> = closed.iter().filter(|_| !self.one_in(6)).copied().collect();
        let make = |operation| Made {
            operation,
            record: record(&self.id(Side::Source)),
            until: at(10 + i64::from(self.byte(5)) * 10),
        };
        creates.into_iter().map(make).collect()
    }

    fn operation(&mut self) -> Operation {
        let side = self.side();
        let origin = self.id(side.other());
        let kind = if self.one_in(3) {
            OperationKind::Update { record: record(&self.id(side)) }
        } else {
            OperationKind::Create
        };
        let (n, link, keys) = (self.byte(6), link_id(self.byte(8)), self.keys());
        let claims = self.some(4, |dice| dice.byte(6));
        let begun = at(i64::from(self.byte(4)) * 10);
        Operation { begun, ..claiming(operation(n, link, side, &origin, kind, &keys), &claims) }
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
        let closed = self.some(7, |dice| operation_id(dice.byte(6)));
        CommitBatch {
            links: links(self.some(4, Self::link)).links,
            keys: self.some(2, |dice| {
                let side = dice.side();
                let id = dice.id(side);
                RecordKeys { side, record: record(&id), keys: dice.told_keys() }
            }),
            archived: self.some(2, |dice| {
                let side = dice.side();
                (side, record(&dice.id(side)))
            }),
            made: self.made(&closed),
            closed,
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

/// Two mappings of one tenant: their creates claim the same, and holds of each wait for the other.
const MAPPINGS: [&str; 2] = ["contacts", "leads"];

/// One call, and what it answers, as text.
async fn step(store: &dyn Store, lease: &Lease, dice: &mut Dice) -> String {
    let mapping = &lease.mapping;
    match dice.below(12) {
        0..=2 => {
            let side = dice.side();
            let read = sweep(dice.sweep(), side, dice.some(4, |dice| dice.row(side)));
            let mut read = Intake { revision: 1 + u32::from(dice.one_in(5)), ..read };
            read.feed_key.reader = mapping.mapping.clone();
            read.feed.sweep_rows = dice.below(9);
            format!("{:?}", store.intake(lease, &read).await)
        }
        3..=5 => format!("{:?}", store.begin(lease, &dice.some(3, Dice::operation)).await),
        6 => {
            let side = dice.side();
            let feed = page(side, []).feed_key;
            let hint = Hint {
                tenant: mapping.tenant.clone(),
                connection: feed.connection,
                object: feed.object,
                record: record(&dice.id(side)),
            };
            format!("{:?}", store.notify(&[hint]).await)
        }
        7 => {
            let holds = store.holds(mapping, &Page::all()).await.unwrap();
            let mut answers = dice.some(4, |dice| dice.answer(&holds));
            answers.extend(answers.first().filter(|_| dice.one_in(2)).cloned());
            format!("{:?}", store.answer(mapping, &answers).await)
        }
        _ => {
            // The record that is named in a refusal may differ, that it is refused may not.
            let answer = store.commit(lease, &dice.batch()).await;
            format!("{:?}", answer.map_err(|error| error.kind))
        }
    }
}

/// All work that is due by a time, page by page.
async fn due(store: &dyn Store, lease: &Lease, dice: &mut Dice) -> String {
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
    format!("{work:?}")
}

async fn all(store: &dyn Store, lease: &Lease, dice: &mut Dice) -> String {
    let due = due(store, lease, dice).await;
    let (key, page) = (&lease.mapping, Page::all());
    let of_reason = Page { reason: Some(HoldReason::Guard), ..Page::all() };
    let side = dice.side();
    let records = dice.some(4, |dice| record(&dice.id(side)));
    let ids = dice.some(4, |dice| ConflictId([dice.byte(5); 16]));
    let conflicts = store.conflicts(key, &page).await.unwrap();
    format!(
        "{due} {:?} {:?}",
        (
            store.gather(lease, &dice.some(5, Dice::work_key)).await.unwrap(),
            store.linked(key, side, &records).await.unwrap(),
            store.conflict_rows(key, &ids).await.unwrap(),
            store.feed(lease, &feed_of("hubspot", "contacts", key.mapping.as_str())).await.unwrap(),
        ),
        (
            store.counts(key).await.unwrap(),
            store.links(key, None, usize::MAX).await.unwrap(),
            store.log(key, &page).await.unwrap().len(),
            conflicts.iter().map(|c| (c.id, c.status)).collect::<Vec<_>>(),
            store.holds(key, &page).await.unwrap(),
            store.holds(key, &of_reason).await.unwrap().len(),
        )
    )
}

async fn leases(store: &dyn Store) -> Vec<Lease> {
    let mut leases = Vec::new();
    for name in MAPPINGS {
        leases.push(store.lease(&mapping(name), at(0), TTL).await.unwrap());
    }
    leases
}

/// What the calls must have met for the comparison to say something.
#[derive(Debug, Default)]
struct Met {
    refused: u32,
    done: u32,
    claimed: u32,
    made: u32,
    missed: u32,
    stored: u32,
    already: u32,
    stale: u32,
    woken: u32,
    tombstones: u32,
}

impl Met {
    fn note_step(&mut self, step: &str) {
        let counters = [
            (&mut self.refused, step.starts_with("Err")),
            (&mut self.done, !step.starts_with("Err")),
            (&mut self.claimed, step.contains("ClaimedBy")),
            (&mut self.made, step.contains("MadeBy")),
            (&mut self.missed, step.contains("missed") && !step.contains("missed: 0")),
            (&mut self.stored, step.contains("Stored")),
            (&mut self.already, step.contains("Already")),
            (&mut self.stale, step.contains("Stale")),
        ];
        for (counter, met) in counters {
            *counter += u32::from(met);
        }
    }

    fn note_all(&mut self, all: &str) {
        self.woken += u32::from(all.contains("1970-01-01"));
        self.tombstones += u32::from(all.contains("tombstones: [Link"));
    }

    fn least(&self) -> u32 {
        let Met { refused, done, claimed, made, missed, stored, already, stale, woken, tombstones } =
            *self;
        let all = [refused, done, claimed, made, missed, stored, already, stale, woken, tombstones];
        all.into_iter().min().unwrap()
    }
}

/// Gives a new store, and one in memory, the calls of a seed, for each seed; `open` makes the store
/// of a seed. What the calls must have met they must have met more often than `least`.
pub(crate) async fn assert_alike<S: Store>(
    seeds: std::ops::RangeInclusive<u64>,
    least: u32,
    open: impl AsyncFn(u64) -> S,
) {
    let mut met = Met::default();
    for seed in seeds {
        let (memory, other) = (MemoryStore::new(), open(seed).await);
        let leases = (leases(&memory).await, leases(&other).await);
        let dice = || Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut pair = (dice(), dice());
        for n in 0..60 {
            let who = n % MAPPINGS.len();
            let expected = step(&memory, &leases.0[who], &mut pair.0).await;
            let found = step(&other, &leases.1[who], &mut pair.1).await;
            assert_eq!(found, expected, "seed {seed}, step {n}");
            met.note_step(&expected);
            // What a call does to the other mapping is seen at the latest two calls later.
            for who in (0..MAPPINGS.len()).filter(|other| *other == who || n % 3 == 0) {
                let expected_all = all(&memory, &leases.0[who], &mut pair.0).await;
                let found = all(&other, &leases.1[who], &mut pair.1).await;
                assert!(
                    found == expected_all,
                    "seed {seed}, step {n}: {found} instead of {expected_all}"
                );
                met.note_all(&expected_all);
            }
        }
    }
    assert!(met.least() > least, "{met:?}");
}
