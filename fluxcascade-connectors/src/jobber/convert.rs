//! Where Jobber's records become the engine's observations. The other way, from a write to
//! Jobber's inputs, is [`input`].
//!
//! What an answer hides is never read as blank: a field under an error is absent, a record under
//! one is out of scope, or unreadable.

mod custom;
pub(super) mod input;

use std::time::Duration;

use fluxcascade_core::connector::{ConnectorError, ErrorKind};
use fluxcascade_core::model::value::{MAX_VALUE_BYTES, Reference};
use fluxcascade_core::model::{
    FieldName, ObjectType, Observation, Provenance, RecordId, Slot, State, Timestamp, Value,
    Values, Version,
};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

pub(super) use self::custom::witnessed;
use super::error;
use super::fields::{Contact, Field as Of, Known, Plain, Shape, TITLES};
use super::lists::{self, Entry};
use super::object::{Archive, Object};
use super::wire::{Address, Email, Field, GraphError, Identified, Phone, Record, Segment};

/// The step of Jobber's clock: `updatedAt` has whole seconds.
pub(super) const GRANULARITY: Duration = Duration::from_secs(1);

/// The keys of a record that an answer's errors are about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Hidden {
    keys: Vec<String>,
    /// An error does not say what it is about: it may be any key that is null.
    nulls: bool,
}

