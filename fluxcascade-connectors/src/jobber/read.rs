//! Reads by id, and the account. Reads of changes are in [`super::changes`], by value in [`super::find`].

use std::collections::HashMap;

use fluxcascade_core::connector::{Account, ConnectorError, ErrorKind};
use fluxcascade_core::model::{Observation, RecordId, State};
use serde_json::value::RawValue;

use super::client::{Api, Reply, Sending, envelope};
use super::convert::input::Current;
use super::convert::{self, Hidden, Seen};
use super::custom::Catalog;
use super::document::Document;
use super::error;
use super::fields::Field;
use super::object::Object;
use super::wire::{AccountAnswer, ByAlias, Connection, GraphError, Record, Segment};
use crate::http::{Failure, Fate};

/// Records in one read by id.
pub(super) const READ_BATCH: usize = 20;

pub(super) async fn account(api: &Api) -> Result<Account, ConnectorError> {
    let reply = api.read(&Document::account()).await?;
    let answer: AccountAnswer = reply.data()?;
    match answer.account {
        Some(account) => Ok(Account { id: account.id, name: account.name.unwrap_or_default() }),
        None => Err(reply.errors.first().map_or_else(
            || ConnectorError::new(ErrorKind::Protocol, "jobber named no account"),
            error::of_graph,
        )),
    }
}

pub(super) async fn fetch(
    api: &Api,
    catalog: &Catalog,
    object: Object,
    fields: &[Field],
    records: Vec<RecordId>,
) -> Result<Vec<Observation>, ConnectorError> {
    let mut distinct = records.clone();
    distinct.sort();
    distinct.dedup();
    let mut states: HashMap<RecordId, State> = HashMap::with_capacity(distinct.len());
    for ids in distinct.chunks(READ_BATCH) {
        let mut found = batch(api, object, ids, fields).await?;
        if found.iter().any(|(_, looked)| looked.unlisted) {
            let shown = found.iter().filter_map(|(_, looked)| looked.record.as_ref());
            let rows: Vec<_> = shown.map(|now| (&now.record, &now.hidden)).collect();
            let fields = confirmed(api, catalog, object, fields, &rows).await?;
            for (_, looked) in &mut found {
                if let Some(Current { record, hidden }) = &looked.record {
                    looked.state = convert::state(record, hidden, object, &fields);
                }
            }
        }
        states.extend(found.into_iter().map(|(id, looked)| (id, looked.state)));
    }
    let observation = |record: RecordId| {
        let state = states.get(&record).cloned().unwrap_or(State::Missing);
        Observation::fetched(record, state)
    };
    Ok(records.into_iter().map(observation).collect())
}

/// Reads a batch. An id that is bad input is an id that nobody has, if Jobber says so of the id, or takes
/// the same document for another one; else nothing is known.
async fn batch(
    api: &Api,
    object: Object,
    ids: &[RecordId],
    fields: &[Field],
) -> Result<Vec<(RecordId, LookedUp)>, ConnectorError> {
    let answers = in_parts(api, object, ids, fields, Sending::Read).await?;
    let is_taken = answers.iter().any(|(_, answer)| answer.is_ok());
    let looked = |answer: Result<LookedUp, Failure>| match answer {
        Ok(looked) => looked,
        Err(failure) if is_taken || is_about_id(&failure) => LookedUp::nothing(),
        Err(failure) => {
            LookedUp { state: State::Unreadable(failure.error.message), ..LookedUp::nothing() }
        }
    };
    Ok(answers.into_iter().map(|(id, answer)| (id, looked(answer))).collect())
}

