//! Some thirty small scenarios, and how each is played with a process that is killed at every call,
//! or with a call of the store whose answer is lost: whatever the call, before it and after it, the
//! next process ends where the one that nothing happened to did.
//!
//! P17 over P1–P11. The tests are in `killed`. In the soak: all scripts of two records and three
//! edits, and pairs of crashes.

use fluxcascade_core::Strategy as Conflicts;
use fluxcascade_core::SyncError;
use fluxcascade_core::connector::DeleteSignal;
use fluxcascade_core::mapping::{DeletePolicy, IdWrites};
use fluxcascade_core::model::Side::{Source, Target};
use fluxcascade_core::model::Sides;
use fluxcascade_core::store::StoreErrorKind;
use fluxcascade_core::testkit::{CallKind, CrashPlan, Ended, Fault, Moment, at_every_point};

use crate::script::Script;
use crate::sets::runtime;
use crate::setup::{BACK, FORTH, Manner, Policies, Revision, SCORE, Setup, TAGS, TIGHT};
use crate::state::State;
use crate::step::{Deed, Place, Start};
use crate::tally::Tally;
use crate::values::Hand;

/// A scenario: what is there when the process begins that is killed.
#[derive(Clone)]
pub(crate) struct Kernel {
    pub(crate) name: &'static str,
    pub(crate) setup: Setup,
    pub(crate) start: Vec<Start>,
    /// Deeds that are synced before anything is killed; empty: nothing was ever synced.
    pub(crate) opening: Option<Vec<Deed>>,
    /// What the process finds that is killed.
    pub(crate) deeds: Vec<Deed>,
    pub(crate) revision: Revision,
}

pub(crate) const BOTH: Start = Start { on: [true, true], filled: [0, 0] };
const LEFT: Start = Start { on: [true, false], filled: [0b111_1111, 0] };
const RIGHT: Start = Start { on: [false, true], filled: [0, 0b111_1111] };
/// On both sides, with other values on each.
const APART: Start = Start { on: [true, true], filled: [0b111_1111, 0b111_1111] };
/// On both sides, with values on one of them.
const HALF: Start = Start { on: [true, true], filled: [0b000_0111, 0b111_1000] };

pub(crate) fn edit(pair: usize, side: fluxcascade_core::model::Side) -> Deed {
    Deed::Edit(Place { person: 0, pair, side })
}

impl Kernel {
    /// A record that is linked, and what is done to it.
    pub(crate) fn linked(name: &'static str, deeds: Vec<Deed>) -> Self {
        Self {
            name,
            setup: Setup::plain(),
            start: vec![BOTH],
            opening: Some(Vec::new()),
            deeds,
            revision: Revision::Whole,
        }
    }

    /// Records that were never synced.
    fn first(name: &'static str, start: Vec<Start>) -> Self {
        Self { start, opening: None, ..Self::linked(name, Vec::new()) }
    }

    fn with(mut self, change: impl FnOnce(&mut Setup)) -> Self {
        change(&mut self.setup);
        self
    }

    fn opening(mut self, deeds: Vec<Deed>) -> Self {
        self.opening = Some(deeds);
        self
    }

    fn conflict(name: &'static str, strategy: Conflicts, pair: usize) -> Self {
        Self::linked(name, vec![Deed::Clash(0, pair)]).with(|setup| {
            setup.primary = strategy == Conflicts::PrimaryWins;
            setup.conflicts = vec![strategy];
        })
    }

    /// The world as the process finds it that is killed.
    async fn begin(&self) -> Script {
        let mut script = Script::begin(self.setup.clone(), &self.start).await;
        if let Some(opening) = &self.opening {
            for _ in 0..2 {
                script.run_to_the_end().await;
                script.world.minutes(20);
            }
            let remains = script.world.remains().await;
            script.people.learn(&remains.links, &script.world.setup);
            for deed in opening {
                script.people.act(deed);
            }
            script.world.minutes(20);
            script.run_to_the_end().await;
            script.world.minutes(20);
        }
        script.world.revision = self.revision;
        for deed in &self.deeds {
            script.people.act(deed);
        }
        script.world.wait(1);
        script
    }

