//! The tables of pair decisions, and nothing else. Every row is a test (`tests/decisions.rs`).

use crate::mapping::PairDirection;
use crate::model::{Side, Sides};
use crate::seeded::{self, Bug};

/// What is to be done for a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    /// Nothing.
    Nothing,
    /// Both sides mean the same: what they hold is the new base.
    Adopt,
    /// The sides differ, and stay as they are: what they hold is the new base.
    AdoptAsFound,
    /// The same, because the mapping takes both sides as they were found when they were linked.
    TakeAsFound,
    /// The other side's value is written to this side.
    Write(Side),
    /// The same, and an edit of this side is overwritten: the log keeps it.
    WriteOver(Side),
    /// The same without a base: what this side holds is overwritten, under the guard.
    OverwriteAtFirstLink(Side),
    /// This side was edited against the pair's direction.
    Drift(Side),
    /// Both sides were edited.
    Conflict,
    /// Two records were linked that hold different values.
    FirstLinkConflict,
}

/// Decides a pair with a base.
///
/// `changed`: whether each side differs from its own base. `equivalent`: whether the two sides
/// mean the same now.
pub fn decide_with_base(
    direction: PairDirection,
    changed: Sides<bool>,
    equivalent: bool,
) -> Decision {
    match (changed.source, changed.target) {
        (false, false) => Decision::Nothing,
        (true, _) | (_, true) if equivalent => Decision::Adopt,
        (true, false) => one_changed(direction, Side::Source),
        (false, true) => one_changed(direction, Side::Target),
        (true, true) => match direction {
            PairDirection::Bidirectional => Decision::Conflict,
            PairDirection::SourceOnly => Decision::WriteOver(Side::Target),
            PairDirection::TargetOnly => Decision::WriteOver(Side::Source),
        },
    }
}

fn one_changed(direction: PairDirection, side: Side) -> Decision {
    if direction.writes_to(side.other()) || seeded::is(Bug::DirectionIgnored) {
        Decision::Write(side.other())
    } else {
        Decision::Drift(side)
    }
}

/// Decides a pair without a base.
///
/// `blank`: whether each side is blank. `equivalent`: whether the two sides mean the same.
pub fn decide_without_base(
    direction: PairDirection,
    blank: Sides<bool>,
    equivalent: bool,
) -> Decision {
    if equivalent {
        return Decision::Adopt;
    }
    match (direction, blank.source, blank.target) {
        (_, true, true) => Decision::Adopt,
        (PairDirection::Bidirectional | PairDirection::TargetOnly, true, false) => {
            Decision::Write(Side::Source)
        }
        (PairDirection::Bidirectional | PairDirection::SourceOnly, false, true) => {
            Decision::Write(Side::Target)
        }
        (PairDirection::Bidirectional, false, false) => Decision::FirstLinkConflict,
        (PairDirection::SourceOnly, true, false) | (PairDirection::TargetOnly, false, true) => {
            Decision::AdoptAsFound
        }
        (PairDirection::SourceOnly, false, false) => Decision::OverwriteAtFirstLink(Side::Target),
        (PairDirection::TargetOnly, false, false) => Decision::OverwriteAtFirstLink(Side::Source),
    }
}
