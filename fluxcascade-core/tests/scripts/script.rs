//! Plays a script: what people do, what fails, when runs are made and where they are cut off; then
//! everything settles, and is judged.

use fluxcascade_core::clock::Clock;
use fluxcascade_core::engine::{DeskAnswer, DeskItem};
use fluxcascade_core::mapping::FirstSync;
use fluxcascade_core::model::{Choice, FieldName, HoldKey, RecordId, Side, Sides};
use fluxcascade_core::testkit::{CrashPlan, Ended, Flow, Oracle, Remains, SimProfile, Tied};
use fluxcascade_core::{SyncError, SyncReport};

use crate::ids;
use crate::people::People;
use crate::refers;
use crate::setup::{BACK, FORTH, NAME, PAIRS, Revision, Setup, TAGS, mail, same_ids};
use crate::step::{Crash, Play, Round, Start};
use crate::tally::Tally;
use crate::values::{Hand, form};
use crate::world::{Sync, World};

pub(crate) struct Script {
    pub(crate) world: World,
    pub(crate) people: People,
    pub(crate) tally: Tally,
    /// Records for which a person said that another is to be made.
    ordered: Vec<(Side, RecordId)>,
}

impl Script {
    pub(crate) async fn new(setup: Setup) -> Self {
        Self::new_with(setup, |_, _| ()).await
    }

    /// Without people, and with systems that are changed like this.
    pub(crate) async fn new_with(setup: Setup, change: impl Fn(Side, &mut SimProfile)) -> Self {
        let world = World::new(setup, change).await;
        assert!(same_ids(&world.setup.mapping(Revision::Whole)));
        world.elsewhere.insert([("mail", "p1@x.io"), ("name", "somebody else")]);
        let people = People::new(&world);
        Self { world, people, tally: Tally::default(), ordered: Vec::new() }
    }

    /// A script of which nothing has happened but that there are people.
    pub(crate) async fn begin(setup: Setup, start: &[Start]) -> Self {
        let script = Self::new(setup).await;
        script.people.begin(start, script.world.setup.view);
        script.world.minutes(30);
        script
    }

    /// Plays it to its end, and says how often what happened.
    pub(crate) async fn play(setup: Setup, play: &Play) -> Tally {
        let mut script = Self::begin(setup, &play.start).await;
        for round in &play.rounds {
            script.round(round).await;
        }
        script.settle().await;
        script.judge().await;
        script.finish()
    }

    pub(crate) async fn round(&mut self, round: &Round) {
        for deed in &round.before {
            self.people.act(deed);
        }
        self.world.wait(round.wait);
        self.world.revision = round.revision;
        if round.mislead {
            self.mislead().await;
        }
        if self.world.setup.webhooks {
            self.world.deliver().await;
        }
        if let Some(choice) = round.answers {
            self.answer(choice).await;
        }
        for (at, crash) in round.crashes.iter().enumerate() {
            let mut plan = match crash {
                Crash::No => CrashPlan::none(),
                Crash::At(point) => CrashPlan::at(*point),
                Crash::Amid(point) => CrashPlan::amid(*point),
                Crash::Unanswered(point) => CrashPlan::unanswered(*point),
            };
            for (point, deed) in round.during.iter().filter(|_| at == 0) {
                let (people, deed) = (self.people.clone(), *deed);
                plan = plan.act(*point, move || people.act(&deed));
            }
            let end = self.world.run(plan).await;
            self.note(end).await;
        }
    }

    /// A person goes through the desk, and answers all of it.
    async fn answer(&mut self, choice: usize) {
        let engine = self.world.engine().await;
        let desk = engine.desk("contacts").await.unwrap();
        let answers = desk.items.iter().enumerate().filter_map(|(at, item)| {
            let mut choices = item.choices().to_vec();
            choices.retain(|choice| *choice != Choice::NotMade || self.was_not_made(item));
            let chosen = choices.get((choice + at) % choices.len().max(1))?;
            Some(item.answer(chosen.clone()))
        });
        let answers: Vec<DeskAnswer> = answers.collect();
        for answer in &answers {
            self.tally.count(format!("answer: {}", answer.choice.word()), 1);
        }
        self.ordered.extend(answers.iter().filter_map(|answer| match &answer.key {
            HoldKey::Record(side, record) if answer.choice == Choice::Create => {
                Some((*side, record.clone()))
            }
            HoldKey::Record(..) | HoldKey::Link(_) | HoldKey::Pair(..) => None,
        }));
        for outcome in engine.answer_all("contacts", answers).await.unwrap() {
            outcome.unwrap();
        }
    }

