//! Four workers on one server between the same two systems. Again and again one is killed with SIGKILL
//! in its run; one stands still past its lease, and goes on. The same edits with one worker that nobody
//! kills tell how many requests they take.

use std::cell::Cell;
use std::time::{Duration, Instant};

use fluxcascade_connectors::sim::LoggedRequest;
use fluxcascade_connectors::sim::hubspot::Limits;
use fluxcascade_core::model::{MappingKey, MappingName};
use fluxcascade_core::store::{Page, Schedule, Scheduled, Store};
use fluxcascade_store::PostgresStore;

use crate::child::Kept;
use crate::server::Place;
use crate::systems::Systems;
use crate::worker::{Word, Worker};
use crate::{Dice, seed};

/// Each city's people are a mapping of their own.
pub(crate) const CITIES: [&str; 4] = ["Boaz", "Arab", "Guntersville", "Attalla"];

/// What HubSpot takes: requests in ten seconds, and searches in one. It is enough for a run of each
/// worker to be done within its short lease; what a budget does that is not is in `tests/postgres`.
pub(crate) const LIMITS: (u32, u32) = (300, 100);

const PEOPLE: usize = 32;
/// What users do in a round.
const DEEDS: u64 = 24;
/// How long is waited for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often what is to happen, and has.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Mishaps {
    pub(crate) kills: usize,
    pub(crate) pauses: usize,
}

/// What happened.
#[derive(Debug, Default)]
struct Told {
    rounds: usize,
    /// Workers that were killed, or stood still past their lease, in a run.
    happened: Mishaps,
    /// They were between two runs.
    missed: usize,
    /// Requests of the rounds, but for what a process reads of accounts and schemas at its start.
    requests: usize,
    late: usize,
}

/// The systems, the store, and whoever works.
struct Play {
    systems: Systems,
    kept: Kept,
    store: PostgresStore,
    watch: tokio_postgres::Client,
    place: Place,
    crew: Vec<Worker>,
    started: usize,
    /// Runs that lost their lease, and nobody had stopped them.
    overtaken: Cell<usize>,
}

impl Play {
    fn begin(crew: usize) -> Option<Self> {
        let place = Place::or_skip()?;
        let (ten_secondly, searches) = (LIMITS.0 as usize, 2 * LIMITS.1 as usize);
        let limits = Limits::On { ten_secondly, search_secondly: searches, daily: 1_000_000 };
        let systems = Systems::limited(PEOPLE, &CITIES, limits);
        let (store, watch) = systems.wait_for(async {
            let store = PostgresStore::open(&place.options()).await.unwrap();
            let connected = tokio_postgres::connect(&place.url, tokio_postgres::NoTls).await;
            let (watch, connection) = connected.unwrap();
            tokio::spawn(connection);
            (store, watch)
        });
        let kept = Kept::Server(place.clone());
        let mut play = Self {
            systems,
            kept,
            store,
            watch,
            place,
            crew: Vec::new(),
            started: 0,
            overtaken: Cell::new(0),
        };
        play.wake();
        (0..crew).for_each(|_| play.hire());
        // All people are linked before anything happens.
        play.await_rest();
        play.systems.learn(&play.kept);
        Some(play)
    }

    fn keys(&self) -> Vec<MappingKey> {
        let names = self.systems.order(&self.kept).names();
        names.iter().map(|name| MappingKey::of(MappingName::new(name).unwrap())).collect()
    }

    /// Makes all mappings due, and nothing else does for hours.
    fn wake(&self) {
        let every = Duration::from_secs(24 * 3600);
        let first = self.systems.now();
        self.systems.wait_for(async {
            for mapping in self.keys() {
                self.store.schedule(&Scheduled { mapping, every, first }).await.unwrap();
            }
            self.store.wake(&self.keys()).await.unwrap();
        });
    }

    fn hire(&mut self) {
        self.started += 1;
        let name = format!("worker {}", self.started);
        let worker = Worker::start(&self.systems.order(&self.kept), self.systems.ahead(), &name);
        assert_eq!(worker.hear(PATIENCE), Some(Word::Ready), "{name}");
        self.crew.push(worker);
    }

    /// How many mappings are due or under way, in all or of one name.
    fn busy(&self, name: Option<&str>) -> i64 {
        let schema = &self.place.schema;
        let sql = format!(
            "SELECT count(*) FROM {schema}.turns t
             JOIN {schema}.mappings m ON m.tenant = t.tenant AND m.number = t.mapping
             WHERE (m.lease_until IS NOT NULL OR t.due <= $1) AND coalesce($2, m.name) = m.name"
        );
        let now = self.systems.now().micros();
        let row = self.systems.wait_for(self.watch.query_one(&sql, &[&now, &name]));
        row.unwrap().get(0)
    }

