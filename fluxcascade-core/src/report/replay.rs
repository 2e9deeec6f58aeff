//! The log, played over a state of both systems (P26): what it says was written is what they hold.

use std::collections::BTreeMap;

use crate::model::{LogKind, LogRow, PairId, RecordId, Side, Value};

/// What the records of both systems hold, pair by pair.
pub type Replayed = BTreeMap<(Side, RecordId), ReplayedRecord>;

/// What one record holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReplayedRecord {
    /// Its values, pair by pair, as its side stores them.
    pub pairs: BTreeMap<PairId, Vec<Value>>,
    /// Whether it was archived or deleted.
    pub removed: bool,
}

/// Plays log rows over a state, in the order given, oldest first: each write sets what it wrote, a
/// create makes its record, an archive or delete removes it and a restore brings it back. Rows that
/// only note something change nothing.
///
/// What people edit is no part of the log: it is set in the state between two calls.
///
/// ```
/// use fluxcascade_core::report::{Replayed, replay};
/// let nothing = Replayed::new();
/// assert_eq!(replay([], nothing.clone()), nothing);
/// ```
pub fn replay<'a>(rows: impl IntoIterator<Item = &'a LogRow>, first: Replayed) -> Replayed {
    let mut state = first;
    for row in rows {
        let removed = match row.kind {
            LogKind::Create | LogKind::Update | LogKind::Restore => false,
            LogKind::Archive | LogKind::Delete => true,
            LogKind::Link
            | LogKind::Note
            | LogKind::Suspend
            | LogKind::Resume
            | LogKind::End
            | LogKind::Follow => continue,
        };
        let Some(record) = row.records[row.side].clone() else { continue };
        let held = state.entry((row.side, record)).or_default();
        held.removed = removed;
        for pair in &row.pairs {
            held.pairs.insert(pair.pair.clone(), pair.after.clone());
        }
    }
    state
}
