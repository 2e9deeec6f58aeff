//! The property of a new job or quote, where only its client is mapped: Jobber makes neither
//! without a property.

use fluxcascade_core::connector::{ConnectorError, ErrorKind, WriteOutcome};
use fluxcascade_core::model::{FieldName, RecordId};
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::super::convert;
use super::super::document::Document;
use super::super::error;
use super::super::fields::Field;
use super::super::object::Object;
use super::super::read::of_schema;
use super::super::wire::{ByAlias, Connection, Segment};
use super::Writing;
use super::outcome::{not_there, rejected};

/// Properties of a client that are looked at.
const LOOKED_AT: usize = 50;

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
    let Some(client) = client.filter(|_| wants && !input.contains_key("propertyId")) else {
        return Ok(None);
    };
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

async fn properties(writing: &Writing<'_>, client: &str) -> Result<Vec<Property>, WriteOutcome> {
    let fields: Vec<Field> =
        Field::known(Object::Properties, "isBillingAddress").into_iter().collect();
    let document = Document::properties_of(&fields, client, LOOKED_AT, None);
    let not_sent = WriteOutcome::NotSent;
    let reply = writing.api.send(&document, writing.sending()).await;
    let reply = reply.map_err(|failure| not_sent(failure.error))?;
    let data: ByAlias = reply.data().map_err(not_sent)?;
    let path = [Segment::Key("client".to_owned())];
    let Some(of) = data.get("client").and_then(Option::as_deref) else {
        let state = convert::state_of_null(&reply.errors, &path);
        let fields = FieldName::new("client").into_iter().collect();
        let error = ConnectorError { fields, ..not_there(Object::Clients, &state) };
        return Err(rejected(error));
    };
    let mut of: ByAlias = of_schema(of).map_err(not_sent)?;
    let Some(list) = of.remove("clientProperties").flatten() else {
        let hidden = reply.errors.first().map_or_else(
            || ConnectorError::new(ErrorKind::Protocol, "jobber listed no properties of a client"),
            error::of_graph,
        );
        return Err(not_sent(hidden));
    };
    let list: Connection = of_schema(&list).map_err(not_sent)?;
    let nodes = list.nodes.iter().flatten();
    nodes.map(|node| of_schema(node)).collect::<Result<_, _>>().map_err(not_sent)
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
    ConnectorError {
        fields: FieldName::new("property").into_iter().collect(),
        ..ConnectorError::new(
            ErrorKind::Validation,
            format!("a jobber {one} cannot be made: {why}; sync properties, and map property"),
        )
    }
}