    /// Kills a process as the plans have it, one after the other, and lets the next ones settle.
    pub(crate) async fn play(&self, plans: Vec<CrashPlan>) -> (Ended<()>, State, Tally) {
        let mut script = self.begin().await;
        let mut end = Ended::Reached(());
        for plan in plans {
            let ended = script.world.run(plan).await;
            end = match &ended {
                Ended::Crashed(kind) => Ended::Crashed(*kind),
                Ended::Reached(_) => Ended::Reached(()),
            };
            script.note(ended).await;
            if matches!(end, Ended::Reached(())) {
                break;
            }
        }
        let (state, tally) = settled(script).await;
        (end, state, tally)
    }

    /// Kills the process at these points, as far as there are so many.
    pub(crate) async fn at_points(&self, points: impl IntoIterator<Item = u64>, total: &mut Tally) {
        let (_, undisturbed, _) = self.play(vec![CrashPlan::none()]).await;
        for point in points {
            let (end, state, tally) = self.play(vec![CrashPlan::at(point)]).await;
            assert_eq!(state, undisturbed, "{}: killed at {point}: it ends otherwise", self.name);
            total.add(&tally);
            if matches!(end, Ended::Reached(())) {
                break;
            }
        }
    }

    /// Loses the answer to a call of the store, and lets the next runs settle. Whether the run that
    /// it was had such a call.
    async fn play_unanswered(&self, point: u64) -> Lost {
        let mut script = self.begin().await;
        let ended = script.world.run(CrashPlan::unanswered(point)).await;
        if script.world.points.reached() < point {
            return Lost::Beyond;
        }
        let Some(lost) = script.world.points.lost() else { return Lost::Nothing };
        let told = format!("{}: no answer {lost}", self.name);
        match &ended {
            // The lease ends by itself; whoever gives it back needs no answer.
            Ended::Reached(Ok(_)) => assert_eq!(lost.method, "release", "{told}: it is not told"),
            Ended::Reached(Err(SyncError::Store(error))) => {
                assert_eq!(error.kind, StoreErrorKind::Unanswered, "{told}: {error}");
            }
            Ended::Reached(Err(error)) => panic!("{told}: {error}"),
            Ended::Crashed(kind) => panic!("{told}: crashed {kind}"),
        }
        script.note(ended).await;
        // The next run goes on at once, unless nobody has given back the lease.
        let keeps_lease = matches!(
            (lost.method, lost.moment),
            ("release", Moment::Before) | ("lease", Moment::After)
        );
        let next = script.world.sync().await;
        assert_eq!(next.is_err(), keeps_lease, "{told}: {next:?}");
        let (state, tally) = settled(script).await;
        Lost::Settled(state, tally)
    }

    /// Loses the answer at these points, as far as there are so many. Returns how many calls lost
    /// theirs.
    pub(crate) async fn unanswered_at_points(
        &self,
        points: impl IntoIterator<Item = u64>,
        total: &mut Tally,
    ) -> u64 {
        let (_, undisturbed, _) = self.play(vec![CrashPlan::none()]).await;
        let mut calls = 0;
        for point in points {
            match self.play_unanswered(point).await {
                Lost::Beyond => break,
                Lost::Nothing => {}
                Lost::Settled(state, tally) => {
                    let told = format!("{}: no answer at {point}", self.name);
                    assert_eq!(state, undisturbed, "{told}: it ends otherwise");
                    total.add(&tally);
                    calls += 1;
                }
            }
        }
        calls
    }

