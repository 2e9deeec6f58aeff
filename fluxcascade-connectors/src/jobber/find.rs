//! Looking records up by a value.

use fluxcascade_core::connector::{ConnectorError, ErrorKind, FindRequest, Found};
use fluxcascade_core::model::{Provenance, Slot, Value};

use super::client::Api;
use super::convert::{self, Hidden, Seen};
use super::cost;
use super::custom::{CustomKind, Fields};
use super::document::{Document, Search};
use super::fields::{Contact, Field};
use super::lists;
use super::object::Object;
use super::read::{connection, listed};

/// Records on a page of a search, and pages that are read: a search that finds more is too vague
/// to prove anything.
const SEARCH_PAGE: usize = 50;
const SEARCH_PAGES: usize = 10;

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
        let is_same = |value: &Value| value.equivalent(self.value, &self.field.field_type());
        match convert::slot(&seen.record, hidden, self.field) {
            Ok(Slot::Present(value)) => {
                is_same(&value) || self.normalized(seen).is_some_and(|number| is_same(&number))
            }
            Ok(Slot::Absent) | Err(_) => false,
        }
    }

    /// The number that the field shows, as Jobber normalised it: nobody need know how it writes numbers.
    fn normalized(&self, seen: &Seen) -> Option<Value> {
        let (contact, place) = self.field.contact()?;
        let entries = convert::entries(&seen.record, contact).ok()?;
        let entry = lists::shown(entries.value()?, place)?;
        entry.normalized.clone().map(Value::from)
    }
}
