//! Writing batches: cutting them into requests, and giving each write its own outcome.
//!
//! - A record is in a request once: HubSpot refuses a batch that names it twice.
//! - Every row carries a trace id, by which answers are told apart: they come in any order.
//! - HubSpot promises an answer per row only for creates. A refusal of a whole request means that
//!   nothing of it was carried out, so the rows are sent again in smaller requests until the bad
//!   ones stand alone.
//! - What one write takes several requests for is applied once all of them are. If only some are, the
//!   record is read to find out what came of it: its write is unknown, or applied without values.
//!
//! Records are archived; the API neither brings them back nor removes them for good, but for
//! contacts, whose address it then takes from nobody any more: that is for a person to ask for.

mod round;
mod row;
mod stage;

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use fluxcascade_core::connector::{ConnectorError, ErrorKind, Write, WriteOutcome, WriteRequest};
use fluxcascade_core::model::{FieldName, RecordId, Version};

use self::row::{Row, batches};
use self::stage::Unmoved;
use super::catalog::Known;
use super::client::{Api, Departure, Room, Verb};
use super::convert;
use super::error;
use super::wire::{BatchAnswer, ErrorBody, IdInput, Inputs, Record};
use crate::http::{Failure, Fate};
use crate::scrub::Scrub;

/// Rows in one request, at most.
pub(super) const BATCH: usize = 100;

/// How long is waited between attempts to finish what was begun, while there is time.
const PATIENCE: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(20),
];

/// A stage that moves on only: on the way back it has to be cleared first.
const STAGE: &str = "lifecyclestage";

/// Writes a batch, with one outcome per write in their order.
pub(super) async fn write(api: &Api, known: &Known, request: &WriteRequest) -> Vec<WriteOutcome> {
    if api.clock().now() > request.not_after {
        // Some writes begin with a read, which could only be in vain.
        let what = "the writes were not sent: their time to leave was over";
        return none_sent(request, &ConnectorError::new(ErrorKind::Transient, what));
    }
    let mut session = Session::new(api, known, request);
    let mut rows = Vec::with_capacity(request.writes.len());
    for (place, write) in request.writes.iter().enumerate() {
        match Row::of(place, write, known) {
            Ok(row) => rows.push(row),
            Err(outcome) => {
                session.outcomes.insert(place, *outcome);
            }
        }
    }
    let rows = session.without_the_gone(rows).await;
    let rows = session.without_the_bare(rows).await;
    let (rows, steps) = session.planned(rows).await;
    session.send_all(&rows).await;
    session.change_the_existing(&rows).await;
    session.name_holders(&rows).await;
    session.turn_back().await;
    session.relate(&rows, steps).await;
    let outcome = |place| session.outcomes.remove(&place).unwrap_or_else(unanswered);
    without_values((0..request.writes.len()).map(outcome).collect(), known, request)
}

/// The outcomes without the values of the writes in what HubSpot says, also of what was read for them.
fn without_values(
    outcomes: Vec<WriteOutcome>,
    known: &Known,
    request: &WriteRequest,
) -> Vec<WriteOutcome> {
    let has_words = |outcome: &WriteOutcome| {
        matches!(
            outcome,
            WriteOutcome::Rejected { .. } | WriteOutcome::NotSent(_) | WriteOutcome::Unknown(_)
        )
    };
    if !outcomes.iter().any(has_words) {
        return outcomes;
    }
    let sent = |write: &Write| convert::to_properties(&write.fields, &known.schema).ok();
    let sent: Vec<_> = request.writes.iter().filter_map(sent).collect();
    let scrub = Scrub::of(sent.iter().flat_map(|row| row.values().map(String::as_str)));
    let told = |outcome: WriteOutcome| match outcome {
        WriteOutcome::Rejected { fields, error } => {
            WriteOutcome::Rejected { fields, error: scrub.apply(error) }
        }
        WriteOutcome::NotSent(error) => WriteOutcome::NotSent(scrub.apply(error)),
        WriteOutcome::Unknown(error) => WriteOutcome::Unknown(scrub.apply(error)),
        WriteOutcome::Applied { .. }
        | WriteOutcome::Exists(_)
        | WriteOutcome::PreconditionFailed => outcome,
    };
    outcomes.into_iter().map(told).collect()
}

