//! From a write of the engine to the inputs of Jobber's mutations. Nothing is sent here, and what
//! a mutation needs besides is [`super::super::mutation`]'s.
//!
//! A text is cleared with `""`, which is how Jobber shows a name that is not there; a title, being
//! an enum, with `null`. An address is always sent whole: whether Jobber takes a part of one is
//! not documented, and half an address of two people is worse than a read before the write.

use fluxcascade_core::connector::{ConnectorError, ErrorKind};
use fluxcascade_core::model::value::Reference;
use fluxcascade_core::model::{FieldName, Slot, Timestamp, Value};
use serde_json::{Map, Value as Json, json};

use super::super::custom::Fields;
use super::super::fields::{AddressPart, Contact, Field as Of, Known, Place, Plain, Shape, TITLES};
use super::super::lists::{self, Entry, Wanted};
use super::super::object::Object;
use super::super::wire::{Address, Field, Record};
use super::{Hidden, custom, entries, names, slot, title_code};

/// The zone in which instants are sent where Jobber wants a local time.
const ZONE: &str = "Etc/UTC";

/// A write, sorted by how Jobber takes it.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct Change {
    pub(in super::super) object: Object,
    /// The fields written.
    pub(in super::super) fields: Vec<Of>,
    /// What a create takes, by its place in the input.
    create: Vec<(&'static str, Json)>,
    /// What an edit takes.
    edit: Vec<(&'static str, Json)>,
    /// What only a create takes.
    once: Vec<(Of, Value)>,
    address: Vec<(AddressPart, String)>,
    emails: Vec<Wanted>,
    phones: Vec<Wanted>,
    customs: Vec<Json>,
}

/// What a record has now, as far as an edit depends on it.
#[derive(Debug, Clone)]
pub(in super::super) struct Current {
    pub(in super::super) record: Record,
    pub(in super::super) hidden: Hidden,
}

impl Change {
    fn new(object: Object) -> Self {
        let (fields, create, edit, once) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (address, emails, phones, customs) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { object, fields, create, edit, once, address, emails, phones, customs }
    }

    /// Sorts the fields of a write.
    ///
    /// # Errors
    /// With the fields that do not exist, cannot be written, or cannot take the value.
    pub(in super::super) fn of(
        known: &Fields,
        fields: &[(FieldName, Value)],
    ) -> Result<Self, ConnectorError> {
        let mut change = Self::new(known.object);
        let mut refused: Vec<(FieldName, String)> = Vec::new();
        for (name, value) in fields {
            if let Err(what) = change.add(known, name, value) {
                refused.push((name.clone(), format!("{name} {what}")));
            }
        }
        if refused.is_empty() {
            return Ok(change);
        }
        let (fields, words): (Vec<FieldName>, Vec<String>) = refused.into_iter().unzip();
        let error = ConnectorError::new(ErrorKind::Validation, words.join("; "));
        Err(ConnectorError { fields, ..error })
    }

    fn add(&mut self, known: &Fields, name: &FieldName, value: &Value) -> Result<(), String> {
        let one = known.object.one();
        let field = known.named(name).ok_or_else(|| format!("is no field of a jobber {one}"))?;
        if let Of::Gone(_) = field {
            return Err(format!(
                "is no custom field of a jobber {one} now: it was archived, renamed or hidden, or \
                 another has its name too; set it right in jobber, or map the field of its new name"
            ));
        }
        if field.is_read_only() {
            return Err(format!("of a jobber {one} cannot be written"));
        }
        self.take(&field, value)?;
        self.fields.push(field);
        Ok(())
    }

    fn take(&mut self, field: &Of, value: &Value) -> Result<(), String> {
        let known = match field {
            Of::Known(known) => known,
            Of::Custom(of) => {
                self.customs.push(custom::input(of, value)?);
                return Ok(());
            }
            Of::Gone(_) => return Err("is no custom field now".to_owned()),
        };
        match known.shape {
            Shape::Part(part) => self.address.push((part, text(value)?.unwrap_or_default())),
            Shape::Contact(Contact::Email, place) => self.emails.push((place, text(value)?)),
            Shape::Contact(Contact::Phone, place) => self.phones.push((place, text(value)?)),
            Shape::Plain(_) | Shape::Amount(_) | Shape::Ref(_) => {
                self.take_plain(known, field, value)?;
            }
        }
        Ok(())
    }

    fn take_plain(&mut self, known: &Known, field: &Of, value: &Value) -> Result<(), String> {
        if known.edit.is_none() {
            self.once.push((field.clone(), value.clone()));
            if value.is_blank() {
                return Ok(());
            }
        }
        let input = alone(known.shape, value)?;
        self.create.extend(known.create.map(|place| (place, input.clone())));
        self.edit.extend(known.edit.map(|place| (place, input)));
        Ok(())
    }

    /// The fields that must be read before the edit can be made.
    pub(in super::super) fn reads(&self) -> impl Iterator<Item = &Of> {
        self.fields.iter().filter(|field| {
            field.part().is_some() || field.contact().is_some() || field.is_create_only()
        })
    }

    /// The input of a create, as far as the fields make it.
    pub(in super::super) fn create_input(&self, watched: &[Of]) -> Map<String, Json> {
        let mut input = Map::new();
        for (place, value) in &self.create {
            insert(&mut input, place, value.clone());
        }
        let address: Map<String, Json> = self
            .address
            .iter()
            .filter(|(_, line)| !line.is_empty())
            .map(|(part, line)| (part.key().to_owned(), json!(line)))
            .collect();
        if !address.is_empty() {
            input.insert(address_key(self.object).to_owned(), Json::Object(address));
        }
        for (contact, wanted) in [(Contact::Email, &self.emails), (Contact::Phone, &self.phones)] {
            let edits = lists::plan(contact, &[], wanted, &places(watched, contact));
            if !edits.add.is_empty() {
                input.insert(contact.key().to_owned(), added(contact, &edits.add));
            }
        }
        self.insert_customs(&mut input);
        input
    }

    /// The input of an edit; empty if there is nothing to change.
    ///
    /// # Errors
    /// If what the edit depends on is hidden, or it changes what cannot be changed.
    pub(in super::super) fn edit_input(
        &self,
        current: Option<&Current>,
        watched: &[Of],
    ) -> Result<Map<String, Json>, ConnectorError> {
        self.check_once(current)?;
        let mut input = Map::new();
        for (place, value) in &self.edit {
            insert(&mut input, place, value.clone());
        }
        if !self.address.is_empty() {
            let address = self.whole_address(current)?;
            input.insert(address_key(self.object).to_owned(), Json::Object(address));
        }
        for (contact, wanted) in [(Contact::Email, &self.emails), (Contact::Phone, &self.phones)] {
            if !wanted.is_empty() {
                let list = self.current_list(current, contact)?;
                let edits = lists::plan(contact, &list, wanted, &places(watched, contact));
                self.check_refused(contact, &edits)?;
                insert_edits(&mut input, contact, &edits);
            }
        }
        self.insert_customs(&mut input);
        Ok(input)
    }

    fn check_refused(&self, contact: Contact, edits: &lists::Edits) -> Result<(), ConnectorError> {
        let is_refused = |field: &&Of| {
            field
                .contact()
                .is_some_and(|(of, place)| of == contact && edits.refused.contains(&place))
        };
        let fields = names(self.fields.iter().filter(is_refused));
        let Some(first) = fields.first() else { return Ok(()) };
        let message = format!(
            "{first} of a jobber client cannot be cleared: another field of the mapping shows the same \
             entry of the client's {}, and would be cleared with it; clear it there too, or by hand",
            contact.key()
        );
        Err(ConnectorError { fields, ..ConnectorError::new(ErrorKind::Validation, message) })
    }

    fn insert_customs(&self, input: &mut Map<String, Json>) {
        if !self.customs.is_empty() {
            input.insert("customFields".to_owned(), Json::Array(self.customs.clone()));
        }
    }

    /// What a create sets for good may be written again, as it is.
    fn check_once(&self, current: Option<&Current>) -> Result<(), ConnectorError> {
        let differs = |(field, value): &&(Of, Value)| {
            let now = current.and_then(|now| slot(&now.record, &now.hidden, field).ok());
            match now {
                Some(Slot::Present(now)) => !now.equivalent(value, &field.field_type()),
                Some(Slot::Absent) | None => true,
            }
        };
        let fields = names(self.once.iter().filter(differs).map(|(field, _)| field));
        let Some(first) = fields.first() else { return Ok(()) };
        let message = format!(
            "{first} of a jobber {} cannot be changed once it is there; map it so that it is \
             written to new ones only, or set it right by hand",
            self.object.one()
        );
        Err(ConnectorError { fields, ..ConnectorError::new(ErrorKind::Validation, message) })
    }

    fn whole_address(
        &self,
        current: Option<&Current>,
    ) -> Result<Map<String, Json>, ConnectorError> {
        let hidden = || self.hidden(|field| field.part().is_some());
        let key = address_key(self.object);
        let current = current.ok_or_else(hidden)?;
        let now: Field<Address> = current.record.field(key).map_err(protocol)?;
        if current.hidden.has(key, &now) {
            return Err(hidden());
        }
        let none = Address::new();
        let now = now.value().unwrap_or(&none);
        let lines = AddressPart::ALL.iter().map(|part| {
            let written = self.address.iter().rev().find(|(p, _)| p == part);
            let kept = || now.get(part.key()).cloned().flatten().unwrap_or_default();
            (part.key().to_owned(), Json::String(written.map_or_else(kept, |(_, l)| l.clone())))
        });
        Ok(lines.collect())
    }

    fn current_list(
        &self,
        current: Option<&Current>,
        contact: Contact,
    ) -> Result<Vec<Entry>, ConnectorError> {
        let hidden = || self.hidden(|field| field.contact().is_some_and(|(of, _)| of == contact));
        let current = current.ok_or_else(hidden)?;
        let list = entries(&current.record, contact).map_err(protocol)?;
        if current.hidden.has(contact.key(), &list) {
            return Err(hidden());
        }
        Ok(match list {
            Field::Value(list) => list,
            Field::Null | Field::Missing => Vec::new(),
        })
    }

    /// What an edit says that cannot be made without reading what is hidden.
    fn hidden(&self, concerns: impl Fn(&Of) -> bool) -> ConnectorError {
        let fields = names(self.fields.iter().filter(|field| concerns(field)));
        ConnectorError {
            fields,
            ..ConnectorError::new(
                ErrorKind::Permission,
                "jobber hides what the edit depends on; give the app the scope to read it",
            )
        }
    }
}

fn protocol(why: String) -> ConnectorError {
    ConnectorError::new(ErrorKind::Protocol, why)
}

/// The key of an object's address, in answers and inputs.
fn address_key(object: Object) -> &'static str {
    match object {
        Object::Clients => "billingAddress",
        Object::Properties
        | Object::Requests
        | Object::Jobs
        | Object::Quotes
        | Object::Visits
        | Object::Invoices => "address",
    }
}

