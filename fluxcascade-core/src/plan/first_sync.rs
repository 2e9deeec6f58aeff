//! How records are treated that were found to be the same: what a mapping's first-sync mode makes of
//! the decision for a pair without a base.

use super::decide::Decision;
use crate::mapping::FirstSync;

/// The decision as the mode has it.
pub(super) fn first_sync(mode: FirstSync, decision: Decision) -> Decision {
    match mode {
        FirstSync::Merge | FirstSync::UpdateExisting => decision,
        FirstSync::LinkOnly | FirstSync::Rebuild => match decision {
            Decision::Nothing | Decision::Adopt => decision,
            Decision::AdoptAsFound
            | Decision::TakeAsFound
            | Decision::Write(_)
            | Decision::WriteOver(_)
            | Decision::OverwriteAtFirstLink(_)
            | Decision::Drift(_)
            | Decision::Conflict
            | Decision::FirstLinkConflict => Decision::TakeAsFound,
        },
        FirstSync::FillBlanks => match decision {
            Decision::Nothing
            | Decision::Adopt
            | Decision::AdoptAsFound
            | Decision::TakeAsFound
            | Decision::Write(_) => decision,
            Decision::WriteOver(_)
            | Decision::OverwriteAtFirstLink(_)
            | Decision::Drift(_)
            | Decision::Conflict
            | Decision::FirstLinkConflict => Decision::TakeAsFound,
        },
    }
}