    /// Whether a person who looks into the other system finds no record that the create has made.
    fn was_not_made(&self, item: &DeskItem) -> bool {
        let HoldKey::Record(side, origin) = &item.key else { return false };
        let (own, other) = (self.world.setup.side(*side), self.world.setup.side(side.other()));
        let key = self.world.systems[own].text(origin, mail(own));
        let there = self.world.systems[other].records();
        // Of a record that is gone nobody knows what to look for.
        let is_it = |record| self.world.systems[other].text(record, mail(other)) == key;
        !key.is_empty() && !there.iter().any(is_it)
    }

    /// Another endpoint is named by mistake, as long as there are links of the former one.
    async fn mislead(&mut self) {
        let has_links = !self.world.remains().await.links.is_empty();
        if has_links {
            let error = self.world.mislead().await;
            let other = matches!(error, SyncError::OtherEndpoints { .. });
            let busy = matches!(error, SyncError::Store(_)); // a run that was cut off has it
            assert!(other || busy, "{error} (P20)");
            self.tally.count("misled", u64::from(other));
        }
    }

    pub(crate) async fn note(&mut self, end: Ended<Sync>) {
        match end {
            Ended::Crashed(_) => {}
            Ended::Reached(Ok(report)) => {
                if is_traced() {
                    eprintln!("{report}");
                }
                self.tally.report(&report);
            }
            Ended::Reached(Err(_)) => self.tally.count("runs failed", 1),
        }
        let remains = self.world.remains().await;
        if is_traced() {
            eprintln!("at {}, there are\n{}", self.world.clock.now(), told(&remains));
        }
        self.people.learn(&remains.links, &self.world.setup);
        self.tally.holds(&remains.holds);
    }

    /// Everything that fails is mended, and the runs go on until nothing is left to do (P1, P2).
    pub(crate) async fn settle(&mut self) {
        self.people.stop();
        self.people.mend();
        self.world.revision = Revision::Whole;
        for _ in 0..4 {
            self.world.minutes(20);
            let end = Ended::Reached(self.world.sync().await);
            self.note(end).await;
        }
        // The longest wait: a survivor's delete for the sweep, and the grace time of its link; a link
        // that waits for it to be looked at again, and the grace time once more.
        for _ in 0..6 {
            self.world.minutes(60 * 25);
            self.run_to_the_end().await;
        }
        self.world.minutes(15);
        let report = self.run_to_the_end().await;
        assert_eq!(report.writes(), 0, "three runs did not reach a quiet one (P1): {report}");
        self.world.minutes(60 * 25);
        let report = self.run_to_the_end().await;
        assert_eq!(report.writes(), 0, "a quiet sweep writes (P2): {report}");
    }

    /// As `settle`, with as many runs as a scenario without faults by seed needs that waits this
    /// many days at most.
    pub(crate) async fn settle_in(&mut self, days: usize) {
        self.people.stop();
        self.people.mend();
        self.world.revision = Revision::Whole;
        for minutes in [0, 20].into_iter().chain(std::iter::repeat_n(60 * 25, days)) {
            self.world.minutes(minutes);
            let end = Ended::Reached(Ok(self.run_to_the_end().await));
            self.note(end).await;
        }
        self.world.minutes(15);
        let report = self.run_to_the_end().await;
        assert_eq!(report.writes(), 0, "a quiet run writes (P1, P2): {report}");
    }

    pub(crate) async fn run_to_the_end(&self) -> SyncReport {
        match self.world.sync().await {
            Ok(report) => {
                if is_traced() {
                    let remains = self.world.remains().await;
                    eprintln!(
                        "{report}\nat {}, there are\n{}",
                        self.world.clock.now(),
                        told(&remains)
                    );
                }
                report
            }
            Err(error) => panic!("a run fails, and nothing is wrong (P1): {error}"),
        }
    }

