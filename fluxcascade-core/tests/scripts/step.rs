//! What scripts are drawn from: what people and systems do, before runs and at any point within
//! them, and how runs end. What it means is in `script`.

use std::time::Duration;

use fluxcascade_core::model::Side;
use fluxcascade_core::testkit::{CallKind, EventFault, Fault};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::setup::{PAIRS, Revision};

/// Persons by number: the first are there from the start, others are made on the way; what is about
/// a person who is not there does nothing.
const PERSONS: usize = 6;

/// A field of a person: which pair's, on which side.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) person: usize,
    pub(crate) pair: usize,
    pub(crate) side: Side,
}

/// Something that is done to a system, at any time.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Deed {
    /// A value that nobody wrote before, in all fields of the pair's side.
    Edit(Place),
    /// The same on both sides: a conflict, if no run comes between.
    Clash(usize, usize),
    /// The same on both sides: both come to mean the same.
    Agree(usize, usize),
    Blank(Place),
    /// A person's record names another's of its system.
    Refer(usize, usize, Side),
    /// Another key.
    Mail(usize, Side),
    /// A person who is on one side alone.
    Create(Side),
    /// Another record with a person's key.
    Twin(usize, Side),
    Delete(usize, Side),
    DeleteBoth(usize),
    /// Out of the bin again.
    Restore(usize, Side),
    /// One person's record is merged into another's.
    Merge(usize, usize, Side),
    /// Out of scope, and back.
    Hide(usize, Side),
    Show(usize, Side),
    /// Its answers cannot be read, until it is shown again.
    Garble(usize, Side),
    /// A field may not be seen, and may again.
    HideField(Place),
    ShowField(Place),
    Fail(Side, CallKind, Fault),
    /// Writes of the pair's fields are refused from now on, and taken again.
    Refuse(Side, usize),
    Accept(Side, usize),
    Wait(u64),
    EventsFail(Side, EventFault),
}

/// How a run comes to its end.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Crash {
    No,
    /// At this point.
    At(u64),
    /// Within the first call of the store from this point on.
    Amid(u64),
    /// It is not cut off: the answer to the store's call at this point is lost.
    Unanswered(u64),
}

/// A run, and what comes before it.
#[derive(Debug, Clone)]
pub(crate) struct Round {
    pub(crate) before: Vec<Deed>,
    pub(crate) wait: u64,
    /// What is done at a point of the run.
    pub(crate) during: Vec<(u64, Deed)>,
    /// Two crashes one after the other are a pair of crashes.
    pub(crate) crashes: Vec<Crash>,
    pub(crate) revision: Revision,
    pub(crate) mislead: bool,
    /// A person goes through the desk before the run, and says this or that.
    pub(crate) answers: Option<usize>,
}

/// A person as a script begins: on which sides, and with which pairs filled there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start {
    pub(crate) on: [bool; 2],
    pub(crate) filled: [u8; 2],
}

/// A whole script.
#[derive(Debug, Clone)]
pub(crate) struct Play {
    pub(crate) start: Vec<Start>,
    pub(crate) rounds: Vec<Round>,
}

fn side() -> impl Strategy<Value = Side> {
    select(Side::BOTH.to_vec())
}

fn person() -> impl Strategy<Value = usize> {
    // The first ones more often: edits of both sides are to meet.
    prop_oneof![3 => 0..2_usize, 1 => 0..PERSONS]
}

fn place() -> impl Strategy<Value = Place> {
    (person(), 0..PAIRS.len(), side()).prop_map(|(person, pair, side)| Place { person, pair, side })
}

fn fault() -> impl Strategy<Value = Deed> {
    let mut faults = Fault::EXAMPLES.to_vec();
    // Not backwards: rows from before the jump would be later than what was written after it.
    faults.push(Fault::ClockJump(4000));
    faults.push(Fault::Timeout(Duration::from_secs(25)));
    (side(), select(CallKind::ALL.to_vec()), select(faults))
        .prop_map(|(side, call, fault)| Deed::Fail(side, call, fault))
}

/// What scripts are mostly about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Theme {
    /// Values that are edited.
    Values,
    /// Records that go, hide, come back and are merged.
    Records,
}

fn deeds(theme: Theme) -> BoxedStrategy<Deed> {
    match theme {
        Theme::Values => any_deed().boxed(),
        Theme::Records => prop_oneof![1 => any_deed(), 2 => standing()].boxed(),
    }
}

/// Where a record stands, on either side of the first ones.
fn standing() -> impl Strategy<Value = Deed> {
    let whose = || (0..2_usize, side());
    prop_oneof![
        3 => (0..2_usize, 0..2_usize, side()).prop_map(|(a, b, side)| Deed::Merge(a, b, side)),
        3 => whose().prop_map(|(person, side)| Deed::Hide(person, side)),
        3 => whose().prop_map(|(person, side)| Deed::Garble(person, side)),
        3 => whose().prop_map(|(person, side)| Deed::Show(person, side)),
        3 => whose().prop_map(|(person, side)| Deed::Delete(person, side)),
        2 => whose().prop_map(|(person, side)| Deed::Restore(person, side)),
    ]
}

