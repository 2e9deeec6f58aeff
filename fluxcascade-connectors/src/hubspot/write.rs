//! Writing batches: cutting them into requests, and giving each write its own outcome.
//!
//! - A record is in a request once: HubSpot refuses a batch that names it twice.
//! - Every row carries a trace id, by which answers are told apart: they come in any order.
//! - HubSpot promises an answer per row only for creates. A refusal of a whole request means that
//!   nothing of it was carried out, so the rows are sent again in smaller requests until the bad
//!   ones stand alone.

use std::collections::{BTreeMap, HashMap, HashSet};

use fluxcascade_core::connector::{
    ConnectorError, ErrorKind, Write, WriteAction, WriteOutcome, WriteRequest,
};
use fluxcascade_core::model::{FieldName, ObjectSchema, RecordId};

use super::client::{Api, Verb};
use super::convert;
use super::error::{self, Scrub};
use super::wire::{BatchAnswer, BatchWrite, ErrorBody, Record, WriteInput};
use crate::http::{Failure, Fate};

/// Rows in one request, at most.
pub(super) const BATCH: usize = 100;

/// A write in HubSpot's words.
#[derive(Debug)]
struct Row {
    /// Its place among the writes, and its trace id.
    place: usize,
    verb: Verb,
    record: Option<RecordId>,
    properties: BTreeMap<String, String>,
}

/// Writes a batch, with one outcome per write in their order.
pub(super) async fn write(
    api: &Api,
    schema: &ObjectSchema,
    request: &WriteRequest,
) -> Vec<WriteOutcome> {
    let mut outcomes: HashMap<usize, WriteOutcome> = HashMap::with_capacity(request.writes.len());
    let mut rows = Vec::with_capacity(request.writes.len());
    for (place, write) in request.writes.iter().enumerate() {
        match row(place, write, schema) {
            Ok(row) => rows.push(row),
            Err(outcome) => {
                outcomes.insert(place, *outcome);
            }
        }
    }
    let mut session = Session { api, schema, request, outcomes };
    let mut stopped: Option<ConnectorError> = None;
    for batch in batches(rows) {
        match &stopped {
            None => stopped = session.send(batch).await,
            Some(why) => session.not_sent(&batch, why),
        }
    }
    (0..request.writes.len())
        .map(|place| session.outcomes.remove(&place).unwrap_or_else(unanswered))
        .collect()
}

/// Nothing is to be sent: each write has the same outcome.
pub(super) fn none_sent(request: &WriteRequest, error: &ConnectorError) -> Vec<WriteOutcome> {
    request.writes.iter().map(|_| WriteOutcome::NotSent(error.clone())).collect()
}

fn row(place: usize, write: &Write, schema: &ObjectSchema) -> Result<Row, Box<WriteOutcome>> {
    let (verb, record) = match &write.action {
        WriteAction::Create => (Verb::Create, None),
        WriteAction::Update { record, if_tag: None } => (Verb::Update, Some(record.clone())),
        WriteAction::Update { if_tag: Some(_), .. } => {
            let what = "HubSpot has no conditional writes; write without a tag";
            return Err(rejected(Vec::new(), ErrorKind::Permanent, what));
        }
        WriteAction::Upsert { .. }
        | WriteAction::Archive { .. }
        | WriteAction::Delete { .. }
        | WriteAction::Restore { .. } => {
            let what = "this adapter creates and updates alone, as its capabilities say";
            return Err(rejected(Vec::new(), ErrorKind::Permanent, what));
        }
    };
    if let Some(id) = record.as_ref().filter(|id| !convert::is_record_id(id)) {
        let what = format!("no HubSpot record has the id {id}");
        return Err(rejected(Vec::new(), ErrorKind::NotFound, what));
    }
    let properties = convert::to_properties(&write.fields, schema)
        .map_err(|(field, why)| rejected(vec![field], ErrorKind::Validation, why))?;
    Ok(Row { place, verb, record, properties })
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

/// Cuts rows into requests of one verb. A record that is written twice is in two of them, in the
/// order of its writes.
fn batches(rows: Vec<Row>) -> Vec<Vec<Row>> {
    let mut open: Vec<(Vec<Row>, HashSet<RecordId>)> = Vec::new();
    for row in rows {
        // Behind the last request that has the record, so that its later write is sent later.
        let first = match &row.record {
            Some(id) => open.iter().rposition(|(_, ids)| ids.contains(id)).map_or(0, |at| at + 1),
            None => 0,
        };
        let fitting = open[first..].iter_mut().find(|(batch, _)| {
            batch.len() < BATCH && batch.iter().all(|other| other.verb == row.verb)
        });
        let ids = row.record.clone();
        match fitting {
            Some((batch, seen)) => {
                seen.extend(ids);
                batch.push(row);
            }
            None => open.push((vec![row], ids.into_iter().collect())),
        }
    }
    open.into_iter().map(|(batch, _)| batch).collect()
}

/// A call of `write`, while it is sent.
struct Session<'a> {
    api: &'a Api,
    schema: &'a ObjectSchema,
    request: &'a WriteRequest,
    outcomes: HashMap<usize, WriteOutcome>,
}