/// Nothing is to be sent: each write has the same outcome.
pub(super) fn none_sent(request: &WriteRequest, error: &ConnectorError) -> Vec<WriteOutcome> {
    request.writes.iter().map(|_| WriteOutcome::NotSent(error.clone())).collect()
}

fn rejected(fields: Vec<FieldName>, kind: ErrorKind, what: impl Into<String>) -> Box<WriteOutcome> {
    let error = ConnectorError { fields: fields.clone(), ..ConnectorError::new(kind, what) };
    Box::new(WriteOutcome::Rejected { fields, error })
}

/// A row that an answer says nothing of. It may have been carried out.
fn unanswered() -> WriteOutcome {
    WriteOutcome::Unknown(ConnectorError::new(
        ErrorKind::Protocol,
        "HubSpot's answer to the batch says nothing of this record; it is read to find out",
    ))
}

/// Carried out, and to be read back.
fn applied(record: RecordId) -> WriteOutcome {
    WriteOutcome::Applied { record, version: Version::default(), values: None }
}

/// A call of `write`, while it is sent.
struct Session<'a> {
    api: &'a Api,
    known: &'a Known,
    request: &'a WriteRequest,
    outcomes: HashMap<usize, WriteOutcome>,
    /// Records whose stage an answer shows not to have moved.
    unmoved: Vec<Unmoved>,
    /// When requests may leave.
    departure: Departure,
    /// Creates that became changes of records which exist.
    changed: BTreeSet<usize>,
    /// What makes sending anything more useless.
    stopped: Option<ConnectorError>,
}

impl<'a> Session<'a> {
    fn new(api: &'a Api, known: &'a Known, request: &'a WriteRequest) -> Self {
        let outcomes = HashMap::with_capacity(request.writes.len());
        let (unmoved, changed, stopped) = (Vec::new(), BTreeSet::new(), None);
        let departure = Departure { not_after: request.not_after, room: Room::Asked };
        Self { api, known, request, outcomes, unmoved, departure, changed, stopped }
    }

    /// Sends rows in as few requests as they fit into.
    async fn send_all(&mut self, rows: &[Row]) {
        let mut sent = Vec::with_capacity(rows.len());
        for row in rows {
            match (&row.record, row.only_relates()) {
                (Some(record), true) => {
                    self.outcomes.insert(row.place, applied(record.clone()));
                }
                _ => sent.push(row),
            }
        }
        for batch in batches(sent) {
            match self.stopped.clone() {
                None => self.send(batch).await,
                Some(why) => self.not_sent(&batch, &why),
            }
        }
    }

    /// Sends rows of one verb, in smaller parts if they are refused together.
    async fn send(&mut self, rows: Vec<&Row>) {
        let mut parts = vec![rows];
        while let Some(rows) = parts.pop() {
            let failure = match self.post(&rows).await {
                Ok(answer) => {
                    self.settle(rows, &answer);
                    continue;
                }
                Err(failure) => failure,
            };
            let conflict = failure.answer.as_ref().and_then(|answer| answer.json().ok());
            let error = failure.error;
            match fate(failure.fate, &error) {
                Next::Stop => {
                    self.not_sent(&rows, &error);
                    for part in &parts {
                        self.not_sent(part, &error);
                    }
                    self.stopped = Some(error);
                    return;
                }
                Next::Unknown => self.all(&rows, |_| WriteOutcome::Unknown(error.clone())),
                Next::Refused => parts.extend(self.refused(rows, &error, conflict.as_ref())),
            }
        }
    }

    async fn post(&mut self, rows: &[&Row]) -> Result<BatchAnswer, Failure> {
        let verb = rows.first().map_or(Verb::Update, |row| row.verb);
        let (object, departure) = (&self.known.kind.path, self.departure);
        // What was set aside is for one request.
        self.departure.room = Room::Asked;
        if verb == Verb::Archive {
            let ids = rows.iter().filter_map(|row| row.record.as_ref());
            let inputs: Vec<IdInput<'_>> = ids.map(|id| IdInput { id: id.as_str() }).collect();
            return self.api.write(object, verb, &Inputs { inputs: &inputs }, departure).await;
        }
        let inputs: Vec<_> = rows.iter().map(|row| row.input()).collect();
        self.api.write(object, verb, &Inputs { inputs: &inputs }, departure).await
    }

