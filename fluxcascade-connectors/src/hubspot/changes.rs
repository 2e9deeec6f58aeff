//! Reading what changed, page by page: everything at first, then by the time of the last change.
//!
//! - A **full** read lists the live records by id, then the archived ones. Its mark is HubSpot's
//!   own clock at the first page.
//! - An **incremental** read searches for what was changed since the mark, less the look-back. It
//!   asks for ids only, by ascending id, each page a fresh search behind the last id of the page
//!   before: so neither thousands of rows with one time, nor edits while paging, nor the search's
//!   limit of 10,000 rows can hide a record. The values are then read by id, which is fresher
//!   than the search index. A page without rows costs one request, any other two.
//!   Associations cost one request more for each object type of them that is asked for.
//!
//! An archived record shows on the archived list alone: archiving moves no time, and no request asks
//! for what was archived lately. So it is seen by full reads, which list all that are archived (at
//! least one request, and one for each hundred), by webhooks, and whenever a record is read by id.
//!
//! Records that were merged into another one are rows beside it. There may be many: then a page ends among
//! them, and the next goes on there.
//!
//! The cursor is text of this module's own, with a format number. Our clock is not asked.

use std::collections::HashMap;
use std::time::Duration;

use fluxcascade_core::connector::{
    ChangesPage, ChangesRequest, ConnectorError, Cursor, ErrorKind, Position,
};
use fluxcascade_core::model::{ObjectType, Observation, Provenance, RecordId, State, Timestamp};
use serde::{Deserialize, Serialize};

use super::association;
use super::catalog::{Known, Reading};
use super::client::{Api, Dated, Shelf};
use super::convert;
use super::read;
use super::wire::{Filter, Page, Record};

/// Records on a page, at most: the list's limit, and that of a read by id.
pub(super) const PAGE: usize = 100;

/// HubSpot cuts addresses that are much longer; a list of more properties than fit is read by id.
const LONGEST_PROPERTIES: usize = 6_000;

/// The number of this cursor's format.
const FORMAT: u32 = 1;

/// The search answers 500 to a time before this.
const EARLIEST: Timestamp = Timestamp::from_secs(1);

#[derive(Debug, Serialize, Deserialize)]
struct Saved {
    format: u32,
    at: Place,
}

/// Where a read stands. All times are HubSpot's, in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Place {
    /// In a full read, among the live records.
    Live { after: String, mark: i64, part: Option<Part> },
    /// In a full read, among the archived records.
    Archived { after: Option<String>, mark: i64, part: Option<Part> },
    /// Between two reads: the next begins here.
    Marked { mark: i64 },
    /// In an incremental read: `until` becomes the next mark.
    Since { since: i64, until: i64, last: RecordId, part: Option<Part> },
}

/// A record of which the page before has shown some rows: those that were merged into it are rows, too,
/// and there may be more of them than a page has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Part {
    of: RecordId,
    shown: usize,
}

/// The rows of a record: those that were merged into it, and itself.
struct Rows {
    of: RecordId,
    seen: Vec<Observation>,
}

/// Where a page ends before all of its rows are shown.
struct Cut {
    /// The last record that is shown whole.
    behind: Option<RecordId>,
    part: Part,
}

/// As many rows as a page may have.
fn fit(rows: Vec<Rows>, begun: Option<&Part>, limit: usize) -> (Vec<Observation>, Option<Cut>) {
    let (mut page, mut behind) = (Vec::new(), None);
    for Rows { of, seen } in rows {
        let shown = begun.filter(|part| part.of == of).map_or(0, |part| part.shown);
        let room = limit.saturating_sub(page.len());
        let is_cut = seen.len().saturating_sub(shown) > room;
        page.extend(seen.into_iter().skip(shown).take(room));
        if is_cut {
            return (page, Some(Cut { behind, part: Part { of, shown: shown + room } }));
        }
        behind = Some(of);
    }
    (page, None)
}

impl Place {
    fn of(cursor: &Cursor, object: &ObjectType) -> Result<Self, ConnectorError> {
        let saved: Result<Saved, _> = serde_json::from_str(cursor.as_str());
        match saved {
            Ok(Saved { format: FORMAT, at }) => Ok(at),
            Ok(_) | Err(_) => Err(ConnectorError::new(
                ErrorKind::PositionLost,
                format!(
                    "the stored cursor is none of this version's; read the {object} in full again"
                ),
            )),
        }
    }

    fn cursor(self) -> Result<Cursor, ConnectorError> {
        let text = serde_json::to_string(&Saved { format: FORMAT, at: self });
        Ok(Cursor::new(text.map_err(|_| protocol("a cursor could not be written"))?)?)
    }
}

/// A read of changes of one object type.
pub(super) struct Changes<'a> {
    pub(super) reading: Reading<'a>,
    pub(super) request: &'a ChangesRequest,
    pub(super) look_back: Duration,
}