impl Session<'_> {
    /// Sends rows of one verb, in smaller parts if they are refused together. Gives the error that
    /// makes sending anything more useless, if there is one.
    async fn send(&mut self, rows: Vec<Row>) -> Option<ConnectorError> {
        let mut parts = vec![rows];
        while let Some(rows) = parts.pop() {
            let scrub =
                Scrub::of(rows.iter().flat_map(|row| row.properties.values().map(String::as_str)));
            let failure = match self.post(&rows).await {
                Ok(answer) => {
                    self.settle(rows, &answer, &scrub);
                    continue;
                }
                Err(failure) => failure,
            };
            let conflict = failure.answer.as_ref().and_then(|answer| answer.json().ok());
            let error = scrub.apply(failure.error);
            match fate(failure.fate, &error) {
                Next::Stop => {
                    self.not_sent(&rows, &error);
                    for part in &parts {
                        self.not_sent(part, &error);
                    }
                    return Some(error);
                }
                Next::Unknown => self.all(&rows, |_| WriteOutcome::Unknown(error.clone())),
                Next::Refused => parts.extend(self.refused(rows, &error, conflict.as_ref())),
            }
        }
        None
    }

    async fn post(&self, rows: &[Row]) -> Result<BatchAnswer, Failure> {
        let verb = rows.first().map_or(Verb::Update, |row| row.verb);
        let inputs = rows
            .iter()
            .map(|row| WriteInput {
                id: row.record.as_ref().map(RecordId::as_str),
                object_write_trace_id: row.place.to_string(),
                properties: &row.properties,
                associations: match row.verb {
                    Verb::Create => Some([]),
                    Verb::Update => None,
                },
            })
            .collect();
        let batch = BatchWrite { inputs };
        self.api.write(&self.request.object, verb, &batch, self.request.not_after).await
    }

    /// A request was refused whole: a single row has its answer, others are sent again in parts.
    fn refused(
        &mut self,
        mut rows: Vec<Row>,
        error: &ConnectorError,
        body: Option<&ErrorBody>,
    ) -> Vec<Vec<Row>> {
        let names =
            |row: &Row| error.fields.iter().any(|f| row.properties.contains_key(f.as_str()));
        if error::is_unknown_property(error) && rows.iter().any(names) {
            // Whoever has such a property is refused, there is no need to ask for each.
            let (bad, good): (Vec<Row>, Vec<Row>) = rows.into_iter().partition(names);
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
    fn settle(&mut self, rows: Vec<Row>, answer: &BatchAnswer, scrub: &Scrub) {
        let mut open: Vec<Row> = rows;
        for record in &answer.results {
            if let Some(row) = take(&mut open, |row| is_of(record, row)) {
                let outcome = self.applied(record, &row).unwrap_or_else(WriteOutcome::Unknown);
                self.outcomes.insert(row.place, outcome);
            }
        }
        for row_error in &answer.errors {
            let error = scrub.apply(error::of_row(row_error));
            let existing = error::existing(row_error);
            let named: Vec<String> = ["objectWriteTraceId", "ids", "id"]
                .iter()
                .filter_map(|key| row_error.context.get(*key))
                .flat_map(super::wire::Texts::iter)
                .collect();
            let mut matched = false;
            while let Some(row) = take(&mut open, |row| is_named(&named, row_error, row)) {
                matched = true;
                let outcome = row_outcome(&row, existing.as_ref(), &error);
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
        let proven = match row.record {
            Some(_) => row.properties.keys().all(|name| answered(name)),
            None => projection.fields().iter().all(|name| answered(name.as_str())),
        };
        Ok(WriteOutcome::Applied {
            record: convert::record_id(&record.id)?,
            version: convert::version(record),
            values: if proven { convert::answered(record, projection, self.schema) } else { None },
        })
    }

    fn not_sent(&mut self, rows: &[Row], error: &ConnectorError) {
        self.all(rows, |_| WriteOutcome::NotSent(error.clone()));
    }

    fn all(&mut self, rows: &[Row], outcome: impl Fn(&Row) -> WriteOutcome) {
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
        (Verb::Create, Some(record)) => WriteOutcome::Exists(record.clone()),
        (Verb::Create | Verb::Update, _) => refusal(error),
    }
}

fn refusal(error: &ConnectorError) -> WriteOutcome {
    WriteOutcome::Rejected { fields: error.fields.clone(), error: error.clone() }
}

/// Whether a record is the row's: by the trace id, else by its id or by the e-mail that was sent,
/// which no other record can have.
fn is_of(record: &Record, row: &Row) -> bool {
    match (&record.object_write_trace_id, &row.record) {
        (Some(trace), _) => *trace == row.place.to_string(),
        (None, Some(id)) => convert::record_id(&record.id).is_ok_and(|found| found == *id),
        (None, None) => match (convert::email(record), row.properties.get("email")) {
            (Some(held), Some(sent)) => held.to_lowercase() == sent.trim().to_lowercase(),
            _ => false,
        },
    }
}

/// Whether an error's names are the row's: its trace id, or the id of its record.
fn is_named(named: &[String], error: &ErrorBody, row: &Row) -> bool {
    let traced = error.context.contains_key("objectWriteTraceId");
    named.iter().any(|name| {
        if traced {
            *name == row.place.to_string()
        } else {
            row.record.as_ref().is_some_and(|id| id.as_str() == name)
        }
    })
}

fn take(rows: &mut Vec<Row>, which: impl Fn(&Row) -> bool) -> Option<Row> {
    let at = rows.iter().position(which)?;
    Some(rows.swap_remove(at))
}
