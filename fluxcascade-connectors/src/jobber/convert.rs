//! Where Jobber's clients become the engine's observations. The other way, from a write to
//! Jobber's inputs, is [`input`].
//!
//! What an answer hides is never read as blank: a field under an error is absent, a client under
//! one is out of scope, or unreadable.

pub(super) mod input;

use std::time::Duration;

use fluxcascade_core::connector::{ConnectorError, ErrorKind};
use fluxcascade_core::model::value::MAX_VALUE_BYTES;
use fluxcascade_core::model::{
    FieldName, Observation, Provenance, RecordId, Slot, State, Timestamp, Value, Values, Version,
};
use serde_json::value::RawValue;

use super::error;
use super::fields::{ClientField, Contact, TITLES};
use super::lists::{self, Entry};
use super::wire::{Client, Field, GraphError, Identified, Segment};

/// The step of Jobber's clock: `updatedAt` has whole seconds.
pub(super) const GRANULARITY: Duration = Duration::from_secs(1);

/// The keys of a client that an answer's errors are about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Hidden {
    keys: Vec<String>,
    /// An error does not say what it is about: it may be any key that is null.
    nulls: bool,
}

impl Hidden {
    /// What the errors say of the client at this path.
    pub(super) fn at(errors: &[GraphError], path: &[Segment]) -> Self {
        let mut hidden = Self::default();
        for error in errors {
            match error.path.strip_prefix(path) {
                Some([Segment::Key(key), ..]) => hidden.keys.push(key.clone()),
                Some([Segment::Index(_), ..]) => {}
                Some([]) => hidden.nulls = true,
                None => hidden.nulls |= error.path.is_empty(),
            }
        }
        hidden
    }

    fn has<T>(&self, key: &str, field: &Field<T>) -> bool {
        self.keys.iter().any(|hidden| hidden == key)
            || match field {
                Field::Missing => true,
                Field::Null => self.nulls,
                Field::Value(_) => false,
            }
    }
}

/// A client and what is known of it.
pub(super) struct Seen {
    pub(super) record: RecordId,
    pub(super) state: State,
    /// The client itself, if it could be read.
    pub(super) client: Option<Client>,
}

impl Seen {
    pub(super) fn observation(self, provenance: Provenance) -> Observation {
        Observation { record: self.record, state: self.state, provenance }
    }
}

/// Reads a client of an answer.
///
/// # Errors
/// If not even its id can be read.
pub(super) fn seen(
    raw: &RawValue,
    hidden: &Hidden,
    fields: &[ClientField],
) -> Result<Seen, ConnectorError> {
    let identified: Identified = serde_json::from_str(raw.get())
        .map_err(|_| ConnectorError::new(ErrorKind::Protocol, "jobber sent a client without id"))?;
    let record = record_id(&identified.id)?;
    Ok(match serde_json::from_str::<Client>(raw.get()) {
        Ok(client) => Seen { record, state: state(&client, hidden, fields), client: Some(client) },
        Err(error) => {
            let why = format!("jobber's answer has another form, at column {}", error.column());
            Seen { record, state: State::Unreadable(why), client: None }
        }
    })
}

/// An id of Jobber's, as opaque as it came.
pub(super) fn record_id(id: &str) -> Result<RecordId, ConnectorError> {
    RecordId::new(id).map_err(|problem| {
        ConnectorError::new(ErrorKind::Protocol, format!("jobber sent an unusable id: {problem}"))
    })
}

/// What is known of a client that the answer has as `null`.
pub(super) fn state_of_null(errors: &[GraphError], path: &[Segment]) -> State {
    let mut about = errors.iter().filter(|error| error.path.starts_with(path)).peekable();
    if about.peek().is_none() {
        return State::Missing;
    }
    let errors: Vec<&GraphError> = about.collect();
    if errors.iter().any(|error| error::is_hidden(error)) {
        // Also where a field that is never null was hidden, and took the client with it.
        return State::OutOfScope;
    }
    match error::kind(errors[0]) {
        // An id that Jobber cannot read is an id that it does not know.
        ErrorKind::NotFound | ErrorKind::Validation => State::Missing,
        ErrorKind::Auth
        | ErrorKind::Permission
        | ErrorKind::RateLimited
        | ErrorKind::PreconditionFailed
        | ErrorKind::PositionLost
        | ErrorKind::Transient
        | ErrorKind::Permanent
        | ErrorKind::Protocol => State::Unreadable(error::said(&errors[0].message)),
    }
}

fn state(client: &Client, hidden: &Hidden, fields: &[ClientField]) -> State {
    if client.is_archived.value() == Some(&true) {
        let shown = |field: &ClientField| slot(client, hidden, *field).unwrap_or_default();
        return State::Archived(Values::new(fields.iter().map(shown).collect::<Vec<_>>()));
    }
    let slots: Result<Vec<Slot>, String> =
        fields.iter().map(|field| slot(client, hidden, *field)).collect();
    match (slots, version(client.updated_at.value().map(String::as_str))) {
        (Ok(slots), Ok(version)) => State::Known { values: Values::new(slots), version },
        (Err(why), _) | (_, Err(why)) => State::Unreadable(why),
    }
}