    /// A request was refused whole: a single row has its answer, others are sent again in parts.
    fn refused<'r>(
        &mut self,
        mut rows: Vec<&'r Row>,
        error: &ConnectorError,
        body: Option<&ErrorBody>,
    ) -> Vec<Vec<&'r Row>> {
        let names =
            |row: &&Row| error.fields.iter().any(|f| row.properties.contains_key(f.as_str()));
        if error::is_unknown_property(error) && rows.iter().any(names) {
            // Whoever has such a property is refused, there is no need to ask for each.
            let (bad, good): (Vec<&Row>, Vec<&Row>) = rows.into_iter().partition(names);
            self.all(&bad, |_| refusal(error));
            return if good.is_empty() { Vec::new() } else { vec![good] };
        }
        if rows.len() > 1 {
            let half = rows.split_off(rows.len() / 2);
            return vec![half, rows];
        }
        let existing = body.and_then(error::existing);
        self.all(&rows, |row| conflict_or_refusal(row, existing.as_ref(), error));
        Vec::new()
    }

    /// Gives each row its part of an answer.
    fn settle(&mut self, rows: Vec<&Row>, answer: &BatchAnswer) {
        let mut open: Vec<&Row> = rows;
        if open.iter().all(|row| row.verb == Verb::Archive) {
            let archived = |row: &Row| row.record.clone().map_or_else(unanswered, applied);
            return self.all(&open, archived);
        }
        for record in &answer.results {
            if let Some(row) = take(&mut open, |row| is_of(record, row)) {
                let outcome = self.applied(record, row).unwrap_or_else(WriteOutcome::Unknown);
                self.note_stage(record, row);
                self.outcomes.insert(row.place, outcome);
            }
        }
        for row_error in &answer.errors {
            let error = error::of_row(row_error);
            let existing = error::existing(row_error);
            let named: Vec<String> = ["objectWriteTraceId", "ids", "id"]
                .iter()
                .filter_map(|key| row_error.context.get(*key))
                .flat_map(super::wire::Texts::iter)
                .collect();
            let mut matched = false;
            while let Some(row) = take(&mut open, |row| is_named(&named, row_error, row)) {
                matched = true;
                let outcome = row_outcome(row, existing.as_ref(), &error);
                self.outcomes.insert(row.place, outcome);
            }
            if !matched && open.len() == 1 && named.is_empty() {
                // Only one row is left that it can be about.
                self.all(&open, |row| row_outcome(row, existing.as_ref(), &error));
                open.clear();
            }
        }
        // What is left has no outcome, and becomes `Unknown`.
    }

    fn applied(&self, record: &Record, row: &Row) -> Result<WriteOutcome, ConnectorError> {
        let projection = &self.request.projection;
        // HubSpot's answers have what was written and what it likes: proof of an update's fields,
        // but of a new record only if nothing is missing.
        let answered = |name: &str| record.properties.contains_key(name);
        let proven = row.wishes.is_empty()
            && match row.record {
                Some(_) => row.properties.keys().all(|name| answered(name)),
                None => projection.fields().iter().all(|name| answered(name.as_str())),
            };
        Ok(WriteOutcome::Applied {
            record: convert::record_id(&record.id)?,
            version: convert::version(record),
            values: if proven {
                convert::answered(record, projection, &self.known.schema)
            } else {
                None
            },
        })
    }

    /// Notes a stage that the answer shows not to have moved.
    fn note_stage(&mut self, record: &Record, row: &Row) {
        let sent = row.properties.get(STAGE).filter(|stage| !stage.is_empty());
        let (Some(sent), Some(shown)) = (sent, convert::shown(record, STAGE)) else { return };
        if let (true, Ok(record)) = (sent != shown, convert::record_id(&record.id)) {
            let (place, sent, shown) = (row.place, sent.clone(), shown.to_owned());
            self.unmoved.push(Unmoved { place, record, sent, shown });
        }
    }

    fn not_sent(&mut self, rows: &[&Row], error: &ConnectorError) {
        self.all(rows, |_| WriteOutcome::NotSent(error.clone()));
    }

    fn all(&mut self, rows: &[&Row], outcome: impl Fn(&Row) -> WriteOutcome) {
        self.outcomes.extend(rows.iter().map(|row| (row.place, outcome(row))));
    }
}