    /// What is due or under way, and who has it.
    fn waiting(&self) -> Vec<(String, Option<String>)> {
        let mut names = self.systems.order(&self.kept).names();
        names.retain(|name| self.busy(Some(name)) > 0);
        names.into_iter().map(|name| (name.clone(), self.holder_of(&name))).collect()
    }

    /// Waits until nothing is due and nobody works, and gives the writes that were told meanwhile.
    fn await_rest(&self) -> u64 {
        let began = Instant::now();
        let mut writes = 0;
        while self.busy(None) > 0 {
            assert!(began.elapsed() < PATIENCE, "these wait for a worker: {:?}", self.waiting());
            writes += self.listen(Duration::from_millis(20));
        }
        writes + self.listen(Duration::from_millis(20))
    }

    /// What the crew says. A run that nobody disturbed may lose its lease where the machine is slow, or
    /// where one that stands still has it wait at a lock: another goes on.
    fn listen(&self, within: Duration) -> u64 {
        let mut writes = 0;
        for worker in &self.crew {
            while let Some(word) = worker.hear(within / 4) {
                match word {
                    Word::Synced(some) => writes += some,
                    Word::Failed(why) if why.contains("lease") => {
                        self.overtaken.set(self.overtaken.get() + 1);
                    }
                    Word::Failed(why) => panic!("{}: {why}", worker.name),
                    Word::Ready | Word::Claimed(_) => {}
                }
            }
        }
        writes
    }

    /// A worker that has just begun a run, and the mapping.
    fn beginner(&self) -> (usize, String) {
        let began = Instant::now();
        loop {
            for (place, worker) in self.crew.iter().enumerate() {
                if let Some(Word::Claimed(mapping)) = worker.hear(Duration::from_millis(1)) {
                    return (place, mapping);
                }
            }
            assert!(began.elapsed() < PATIENCE, "nobody works");
        }
    }

    /// One is killed at a moment of its run, and another takes its place in the crew.
    fn kill(&mut self, after: Duration, told: &mut Told) {
        let (place, mapping) = self.beginner();
        std::thread::sleep(after);
        let name = self.crew[place].name.clone();
        self.crew.remove(place).kill();
        if self.holder_of(&mapping).as_ref() == Some(&name) {
            told.happened.kills += 1;
        } else {
            told.missed += 1;
        }
        self.hire();
    }

    /// Who has the lease of a mapping.
    fn holder_of(&self, mapping: &str) -> Option<String> {
        let schema = &self.place.schema;
        let sql = format!(
            "SELECT t.worker FROM {schema}.turns t
             JOIN {schema}.mappings m ON m.tenant = t.tenant AND m.number = t.mapping
             WHERE m.lease_until IS NOT NULL AND t.fence = m.fence AND m.name = $1"
        );
        let rows = self.systems.wait_for(self.watch.query(&sql, &[&mapping])).unwrap();
        rows.first().map(|row| row.get(0))
    }

    /// One stands still at a moment of its run, until another has done its work, and goes on. What it
    /// does then (P24): no create, no commit, and one late request at most, which it tells.
    fn pause(&mut self, after: Duration, told: &mut Told) {
        let (place, mapping) = self.beginner();
        std::thread::sleep(after);
        self.crew[place].signal("-STOP");
        let paused = self.crew.remove(place);
        if self.holder_of(&mapping).as_ref() != Some(&paused.name) {
            told.missed += 1;
            paused.signal("-CONT");
            self.crew.push(paused);
            return;
        }
        told.happened.pauses += 1;
        let _ = self.await_rest();
        let before = (self.systems.requests().len(), self.stored());
        paused.signal("-CONT");
        let word = loop {
            match paused.hear(PATIENCE) {
                Some(Word::Failed(why)) => break why,
                Some(Word::Ready | Word::Claimed(_)) => {}
                other => panic!("{} went on past its lease: {other:?} (P24)", paused.name),
            }
        };
        let late: Vec<LoggedRequest> = self.systems.requests().split_off(before.0);
        assert_eq!(self.stored(), before.1, "it committed past its lease (P24): {word}");
        let creates = late.iter().filter(|request| is_create(request)).count();
        assert_eq!(creates, 0, "it created past its lease (P24): {late:?}");
        let updates = late.iter().filter(|request| is_update(request)).count();
        assert!(updates <= 1, "{updates} late requests (P24): {late:?}");
        assert!(updates == 0 || word.contains("carried out late"), "untold: {word}");
        told.late += updates;
        self.crew.push(paused);
    }

