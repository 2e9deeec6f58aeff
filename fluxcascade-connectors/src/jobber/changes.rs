//! Reading what changed: full reads and windows of time, page by page, and the cursor between.
//!
//! Both go by `updatedAt`, oldest first. A read takes its mark from Jobber's own clock at its
//! first answer, less the look-back, and the next read begins there. A window ends at that same
//! first answer's time, so that edits made while it is read do not prolong it. A full read has no
//! end: a client edited meanwhile moves to it, and is read there.
//!
//! Pages are followed by Jobber's cursor. If that cursor is a mere position in the list, each edit
//! of a client that was read already moves the rest one place up, and one client is skipped. So
//! wherever it costs little, the next page begins anew at the time of the last row, one second
//! back, which also makes it unimportant whether bounds are inclusive; a cursor is followed only
//! among many rows of about the same second.

use std::time::Duration;

use fluxcascade_core::connector::{
    ChangesPage, ChangesRequest, ConnectorError, Cursor, ErrorKind, Position,
};
use fluxcascade_core::model::{Provenance, Timestamp};
use serde::{Deserialize, Serialize};

use super::client::{Api, Reply};
use super::convert::{self, GRANULARITY};
use super::document::{Document, Listing};
use super::fields::{ClientField, known_fields};
use super::read;
use super::wire::PageInfo;

/// The format of the cursors that are written.
const FORMAT: u32 = 1;

/// How a read is to go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    pub(super) page_size: usize,
    pub(super) look_back: Duration,
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

    /// Takes the pass's mark, and the end of its window, from the first answer.
    fn begin(&mut self, date: Option<Timestamp>, look_back: Duration) {
        let Some(date) = date.filter(|_| self.mark.is_none()) else { return };
        self.mark = Some(date - look_back);
        if self.phase == Phase::Window {
            self.to = Some(date);
        }
    }

    /// Moves on after a page whose rows have these times.
    fn advance(&mut self, rows: &[Timestamp], info: PageInfo) -> Result<(), ConnectorError> {
        let last = rows.iter().max().copied();
        self.newest = self.newest.max(last);
        let anchor = last.map(|last| last - GRANULARITY);
        let again = rows.iter().filter(|at| Some(**at) >= anchor).count();
        if anchor > self.from && again * 10 <= rows.len() {
            self.from = anchor;
            self.after = None;
            return Ok(());
        }
        if info.end_cursor.is_none() || info.end_cursor == self.after {
            return Err(ConnectorError::new(
                ErrorKind::Protocol,
                "jobber says that there are more clients but not where; try again later",
            ));
        }
        self.after = info.end_cursor;
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
    reading: Reading,
    request: ChangesRequest,
) -> Result<ChangesPage, ConnectorError> {
    let fields = known_fields(request.projection.fields())?;
    let mut place = Place::of(&request.position)?;
    let first = request.limit.clamp(1, reading.page_size);
    let reply = ask(api, &fields, first, &mut place).await?;
    place.begin(reply.date, reading.look_back);
    let list = read::connection(&reply)?;
    let clients = read::listed(&list, &reply.errors, &fields)?;
    let rows: Vec<Timestamp> = clients
        .iter()
        .filter_map(|(seen, _)| seen.client.as_ref().and_then(convert::updated_at))
        .collect();
    let more = list.page_info.has_next_page;
    if more {
        place.advance(&rows, list.page_info)?;
    } else {
        place = place.finish(reading.look_back);
    }
    Ok(ChangesPage {
        observations: clients
            .into_iter()
            .map(|(seen, _)| seen.observation(Provenance::Listed))
            .collect(),
        cursor: place.cursor()?,
        more,
    })
}

/// Asks for the page. How long Jobber's cursors live is not documented: where one is refused, the
/// page begins anew at its lower bound.
async fn ask(
    api: &Api,
    fields: &[ClientField],
    first: usize,
    place: &mut Place,
) -> Result<Reply, ConnectorError> {
    let answer = api.read(&listing(fields, first, place)).await;
    match answer {
        Err(error)
            if place.after.is_some()
                && matches!(error.kind, ErrorKind::Validation | ErrorKind::Permanent)
                && error.code.as_deref() != Some("THROTTLED") =>
        {
            place.after = None;
            api.read(&listing(fields, first, place)).await
        }
        answer => answer,
    }
}

fn listing(fields: &[ClientField], first: usize, place: &Place) -> Document {
    let listing = Listing { first, after: place.after.as_deref(), from: place.from, to: place.to };
    Document::clients(fields, listing)
}

#[cfg(test)]
mod tests;
