//! Reading what changed: full reads and windows of time, page by page, and the cursor between.
//!
//! A read takes its mark from Jobber's own clock at its first answer, less the look-back, and the
//! next read begins there, whatever times the rows had. A window that is read by its times ends at that
//! same first answer's time, so that edits made while it is read do not prolong it. A full read has no
//! end: a record edited meanwhile is read there, or in the next window. What each object offers:
//!
//! - Clients and invoices, by `updatedAt`, and visits, by `createdAt`, are filtered and sorted, oldest
//!   first.
//! - Requests and quotes are filtered by `updatedAt`, and come in the order in which they were made.
//!   Their windows have no end: one that is edited while they are read would leave the list, and all
//!   that come after it would move one up, past the end of the page that was read.
//! - Jobs are sorted by `updatedAt`, newest first, with no filter: a window is read down to the
//!   first row that is older than it. A job that is edited meanwhile moves to the front, and is in
//!   the next window.
//! - Properties have no time: a full read lists them, a window those of the clients that changed.
//!
//! Pages are followed by Jobber's cursor. If that cursor is a mere position in the list, each edit
//! of a client that was read already moves the rest one place up, and one client is skipped. So
//! wherever the order is by time, the next page begins anew at the time of the last row, one second
//! back, which also makes it unimportant whether bounds are inclusive; a cursor is followed only
//! where at least half of a page is of about the same second. What is removed from a list that is not
//! ordered by time, while it is read, may still push one past a page's end: full reads find it.

mod of_clients;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use fluxcascade_core::connector::{
    ChangesPage, ChangesRequest, ConnectorError, Cursor, ErrorKind, Position,
};
use fluxcascade_core::model::Timestamp;
use serde::{Deserialize, Serialize};

use super::client::{Api, Reply};
use super::convert::{self, GRANULARITY};
use super::cost;
use super::custom::Catalog;
use super::document::{Document, Listing};
use super::error;
use super::fields::Field;
use super::object::{Feed, Object};
use super::read;
use super::rows::{self, Asked};
use super::wire::PageInfo;

/// So often a page begins anew because its cursor was refused: cursors that age are one thing, cursors
/// that are never taken would be followed for ever.
const REFUSALS: u8 = 3;

/// A page begins anew by time while that reads at most one row in so many again.
const AGAIN_AT_MOST: usize = 2;

/// After reading everything anew because of that, it is not done again for so long: where no cursor is ever
/// taken, a run would read for ever.
const RESTS: Duration = Duration::from_secs(3600);

/// The steps to a row: the list, its nodes, its place among them.
const ROW: usize = 3;

/// The format of the cursors that are written.
const FORMAT: u32 = 1;

/// When the reads of each object were last begun anew, as Jobber refused its own cursors again and again.
#[derive(Debug, Default)]
pub(super) struct Restarts(Mutex<HashMap<Object, Timestamp>>);

impl Restarts {
    /// What such a read ends with: everything is read anew, unless that was done just now.
    fn judge(&self, object: Object, now: Timestamp, error: ConnectorError) -> ConnectorError {
        if error.kind != ErrorKind::PositionLost {
            return error;
        }
        // Each change of it is whole.
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_recent = |at: &Timestamp| now.since(*at) < RESTS;
        if last.get(&object).is_some_and(is_recent) {
            let message = format!(
                "{}; everything was read anew for that within the last hour, and is again after it",
                error.message
            );
            return ConnectorError { kind: ErrorKind::Protocol, message, ..error };
        }
        last.insert(object, now);
        error
    }
}

/// How a read is to go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    pub(super) page_size: usize,
    pub(super) look_back: Duration,
}

/// Whether the rows of a list come in the order of their times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ordered {
    OldestFirst,
    Otherwise,
}

/// Where a window of time ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// At the time of its first answer.
    Begun,
    /// Nowhere: with the last row.
    Open,
}

/// A place in the changes: what a cursor says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    format: u32,
    phase: Phase,
    /// Where the next pass begins; none while Jobber has named no time at all.
    mark: Option<Timestamp>,
    /// The lower bound of the page.
    from: Option<Timestamp>,
    /// The upper bound of the window.
    to: Option<Timestamp>,
    /// Jobber's cursor within the bounds.
    after: Option<String>,
    /// The newest row seen: stands in for the mark where answers have no `Date`.
    newest: Option<Timestamp>,
    /// Clients whose properties go on, with Jobber's cursor among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pending: Vec<(String, String)>,
    /// How often Jobber refused its own cursor since the lower bound was last moved.
    #[serde(default, skip_serializing_if = "is_none")]
    refused: u8,
    /// Whether the clients are all listed, and only those are left.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    listed: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes what it skips so")]
