//! A simulated system's changes: passes over its records in order of time, page by page.

use serde::{Deserialize, Serialize};

use super::record::{Record, Snapshot};
use super::{Fault, SimState, SimSystem, Struck, record_id};
use crate::connector::{ChangesPage, ChangesRequest, ConnectorError, Cursor, ErrorKind, Position};
use crate::model::{Observation, Provenance, RecordId, Timestamp};
use crate::seeded::{self, Bug};

const FORMAT: u8 = 2;

/// Where a read stands.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SimCursor {
    format: u8,
    phase: Phase,
    /// Everything before this has been handed out when the pass ends.
    mark: Timestamp,
    since: Option<Timestamp>,
    /// The last row handed out: its time and id.
    after: Option<(Timestamp, String)>,
    /// Rows that the search under way has shown, and the time of its first.
    shown: usize,
    first: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Phase {
    Reading,
    Between,
}

struct Row {
    modified: Timestamp,
    id: RecordId,
    snapshot: Snapshot,
}

impl SimSystem {
    /// The cursor of a position; a cursor that is not ours is a position that is lost.
    pub(super) fn cursor(position: &Position) -> Result<Option<SimCursor>, ConnectorError> {
        let Position::After(cursor) = position else { return Ok(None) };
        let read = serde_json::from_str::<SimCursor>(cursor.as_str());
        match read {
            Ok(cursor) if cursor.format == FORMAT => Ok(Some(cursor)),
            Ok(cursor) => Err(lost(&format!("its format is {}", cursor.format))),
            Err(error) => Err(lost(&error.to_string())),
        }
    }

    /// A pass that goes on, or the next one.
    fn pass(&self, state: &SimState, cursor: Option<SimCursor>) -> SimCursor {
        let since = match cursor {
            Some(cursor) if cursor.phase == Phase::Reading => return cursor,
            Some(cursor) if seeded::is(Bug::NoLookBack) => Some(cursor.mark),
            Some(cursor) => Some(cursor.mark - self.profile.capabilities.look_back),
            None => None,
        };
        SimCursor {
            format: FORMAT,
            phase: Phase::Reading,
            mark: self.own_time(state, self.now()),
            since,
            after: None,
            shown: 0,
            first: None,
        }
    }

    pub(super) fn page(
        &self,
        request: &ChangesRequest,
        cursor: Option<SimCursor>,
        struck: &Struck,
    ) -> Result<ChangesPage, ConnectorError> {
        let mut state = self.state();
        let is_full = cursor.is_none();
        let mut cursor = self.pass(&state, cursor);
        let (mut rows, mut more) = self.rows(&state, &cursor, request);
        if struck.fault == Some(Fault::Empty) && is_full && !rows.is_empty() {
            (rows, more) = (Vec::new(), false);
            drop(state);
            self.took_effect(struck);
            state = self.state();
        }
        self.advance(&mut cursor, &rows, more);
        let took_effect = self.disturb(&mut state, &cursor, &mut rows, struck.fault);
        let observe = |row: &Row| {
            let record = state.records.get(&row.id)?;
            let provenance = Provenance::Listed;
            let shown =
                self.shown(&state, record, &row.snapshot, &request.projection, provenance)?;
            Some(Observation { record: row.id.clone(), state: shown, provenance })
        };
        let observations = rows.iter().filter_map(observe).collect();
        drop(state);
        if took_effect {
            self.took_effect(struck);
        }
        let cursor = serde_json::to_string(&cursor)
            .map_err(|error| ConnectorError::new(ErrorKind::Protocol, error.to_string()))?;
        Ok(ChangesPage { observations, cursor: Cursor::new(cursor)?, more })
    }