impl Changes<'_> {
    /// One page.
    pub(super) async fn page(&self) -> Result<ChangesPage, ConnectorError> {
        let mut page = self.records().await?;
        let projection = &self.request.projection;
        association::fill(self.api(), self.known(), projection, &mut page.observations).await?;
        Ok(page)
    }

    /// One page, without associations.
    async fn records(&self) -> Result<ChangesPage, ConnectorError> {
        let place = match &self.request.position {
            Position::Start => return self.live(None, None, None).await,
            Position::After(cursor) => Place::of(cursor, &self.known().kind.object)?,
        };
        match place {
            Place::Live { after, mark, part } => self.live(Some(after), Some(mark), part).await,
            Place::Archived { after, mark, part } => self.archived(after, mark, part).await,
            Place::Marked { mark } => self.first_since(mark).await,
            Place::Since { since, until, last, part } => {
                self.next_since((since, until), last, part).await
            }
        }
    }

    fn api(&self) -> &Api {
        self.reading.api
    }

    fn known(&self) -> &Known {
        self.reading.known
    }

    fn limit(&self) -> usize {
        self.request.limit.clamp(1, PAGE)
    }

    async fn live(
        &self,
        after: Option<String>,
        mark: Option<i64>,
        part: Option<Part>,
    ) -> Result<ChangesPage, ConnectorError> {
        let (listed, fits) = self.listed();
        let page = self.list(Shelf::Live, after.as_deref(), &listed).await?;
        let mark = match mark {
            Some(mark) => mark,
            None => mark_of(&page)?,
        };
        let rows = if fits {
            self.rows(&page.content.results).await?
        } else {
            self.by_id(Shelf::Live, &page.content.results).await?
        };
        let (observations, cut) = fit(rows, part.as_ref(), self.limit());
        let place = if let Some(Cut { part, .. }) = cut {
            // A list goes on with the record of that id.
            Place::Live { after: part.of.to_string(), mark, part: Some(part) }
        } else {
            match next(&page.content, after.as_deref())? {
                Some(after) => Place::Live { after, mark, part: None },
                None => Place::Archived { after: None, mark, part: None },
            }
        };
        Ok(ChangesPage { observations, cursor: place.cursor()?, more: true })
    }

    /// The properties to list, and whether those are all that are wanted: a query has a bound.
    fn listed(&self) -> (Vec<&str>, bool) {
        let properties = convert::properties(&self.request.projection, &self.known().schema);
        let fits = properties.iter().map(|name| name.len() + 3).sum::<usize>() < LONGEST_PROPERTIES;
        (if fits { properties } else { vec!["hs_object_id"] }, fits)
    }

    /// Archived records are asked for apart.
    async fn archived(
        &self,
        after: Option<String>,
        mark: i64,
        part: Option<Part>,
    ) -> Result<ChangesPage, ConnectorError> {
        let (listed, fits) = self.listed();
        let mut page = self.list(Shelf::Archived, after.as_deref(), &listed).await?;
        let rows = if fits {
            for record in &mut page.content.results {
                record.archived = true; // it is on this list because it is
            }
            self.rows(&page.content.results).await?
        } else {
            self.by_id(Shelf::Archived, &page.content.results).await?
        };
        let (observations, cut) = fit(rows, part.as_ref(), self.limit());
        let (place, more) = if let Some(Cut { part, .. }) = cut {
            let after = Some(part.of.to_string());
            (Place::Archived { after, mark, part: Some(part) }, true)
        } else {
            match next(&page.content, after.as_deref())? {
                Some(after) => (Place::Archived { after: Some(after), mark, part: None }, true),
                None => (Place::Marked { mark }, false),
            }
        };
        Ok(ChangesPage { observations, cursor: place.cursor()?, more })
    }

    async fn list(
        &self,
        which: Shelf,
        after: Option<&str>,
        properties: &[&str],
    ) -> Result<Dated<Page>, ConnectorError> {
        self.api().list(&self.known().kind.path, which, self.limit(), after, properties).await
    }

    /// The first page of an incremental read: it has no upper bound, its answer's date becomes it.
    async fn first_since(&self, mark: i64) -> Result<ChangesPage, ConnectorError> {
        let since = (Timestamp::from_millis(mark) - self.look_back).max(EARLIEST).millis();
        let page = self.search(vec![self.since_filter("GTE", since)]).await?;
        let until = mark_of(&page)?;
        self.searched(page.content, None, (since, until), None).await
    }

    async fn next_since(
        &self,
        (since, until): (i64, i64),
        last: RecordId,
        part: Option<Part>,
    ) -> Result<ChangesPage, ConnectorError> {
        // The date is floored to seconds. What is changed after it is the next read's.
        let filters = vec![
            self.since_filter("GTE", since),
            self.since_filter("LTE", until + 999),
            Filter::one("hs_object_id", "GT", last.as_str()),
        ];
        let page = self.search(filters).await?;
        self.searched(page.content, Some(&last), (since, until), part).await
    }

    fn since_filter(&self, operator: &'static str, millis: i64) -> Filter {
        Filter::one(self.known().kind.modified, operator, millis.to_string())
    }

    async fn search(&self, filters: Vec<Filter>) -> Result<Dated<Page>, ConnectorError> {
        let search = read::by_id(filters, &["hs_object_id"], self.limit());
        let page = self.api().search(&self.known().kind.path, &search).await;
        page.map_err(|error| {
            if error.kind != ErrorKind::Validation {
                return error;
            }
            let object = &self.known().kind.object;
            let message = format!("{}; read the {object} in full again", error.message);
            ConnectorError { kind: ErrorKind::Permanent, message, ..error }
        })
    }

    async fn searched(
        &self,
        page: Page,
        behind: Option<&RecordId>,
        (since, until): (i64, i64),
        part: Option<Part>,
    ) -> Result<ChangesPage, ConnectorError> {
        let last = read::ascending(&page.results, behind)?;
        let is_more = page.paging.as_ref().is_some_and(|paging| paging.next.is_some());
        let rows = self.by_id(Shelf::Live, &page.results).await?;
        let (observations, cut) = fit(rows, part.as_ref(), self.limit());
        let place = match (cut, is_more, last) {
            (Some(Cut { behind: whole, part }), ..) => {
                let last = whole.or_else(|| behind.cloned()).or_else(|| convert::id_of_number(0));
                let last = last.ok_or_else(|| protocol("there is no id before the first"))?;
                Place::Since { since, until, last, part: Some(part) }
            }
            (None, true, Some(last)) => Place::Since { since, until, last, part: None },
            (None, true, None) => {
                return Err(protocol("an empty page of a search says that more follow"));
            }
            (None, false, _) => Place::Marked { mark: until },
        };
        let more = matches!(place, Place::Since { .. });
        Ok(ChangesPage { observations, cursor: place.cursor()?, more })
    }

    /// Values read by id, for rows of which only the ids are known.
    async fn by_id(&self, which: Shelf, rows: &[Record]) -> Result<Vec<Rows>, ConnectorError> {
        let ids: Vec<RecordId> =
            rows.iter().map(|row| convert::record_id(&row.id)).collect::<Result<_, _>>()?;
        let properties = convert::properties(&self.request.projection, &self.known().schema);
        let mut found: HashMap<RecordId, Vec<Observation>> = HashMap::new();
        let mut unreadable: HashMap<RecordId, String> = HashMap::new();
        for chunk in ids.chunks(read::BATCH) {
            let read = read::batch(self.api(), &self.known().kind.path, which, chunk, &properties);
            let read = read.await?;
            for Rows { of, seen } in self.rows(&read.records).await? {
                found.insert(of, seen);
            }
            unreadable.extend(read.unreadable);
        }
        let rows = |id: RecordId| {
            let seen = found.remove(&id).unwrap_or_else(|| {
                let state = match unreadable.remove(&id) {
                    Some(why) => State::Unreadable(why),
                    // Archived or merged since it was indexed: the engine asks for it by id.
                    None => State::Missing,
                };
                vec![Observation { record: id.clone(), state, provenance: Provenance::Listed }]
            });
            Rows { of: id, seen }
        };
        Ok(ids.into_iter().map(rows).collect())
    }

    async fn rows(&self, records: &[Record]) -> Result<Vec<Rows>, ConnectorError> {
        let shown = self.reading.as_shown(&self.request.projection, records).await?;
        records.iter().map(|record| self.rows_of(record, &shown)).collect()
    }

    /// What a row says of its record, and of those that were merged into it: HubSpot has no other
    /// sign of a merge in its lists.
    fn rows_of(&self, record: &Record, shown: &Known) -> Result<Rows, ConnectorError> {
        let projection = &self.request.projection;
        let own = convert::observation(record, projection, &shown.schema, Provenance::Listed)?;
        let of = own.record.clone();
        let losers = convert::merged_ids(record).into_iter().filter(|id| *id != of);
        let merged = losers.map(|loser| Observation {
            record: loser,
            state: State::MergedInto(of.clone()),
            provenance: Provenance::Listed,
        });
        let seen = merged.chain(std::iter::once(own)).collect();
        Ok(Rows { of, seen })
    }
}

fn mark_of<T>(page: &Dated<T>) -> Result<i64, ConnectorError> {
    page.date.map(Timestamp::millis).ok_or_else(|| {
        protocol("the answer has no Date header, without which no mark can be set; check proxies")
    })
}

/// Where the list goes on.
fn next(page: &Page, behind: Option<&str>) -> Result<Option<String>, ConnectorError> {
    let Some(next) = page.paging.as_ref().and_then(|paging| paging.next.as_ref()) else {
        return Ok(None);
    };
    let after = convert::id_text(&next.after);
    if behind == Some(after.as_str()) {
        return Err(protocol("a list's page says that it is followed by itself"));
    }
    Ok(Some(after))
}

fn protocol(what: &str) -> ConnectorError {
    ConnectorError::new(ErrorKind::Protocol, what)
}