/// What a failed request means for what comes after it.
enum Next {
    /// It was not carried out, and neither would the next be.
    Stop,
    /// It may have been carried out.
    Unknown,
    /// It was refused for what is in it.
    Refused,
}

fn fate(fate: Fate, error: &ConnectorError) -> Next {
    match fate {
        Fate::NotSent => Next::Stop,
        Fate::Unknown => Next::Unknown,
        Fate::Refused => match error.kind {
            // It is not about these records: a person has to change something first.
            ErrorKind::Auth
            | ErrorKind::Permission
            | ErrorKind::Protocol
            | ErrorKind::RateLimited
            | ErrorKind::Transient => Next::Stop,
            ErrorKind::NotFound
            | ErrorKind::Validation
            | ErrorKind::PreconditionFailed
            | ErrorKind::PositionLost
            | ErrorKind::Permanent => Next::Refused,
        },
    }
}

/// The outcome of a row that an answer names among its errors.
fn row_outcome(row: &Row, existing: Option<&RecordId>, error: &ConnectorError) -> WriteOutcome {
    match error.kind {
        ErrorKind::RateLimited | ErrorKind::Auth | ErrorKind::Permission => {
            WriteOutcome::NotSent(error.clone())
        }
        // HubSpot says that it failed, and not that it did nothing.
        ErrorKind::Transient | ErrorKind::Protocol => WriteOutcome::Unknown(error.clone()),
        ErrorKind::NotFound
        | ErrorKind::Validation
        | ErrorKind::PreconditionFailed
        | ErrorKind::PositionLost
        | ErrorKind::Permanent => conflict_or_refusal(row, existing, error),
    }
}

fn conflict_or_refusal(
    row: &Row,
    existing: Option<&RecordId>,
    error: &ConnectorError,
) -> WriteOutcome {
    match (row.verb, existing) {
        (Verb::Create | Verb::Upsert, Some(record)) => WriteOutcome::Exists(record.clone()),
        // A record that does not exist yet cannot be unknown: what it is to be associated with is.
        (Verb::Create, None) if error.kind == ErrorKind::NotFound => {
            let fields = row.wishes.iter().map(|wish| wish.field.clone()).collect();
            refusal(&ConnectorError { kind: ErrorKind::Validation, fields, ..error.clone() })
        }
        (Verb::Create | Verb::Update | Verb::Upsert | Verb::Archive, _) => refusal(error),
    }
}

fn refusal(error: &ConnectorError) -> WriteOutcome {
    WriteOutcome::Rejected { fields: error.fields.clone(), error: error.clone() }
}

/// Whether a record is the row's: by the trace id, else by its id or by the e-mail or unique value
/// that was sent, which no other record can have.
fn is_of(record: &Record, row: &Row) -> bool {
    match (&record.object_write_trace_id, &row.record) {
        (Some(trace), _) => *trace == row.place.to_string(),
        (None, Some(id)) => convert::record_id(&record.id).is_ok_and(|found| found == *id),
        (None, None) => {
            let name = row.key.as_ref().map_or("email", |(name, _)| name.as_str());
            match (convert::shown(record, name), row.properties.get(name)) {
                (Some(held), Some(sent)) => held.to_lowercase() == sent.trim().to_lowercase(),
                _ => false,
            }
        }
    }
}

/// Whether an error's names are the row's: its trace id, or the id of a record of it.
fn is_named(named: &[String], error: &ErrorBody, row: &Row) -> bool {
    let traced = error.context.contains_key("objectWriteTraceId");
    named.iter().any(|name| {
        if traced {
            *name == row.place.to_string()
        } else {
            let is_own = row.record.as_ref().is_some_and(|id| id.as_str() == name);
            // Or it is what a new record was to be associated with.
            is_own || (row.verb == Verb::Create && row.wishes.iter().any(|w| w.leads_to(name)))
        }
    })
}

fn take<'r>(rows: &mut Vec<&'r Row>, which: impl Fn(&Row) -> bool) -> Option<&'r Row> {
    let at = rows.iter().position(|row| which(row))?;
    Some(rows.swap_remove(at))
}