    /// How much is stored of what commits change.
    fn stored(&self) -> Vec<usize> {
        let mut found = Vec::new();
        for key in self.keys() {
            let counted = self.systems.wait_for(async {
                let log = self.store.log(&key, &Page::all()).await.unwrap().len();
                [log, self.store.links(&key, None, usize::MAX).await.unwrap().len()]
            });
            found.extend(counted);
        }
        found
    }

    /// Users act, and all mappings are due; what is to happen does, and all is done.
    fn round(
        &mut self,
        script: &mut Dice,
        told: &mut Told,
        happens: impl FnOnce(&mut Self, &mut Told),
    ) {
        (0..DEEDS).for_each(|_| self.systems.act(script.below(16), script.roll()));
        let before = self.systems.requests().len();
        self.wake();
        happens(self, told);
        let _ = self.await_rest();
        let requests = self.systems.requests();
        told.requests += requests[before..].iter().filter(|one| is_work(one)).count();
        told.rounds += 1;
        self.systems.learn(&self.kept);
    }

    /// Nobody is killed any more, until two rounds have nothing to do (P1).
    fn settle(&mut self) {
        let mut quiet = 0;
        for _ in 0..6 {
            // Workers of a later time: what waits for its time is due.
            let crew = self.crew.len();
            self.crew.clear();
            self.systems.minutes(15);
            self.wake();
            (0..crew).for_each(|_| self.hire());
            quiet = if self.await_rest() == 0 { quiet + 1 } else { 0 };
            if quiet == 2 {
                return;
            }
        }
        panic!("six rounds did not come to rest (P1)");
    }

    /// The vendor's limit was never passed.
    fn judge_limits(&self) {
        let refused: Vec<_> = self.systems.requests().into_iter().filter(was_refused).collect();
        assert!(refused.is_empty(), "{} requests over the limit: {refused:?}", refused.len());
    }
}

/// Not what a process reads of accounts and schemas when it starts.
fn is_work(request: &LoggedRequest) -> bool {
    !request.path.contains("/account-info/")
        && !request.path.contains("/properties/")
        && !request.body.contains("query Account")
}

fn is_create(request: &LoggedRequest) -> bool {
    request.path.ends_with("/batch/create") || request.body.contains("clientCreate(")
}

fn is_update(request: &LoggedRequest) -> bool {
    request.path.ends_with("/batch/update") || request.body.contains("clientEdit(")
}

fn was_refused(request: &LoggedRequest) -> bool {
    request.status == Some(429)
}

/// What a kill may cost beside what was to be done: the next run asks both feeds (three requests, as
/// HubSpot's page is two) for a page, settles one batch by a fetch, and sends one write batch again,
/// creates and updates apart. Each create of that batch is looked up, and each is fetched where a look-up
/// found it.
fn allowance(creates: usize) -> usize {
    3 + 1 + 2 + 2 * creates
}

/// Rounds in which so much happens to four workers, and the same with one to whom nothing does.
#[allow(clippy::print_stderr, reason = "the seed is for people")]
pub(crate) fn mishaps(wanted: Mishaps) {
    let seed = seed();
    let Some(mut four) = Play::begin(4) else { return };
    let (mut script, mut chance) = (Dice(seed), Dice(!seed));
    let mut told = Told::default();
    let all = wanted.kills + wanted.pauses;
    while told.happened.kills < wanted.kills || told.happened.pauses < wanted.pauses {
        assert!(told.rounds < 6 * all, "seed {seed}: runs end before anything happens: {told:?}");
        let after = chance.moment(Duration::from_millis(120));
        let pauses = told.happened.pauses < wanted.pauses
            && (told.rounds % 3 == 1 || told.happened.kills >= wanted.kills);
        four.round(&mut script, &mut told, |play, told| {
            if pauses { play.pause(after, told) } else { play.kill(after, told) }
        });
    }
    four.judge_limits();
    four.settle();
    four.systems.judge(&four.kept);
    four.judge_limits();

    let Some(mut one) = Play::begin(1) else { return };
    let (mut script, mut alone) = (Dice(seed), Told::default());
    for _ in 0..told.rounds {
        one.round(&mut script, &mut alone, |_, _| {});
    }
    one.settle();
    one.systems.judge(&one.kept);
    eprintln!("four workers, seed {seed}: {told:?}; one worker: {} requests", alone.requests);
    let overtaken = four.overtaken.get() + one.overtaken.get();
    let disturbed = told.happened.kills + told.happened.pauses + told.missed + overtaken;
    let creates = usize::try_from(DEEDS).unwrap_or(usize::MAX).div_ceil(CITIES.len());
    let most = alone.requests + disturbed * allowance(creates);
    assert!(told.requests <= most, "seed {seed}: {told:?}, and one worker {}", alone.requests);
}
