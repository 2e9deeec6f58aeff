//! Reads by id and by value, and the account. Reads of changes are in [`super::changes`].

use std::collections::HashMap;

use fluxcascade_core::connector::{
    Account, ConnectorError, ErrorKind, FetchRequest, FindRequest, Found,
};
use fluxcascade_core::model::{Observation, Provenance, RecordId, Slot, State, Value};
use serde_json::value::RawValue;

use super::client::{Api, Reply, Sending};
use super::convert::{self, Hidden, Seen};
use super::document::{Document, Search};
use super::error;
use super::fields::{ClientField, Contact, known_fields};
use super::wire::{AccountAnswer, ByAlias, ClientsPage, Connection, GraphError, Segment};
use crate::http::{Failure, Fate};

/// Clients in one read by id.
pub(super) const READ_BATCH: usize = 20;

/// Clients on a page of a search, and pages that are read: a search that finds more is too vague
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
    request: FetchRequest,
) -> Result<Vec<Observation>, ConnectorError> {
    let fields = known_fields(request.projection.fields())?;
    let mut distinct = request.records.clone();
    distinct.sort();
    distinct.dedup();
    let mut states: HashMap<RecordId, State> = HashMap::with_capacity(distinct.len());
    for ids in distinct.chunks(READ_BATCH) {
        states.extend(batch(api, ids, &fields).await?);
    }
    let observation = |record: RecordId| {
        let state = states.get(&record).cloned().unwrap_or(State::Missing);
        Observation::fetched(record, state)
    };
    Ok(request.records.into_iter().map(observation).collect())
}

/// Reads a batch. Where Jobber refuses the document, it may be for one id among them: they are
/// asked for one by one, and an id that alone is bad input is an id that nobody has.
async fn batch(
    api: &Api,
    ids: &[RecordId],
    fields: &[ClientField],
) -> Result<Vec<(RecordId, State)>, ConnectorError> {
    let all = match by_id(api, ids, fields, Sending::Read).await {
        Err(failure) if ids.len() > 1 && is_separable(&failure) => Vec::new(),
        all => all?,
    };
    if !all.is_empty() {
        return Ok(ids.iter().cloned().zip(all.into_iter().map(|looked| looked.state)).collect());
    }
    let mut states = Vec::with_capacity(ids.len());
    for id in ids {
        let state = match by_id(api, std::slice::from_ref(id), fields, Sending::Read).await {
            Err(failure) if failure.error.kind == ErrorKind::Validation => State::Missing,
            one => one?.pop().map_or(State::Missing, |looked| looked.state),
        };
        states.push((id.clone(), state));
    }
    Ok(states)
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
    /// The client itself, and what is hidden of it, if there is one to be read.
    pub(super) client: Option<(super::wire::Client, Hidden)>,
}

/// Reads up to [`READ_BATCH`] clients by id, in the order of the ids.
pub(super) async fn by_id(
    api: &Api,
    ids: &[RecordId],
    fields: &[ClientField],
    sending: Sending,
) -> Result<Vec<LookedUp>, Failure> {
    let mut found = Vec::with_capacity(ids.len());
    let reply = api.send(&Document::fetch(fields, ids), sending).await?;
    let unread = |error| Failure { fate: Fate::Refused, error, answer: None };
    let clients: ByAlias = reply.data().map_err(unread)?;
    for n in 0..ids.len() {
        let alias = format!("c{n}");
        let raw = clients.get(&alias).and_then(Option::as_deref);
        found.push(looked_up(raw, &reply.errors, &[Segment::Key(alias)], fields).map_err(unread)?);
    }
    Ok(found)
}

fn looked_up(
    raw: Option<&RawValue>,
    errors: &[GraphError],
    path: &[Segment],
    fields: &[ClientField],
) -> Result<LookedUp, ConnectorError> {
    let Some(raw) = raw else {
        return Ok(LookedUp { state: convert::state_of_null(errors, path), client: None });
    };
    let hidden = Hidden::at(errors, path);
    let seen = convert::seen(raw, &hidden, fields)?;
    Ok(LookedUp { state: seen.state, client: seen.client.map(|client| (client, hidden)) })
}

