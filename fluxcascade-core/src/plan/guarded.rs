//! Which writes of a pair guards are asked about (P18).

use super::entry::PairPlan;
use super::merge::is_blank;
use crate::mapping::refs;
use crate::model::{Cause, Conflict, ConflictKind, Side, Value, Withheld};

/// What a guard has to say about a write over what a side holds.
pub(super) fn guarded(
    held: &[&Value],
    send: &[Value],
    cause: &Cause,
    row: Option<&Conflict>,
) -> Option<Withheld> {
    if is_blank(held) {
        return None;
    }
    if is_blank(&refs(send)) {
        return Some(Withheld::Blanking);
    }
    match cause {
        Cause::FirstLinkOverwrites | Cause::TransformChanged => Some(Withheld::Overwrite),
        Cause::Conflict { .. } => row
            .is_some_and(|row| row.kind == ConflictKind::FirstLink)
            .then_some(Withheld::Overwrite),
        Cause::Edit
        | Cause::EditOverwrites
        | Cause::Fill
        | Cause::Create
        | Cause::DriftLeft
        | Cause::DriftRestored
        | Cause::LeftAsFound
        | Cause::Rewritten
        | Cause::Answered { .. }
        | Cause::OtherId
        | Cause::TakenAsFound => None,
    }
}

impl PairPlan {
    /// What guards have let through of what is written to a side. What a person decided is asked of none.
    pub(crate) fn let_through(&self, side: Side) -> Option<Withheld> {
        let (_, send, cause) = self.writes().find(|(to, ..)| *to == side)?;
        let is_answer = matches!(cause, Cause::Answered { .. });
        let held = refs(&self.values[side]);
        (!is_answer).then(|| guarded(&held, send, cause, self.conflict())).flatten()
    }
}