    /// Kills the process at every point. Returns how many there are.
    pub(crate) async fn at_every_point(&self, total: &mut Tally) -> u64 {
        let (_, undisturbed, _) = self.play(vec![CrashPlan::none()]).await;
        let (undisturbed, shared) = (&undisturbed, std::cell::RefCell::new(total));
        at_every_point(async |plan: CrashPlan| {
            let told = format!("{}: {plan:?}", self.name);
            let (end, state, tally) = self.play(vec![plan]).await;
            assert_eq!(&state, undisturbed, "{told} ends otherwise (P17)");
            shared.borrow_mut().add(&tally);
            end
        })
        .await
    }
}

/// What became of an answer that was to be lost at a point.
enum Lost {
    /// The run was over before.
    Beyond,
    /// It is no point of the store's.
    Nothing,
    Settled(State, Tally),
}

/// What a script is when all has settled, and was judged.
async fn settled(mut script: Script) -> (State, Tally) {
    script.world.minutes(11);
    script.settle_in(2).await;
    script.judge().await;
    let remains = script.world.remains().await;
    let state = State::of(&script.world, &remains);
    (state, script.finish())
}

/// All kernels.
pub(crate) fn kernels() -> Vec<Kernel> {
    let mut all = first_links();
    all.extend(creates());
    all.extend(updates());
    all.extend(conflicts());
    all.extend(whole_records());
    all
}

pub(crate) fn first_links() -> Vec<Kernel> {
    vec![
        Kernel::first("first link of equal records", vec![BOTH]),
        Kernel::first("first link that fills blanks on both sides", vec![HALF]),
        Kernel::first("first link, the source wins", vec![APART]),
        Kernel::first("first link, a person decides", vec![APART])
            .with(|setup| setup.first_link = Some(Conflicts::Manual)),
        Kernel::first("first link, skipped", vec![APART])
            .with(|setup| setup.first_link = Some(Conflicts::Skip)),
        Kernel::linked("a twin is parked", vec![Deed::Twin(0, Source)]),
    ]
}

pub(crate) fn creates() -> Vec<Kernel> {
    let lost = |side| Deed::Fail(side, CallKind::Create, Fault::AnswerLost);
    let with_lost = |name, start, side| {
        let mut kernel = Kernel::first(name, vec![BOTH, start]);
        kernel.deeds = vec![lost(side)];
        kernel
    };
    vec![
        Kernel::first("create on the target", vec![LEFT]),
        Kernel::first("create on the source", vec![RIGHT]),
        Kernel::first("create both ways, one by one", vec![LEFT, RIGHT]).with(|setup| {
            setup.batch = 1;
            setup.engine_batch = 1;
        }),
        with_lost("create with a lost answer, consistent look-up", LEFT, Target),
        with_lost("create with a lost answer, lagging look-up", RIGHT, Source)
            .with(|setup| setup.systems.source = Manner::PLAIN.lagging(240)),
        with_lost("create with a lost answer, duplicates are refused", LEFT, Target)
            .with(|setup| setup.systems.target = Manner::PLAIN.unique_keys().lagging(240)),
        with_lost("create with a lost answer, upserts", LEFT, Target)
            .with(|setup| setup.systems.target = Manner::PLAIN.upserting().lagging(240)),
        Kernel::first("create without proof in the answer", vec![LEFT])
            .with(|setup| setup.systems.target = Manner::PLAIN.bare()),
    ]
}

