//! The steps that scripts are drawn from. What they do is in `script`.

use fluxcascade_core::model::Side;
use fluxcascade_core::testkit::{CallKind, Fault};
use proptest::prelude::*;

use crate::setup::{PAIRS, Revision};

/// Persons by number: the first are there from the start, others are made by `Create`; a step that
/// is about a person who is not there does nothing.
const PERSONS: usize = 6;

/// A field of a person: which pair's, on which side.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) person: usize,
    pub(crate) pair: usize,
    pub(crate) side: Side,
}

#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// A value that nobody wrote before, in all fields of the pair's side.
    Edit(Place),
    /// An edit while a run is under way, just before a call.
    EditBefore(Place, CallKind),
    Blank(Place),
    /// Another key.
    Mail {
        person: usize,
        side: Side,
    },
    /// A person who is on one side alone.
    Create {
        side: Side,
    },
    Delete {
        person: usize,
        side: Side,
    },
    Fail {
        side: Side,
        call: CallKind,
        fault: Fault,
    },
    /// Writes of the pair's fields are refused from now on.
    Refuse {
        side: Side,
        pair: usize,
    },
    Accept {
        side: Side,
        pair: usize,
    },
    Wait {
        seconds: u64,
    },
    Sync,
    /// A run that is dropped when it has been polled so often, by a process that ends with it.
    Crash {
        polls: usize,
    },
    Revise(Revision),
    /// A run with a mapping that names another endpoint.
    Mislead,
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Source), Just(Side::Target)]
}

fn place() -> impl Strategy<Value = Place> {
    (0..PERSONS, 0..PAIRS.len(), side()).prop_map(|(person, pair, side)| Place {
        person,
        pair,
        side,
    })
}

fn faults() -> impl Strategy<Value = Step> {
    let call = prop_oneof![
        Just(CallKind::Changes),
        Just(CallKind::Fetch),
        Just(CallKind::Find),
        Just(CallKind::Update),
        Just(CallKind::Create),
    ];
    let fault = prop_oneof![
        Just(Fault::RequestLost),
        Just(Fault::AnswerLost),
        Just(Fault::Unavailable),
        Just(Fault::Unauthorised),
    ];
    (side(), call, fault).prop_map(|(side, call, fault)| Step::Fail { side, call, fault })
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    // An edit between a record's fetch and its write is in the stated window of P15.
    let before = prop_oneof![Just(CallKind::Changes), Just(CallKind::Fetch)];
    let person = || (0..PERSONS, side());
    let fields = || (side(), 0..PAIRS.len());
    let revision =
        prop_oneof![Just(Revision::Whole), Just(Revision::Fewer), Just(Revision::Redirected)];
    let step = prop_oneof![
        16 => place().prop_map(Step::Edit),
        4 => (place(), before).prop_map(|(place, call)| Step::EditBefore(place, call)),
        2 => place().prop_map(Step::Blank),
        2 => person().prop_map(|(person, side)| Step::Mail { person, side }),
        3 => side().prop_map(|side| Step::Create { side }),
        2 => person().prop_map(|(person, side)| Step::Delete { person, side }),
        5 => faults(),
        2 => fields().prop_map(|(side, pair)| Step::Refuse { side, pair }),
        2 => fields().prop_map(|(side, pair)| Step::Accept { side, pair }),
        6 => (1_u64..900).prop_map(|seconds| Step::Wait { seconds }),
        10 => Just(Step::Sync),
        4 => (1..40_usize).prop_map(|polls| Step::Crash { polls }),
        2 => revision.prop_map(Step::Revise),
        1 => Just(Step::Mislead),
    ];
    proptest::collection::vec(step, 4..40)
}