impl Hidden {
    /// What the errors say of the record at this path.
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

/// A record and what is known of it.
pub(super) struct Seen {
    pub(super) id: RecordId,
    pub(super) state: State,
    pub(super) record: Record,
    /// Whether it lacks a custom field that was asked for.
    pub(super) unlisted: bool,
}

impl Seen {
    pub(super) fn observation(self, provenance: Provenance) -> Observation {
        Observation { record: self.id, state: self.state, provenance }
    }
}

/// Reads a record of an answer.
///
/// # Errors
/// If not even its id can be read.
pub(super) fn seen(
    raw: &RawValue,
    hidden: &Hidden,
    object: Object,
    fields: &[Of],
) -> Result<Seen, ConnectorError> {
    let record = Record::read(raw).ok_or_else(|| {
        ConnectorError::new(
            ErrorKind::Protocol,
            format!("jobber sent a {} without id", object.one()),
        )
    })?;
    let id = record_id(&record.id)?;
    let unlisted = fields.iter().any(|field| custom::is_unlisted(&record, hidden, field));
    Ok(Seen { id, state: state(&record, hidden, object, fields), record, unlisted })
}

/// An id of Jobber's, as opaque as it came.
pub(super) fn record_id(id: &str) -> Result<RecordId, ConnectorError> {
    RecordId::new(id).map_err(|problem| {
        ConnectorError::new(ErrorKind::Protocol, format!("jobber sent an unusable id: {problem}"))
    })
}

/// What is known of a record that the answer has as `null`. An error that does not say what it is about
/// may be about any of them: none is missing by it.
pub(super) fn state_of_null(errors: &[GraphError], path: &[Segment]) -> State {
    let about: Vec<&GraphError> =
        errors.iter().filter(|error| error.path.starts_with(path)).collect();
    if about.is_empty() {
        let above = errors.iter().find(|error| path.starts_with(&error.path));
        return above.map_or(State::Missing, |error| {
            State::Unreadable(format!(
                "jobber shows nothing of it: {}",
                error::said(&error.message)
            ))
        });
    }
    let errors = about;
    if errors.iter().any(|error| error::is_hidden(error)) {
        // Also where a field that is never null was hidden, and took the record with it.
        return State::OutOfScope;
    }
    // What was not found below it is something else: the record is there.
    let is_below = errors[0].path.len() > path.len();
    match error::kind(errors[0]) {
        // An id that Jobber cannot read is an id that it does not know.
        ErrorKind::NotFound | ErrorKind::Validation if !is_below => State::Missing,
        ErrorKind::NotFound
        | ErrorKind::Validation
        | ErrorKind::Auth
        | ErrorKind::Permission
        | ErrorKind::RateLimited
        | ErrorKind::PreconditionFailed
        | ErrorKind::PositionLost
        | ErrorKind::Transient
        | ErrorKind::Permanent
        | ErrorKind::Protocol => State::Unreadable(error::said(&errors[0].message)),
    }
}

/// What a record says of these fields.
pub(super) fn state(record: &Record, hidden: &Hidden, object: Object, fields: &[Of]) -> State {
    let is_archived = match object.archive() {
        Archive::Never => Ok(false),
        Archive::Flag(key) => record.field(key).map(|flag| flag.value() == Some(&true)),
        Archive::Status(key) => {
            let status: Result<Field<String>, String> = record.field(key);
            status.map(|status| status.value().is_some_and(|status| status == "archived"))
        }
    };
    if is_archived == Ok(true) {
        let shown = |field: &Of| slot(record, hidden, field).unwrap_or_default();
        return State::Archived(Values::new(fields.iter().map(shown).collect::<Vec<_>>()));
    }
    let slots: Result<Vec<Slot>, String> =
        fields.iter().map(|field| slot(record, hidden, field)).collect();
    match (is_archived, slots, version_of(record, object)) {
        (Ok(_), Ok(slots), Ok(version)) => State::Known { values: Values::new(slots), version },
        (Err(why), _, _) | (_, Err(why), _) | (_, _, Err(why)) => State::Unreadable(why),
    }
}

fn version_of(record: &Record, object: Object) -> Result<Version, String> {
    if !object.has_version() {
        return Ok(Version::default());
    }
    let updated_at: Field<String> = record.field("updatedAt")?;
    version(updated_at.value().map(String::as_str))
}

/// The version that an `updatedAt` is.
pub(super) fn version(updated_at: Option<&str>) -> Result<Version, String> {
    let Some(text) = updated_at else { return Ok(Version::default()) };
    time("updatedAt", text).map(|at| Version::modified(at, GRANULARITY))
}

/// The time by which changes of the object are read, if that can be read.
pub(super) fn changed_at(record: &Record, object: Object) -> Option<Timestamp> {
    record.field::<String>(object.time()?).ok()?.value()?.parse().ok()
}

/// What an answer has of a field.
pub(super) fn slot(record: &Record, hidden: &Hidden, field: &Of) -> Result<Slot, String> {
    let known = match field {
        Of::Known(known) => known,
        Of::Custom(custom) => return self::custom::slot(record, hidden, custom),
        Of::Gone(_) => return Ok(Slot::Absent),
    };
    let at = At { record, hidden, known };
    match known.shape {
        Shape::Plain(plain) => at.plain(plain),
        Shape::Part(part) => at.read(|mut address: Address| {
            let line = address.remove(part.key()).flatten();
            line.map_or(Ok(Value::Null), |line| bounded(known.name, line))
        }),
        Shape::Amount(amount) => {
            at.read(|mut amounts: std::collections::BTreeMap<String, Option<Box<RawValue>>>| {
                let amount = amounts.remove(amount).flatten();
                amount.map_or(Ok(Value::Null), |amount| decimal(known.name, &amount))
            })
        }
        Shape::Ref(object) => at.read(|of: Identified| reference(object, &of.id)),
        Shape::Contact(contact, place) => {
            let entries = entries(record, contact)?;
            if hidden.has(known.key, &entries) {
                return Ok(Slot::Absent);
            }
            let entries = entries.value().map_or(&[][..], Vec::as_slice);
            match lists::shown(entries, place) {
                Some(entry) => bounded(known.name, entry.text.clone()).map(Slot::Present),
                None => Ok(Slot::Present(Value::Null)),
            }
        }
    }
}

/// A field at its place in an answer.
struct At<'a> {
    record: &'a Record,
    hidden: &'a Hidden,
    known: &'a Known,
}