pub(crate) fn updates() -> Vec<Kernel> {
    let redirected = |name| {
        let mut kernel = Kernel::linked(name, vec![edit(0, Source)]);
        kernel.revision = Revision::Redirected;
        kernel
    };
    vec![
        Kernel::linked("update of the target", vec![edit(0, Source)]),
        Kernel::linked("update of the source", vec![edit(1, Target)]),
        Kernel::linked("updates both ways of one record", vec![edit(0, Source), edit(1, Target)]),
        Kernel::linked("update of a pair of two fields", vec![edit(2, Source)]),
        Kernel::linked(
            "a value is blanked",
            vec![Deed::Blank(Place { person: 0, pair: 0, side: Target })],
        )
        .opening(vec![edit(0, Source)]),
        Kernel::linked("update without proof in the answer", vec![edit(0, Source)])
            .with(|setup| setup.systems.target = Manner::PLAIN.bare()),
        Kernel::linked("update that the system rewrites", vec![edit(0, Source)]).with(|setup| {
            setup.systems.target = Manner { hand: Hand::Upper, ..Manner::PLAIN };
        }),
        Kernel::linked("update on condition", vec![edit(0, Source), edit(1, Target)]).with(
            |setup| {
                setup.systems.source = Manner::PLAIN.conditional();
                setup.systems.target = Manner::PLAIN.conditional().bare();
            },
        ),
        Kernel::linked(
            "update with a lost answer",
            vec![edit(0, Source), Deed::Fail(Target, CallKind::Update, Fault::AnswerLost)],
        ),
        Kernel::linked(
            "update that is refused for a field",
            vec![Deed::Refuse(Target, 0), edit(0, Source), edit(1, Source)],
        ),
        Kernel::linked("drift is left", vec![edit(FORTH, Target), edit(BACK, Source)]),
        Kernel::linked("drift is restored", vec![edit(FORTH, Target), edit(BACK, Source)])
            .opening(vec![edit(FORTH, Source), edit(BACK, Target)])
            .with(|setup| setup.restore = true),
        Kernel::linked("a one-way edit overwrites another", vec![Deed::Clash(0, FORTH)]),
        redirected("a pair is redirected"),
    ]
}

pub(crate) fn conflicts() -> Vec<Kernel> {
    vec![
        Kernel::conflict("conflict, newest wins", Conflicts::NewestWins, 0),
        Kernel::conflict("conflict, target wins", Conflicts::TargetWins, 1),
        Kernel::conflict("conflict, primary wins", Conflicts::PrimaryWins, 2),
        Kernel::conflict("conflict, largest wins", Conflicts::Max, SCORE),
        Kernel::conflict("conflict, longest wins", Conflicts::Longest, 0),
        Kernel::conflict("conflict, united", Conflicts::Union, TAGS),
        Kernel::conflict("conflict, appended", Conflicts::Append, 0),
        Kernel::conflict("conflict, skipped", Conflicts::Skip, 0),
        Kernel::conflict("conflict, a person decides", Conflicts::Manual, 0),
        Kernel::conflict("conflict, the record waits", Conflicts::Error, 0),
        Kernel::conflict("a person's conflict becomes stale", Conflicts::Manual, 0)
            .opening(vec![Deed::Clash(0, 0)])
            .deeds(vec![edit(0, Source)]),
    ]
}

fn deleting(policy: DeletePolicy) -> Policies {
    Policies { on_delete: Sides::new(policy, policy), ..Policies::PLAIN }
}

pub(crate) fn whole_records() -> Vec<Kernel> {
    let flagged = |setup: &mut Setup| {
        setup.systems.source = Manner::PLAIN.deleting(DeleteSignal::Flag);
        setup.systems.target = Manner::PLAIN.deleting(DeleteSignal::Flag);
    };
    vec![
        Kernel::linked("a delete", vec![Deed::Delete(0, Source)]).with(flagged),
        Kernel::linked("a delete against an edit", vec![Deed::Delete(0, Target), edit(0, Source)])
            .with(flagged),
        Kernel::linked(
            "a delete on both sides",
            vec![Deed::Delete(0, Source), Deed::Delete(0, Target)],
        )
        .with(flagged),
        Kernel::linked("a delete that archives", vec![Deed::Delete(0, Source)])
            .with(flagged)
            .with(|setup| setup.policies = deleting(DeletePolicy::Archive)),
        Kernel::linked("a delete that deletes", vec![Deed::Delete(0, Target)])
            .with(flagged)
            .with(|setup| setup.policies = deleting(DeletePolicy::Delete)),
        Kernel::linked("a delete that a guard withholds", vec![Deed::Delete(0, Target)])
            .with(flagged)
            .with(|setup| {
                setup.policies = Policies { guards: TIGHT, ..deleting(DeletePolicy::Delete) };
            }),
        Kernel::linked("a deleted record is made again", vec![Deed::Delete(0, Source)])
            .opening(vec![edit(0, Source)])
            .with(flagged)
            .with(|setup| setup.policies = deleting(DeletePolicy::Recreate)),
        Kernel::linked("an archived twin is brought back", vec![Deed::Restore(0, Source)])
            .opening(vec![Deed::Delete(0, Source)])
            .with(flagged)
            .with(|setup| setup.policies = deleting(DeletePolicy::Archive)),
        Kernel::first("ids of the other side are kept", vec![BOTH, LEFT]).with(|setup| {
            setup.policies = Policies { ids: Some(IdWrites::Always), ..Policies::PLAIN };
        }),
        Kernel::linked("a restore", vec![Deed::Restore(0, Source), edit(0, Target)])
            .opening(vec![Deed::Delete(0, Source)])
            .with(flagged),
        Kernel::linked("out of scope", vec![Deed::Hide(0, Source), edit(0, Target)]),
        Kernel::linked("back in scope", vec![Deed::Show(0, Source), edit(0, Target)])
            .opening(vec![Deed::Hide(0, Source)]),
        Kernel {
            start: vec![BOTH, BOTH],
            ..Kernel::linked("a merge", vec![Deed::Merge(0, 1, Source)])
        },
    ]
}

