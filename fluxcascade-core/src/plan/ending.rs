//! How a link ends, rests, and is in use again; and the hold of a whole link.

use super::entry::{Entry, LinkUpdate, Step};
use crate::model::{ConflictStatus, Ending, Hold, HoldKey, Link, LinkStatus, LogKind, Side, Work};

/// The link ends: its holds too, and what is gone is forgotten by its keys.
pub(super) fn end(work: &Work, link: &Link, ending: Ending, why: &str, mut entry: Entry) -> Entry {
    entry.released.extend(work.holds.iter().map(|hold| hold.key.clone()));
    let gone = match ending {
        Ending::Deleted(side) | Ending::TwinRemoved(side) | Ending::Remade(side) => vec![side],
        Ending::BothDeleted => Side::BOTH.to_vec(),
        Ending::Unlinked | Ending::Excluded(_) => Vec::new(),
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

/// The rows of holds that end, or that others take the place of, are stale, unless the entry says
/// what else became of them (P11).
pub(super) fn judge_forsaken(work: &Work, entry: &mut Entry) {
    for hold in &work.holds {
        let Some(row) = hold.conflict else { continue };
        let is_replaced = |other: &Hold| other.key == hold.key && other.conflict != Some(row);
        let is_over = entry.released.contains(&hold.key) || entry.holds.iter().any(is_replaced);
        let is_told = entry.judged.iter().any(|(judged, _)| *judged == row)
            || entry.holds.iter().any(|held| held.conflict == Some(row))
            || entry.conflicts.iter().any(|told| told.id == row)
            || entry.pairs.iter().filter_map(|pair| pair.conflict()).any(|told| told.id == row);
        if is_over && !is_told {
            entry.judged.push((row, ConflictStatus::Stale));
        }
    }
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

/// What a link waits for whose record cannot be read: the question that a person is asked of it stands,
/// with what was said.
pub(super) fn question_or(work: &Work, hold: Hold) -> Hold {
    link_hold(work).and_then(Hold::question).unwrap_or(hold)
}

/// The hold of a whole link.
pub(super) fn link_hold(work: &Work) -> Option<&Hold> {
    work.holds.iter().find(|hold| matches!(hold.key, HoldKey::Link(_)))
}