impl At<'_> {
    fn plain(&self, plain: Plain) -> Result<Slot, String> {
        let name = self.known.name;
        match plain {
            Plain::Text | Plain::Email | Plain::Phone => self.read(|text| bounded(name, text)),
            Plain::Choice(_) => self.read(|code| custom::choice(name, code)),
            Plain::Title => self.read(|title: String| Ok(Value::Choice(title_code(&title)))),
            Plain::Bool => self.read(|yes| Ok(Value::Bool(yes))),
            Plain::Int => self.read(|number| Ok(Value::Int(number))),
            Plain::Decimal => self.read(|raw: Box<RawValue>| decimal(name, &raw)),
            Plain::Instant | Plain::Scheduled => {
                self.read(|text: String| time(name, &text).map(Value::Instant))
            }
        }
    }

    fn read<T: DeserializeOwned>(
        &self,
        value: impl FnOnce(T) -> Result<Value, String>,
    ) -> Result<Slot, String> {
        let field: Field<T> = self.record.field(self.known.key)?;
        if self.hidden.has(self.known.key, &field) {
            return Ok(Slot::Absent);
        }
        match field {
            Field::Value(found) => value(found).map(Slot::Present),
            Field::Null | Field::Missing => Ok(Slot::Present(Value::Null)),
        }
    }
}

/// Another record, as a value.
fn reference(object: Object, id: &str) -> Result<Value, String> {
    let of = |problem: &dyn std::fmt::Display| format!("a reference is unusable: {problem}");
    let object = ObjectType::new(object.many()).map_err(|problem| of(&problem))?;
    let id = RecordId::new(id).map_err(|problem| of(&problem))?;
    Ok(Value::Ref(Reference { object, id }))
}

/// A number as its digits say it.
fn decimal(name: &str, raw: &RawValue) -> Result<Value, String> {
    let digits = raw.get().trim_matches('"');
    let number = digits.parse().or_else(|_| rust_decimal::Decimal::from_scientific(digits));
    number.map(Value::Decimal).map_err(|_| format!("{name} is no decimal number"))
}

/// The entries of a list, with their descriptions understood.
pub(super) fn entries(record: &Record, contact: Contact) -> Result<Field<Vec<Entry>>, String> {
    Ok(match contact {
        Contact::Email => mapped(record.field::<Vec<Email>>(contact.key())?, |email| Entry {
            id: Some(email.id),
            text: email.address.unwrap_or_default(),
            normalized: None,
            kind: contact.kind(email.description.as_deref().unwrap_or_default()),
            primary: email.primary.unwrap_or_default(),
        }),
        Contact::Phone => mapped(record.field::<Vec<Phone>>(contact.key())?, |phone| Entry {
            id: Some(phone.id),
            text: phone.number.unwrap_or_default(),
            normalized: phone.normalized_phone_number,
            kind: contact.kind(phone.description.as_deref().unwrap_or_default()),
            primary: phone.primary.unwrap_or_default(),
        }),
    })
}

/// Jobber's code for a title, however it is written: `Mr.` is `MR`. What is no title of Jobber's
/// stays as it is.
pub(super) fn title_code(text: &str) -> String {
    let code = text.trim().trim_end_matches('.').to_uppercase();
    if TITLES.contains(&code.as_str()) { code } else { text.to_owned() }
}

/// The names of fields, as the engine has them.
pub(super) fn names<'a>(fields: impl IntoIterator<Item = &'a Of>) -> Vec<FieldName> {
    fields.into_iter().filter_map(|field| FieldName::new(field.name()).ok()).collect()
}

fn mapped<T>(list: Field<Vec<T>>, entry: impl Fn(T) -> Entry) -> Field<Vec<Entry>> {
    match list {
        Field::Missing => Field::Missing,
        Field::Null => Field::Null,
        Field::Value(items) => Field::Value(items.into_iter().map(entry).collect()),
    }
}

fn bounded(name: &str, text: String) -> Result<Value, String> {
    if text.len() > MAX_VALUE_BYTES {
        return Err(format!("{name} has more than 1 MiB"));
    }
    Ok(Value::Text(text))
}

fn time(key: &str, text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| format!("{key} is no time"))
}

#[cfg(test)]
mod tests;