    /// The rows of the next page, and whether there are others.
    fn rows(
        &self,
        state: &SimState,
        cursor: &SimCursor,
        request: &ChangesRequest,
    ) -> (Vec<Row>, bool) {
        let now = self.now();
        let own = self.own_time(state, now);
        let visible_at = now - self.profile.list_lag;
        let left = self.profile.result_cap.unwrap_or(usize::MAX).saturating_sub(cursor.shown);
        let limit = request.limit.min(self.profile.capabilities.page).min(left).max(1);
        let after = cursor.after.as_ref().map(|(at, id)| (*at, record_id(id)));
        let row = |(modified, id, record): (Timestamp, &RecordId, &Record)| {
            let snapshot = record.as_of(visible_at).filter(|shown| shown.modified == modified)?;
            let invisible = record.invisible_until.is_some_and(|until| own < until);
            self.shown(state, record, snapshot, &request.projection, Provenance::Listed)
                .filter(|_| !invisible)
                .map(|_| Row { modified, id: id.clone(), snapshot: snapshot.clone() })
        };
        let listed = state.records.from(cursor.since, after.as_ref().map(|(at, id)| (*at, id)));
        let is_later = |at: Timestamp| after.as_ref().is_none_or(|(last, _)| at > *last);
        let listed = listed.filter(|(at, ..)| !seeded::is(Bug::StrictCursor) || is_later(*at));
        let mut rows: Vec<Row> = listed.filter_map(row).take(limit + 1).collect();
        let more = rows.len() > limit;
        rows.truncate(limit);
        (rows, more)
    }

    /// Moves a cursor past a page. A search that has shown all it can is followed by one from the
    /// time of its last row on, so that rows of one time that it cut off are not left out.
    fn advance(&self, cursor: &mut SimCursor, rows: &[Row], more: bool) {
        cursor.shown += rows.len();
        if cursor.first.is_none() {
            cursor.first = rows.first().map(|row| row.modified);
        }
        if let Some(last) = rows.last() {
            cursor.after = Some((last.modified, last.id.to_string()));
            if self.profile.result_cap.is_some_and(|cap| cursor.shown >= cap) {
                if cursor.first != Some(last.modified) {
                    cursor.since = Some(last.modified);
                    cursor.after = None;
                }
                cursor.shown = 0;
                cursor.first = None;
            }
        }
        if !more {
            cursor.phase = Phase::Between;
            cursor.after = None;
        }
    }

    /// What a fault does to a page's rows; whether it did anything. A row that is kept back has to
    /// be within the look-back of the pass: a system that shows rows later than it declares is
    /// another system.
    fn disturb(
        &self,
        state: &mut SimState,
        cursor: &SimCursor,
        rows: &mut Vec<Row>,
        fault: Option<Fault>,
    ) -> bool {
        let Some(newest) = rows.last() else { return false };
        let (id, modified, number) = (newest.id.clone(), newest.modified, newest.snapshot.number);
        let look_back = self.profile.capabilities.look_back;
        let is_seen_again = modified >= cursor.mark - look_back;
        match fault {
            Some(Fault::Reordered) => {
                rows.reverse();
                rows.len() > 1
            }
            Some(Fault::Invisible(time)) => {
                let own = self.own_time(state, self.now());
                let until = (own + time).min(modified + look_back);
                let Some(record) = state.records.get_mut(&id) else { return false };
                if until <= own || !is_seen_again {
                    return false;
                }
                record.invisible_until = Some(until);
                rows.pop();
                true
            }
            Some(Fault::Stale) => {
                let before = state.records.get(&id).and_then(|record| record.before(number));
                match (before.cloned(), rows.last_mut()) {
                    (Some(before), Some(row)) if is_seen_again => {
                        row.snapshot = before;
                        true
                    }
                    (Some(_) | None, _) => false,
                }
            }
            None
            | Some(
                Fault::RequestLost
                | Fault::AnswerLost
                | Fault::Timeout(_)
                | Fault::DoneTwice
                | Fault::Partial(_)
                | Fault::Unavailable
                | Fault::ServerError
                | Fault::RateLimited(_)
                | Fault::Unauthorised
                | Fault::PositionLost
                | Fault::Truncated
                | Fault::Empty
                | Fault::ClockJump(_),
            ) => false,
        }
    }
}

fn lost(why: &str) -> ConnectorError {
    let message = format!("the cursor is not one of ours ({why}): read from the start");
    ConnectorError::new(ErrorKind::PositionLost, message)
}
