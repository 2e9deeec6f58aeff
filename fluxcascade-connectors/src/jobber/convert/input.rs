//! From a write of the engine to the inputs of Jobber's mutations. Nothing is sent here.
//!
//! A text is cleared with `""`, which is how Jobber shows a name that is not there; a title, being
//! an enum, with `null`. An address is always sent whole: whether Jobber takes a part of one is
//! not documented, and half an address of two people is worse than a read before the write.

use fluxcascade_core::connector::{ConnectorError, ErrorKind};
use fluxcascade_core::model::{FieldName, Value};
use serde_json::{Map, Value as Json, json};

use super::super::fields::{AddressPart, ClientField, Contact, Place, TITLES};
use super::super::lists::{self, Entry, Wanted};
use super::super::wire::{Address, Client, Field};
use super::{Hidden, entries, names, title_code};

/// A write, sorted by how Jobber takes it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(in super::super) struct Change {
    /// The fields written.
    pub(in super::super) fields: Vec<ClientField>,
    plain: Vec<(&'static str, Json)>,
    address: Vec<(AddressPart, String)>,
    emails: Vec<Wanted>,
    phones: Vec<Wanted>,
}

/// What a client has now, as far as an edit depends on it.
#[derive(Debug, Clone)]
pub(in super::super) struct Current {
    client: Client,
    hidden: Hidden,
}

impl Current {
    pub(in super::super) fn new(client: Client, hidden: Hidden) -> Self {
        Self { client, hidden }
    }
}

impl Change {
    /// Sorts the fields of a write.
    ///
    /// # Errors
    /// With the fields that do not exist, cannot be written, or cannot take the value.
    pub(in super::super) fn of(fields: &[(FieldName, Value)]) -> Result<Self, ConnectorError> {
        let mut change = Self::default();
        for (name, value) in fields {
            let refuse = |what: String| ConnectorError {
                fields: vec![name.clone()],
                ..ConnectorError::new(ErrorKind::Validation, format!("{name} {what}"))
            };
            let field = ClientField::named(name)
                .ok_or_else(|| refuse("is no field of a jobber client".to_owned()))?;
            if field.is_read_only() {
                return Err(refuse("of a jobber client cannot be written".to_owned()));
            }
            change.take(field, value).map_err(refuse)?;
            change.fields.push(field);
        }
        Ok(change)
    }

    fn take(&mut self, field: ClientField, value: &Value) -> Result<(), String> {
        match field {
            ClientField::IsCompany => {
                let Value::Bool(yes) = value else {
                    return Err("must be true or false, and cannot be cleared".to_owned());
                };
                self.plain.push((field.key(), Json::Bool(*yes)));
            }
            ClientField::Title => self.plain.push((field.key(), title(value)?)),
            ClientField::FirstName | ClientField::LastName | ClientField::CompanyName => {
                let text = text(value)?.unwrap_or_default();
                self.plain.push((field.key(), Json::String(text)));
            }
            ClientField::Address(part) => {
                self.address.push((part, text(value)?.unwrap_or_default()));
            }
            ClientField::Contact(Contact::Email, place) => self.emails.push((place, text(value)?)),
            ClientField::Contact(Contact::Phone, place) => self.phones.push((place, text(value)?)),
            ClientField::IsLead
            | ClientField::IsArchived
            | ClientField::Balance
            | ClientField::WebUri
            | ClientField::CreatedAt
            | ClientField::UpdatedAt => return Err("cannot be written".to_owned()),
        }
        Ok(())
    }

    /// The fields that must be read before the edit can be made.
    pub(in super::super) fn reads(&self) -> impl Iterator<Item = ClientField> {
        let reads = |field: &ClientField| {
            matches!(field, ClientField::Address(_) | ClientField::Contact(..))
        };
        self.fields.iter().copied().filter(reads)
    }

    /// The input of a create.
    pub(in super::super) fn create_input(&self, watched: &[ClientField]) -> Map<String, Json> {
        let mut input = self.plain_input();
        let address: Map<String, Json> = self
            .address
            .iter()
            .filter(|(_, line)| !line.is_empty())
            .map(|(part, line)| (part.key().to_owned(), json!(line)))
            .collect();
        if !address.is_empty() {
            input.insert("billingAddress".to_owned(), Json::Object(address));
        }
        for (contact, wanted) in [(Contact::Email, &self.emails), (Contact::Phone, &self.phones)] {
            let edits = lists::plan(contact, &[], wanted, &places(watched, contact));
            if !edits.add.is_empty() {
                input.insert(contact.key().to_owned(), added(contact, &edits.add));
            }
        }
        input
    }

    /// The input of an edit; empty if there is nothing to change.
    ///
    /// # Errors
    /// If what the edit depends on is hidden.
    pub(in super::super) fn edit_input(
        &self,
        current: Option<&Current>,
        watched: &[ClientField],
    ) -> Result<Map<String, Json>, ConnectorError> {
        let mut input = self.plain_input();
        if !self.address.is_empty() {
            let address = self.whole_address(current)?;
            input.insert("billingAddress".to_owned(), Json::Object(address));
        }
        for (contact, wanted) in [(Contact::Email, &self.emails), (Contact::Phone, &self.phones)] {
            if !wanted.is_empty() {
                let list = self.current_list(current, contact)?;
                let edits = lists::plan(contact, &list, wanted, &places(watched, contact));
                insert_edits(&mut input, contact, &edits);
            }
        }
        Ok(input)
    }

    fn plain_input(&self) -> Map<String, Json> {
        self.plain.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
    }

    fn whole_address(
        &self,
        current: Option<&Current>,
    ) -> Result<Map<String, Json>, ConnectorError> {
        let none = Address::new();
        let now = match current {
            Some(current)
                if !current.hidden.has("billingAddress", &current.client.billing_address) =>
            {
                current.client.billing_address.value().unwrap_or(&none)
            }
            Some(_) | None => {
                return Err(self.hidden(|field| matches!(field, ClientField::Address(_))));
            }
        };
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
        let of_list = |field| matches!(field, ClientField::Contact(c, _) if c == contact);
        let current = current.ok_or_else(|| self.hidden(of_list))?;
        let list = entries(&current.client, contact);
        if current.hidden.has(contact.key(), &list) {
            return Err(self.hidden(of_list));
        }
        Ok(match list {
            Field::Value(list) => list,
            Field::Null | Field::Missing => Vec::new(),
        })
    }

    /// What an edit says that cannot be made without reading what is hidden.
    fn hidden(&self, concerns: impl Fn(ClientField) -> bool) -> ConnectorError {
        let fields = names(self.fields.iter().copied().filter(|field| concerns(*field)));
        ConnectorError {
            fields,
            ..ConnectorError::new(
                ErrorKind::Permission,
                "jobber hides what the edit depends on; give the app the scope to read it",
            )
        }
    }
}

fn places(watched: &[ClientField], of: Contact) -> Vec<Place> {
    let place = |field: &ClientField| match field {
        ClientField::Contact(contact, place) if *contact == of => Some(*place),
        ClientField::Contact(..)
        | ClientField::FirstName
        | ClientField::LastName
        | ClientField::CompanyName
        | ClientField::IsCompany
        | ClientField::Title
        | ClientField::IsLead
        | ClientField::IsArchived
        | ClientField::Address(_)
        | ClientField::Balance
        | ClientField::WebUri
        | ClientField::CreatedAt
        | ClientField::UpdatedAt => None,
    };
    watched.iter().filter_map(place).collect()
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
