//! The property of a new job or quote. Jobber makes neither without one: where only the client is mapped, it
//! is found by that, and where both are, it must be that client's.

use fluxcascade_core::connector::{ConnectorError, ErrorKind, WriteOutcome};
use fluxcascade_core::model::{FieldName, RecordId};
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::super::convert;
use super::super::document::Document;
use super::super::error;
use super::super::fields::Field;
use super::super::object::Object;
use super::super::read::{in_parts, is_separable, of_schema};
use super::super::wire::{ByAlias, Connection, Identified, Segment};
use super::Writing;
use super::outcome::{not_there, rejected};
use crate::http::Failure;

/// Properties of a client on a page, and pages that are read: whoever has more is named by hand.
const PAGE: usize = 50;
const PAGES: usize = 10;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Property {
    id: String,
    #[serde(default)]
    is_billing_address: Option<bool>,
}

/// The property that a new record is to have, if it is to be found by the client: the only one,
/// else the one at the billing address.
pub(super) async fn of_new(
    writing: &Writing<'_>,
    input: &Map<String, Json>,
) -> Result<Option<RecordId>, WriteOutcome> {
    let wants = matches!(writing.object, Object::Jobs | Object::Quotes);
    let client = input.get("clientId").and_then(Json::as_str);
    let Some(client) = client.filter(|_| wants) else { return Ok(None) };
    if let Some(property) = input.get("propertyId") {
        let Some(property) = property.as_str() else { return Ok(None) };
        return belongs(writing, property, client).await.map(|()| None);
    }
    let found = properties(writing, client).await?;
    let chosen = match &found[..] {
        [only] => Some(only),
        several => {
            let mut at_billing =
                several.iter().filter(|property| property.is_billing_address == Some(true));
            at_billing.next().filter(|_| at_billing.next().is_none())
        }
    };
    match chosen {
        Some(property) => convert::record_id(&property.id).map(Some).map_err(rejected),
        None => Err(rejected(which(writing.object, found.len()))),
    }
}

/// Rejects a property that is another client's: Jobber makes the record for that one, unasked.
async fn belongs(writing: &Writing<'_>, property: &str, client: &str) -> Result<(), WriteOutcome> {
    let api = writing.api;
    let ids = [convert::record_id(property).map_err(rejected)?];
    let fields: Vec<Field> = Field::known(Object::Properties, "client").into_iter().collect();
    let found = in_parts(api, Object::Properties, &ids, &fields, writing.sending()).await;
    let failed = |failure: Failure| {
        // Asked again it would be refused again.
        let is_refused = is_separable(&failure);
        let error = about(&["property"], failure.error);
        if is_refused { rejected(error) } else { WriteOutcome::NotSent(error) }
    };
    for (_, looked) in found.map_err(failed)? {
        let looked = looked.map_err(failed)?;
        let Some(now) = looked.record else {
            let error = not_there(Object::Properties, &looked.state);
            return Err(rejected(about(&["property"], error)));
        };
        let of = now.record.field::<Identified>("client").unwrap_or_default();
        if of.value().is_none_or(|of| of.id != client) {
            return Err(rejected(not_of(writing.object, of.value())));
        }
    }
    Ok(())
}

/// All properties of a client: none is chosen while there may be others.
async fn properties(writing: &Writing<'_>, client: &str) -> Result<Vec<Property>, WriteOutcome> {
    let mut found = Vec::new();
    let mut after: Option<String> = None;
    for _ in 0..PAGES {
        let list = page(writing, client, after.as_deref()).await?;
        for node in &list.nodes {
            let node = node.as_deref().ok_or_else(|| rejected(hidden(writing.object)))?;
            found.push(of_schema(node).map_err(WriteOutcome::NotSent)?);
        }
        let next = list.page_info.end_cursor.filter(|_| list.page_info.has_next_page);
        if next.is_none() && !list.page_info.has_next_page {
            return Ok(found);
        }
        if next.is_none() || next == after {
            break;
        }
        after = next;
    }
    Err(rejected(which(writing.object, found.len())))
}

async fn page(
    writing: &Writing<'_>,
    client: &str,
    after: Option<&str>,
) -> Result<Connection, WriteOutcome> {
    let fields: Vec<Field> =
        Field::known(Object::Properties, "isBillingAddress").into_iter().collect();
    let document = Document::properties_of(&fields, client, PAGE, after);
    let not_sent = WriteOutcome::NotSent;
    let reply = writing.api.send(&document, writing.sending()).await;
    let reply = reply.map_err(|failure| {
        // It is for the client: asked again it would be refused again.
        let is_refused = is_separable(&failure);
        if is_refused { rejected(of_client(failure.error)) } else { not_sent(failure.error) }
    })?;
    let data: ByAlias = reply.data().map_err(not_sent)?;
    let path = [Segment::Key("client".to_owned())];
    let Some(of) = data.get("client").and_then(Option::as_deref) else {
        let state = convert::state_of_null(&reply.errors, &path);
        return Err(rejected(of_client(not_there(Object::Clients, &state))));
    };
    let mut of: ByAlias = of_schema(of).map_err(not_sent)?;
    let Some(list) = of.remove("clientProperties").flatten() else {
        let hidden = reply.errors.first().map_or_else(
            || ConnectorError::new(ErrorKind::Protocol, "jobber listed no properties of a client"),
            error::of_graph,
        );
        return Err(not_sent(hidden));
    };
    of_schema(&list).map_err(not_sent)
}

/// What is wrong with the client of a new record.
fn of_client(error: ConnectorError) -> ConnectorError {
    about(&["client"], error)
}

/// What is wrong with these fields of a new record.
fn about(fields: &[&str], error: ConnectorError) -> ConnectorError {
    let fields = fields.iter().filter_map(|field| FieldName::new(field).ok()).collect();
    ConnectorError { fields, ..error }
}

/// What is said of a property that is not the client's, or not for sure.
fn not_of(object: Object, client: Option<&Identified>) -> ConnectorError {
    let one = object.one();
    let (kind, why) = match client {
        Some(_) => (
            ErrorKind::Validation,
            "its property is not one of its client's; give it one of those, or map property alone",
        ),
        None => (
            ErrorKind::Permission,
            "jobber does not say whose its property is; give the app the scope to read clients, or map \
             property alone",
        ),
    };
    let error = ConnectorError::new(kind, format!("a jobber {one} cannot be made: {why}"));
    about(&["client", "property"], error)
}

/// What is said where the one that is meant may be among what cannot be seen.
fn hidden(object: Object) -> ConnectorError {
    let one = object.one();
    about(
        &["property"],
        ConnectorError::new(
            ErrorKind::Permission,
            format!(
                "a jobber {one} cannot be made: jobber hides properties of the client from this app; \
                 give the app the scope to read them, or map property"
            ),
        ),
    )
}

/// Why no property could be chosen, and what to map.
fn which(object: Object, found: usize) -> ConnectorError {
    let one = object.one();
    let why = match found {
        0 => "the client has no property".to_owned(),
        found => {
            format!("the client has {found} properties, and none alone is its billing address")
        }
    };
    about(
        &["property"],
        ConnectorError::new(
            ErrorKind::Validation,
            format!("a jobber {one} cannot be made: {why}; sync properties, and map property"),
        ),
    )
}
