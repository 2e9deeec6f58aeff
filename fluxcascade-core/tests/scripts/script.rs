//! Plays a script: what people do to the systems, what fails, when runs are made and cut off. It
//! keeps the history that the oracle judges by, and says nothing of what is right but that it ends.

use std::sync::{Arc, Mutex};

use fluxcascade_core::model::{RecordId, Side, Sides};
use fluxcascade_core::{SyncError, SyncReport};

use crate::setup::{PAIRS, Revision, Setup, mail};
use crate::step::{Place, Step};
use crate::world::{End, World};

/// What a person wrote.
#[derive(Debug, Clone)]
pub(crate) struct Edit {
    pub(crate) place: Place,
    pub(crate) value: String,
}

/// What people did, in order.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// The records of each person, as far as they are known.
    pub(crate) people: Vec<Sides<Option<RecordId>>>,
    pub(crate) edits: Vec<Edit>,
    pub(crate) deleted: Vec<(usize, Side)>,
    mails: usize,
    values: usize,
    /// What is still to be done before a call is not done any more.
    over: bool,
}

impl History {
    pub(crate) fn is_deleted(&self, person: usize) -> bool {
        self.deleted.iter().any(|(deleted, _)| *deleted == person)
    }

    /// A person's record, if there is one that may be edited.
    fn record(&self, person: usize, side: Side) -> Option<RecordId> {
        let known = self.people.get(person).filter(|_| !self.is_deleted(person))?;
        known[side].clone()
    }

    fn new_mail(&mut self) -> String {
        self.mails += 1;
        format!("p{}@x.io", self.mails)
    }

    fn new_value(&mut self) -> String {
        self.values += 1;
        format!("Vv{}", 1_000_000 + self.values)
    }
}

/// How often what a set of scripts is for did happen.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Tally {
    pub(crate) cut_off: usize,
    pub(crate) misled: usize,
    pub(crate) created: usize,
    pub(crate) conflicts: usize,
    pub(crate) failed: usize,
}

pub(crate) struct Script {
    pub(crate) world: World,
    pub(crate) history: Arc<Mutex<History>>,
    pub(crate) tally: Tally,
    /// Whether the mapping was another one for a time.
    pub(crate) revised: bool,
}

/// How many people are on both sides from the start.
pub(crate) const KNOWN: usize = 3;

impl Script {
    pub(crate) async fn new(setup: Setup) -> Self {
        let world = World::new(setup).await;
        let mut history = History::default();
        for _ in 0..KNOWN {
            let address = history.new_mail();
            let record =
                |side: Side| Some(world.systems[side].insert([(mail(side), address.clone())]));
            history.people.push(Sides::from_fn(record));
        }
        world.elsewhere.insert([("mail", "p1@x.io"), ("name", "somebody else")]);
        world.minutes(30);
        assert_eq!(world.sync().await.unwrap().linked, KNOWN as u64);
        let history = Arc::new(Mutex::new(history));
        Self { world, history, tally: Tally::default(), revised: false }
    }

    pub(crate) async fn play(&mut self, steps: &[Step]) {
        for step in steps {
            self.step(step).await;
        }
        self.settle().await;
    }

    async fn step(&mut self, step: &Step) {
        match step {
            Step::Edit(place) => self.edit(*place, History::new_value)(),
            Step::Blank(place) => self.edit(*place, |_| String::new())(),
            Step::EditBefore(place, call) => {
                let edit = self.edit(*place, History::new_value);
                self.world.systems[place.side].before_next(*call, move |_| edit());
            }
            Step::Mail { person, side } => self.mail(*person, *side),
            Step::Create { side } => self.create(*side),
            Step::Delete { person, side } => self.delete(*person, *side),
            Step::Fail { side, call, fault } => self.world.systems[*side].fail_next(*call, *fault),
            Step::Refuse { side, pair } => {
                for field in PAIRS[*pair].fields[*side] {
                    self.world.systems[*side].refuse(field);
                }
            }
            Step::Accept { side, pair } => self.accept(*side, *pair),
            Step::Wait { seconds } => self.world.wait(*seconds),
            Step::Sync => self.run().await,
            Step::Crash { polls } => {
                let end = self.world.crash(*polls).await;
                self.tally.cut_off += usize::from(end == End::CutOff);
            }
            Step::Revise(revision) => {
                self.revised |= *revision != Revision::Whole;
                self.world.revision = *revision;
            }
            Step::Mislead => {
                let error = self.world.mislead().await;
                let other = matches!(error, SyncError::OtherEndpoints { .. });
                let busy = matches!(error, SyncError::Store(_)); // a run that was cut off has it
                assert!(other || busy, "{error} (P20)");
                self.tally.misled += usize::from(other);
            }
        }
    }