/// One of the first two, as it stands on each side.
fn stands_on_both() -> impl Strategy<Value = Vec<Deed>> {
    let one = |person: usize, side: Side| {
        select(vec![
            Deed::Merge(person, 1 - person, side),
            Deed::Merge(person, 1 - person, side),
            Deed::Hide(person, side),
            Deed::Hide(person, side),
            Deed::Garble(person, side),
            Deed::Garble(person, side),
            Deed::Delete(person, side),
        ])
    };
    let both = move |person: usize| (one(person, Side::Source), one(person, Side::Target));
    (0..2_usize).prop_flat_map(both).prop_map(|(source, target)| vec![source, target])
}

fn before(theme: Theme) -> BoxedStrategy<Vec<Deed>> {
    let any = vec(deeds(theme), 0..7);
    match theme {
        Theme::Values => any.boxed(),
        Theme::Records => prop_oneof![1 => any, 4 => stands_on_both()].boxed(),
    }
}

fn any_deed() -> impl Strategy<Value = Deed> {
    let whose = || (person(), side());
    let events = select(vec![EventFault::Repeated, EventFault::Reordered, EventFault::Dropped]);
    prop_oneof![
        22 => place().prop_map(Deed::Edit),
        8 => (person(), 0..PAIRS.len()).prop_map(|(person, pair)| Deed::Clash(person, pair)),
        3 => (person(), 0..PAIRS.len()).prop_map(|(person, pair)| Deed::Agree(person, pair)),
        4 => place().prop_map(Deed::Blank),
        3 => (person(), person(), side()).prop_map(|(a, b, side)| Deed::Refer(a, b, side)),
        2 => whose().prop_map(|(person, side)| Deed::Mail(person, side)),
        3 => side().prop_map(Deed::Create),
        1 => whose().prop_map(|(person, side)| Deed::Twin(person, side)),
        4 => whose().prop_map(|(person, side)| Deed::Delete(person, side)),
        1 => person().prop_map(Deed::DeleteBoth),
        3 => whose().prop_map(|(person, side)| Deed::Restore(person, side)),
        3 => (person(), person(), side()).prop_map(|(a, b, side)| Deed::Merge(a, b, side)),
        2 => whose().prop_map(|(person, side)| Deed::Hide(person, side)),
        1 => whose().prop_map(|(person, side)| Deed::Garble(person, side)),
        1 => whose().prop_map(|(person, side)| Deed::Show(person, side)),
        1 => place().prop_map(Deed::HideField),
        1 => place().prop_map(Deed::ShowField),
        8 => fault(),
        1 => (side(), 0..PAIRS.len()).prop_map(|(side, pair)| Deed::Refuse(side, pair)),
        1 => (side(), 0..PAIRS.len()).prop_map(|(side, pair)| Deed::Accept(side, pair)),
        3 => (1_u64..900).prop_map(Deed::Wait),
        1 => (side(), events).prop_map(|(side, fault)| Deed::EventsFail(side, fault)),
    ]
}

fn crashes() -> impl Strategy<Value = Vec<Crash>> {
    let one = || {
        prop_oneof![
            3 => (1_u64..80).prop_map(Crash::At),
            1 => (1_u64..40).prop_map(Crash::Amid),
        ]
    };
    prop_oneof![
        5 => Just(vec![Crash::No]),
        3 => one().prop_map(|one| vec![one]),
        1 => (one(), one()).prop_map(|(one, two)| vec![one, two]),
    ]
}

fn rounds(theme: Theme) -> impl Strategy<Value = Round> {
    let revision = prop_oneof![
        6 => Just(Revision::Whole),
        1 => Just(Revision::Fewer),
        1 => Just(Revision::Redirected),
    ];
    let wait = prop_oneof![2 => Just(0_u64), 2 => 1_u64..60, 2 => 60_u64..1500, 1 => Just(90_000)];
    (
        before(theme),
        wait,
        prop_oneof![2 => Just(Vec::new()), 1 => vec((1_u64..60, deeds(theme)), 1..3)],
        crashes(),
        revision,
        prop::bool::weighted(0.05),
        prop_oneof![2 => Just(None), 1 => (0..9_usize).prop_map(Some)],
    )
        .prop_map(|(before, wait, during, crashes, revision, mislead, answers)| Round {
            before,
            wait,
            during,
            crashes,
            revision,
            mislead,
            answers,
        })
}

fn starts() -> impl Strategy<Value = Start> {
    let on = prop_oneof![
        6 => Just([true, true]),
        1 => Just([true, false]),
        1 => Just([false, true]),
    ];
    let filled = prop_oneof![1 => Just([0, 0]), 1 => any::<[u8; 2]>()];
    (on, filled).prop_map(|(on, filled)| Start { on, filled })
}

/// Two to six records, three to eight runs.
pub(crate) fn plays(theme: Theme) -> impl Strategy<Value = Play> {
    (vec(starts(), 2..=4), vec(rounds(theme), 3..=8))
        .prop_map(|(start, rounds)| Play { start, rounds })
}