impl Kernel {
    fn deeds(mut self, deeds: Vec<Deed>) -> Self {
        self.deeds = deeds;
        self
    }
}

/// No kernel has more points than this; a crash beyond the last is none.
const POINTS: u64 = 80;

/// One step of the soak: a kernel, killed at each point and then once more at another, and a script
/// of two records and three edits, killed at each point. Step by step these are all kernels with all
/// pairs of points, each with all lost answers of the store, and all such scripts.
pub(crate) fn soak(step: u64, total: &std::sync::Mutex<Tally>) {
    let runtime = runtime();
    let mut own = Tally::default();
    let all = kernels();
    let (turn, at) = (step / all.len() as u64, step % all.len() as u64);
    if turn < POINTS {
        let kernel = &all[usize::try_from(at).unwrap()];
        runtime.block_on(kernel.with_pairs_of_crashes(turn, &mut own));
        if turn == 0 {
            let calls = runtime.block_on(kernel.unanswered_at_points(1.., &mut own));
            own.count("calls without an answer", calls);
        }
    }
    let places: Vec<Place> = [0, 1]
        .into_iter()
        .flat_map(|person| [Source, Target].map(|side| (person, side)))
        .flat_map(|(person, side)| [0, SCORE].map(|pair| Place { person, pair, side }))
        .collect();
    let many = places.len() as u64;
    if step < many.pow(3) {
        let place = |by: u64| places[usize::try_from(step / by % many).unwrap()];
        let edits = [1, many, many * many].map(|by| Deed::Edit(place(by)));
        let linked = Kernel::linked("three edits", edits.to_vec());
        let small = Kernel { start: vec![BOTH, BOTH], ..linked };
        let points = runtime.block_on(small.at_every_point(&mut own));
        own.count("scripts of three edits", 1);
        own.count("points in scripts of three edits", points);
    }
    total.lock().unwrap().add(&own);
}

impl Kernel {
    /// Kills the process at each point, and the next one as many points later.
    async fn with_pairs_of_crashes(&self, later: u64, total: &mut Tally) {
        let (_, undisturbed, _) = self.play(vec![CrashPlan::none()]).await;
        for first in 1.. {
            let second = 1 + (first + later) % POINTS;
            let plans = vec![CrashPlan::at(first), CrashPlan::at(second)];
            let (_, state, tally) = self.play(plans).await;
            let told = format!("{}: killed at {first}, then at {second}", self.name);
            assert_eq!(state, undisturbed, "{told} ends otherwise (P17)");
            if tally.crashes() == 0 {
                return; // the process ended before
            }
            total.count("pairs of crashes", u64::from(tally.crashes() == 2));
            total.add(&tally);
        }
    }
}