    /// A run; a fault may fail it. People then also know the records that were made for them.
    async fn run(&mut self) {
        self.tally.failed += usize::from(self.world.sync().await.is_err());
        let links = self.world.links().await;
        for known in &mut self.history.lock().unwrap().people {
            let is_theirs = |side: Side, record: &RecordId| known[side].as_ref() == Some(record);
            let link = links
                .iter()
                .find(|link| Side::BOTH.iter().any(|&side| is_theirs(side, &link.records[side])));
            if let Some(link) = link {
                *known = Sides::from_fn(|side| Some(link.records[side].clone()));
            }
        }
    }

    /// An edit, to be carried out now or later.
    fn edit(
        &self,
        place: Place,
        value: impl Fn(&mut History) -> String + Send + 'static,
    ) -> impl Fn() + Send + 'static {
        let system = self.world.systems[place.side].clone();
        let history = Arc::clone(&self.history);
        move || {
            let mut history = history.lock().unwrap();
            let Some(record) = history.record(place.person, place.side) else { return };
            if history.over {
                return;
            }
            let value = value(&mut history);
            for field in PAIRS[place.pair].fields[place.side] {
                system.edit(&record, field, value.as_str());
            }
            history.edits.push(Edit { place, value });
        }
    }

    fn mail(&self, person: usize, side: Side) {
        let mut history = self.history.lock().unwrap();
        let Some(record) = history.record(person, side) else { return };
        self.world.systems[side].edit(&record, mail(side), history.new_mail());
    }

    fn create(&self, side: Side) {
        let mut history = self.history.lock().unwrap();
        let record = self.world.systems[side].insert([(mail(side), history.new_mail())]);
        let mut person = Sides::default();
        person[side] = Some(record);
        history.people.push(person);
    }

    fn delete(&self, person: usize, side: Side) {
        let mut history = self.history.lock().unwrap();
        let Some(record) = history.people.get(person).and_then(|known| known[side].clone()) else {
            return;
        };
        self.world.systems[side].delete(&record);
        history.deleted.push((person, side));
    }

    fn accept(&self, side: Side, pair: usize) {
        for field in PAIRS[pair].fields[side] {
            self.world.systems[side].accept(field);
        }
    }

    /// Everything that fails is mended, and the runs go on until nothing is left to do (P1, P2).
    async fn settle(&mut self) {
        for side in Side::BOTH {
            for pair in 0..PAIRS.len() {
                self.accept(side, pair);
            }
        }
        self.world.revision = Revision::Whole;
        self.history.lock().unwrap().over = true;
        // Faults and hooks that are still armed go off in these.
        for _ in 0..14 {
            self.world.minutes(20);
            self.run().await;
        }
        for _ in 0..3 {
            self.world.minutes(60 * 25);
            self.run_to_the_end().await;
        }
        self.world.minutes(15);
        let report = self.run_to_the_end().await;
        assert_eq!(
            report.writes(),
            0,
            "three runs did not reach one without writes (P1): {report}"
        );
        self.world.minutes(60 * 25);
        let report = self.run_to_the_end().await;
        assert_eq!(report.writes(), 0, "a quiet sweep writes (P2): {report}");
    }

    async fn run_to_the_end(&self) -> SyncReport {
        for _ in 0..40 {
            if let Ok(report) = self.world.sync().await {
                return report;
            }
        }
        panic!("every run fails (P1)");
    }
}
