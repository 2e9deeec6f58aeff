//! How a link ends, rests, and is in use again; and the hold of a whole link.

use super::entry::{Entry, LinkUpdate, Step};
use crate::model::{ConflictStatus, Ending, Hold, HoldKey, Link, LinkStatus, LogKind, Side, Work};

/// The link ends: its holds too, and what is gone is forgotten by its keys.
pub(super) fn end(work: &Work, link: &Link, ending: Ending, why: &str, mut entry: Entry) -> Entry {
    for hold in &work.holds {
        entry.released.push(hold.key.clone());
        let told = |id| {
            entry.judged.iter().any(|(judged, _)| *judged == id)
                || entry.conflicts.iter().any(|row| row.id == id)
        };
        if let Some(conflict) = hold.conflict.filter(|id| !told(*id)) {
            entry.judged.push((conflict, ConflictStatus::Stale));
        }
    }
    let gone = match ending {
        Ending::Deleted(side) | Ending::TwinRemoved(side) | Ending::Remade(side) => vec![side],
        Ending::BothDeleted => Side::BOTH.to_vec(),
        Ending::Unlinked => Vec::new(),
    };
    entry.drops.extend(gone.into_iter().map(|side| (side, link.records[side].clone())));
    entry.after = Some(LinkUpdate {
        link: link.id,
        kind: LogKind::End,
        status: LinkStatus::Tombstone,
        ending: Some(ending),
        records: link.records.clone(),
        why: why.to_owned(),
    });
    entry.step = Step::Decided;
    entry
}

/// The link is kept, and nothing is written for it.
pub(super) fn suspended(link: &Link, why: String) -> LinkUpdate {
    LinkUpdate {
        link: link.id,
        kind: LogKind::Suspend,
        status: LinkStatus::Suspended,
        ending: None,
        records: link.records.clone(),
        why,
    }
}

/// The link is in use again.
pub(super) fn resumed(link: &Link, why: &str) -> LinkUpdate {
    LinkUpdate {
        link: link.id,
        kind: LogKind::Resume,
        status: LinkStatus::Active,
        ending: None,
        records: link.records.clone(),
        why: why.to_owned(),
    }
}

/// The hold of a whole link.
pub(super) fn link_hold(work: &Work) -> Option<&Hold> {
    work.holds.iter().find(|hold| matches!(hold.key, HoldKey::Link(_)))
}