/// The version that an `updatedAt` is.
pub(super) fn version(updated_at: Option<&str>) -> Result<Version, String> {
    let Some(text) = updated_at else { return Ok(Version::default()) };
    time("updatedAt", text).map(|at| Version::modified(at, GRANULARITY))
}

/// When a client was changed, if that can be read.
pub(super) fn updated_at(client: &Client) -> Option<Timestamp> {
    client.updated_at.value()?.parse().ok()
}

/// What an answer has of a field.
pub(super) fn slot(client: &Client, hidden: &Hidden, field: ClientField) -> Result<Slot, String> {
    let key = field.key();
    match field {
        ClientField::FirstName => text(key, &client.first_name, hidden),
        ClientField::LastName => text(key, &client.last_name, hidden),
        ClientField::CompanyName => text(key, &client.company_name, hidden),
        ClientField::WebUri => text(key, &client.jobber_web_uri, hidden),
        ClientField::Title => {
            read(key, &client.title, hidden, |title| Ok(Value::Choice(title_code(title))))
        }
        ClientField::IsCompany => flag(key, &client.is_company, hidden),
        ClientField::IsLead => flag(key, &client.is_lead, hidden),
        ClientField::IsArchived => flag(key, &client.is_archived, hidden),
        ClientField::Balance => read(key, &client.balance, hidden, |raw| {
            let number = raw.get().trim_matches('"').parse();
            number.map(Value::Decimal).map_err(|_| "balance is no decimal number".to_owned())
        }),
        ClientField::CreatedAt => instant(key, &client.created_at, hidden),
        ClientField::UpdatedAt => instant(key, &client.updated_at, hidden),
        ClientField::Address(part) => {
            read(key, &client.billing_address, hidden, |address| match address.get(part.key()) {
                Some(Some(line)) => bounded(field, line),
                Some(None) | None => Ok(Value::Null),
            })
        }
        ClientField::Contact(contact, place) => {
            read(key, &entries(client, contact), hidden, |entries| {
                match lists::shown(entries, place) {
                    Some(entry) => bounded(field, &entry.text),
                    None => Ok(Value::Null),
                }
            })
        }
    }
}

/// The entries of a list, with their descriptions understood.
pub(super) fn entries(client: &Client, contact: Contact) -> Field<Vec<Entry>> {
    match contact {
        Contact::Email => mapped(&client.emails, |email| Entry {
            id: Some(email.id.clone()),
            text: email.address.clone().unwrap_or_default(),
            normalized: None,
            kind: contact.kind(email.description.as_deref().unwrap_or_default()),
            primary: email.primary.unwrap_or_default(),
        }),
        Contact::Phone => mapped(&client.phones, |phone| Entry {
            id: Some(phone.id.clone()),
            text: phone.number.clone().unwrap_or_default(),
            normalized: phone.normalized_phone_number.clone(),
            kind: contact.kind(phone.description.as_deref().unwrap_or_default()),
            primary: phone.primary.unwrap_or_default(),
        }),
    }
}

/// Jobber's code for a title, however it is written: `Mr.` is `MR`. What is no title of Jobber's
/// stays as it is.
pub(super) fn title_code(text: &str) -> String {
    let code = text.trim().trim_end_matches('.').to_uppercase();
    if TITLES.contains(&code.as_str()) { code } else { text.to_owned() }
}

/// The names of fields, as the engine has them.
pub(super) fn names(fields: impl IntoIterator<Item = ClientField>) -> Vec<FieldName> {
    fields.into_iter().filter_map(|field| FieldName::new(field.name()).ok()).collect()
}

fn mapped<T>(list: &Field<Vec<T>>, entry: impl Fn(&T) -> Entry) -> Field<Vec<Entry>> {
    match list {
        Field::Missing => Field::Missing,
        Field::Null => Field::Null,
        Field::Value(items) => Field::Value(items.iter().map(entry).collect()),
    }
}

fn read<T>(
    key: &str,
    field: &Field<T>,
    hidden: &Hidden,
    value: impl FnOnce(&T) -> Result<Value, String>,
) -> Result<Slot, String> {
    if hidden.has(key, field) {
        return Ok(Slot::Absent);
    }
    field.value().map_or(Ok(Value::Null), value).map(Slot::Present)
}

fn text(key: &str, field: &Field<String>, hidden: &Hidden) -> Result<Slot, String> {
    read(key, field, hidden, |text| {
        if text.len() > MAX_VALUE_BYTES {
            return Err(format!("{key} has more than 1 MiB"));
        }
        Ok(Value::Text(text.clone()))
    })
}

fn bounded(field: ClientField, text: &str) -> Result<Value, String> {
    if text.len() > MAX_VALUE_BYTES {
        return Err(format!("{} has more than 1 MiB", field.name()));
    }
    Ok(Value::Text(text.to_owned()))
}

fn flag(key: &str, field: &Field<bool>, hidden: &Hidden) -> Result<Slot, String> {
    read(key, field, hidden, |yes| Ok(Value::Bool(*yes)))
}

fn instant(key: &str, field: &Field<String>, hidden: &Hidden) -> Result<Slot, String> {
    read(key, field, hidden, |text| time(key, text).map(Value::Instant))
}

fn time(key: &str, text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| format!("{key} is no time"))
}

#[cfg(test)]
mod tests;