/// Reads records by id. Where Jobber refuses the document, it may be for one id among them, or for what
/// they cost together: they are asked for in parts, and an id that alone is bad input is its own failure.
/// Where an answer is null whole for one record, the others are asked for without it. Any other refusal
/// is of all.
pub(super) async fn in_parts(
    api: &Api,
    object: Object,
    ids: &[RecordId],
    fields: &[Field],
    sending: Sending,
) -> Result<Vec<(RecordId, Result<LookedUp, Failure>)>, Failure> {
    let mut answers = Vec::with_capacity(ids.len());
    let mut open = vec![ids.to_vec()];
    while let Some(part) = open.pop() {
        match by_id(api, object, &part, fields, sending).await {
            Ok(all) => answers.extend(part.into_iter().zip(all.into_iter().map(Ok))),
            Err(failure)
                if (is_separable(&failure) || error::is_torn(&failure.error)) && part.len() > 1 =>
            {
                open.extend(parts(part, &failure));
            }
            Err(failure) if error::is_torn(&failure.error) => {
                let path = [Segment::Key(alias(0))];
                let state = convert::state_of_null(&errors_of(&failure), &path);
                let looked = LookedUp { state, ..LookedUp::nothing() };
                answers.extend(part.into_iter().next().map(|id| (id, Ok(looked))));
            }
            Err(failure)
                if is_separable(&failure) && failure.error.kind == ErrorKind::Validation =>
            {
                answers.extend(part.into_iter().next().map(|id| (id, Err(failure))));
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(answers)
}

/// What to ask for instead of a document that was refused: the ids that Jobber names each alone and the
/// others together, or halves where it names none, or all.
fn parts(ids: Vec<RecordId>, failure: &Failure) -> Vec<Vec<RecordId>> {
    let is_named = |(n, _): &(usize, RecordId)| is_about(failure, *n);
    let (named, others): (Vec<_>, Vec<_>) = ids.into_iter().enumerate().partition(is_named);
    let of = |part: Vec<(usize, RecordId)>| part.into_iter().map(|(_, id)| id).collect::<Vec<_>>();
    if named.is_empty() || others.is_empty() {
        let mut all = of([named, others].concat());
        let half = all.split_off(all.len() / 2);
        return vec![all, half];
    }
    of(named).into_iter().map(|id| vec![id]).chain([of(others)]).collect()
}

/// Whether a document for one id was refused for the id.
fn is_about_id(failure: &Failure) -> bool {
    let names_type = |error: &GraphError| error.message.contains("EncodedId");
    is_about(failure, 0) || errors_of(failure).iter().any(names_type)
}

fn errors_of(failure: &Failure) -> Vec<GraphError> {
    let envelope = failure.answer.as_deref().and_then(envelope);
    envelope.map(|envelope| envelope.errors).unwrap_or_default()
}

/// Whether a document was refused for the id at this place of it.
fn is_about(failure: &Failure, place: usize) -> bool {
    let of_record = Segment::Key(alias(place));
    let variable = format!("$id{place}");
    let names_it = |message: &str| {
        let after = message.split_once(variable.as_str()).map(|(_, rest)| rest);
        after.is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_digit()))
    };
    let says_so =
        |error: &GraphError| error.path.first() == Some(&of_record) || names_it(&error.message);
    errors_of(failure).iter().any(says_so)
}

/// What the record at this place of a document is called.
fn alias(place: usize) -> String {
    format!("c{place}")
}

/// Whether a refused document may pass in parts.
pub(super) fn is_separable(failure: &Failure) -> bool {
    failure.fate == Fate::Refused
        && failure.error.status.is_none_or(|status| matches!(status, 200 | 400 | 422))
        && matches!(failure.error.kind, ErrorKind::Validation | ErrorKind::Permanent)
}

/// What was found under an id.
pub(super) struct LookedUp {
    pub(super) state: State,
    /// The record itself, and what is hidden of it, if there is one to be read.
    pub(super) record: Option<Current>,
    /// Whether it lacks a custom field that was asked for.
    unlisted: bool,
}

impl LookedUp {
    fn nothing() -> Self {
        Self { state: State::Missing, record: None, unlisted: false }
    }
}

/// Reads up to [`READ_BATCH`] records by id, in the order of the ids.
pub(super) async fn by_id(
    api: &Api,
    object: Object,
    ids: &[RecordId],
    fields: &[Field],
    sending: Sending,
) -> Result<Vec<LookedUp>, Failure> {
    let mut found = Vec::with_capacity(ids.len());
    let reply = api.send(&Document::fetch(object, fields, ids), sending).await?;
    let unread = |error| Failure { fate: Fate::Refused, error, answer: None };
    let records: ByAlias = reply.data().map_err(unread)?;
    for n in 0..ids.len() {
        let alias = alias(n);
        let raw = records.get(&alias).and_then(Option::as_deref);
        let path = [Segment::Key(alias)];
        found.push(looked_up(raw, &reply.errors, &path, object, fields).map_err(unread)?);
    }
    Ok(found)
}

fn looked_up(
    raw: Option<&RawValue>,
    errors: &[GraphError],
    path: &[Segment],
    object: Object,
    fields: &[Field],
) -> Result<LookedUp, ConnectorError> {
    let Some(raw) = raw else {
        let state = convert::state_of_null(errors, path);
        return Ok(LookedUp { state, ..LookedUp::nothing() });
    };
    let hidden = Hidden::at(errors, path);
    let Seen { state, record, unlisted, .. } = convert::seen(raw, &hidden, object, fields)?;
    Ok(LookedUp { state, record: Some(Current { record, hidden }), unlisted })
}

/// The list of records in an answer.
pub(super) fn connection(reply: &Reply, object: Object) -> Result<Connection, ConnectorError> {
    let data: ByAlias = reply.data()?;
    let list = data.get(object.many()).and_then(Option::as_deref);
    let Some(list) = list else {
        return Err(reply.errors.first().map_or_else(
            || {
                ConnectorError::new(
                    ErrorKind::Protocol,
                    format!("jobber listed no {}", object.many()),
                )
            },
            error::of_graph,
        ));
    };
    of_schema(list)
}

/// Reads what the schema says it is.
pub(super) fn of_schema<T: serde::de::DeserializeOwned>(
    raw: &RawValue,
) -> Result<T, ConnectorError> {
    serde_json::from_str(raw.get()).map_err(|error| {
        let place = format!("at line {} column {}", error.line(), error.column());
        ConnectorError::new(
            ErrorKind::Protocol,
            format!("jobber's data has another form than its schema says, {place}"),
        )
    })
}

/// The fields, with what it means that some of these records lack a custom field. It is there where another
/// record of the same answer lists it; else the account's configurations, read anew after the records,
/// say whether it is there, and has no value, or is not.
async fn confirmed(
    api: &Api,
    catalog: &Catalog,
    object: Object,
    fields: &[Field],
    rows: &[(&Record, &Hidden)],
) -> Result<Vec<Field>, ConnectorError> {
    match convert::witnessed(fields, rows) {
        Some(fields) => Ok(fields),
        None => catalog.confirmed(api, object, fields).await,
    }
}

/// Decides what it means that records lack a custom field.
pub(super) async fn settle(
    api: &Api,
    catalog: &Catalog,
    object: Object,
    fields: &[Field],
    rows: &mut [(Seen, Hidden)],
) -> Result<(), ConnectorError> {
    if rows.iter().all(|(seen, _)| !seen.unlisted) {
        return Ok(());
    }
    let shown: Vec<_> = rows.iter().map(|(seen, hidden)| (&seen.record, hidden)).collect();
    let fields = confirmed(api, catalog, object, fields, &shown).await?;
    for (seen, hidden) in rows {
        seen.state = convert::state(&seen.record, hidden, object, &fields);
    }
    Ok(())
}

/// The records of a list. One that is hidden whole has not even an id; it is left out, and the
/// next read by id says that it is out of scope.
pub(super) fn listed(
    page: &Connection,
    errors: &[GraphError],
    object: Object,
    fields: &[Field],
) -> Result<Vec<(Seen, Hidden)>, ConnectorError> {
    let path = [Segment::Key(object.many().to_owned()), Segment::Key("nodes".to_owned())];
    listed_at(&page.nodes, errors, &path, object, fields)
}

/// The same of a list at this path.
pub(super) fn listed_at(
    nodes: &[Option<Box<RawValue>>],
    errors: &[GraphError],
    path: &[Segment],
    object: Object,
    fields: &[Field],
) -> Result<Vec<(Seen, Hidden)>, ConnectorError> {
    let mut records = Vec::with_capacity(nodes.len());
    for (n, node) in nodes.iter().enumerate() {
        let mut path = path.to_vec();
        path.push(Segment::Index(n));
        match node {
            Some(raw) => {
                let hidden = Hidden::at(errors, &path);
                records.push((convert::seen(raw, &hidden, object, fields)?, hidden));
            }
            None if convert::state_of_null(errors, &path) == State::OutOfScope => {}
            None => {
                return Err(ConnectorError::new(
                    ErrorKind::Protocol,
                    format!(
                        "jobber left a {} out of a list without saying why; try again later",
                        object.one()
                    ),
                ));
            }
        }
    }
    Ok(records)
}