fn is_none(times: &u8) -> bool {
    *times == 0
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Phase {
    /// A full read is under way.
    Full,
    /// A window is being read.
    Window,
    /// A read has ended; the next begins at the mark.
    Idle,
}

impl Place {
    fn start() -> Self {
        Self {
            format: FORMAT,
            phase: Phase::Full,
            mark: None,
            from: None,
            to: None,
            after: None,
            newest: None,
            pending: Vec::new(),
            refused: 0,
            listed: false,
        }
    }

    /// Where this request begins.
    fn of(position: &Position) -> Result<Self, ConnectorError> {
        let Position::After(cursor) = position else { return Ok(Self::start()) };
        let place: Self = serde_json::from_str(cursor.as_str())
            .ok()
            .filter(|place: &Self| place.format == FORMAT)
            .ok_or_else(|| {
                ConnectorError::new(
                    ErrorKind::PositionLost,
                    "the stored position in jobber's changes was not written by this version; \
                     read everything anew",
                )
            })?;
        Ok(match (place.phase, place.mark) {
            (Phase::Idle, Some(mark)) => {
                Self { phase: Phase::Window, mark: None, from: Some(mark), ..Self::start() }
            }
            (Phase::Idle, None) => Self::start(),
            (Phase::Full | Phase::Window, _) => place,
        })
    }

    /// Takes the pass's mark, and the end of its window if it has one, from the first answer.
    fn begin(&mut self, date: Option<Timestamp>, look_back: Duration, end: End) {
        let Some(date) = date.filter(|_| self.mark.is_none()) else { return };
        self.mark = Some(date - look_back);
        if self.phase == Phase::Window && end == End::Begun {
            self.to = Some(date);
        }
    }

    /// Moves on after a page whose rows have these times; by them, if they are in order.
    fn advance(
        &mut self,
        order: Ordered,
        rows: &[Timestamp],
        info: PageInfo,
    ) -> Result<(), ConnectorError> {
        let last = rows.iter().max().copied();
        self.newest = self.newest.max(last);
        let anchor = last.filter(|_| order == Ordered::OldestFirst).map(|last| last - GRANULARITY);
        let again = rows.iter().filter(|at| Some(**at) >= anchor).count();
        if anchor > self.from && again * AGAIN_AT_MOST <= rows.len() {
            self.from = anchor;
            self.after = None;
            self.refused = 0;
            return Ok(());
        }
        if info.end_cursor.is_none() || info.end_cursor == self.after {
            return Err(ConnectorError::new(
                ErrorKind::Protocol,
                "jobber says that there are more rows but not where; try again later",
            ));
        }
        self.after = info.end_cursor;
        Ok(())
    }

    /// Counts a refusal of one of Jobber's own cursors. After several the position is lost: a read that is
    /// begun anew counts from none.
    fn refuse(&mut self, error: ConnectorError) -> Result<(), ConnectorError> {
        if self.refused == REFUSALS {
            return Err(ConnectorError {
                kind: ErrorKind::PositionLost,
                message: format!("jobber refuses its own cursors: {}", error.message),
                ..error
            });
        }
        self.refused += 1;
        Ok(())
    }

    /// The end of the pass.
    fn finish(self, look_back: Duration) -> Self {
        let fallback = self.newest.map(|newest| newest - look_back).or(self.lower_bound());
        Self { phase: Phase::Idle, mark: self.mark.or(fallback), ..Self::start() }
    }

    /// Where a window without rows and without a clock goes on.
    fn lower_bound(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Window => self.from,
            Phase::Full | Phase::Idle => None,
        }
    }

    /// What of the list is asked for next.
    fn listing(&self, first: usize) -> Listing<'_> {
        Listing { first, after: self.after.as_deref(), from: self.from, to: self.to }
    }

    fn cursor(&self) -> Result<Cursor, ConnectorError> {
        let text = serde_json::to_string(self).map_err(|_| {
            ConnectorError::new(ErrorKind::Protocol, "the position in jobber's changes is lost")
        })?;
        Ok(Cursor::new(text)?)
    }
}

