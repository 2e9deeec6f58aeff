//! Reads by id and by value, and the account. Reads of changes are in [`super::changes`].

use std::collections::HashMap;

use fluxcascade_core::connector::{Account, ConnectorError, ErrorKind, FindRequest, Found};
use fluxcascade_core::model::{Observation, Provenance, RecordId, Slot, State, Value};
use serde_json::value::RawValue;

use super::client::{Api, Reply, Sending, envelope};
use super::convert::input::Current;
use super::convert::{self, Hidden, Seen};
use super::cost;
use super::custom::{Catalog, CustomKind, Fields};
use super::document::{Document, Search};
use super::error;
use super::fields::{Contact, Field};
use super::object::Object;
use super::wire::{AccountAnswer, ByAlias, Connection, GraphError, Segment};
use crate::http::{Failure, Fate};

/// Records in one read by id.
pub(super) const READ_BATCH: usize = 20;

/// Records on a page of a search, and pages that are read: a search that finds more is too vague
/// to prove anything.
const SEARCH_PAGE: usize = 50;
const SEARCH_PAGES: usize = 10;

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
            let fields = catalog.confirmed(api, object, fields).await?;
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
/// Any other refusal is of all.
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
            Err(failure) if is_separable(&failure) && part.len() > 1 => {
                open.extend(parts(part, &failure));
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
    let of_record = Segment::Key(format!("c{place}"));
    let variable = format!("$id{place}");
    let names_it = |message: &str| {
        let after = message.split_once(variable.as_str()).map(|(_, rest)| rest);
        after.is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_digit()))
    };
    let says_so =
        |error: &GraphError| error.path.first() == Some(&of_record) || names_it(&error.message);
    errors_of(failure).iter().any(says_so)
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
        let alias = format!("c{n}");
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

/// The records that hold a value, of those that Jobber's search gives as candidates.
pub(super) async fn find(
    api: &Api,
    known: &Fields,
    request: FindRequest,
) -> Result<Vec<Found>, ConnectorError> {
    let object = known.object;
    let fields = known.all_named(request.projection.fields())?;
    let field = known.all_named(std::slice::from_ref(&request.field))?.remove(0);
    if let (Field::Gone(name), Object::Clients) = (&field, object) {
        let why =
            format!("jobber has no custom field {name} now, so that nobody can be looked up by it");
        return Err(ConnectorError::new(ErrorKind::Validation, why));
    }
    let within = searched(object, &field).ok_or_else(|| {
        let why = format!(
            "jobber cannot look {} up by {}; {}",
            object.many(),
            request.field,
            match object {
                Object::Clients => "use a name, an e-mail, a phone or a custom text field",
                Object::Visits => "its visits have no search",
                Object::Properties => "use name or address.street1",
                Object::Requests => "use title",
                Object::Jobs => "use title or jobNumber",
                Object::Quotes => "use title or quoteNumber",
                Object::Invoices => "use subject or invoiceNumber",
            }
        );
        ConnectorError::no_look_up(request.field.clone(), why)
    })?;
    let mut found = Vec::new();
    for (place, value) in request.values.iter().enumerate() {
        let looking = Looking { api, object, fields: &fields, field: &field, within, value };
        let records = looking.all().await?;
        found.extend(
            records.into_iter().map(|seen| Found {
                value: place,
                observation: seen.observation(Provenance::Listed),
            }),
        );
    }
    Ok(found)
}

/// Where Jobber searches for a field's values.
#[derive(Debug, Clone, Copy)]
enum Within {
    /// Among these of a client's.
    Fields(&'static str),
    /// Wherever it does.
    Anywhere,
}

fn searched(object: Object, field: &Field) -> Option<Within> {
    let plain = match field {
        Field::Custom(custom) => {
            let is_text = object == Object::Clients && custom.kind == CustomKind::Text;
            return is_text.then_some(Within::Fields("CUSTOM_FIELDS"));
        }
        Field::Known(known) => known.name,
        Field::Gone(_) => return None,
    };
    match (object, field.contact(), plain) {
        (Object::Clients, Some((Contact::Email, _)), _) => Some(Within::Fields("EMAILS")),
        (Object::Clients, Some((Contact::Phone, _)), _) => Some(Within::Fields("PHONES")),
        (Object::Clients, None, "firstName" | "lastName" | "companyName") => {
            Some(Within::Fields("NAMES"))
        }
        (Object::Properties, _, "name" | "address.street1")
        | (Object::Requests, _, "title")
        | (Object::Jobs, _, "title" | "jobNumber")
        | (Object::Quotes, _, "title" | "quoteNumber")
        | (Object::Invoices, _, "subject" | "invoiceNumber") => Some(Within::Anywhere),
        _ => None,
    }
}

/// A search for one value.
struct Looking<'a> {
    api: &'a Api,
    object: Object,
    fields: &'a [Field],
    field: &'a Field,
    within: Within,
    value: &'a Value,
}

impl Looking<'_> {
    /// The records whose field has the value. Jobber's search is fuzzy: it only gives candidates.
    async fn all(&self) -> Result<Vec<Seen>, ConnectorError> {
        let text = match (self.value.as_text(), self.value.as_decimal()) {
            (Some(text), _) => text.trim().to_owned(),
            (None, Some(number)) => number.normalize().to_string(),
            (None, None) => String::new(),
        };
        if text.is_empty() {
            return Ok(Vec::new());
        }
        let found = self.search(&text).await?;
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let is_phone = matches!(self.field.contact(), Some((Contact::Phone, _)));
        // How the search reads a number's punctuation is not documented.
        if found.is_empty() && is_phone && !digits.is_empty() && digits != text {
            return self.search(&digits).await;
        }
        Ok(found)
    }

    async fn search(&self, term: &str) -> Result<Vec<Seen>, ConnectorError> {
        let mut selected = self.fields.to_vec();
        selected.push(self.field.clone());
        let mut found: Vec<Seen> = Vec::new();
        let mut after: Option<String> = None;
        let mut first = SEARCH_PAGE;
        for _ in 0..SEARCH_PAGES {
            let ask = |first| {
                let within = match self.within {
                    Within::Fields(within) => Some(within),
                    Within::Anywhere => None,
                };
                let search = Search { first, after: after.as_deref(), term, within };
                Document::search(self.object, &selected, search)
            };
            let reply = cost::shrinking(self.api, &mut first, ask).await?;
            let page = connection(&reply, self.object)?;
            for (seen, hidden) in listed(&page, &reply.errors, self.object, self.fields)? {
                let known = found.iter().any(|other| other.id == seen.id);
                if !known && self.is_match(&seen, &hidden) {
                    found.push(seen);
                }
            }
            after = match page.page_info.end_cursor {
                Some(cursor) if page.page_info.has_next_page => Some(cursor),
                Some(_) | None => return Ok(found),
            };
        }
        Err(ConnectorError::new(
            ErrorKind::Permanent,
            format!(
                "more than {} {} were found when one was looked up by {}; match by another field",
                SEARCH_PAGE * SEARCH_PAGES,
                self.object.many(),
                self.field.name()
            ),
        ))
    }

    fn is_match(&self, seen: &Seen, hidden: &Hidden) -> bool {
        match convert::slot(&seen.record, hidden, self.field) {
            Ok(Slot::Present(value)) => value.equivalent(self.value, &self.field.field_type()),
            Ok(Slot::Absent) | Err(_) => false,
        }
    }
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

/// Decides what it means that records lack a custom field: read anew after them, the account's
/// configurations say whether the field is there, and has no value, or is not.
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
    let fields = catalog.confirmed(api, object, fields).await?;
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