/// Puts a value at its place: keys with dots between.
fn insert(input: &mut Map<String, Json>, place: &str, value: Json) {
    match place.split_once('.') {
        None => {
            input.insert(place.to_owned(), value);
        }
        Some((key, rest)) => {
            let inner = input.entry(key).or_insert_with(|| Json::Object(Map::new()));
            if let Json::Object(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

fn places(watched: &[Of], of: Contact) -> Vec<Place> {
    let contacts = watched.iter().filter_map(Of::contact);
    contacts.filter(|(contact, _)| *contact == of).map(|(_, place)| place).collect()
}

fn added(contact: Contact, entries: &[Entry]) -> Json {
    let one = |entry: &Entry| {
        json!({
            contact.text_key(): entry.text,
            "description": entry.kind.code(),
            "primary": entry.primary,
        })
    };
    entries.iter().map(one).collect()
}

fn insert_edits(input: &mut Map<String, Json>, contact: Contact, edits: &lists::Edits) {
    let key = contact.key();
    if !edits.add.is_empty() {
        input.insert(format!("{key}ToAdd"), added(contact, &edits.add));
    }
    let edited: Vec<Json> = edits
        .edit
        .iter()
        .map(|edit| {
            let mut entry = Map::from_iter([("id".to_owned(), json!(edit.id))]);
            if let Some(text) = &edit.text {
                entry.insert(contact.text_key().to_owned(), json!(text));
            }
            if let Some(kind) = edit.kind {
                entry.insert("description".to_owned(), json!(kind.code()));
            }
            if let Some(primary) = edit.primary {
                entry.insert("primary".to_owned(), json!(primary));
            }
            Json::Object(entry)
        })
        .collect();
    if !edited.is_empty() {
        input.insert(format!("{key}ToEdit"), Json::Array(edited));
    }
    if !edits.delete.is_empty() {
        input.insert(format!("{key}ToDelete"), json!(edits.delete));
    }
}

/// A value that stands alone, as an input has it.
fn alone(shape: Shape, value: &Value) -> Result<Json, String> {
    match shape {
        Shape::Plain(of) => plain(of, value),
        Shape::Amount(_) => plain(Plain::Decimal, value),
        Shape::Ref(object) => referred(object, value),
        Shape::Part(_) | Shape::Contact(..) => Err("is no value of its own".to_owned()),
    }
}

fn plain(of: Plain, value: &Value) -> Result<Json, String> {
    match of {
        Plain::Text | Plain::Email | Plain::Phone | Plain::Choice(_) => {
            Ok(Json::String(text(value)?.unwrap_or_default()))
        }
        Plain::Title => title(value),
        Plain::Bool => {
            let Value::Bool(yes) = value else {
                return Err("must be true or false, and cannot be cleared".to_owned());
            };
            Ok(Json::Bool(*yes))
        }
        Plain::Int => whole(value).map(|number| json!(number)),
        Plain::Decimal => custom::json_number(value).ok_or_else(|| custom::NO_NUMBER.to_owned()),
        Plain::Instant => instant(value).map(|at| json!(at.to_string())),
        Plain::Scheduled => scheduled(instant(value)?),
    }
}

/// The id of another record.
fn referred(object: Object, value: &Value) -> Result<Json, String> {
    if value.is_blank() {
        return Err("cannot be cleared".to_owned());
    }
    let takes = format!("takes one of {}", object.many());
    let Value::Ref(Reference { object: of, id }) = value else { return Err(takes) };
    if of.as_str() == object.many() {
        return Ok(json!(id.as_str()));
    }
    Err(format!("{takes}, and not one of {of}"))
}

/// A text; none for a blank.
fn text(value: &Value) -> Result<Option<String>, String> {
    if value.is_blank() {
        return Ok(None);
    }
    value.as_text().map(|text| Some(text.to_owned())).ok_or_else(|| "takes a text".to_owned())
}

fn title(value: &Value) -> Result<Json, String> {
    let Some(text) = text(value)? else { return Ok(Json::Null) };
    let code = title_code(&text);
    if TITLES.contains(&code.as_str()) {
        return Ok(Json::String(code));
    }
    Err(format!("takes one of {}", TITLES.join(", ")))
}

/// A number of GraphQL's `Int`, which has 32 bits.
fn whole(value: &Value) -> Result<i32, String> {
    let number = value.as_decimal().map(|number| number.normalize().to_string());
    number
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| "takes a whole number below 2³¹, and cannot be cleared".to_owned())
}

fn instant(value: &Value) -> Result<Timestamp, String> {
    let Value::Instant(at) = value else {
        return Err("takes an instant, and cannot be cleared".to_owned());
    };
    Ok(*at)
}

/// An instant as `LocalDateTimeAttributes` have it.
fn scheduled(at: Timestamp) -> Result<Json, String> {
    let at = at.to_chrono().ok_or("takes an instant of our era")?;
    let (date, time) = (at.format("%Y-%m-%d").to_string(), at.format("%H:%M:%S").to_string());
    Ok(json!({ "date": date, "time": time, "timezone": ZONE }))
}