/// One page of changes.
pub(super) async fn page(
    api: &Api,
    catalog: &Catalog,
    (reading, restarts): (Reading, &Restarts),
    object: Object,
    fields: &[Field],
    request: &ChangesRequest,
) -> Result<ChangesPage, ConnectorError> {
    let place = Place::of(&request.position)?;
    let first = request.limit.clamp(1, reading.page_size);
    let page = match (object.feed(), place.phase) {
        (Feed::OfClients, Phase::Window) => {
            of_clients::page(api, catalog, reading, fields, first, place).await
        }
        (Feed::Sorted | Feed::Filtered | Feed::Newest, _)
        | (Feed::OfClients, Phase::Full | Phase::Idle) => {
            Listed { api, catalog, reading, object, fields }.page(first, place).await
        }
    };
    page.map_err(|error| restarts.judge(object, api.now(), error))
}

/// A list that is read page by page.
struct Listed<'a> {
    api: &'a Api,
    catalog: &'a Catalog,
    reading: Reading,
    object: Object,
    fields: &'a [Field],
}

impl Listed<'_> {
    async fn page(&self, first: usize, mut place: Place) -> Result<ChangesPage, ConnectorError> {
        let object = self.object;
        let (reply, asked) = self.ask(first, &mut place).await?;
        place.begin(reply.date, self.reading.look_back, end(object));
        let list = read::connection(&reply, object)?;
        let mut rows = read::listed(&list, &reply.errors, object, asked.of(self.fields))?;
        let time = |seen: &convert::Seen| convert::changed_at(&seen.record, object);
        let times: Vec<Timestamp> = rows.iter().filter_map(|(seen, _)| time(seen)).collect();
        let is_old = |at: Timestamp| place.from.is_some_and(|from| at < from);
        // Only the order says where a window of jobs ends.
        let ends = object.feed() == Feed::Newest && times.iter().any(|at| is_old(*at));
        if ends {
            rows.retain(|(seen, _)| !time(seen).is_some_and(is_old));
        }
        let more = list.page_info.has_next_page && !ends;
        if more {
            place.advance(order(object), &times, list.page_info)?;
        } else {
            place.newest = place.newest.max(times.iter().max().copied());
            place = place.finish(self.reading.look_back);
        }
        let (api, catalog) = (self.api, self.catalog);
        let observations = rows::observed(api, catalog, object, self.fields, rows, asked).await?;
        Ok(ChangesPage { observations, cursor: place.cursor()?, more })
    }

    /// Asks for the page. How long Jobber's cursors live is not documented: where one is refused,
    /// the page begins anew at its lower bound.
    async fn ask(&self, first: usize, place: &mut Place) -> Result<(Reply, Asked), ConnectorError> {
        let mut first = first;
        let list = |asked: Asked, first, place: &Place| {
            Document::list(self.object, asked.of(self.fields), place.listing(first))
        };
        let whole = |first| list(Asked::Whole, first, place);
        let answer = match cost::shrinking(self.api, &mut first, whole).await {
            Err(error) if place.after.is_some() && may_be_the_cursor(&error) => {
                place.refuse(error)?;
                place.after = None;
                self.api.read(&list(Asked::Whole, first, place)).await
            }
            answer => answer,
        };
        rows::or_ids(self.api, answer, ROW, || list(Asked::Ids, first, place)).await
    }
}

/// Whether a refusal may be one of the cursor.
fn may_be_the_cursor(error: &ConnectorError) -> bool {
    matches!(error.kind, ErrorKind::Validation | ErrorKind::Permanent)
        && !cost::is_too_costly(error)
        && !error::is_torn(error)
}

/// What is filtered by its times and not sorted by them must not be cut off at one.
fn end(object: Object) -> End {
    match object.feed() {
        Feed::Sorted | Feed::OfClients => End::Begun,
        Feed::Filtered | Feed::Newest => End::Open,
    }
}

fn order(object: Object) -> Ordered {
    match object.feed() {
        Feed::Sorted => Ordered::OldestFirst,
        Feed::Filtered | Feed::Newest | Feed::OfClients => Ordered::Otherwise,
    }
}

#[cfg(test)]
mod tests;