pub(super) async fn find(api: &Api, request: FindRequest) -> Result<Vec<Found>, ConnectorError> {
    let fields = known_fields(request.projection.fields())?;
    let field = known_fields(std::slice::from_ref(&request.field))?[0];
    let within = searched(field).ok_or_else(|| ConnectorError {
        fields: vec![request.field.clone()],
        ..ConnectorError::new(
            ErrorKind::Permanent,
            format!(
                "jobber cannot look clients up by {}; use a name, an e-mail or a phone",
                request.field
            ),
        )
    })?;
    let mut found = Vec::new();
    for (place, value) in request.values.iter().enumerate() {
        let looking = Looking { api, fields: &fields, field, within, value };
        let clients = looking.all().await?;
        found.extend(
            clients.into_iter().map(|seen| Found {
                value: place,
                observation: seen.observation(Provenance::Listed),
            }),
        );
    }
    Ok(found)
}

/// Where Jobber searches for a field's values.
fn searched(field: ClientField) -> Option<&'static str> {
    match field {
        ClientField::Contact(Contact::Email, _) => Some("EMAILS"),
        ClientField::Contact(Contact::Phone, _) => Some("PHONES"),
        ClientField::FirstName | ClientField::LastName | ClientField::CompanyName => Some("NAMES"),
        ClientField::IsCompany
        | ClientField::Title
        | ClientField::IsLead
        | ClientField::IsArchived
        | ClientField::Address(_)
        | ClientField::Balance
        | ClientField::WebUri
        | ClientField::CreatedAt
        | ClientField::UpdatedAt => None,
    }
}

/// A search for one value.
struct Looking<'a> {
    api: &'a Api,
    fields: &'a [ClientField],
    field: ClientField,
    within: &'static str,
    value: &'a Value,
}

impl Looking<'_> {
    /// The clients whose field has the value. Jobber's search is fuzzy: it only gives candidates.
    async fn all(&self) -> Result<Vec<Seen>, ConnectorError> {
        let text = self.value.as_text().map(str::trim).unwrap_or_default();
        if text.is_empty() {
            return Ok(Vec::new());
        }
        let found = self.search(text).await?;
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let is_phone = matches!(self.field, ClientField::Contact(Contact::Phone, _));
        // How the search reads a number's punctuation is not documented.
        if found.is_empty() && is_phone && !digits.is_empty() && digits != text {
            return self.search(&digits).await;
        }
        Ok(found)
    }

    async fn search(&self, term: &str) -> Result<Vec<Seen>, ConnectorError> {
        let mut selected = self.fields.to_vec();
        selected.push(self.field);
        let mut found: Vec<Seen> = Vec::new();
        let mut after: Option<String> = None;
        for _ in 0..SEARCH_PAGES {
            let search =
                Search { first: SEARCH_PAGE, after: after.as_deref(), term, within: self.within };
            let reply = self.api.read(&Document::search(&selected, search)).await?;
            let page = connection(&reply)?;
            for (seen, hidden) in listed(&page, &reply.errors, self.fields)? {
                let known = found.iter().any(|other| other.record == seen.record);
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
                "more than {} clients were found when one was looked up by {}; match by another \
                 field",
                SEARCH_PAGE * SEARCH_PAGES,
                self.field.name()
            ),
        ))
    }

    fn is_match(&self, seen: &Seen, hidden: &Hidden) -> bool {
        let Some(client) = &seen.client else { return false };
        match convert::slot(client, hidden, self.field) {
            Ok(Slot::Present(value)) => value.equivalent(self.value, &self.field.field_type()),
            Ok(Slot::Absent) | Err(_) => false,
        }
    }
}

/// The list of clients in an answer.
pub(super) fn connection(reply: &Reply) -> Result<Connection, ConnectorError> {
    let page: ClientsPage = reply.data()?;
    page.clients.ok_or_else(|| {
        reply.errors.first().map_or_else(
            || ConnectorError::new(ErrorKind::Protocol, "jobber listed no clients"),
            error::of_graph,
        )
    })
}

/// The clients of a list. One that is hidden whole has not even an id; it is left out, and the
/// next read by id says that it is out of scope.
pub(super) fn listed(
    page: &Connection,
    errors: &[GraphError],
    fields: &[ClientField],
) -> Result<Vec<(Seen, Hidden)>, ConnectorError> {
    let mut clients = Vec::with_capacity(page.nodes.len());
    for (n, node) in page.nodes.iter().enumerate() {
        let path =
            [Segment::Key("clients".into()), Segment::Key("nodes".into()), Segment::Index(n)];
        match node {
            Some(raw) => {
                let hidden = Hidden::at(errors, &path);
                clients.push((convert::seen(raw, &hidden, fields)?, hidden));
            }
            None if convert::state_of_null(errors, &path) == State::OutOfScope => {}
            None => {
                return Err(ConnectorError::new(
                    ErrorKind::Protocol,
                    "jobber left a client out of a list without saying why; try again later",
                ));
            }
        }
    }
    Ok(clients)
}