    pub(crate) async fn judge(&mut self) {
        let remains = self.world.remains().await;
        let oracle = oracle(&self.world.setup).ordered(self.ordered.clone());
        let verdict = oracle.judge(&self.world.witness, &remains);
        let told = || told(&remains);
        assert!(verdict.violations.is_empty(), "{}\n{}", lines(&verdict.violations), told());
        let judged = verdict.judged;
        self.tally.count("edits", judged.edits);
        self.tally.count("edits in the window of P15", judged.in_window);
        self.tally.most("requests in the widest window", judged.widest_requests);
        self.tally.count("records written", judged.writes);
        self.tally.count("records created", judged.creates);
        self.tally.count("records removed", judged.removals);
        self.tally.conflicts(&remains.conflicts);
        self.tally.count("references agreed", refers::judge(&self.world, &remains));
        self.tally.count("ids stored", ids::judge(&self.world, &remains));
        self.elsewhere();
    }

    /// P20: an endpoint that was named by mistake is as it was.
    fn elsewhere(&self) {
        let records = self.world.elsewhere.records();
        let names: Vec<String> =
            records.iter().map(|record| self.world.elsewhere.text(record, "name")).collect();
        assert_eq!(names, ["somebody else"], "another endpoint was written (P20)");
    }

    pub(crate) fn finish(mut self) -> Tally {
        for (kind, count) in self.world.points.crashes() {
            self.tally.crash(kind, count);
        }
        for (kind, count) in self.world.points.losses() {
            self.tally.lost(kind, count);
        }
        for (_, system) in self.world.systems.iter() {
            self.tally.faults(&system.ledger());
        }
        self.tally.cells(&self.world.cells.lock().unwrap());
        self.tally.setup(&self.world.setup);
        self.tally
    }
}

/// Whether each run is told, for those who look into one script.
fn is_traced() -> bool {
    std::env::var("FLUXCASCADE_TRACE").is_ok()
}

fn lines<T: std::fmt::Display>(all: &[T]) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn told(remains: &Remains) -> String {
    let holds: Vec<String> = remains.holds.iter().map(|hold| format!("{hold:?}")).collect();
    let log: Vec<String> = remains.log.iter().rev().map(|row| format!("{row:?}")).collect();
    let links = remains
        .links
        .iter()
        .map(|link| format!("{:?} {:?} {}", link.id, link.status, link.records.source));
    let links: Vec<String> = links.collect();
    format!("links:\n{}\nholds:\n{}\nlog:\n{}", links.join("\n"), holds.join("\n"), log.join("\n"))
}

/// What is tied, as the scripts see it.
pub(crate) fn oracle(setup: &Setup) -> Oracle {
    let (source, target) = (setup.side(Side::Source), setup.side(Side::Target));
    let tied = PAIRS.iter().enumerate().map(|(at, pair)| {
        let fields = |side: Side| pair.fields[side].iter().copied();
        let tied = Tied::new(pair.id, fields(source), fields(target)).form(form);
        match at {
            FORTH => tied.flows(Flow::To(target)),
            BACK => tied.flows(Flow::To(source)),
            TAGS => tied.made_of_parts(),
            NAME => tied.formerly(target, ["nick"]),
            _ => tied,
        }
    });
    let key = Tied::new("email = mail", [mail(source)], [mail(target)]);
    let name = |side: Side| FieldName::new(mail(setup.side(side))).unwrap();
    let mut oracle = Oracle::new(tied.chain([key])).key(Sides::from_fn(name));
    if Side::BOTH.iter().any(|&side| setup.systems[side].hand != Hand::AsSent) {
        oracle = oracle.systems_rewrite();
    }
    if setup.policies.first_sync == FirstSync::UpdateExisting {
        oracle = oracle.creates_nothing();
    }
    for side in Side::BOTH {
        if setup.profile(side).capabilities.conditional_writes {
            oracle = oracle.conditional(setup.side(side));
        }
    }
    oracle
}
