//! The requests below `/__sim/records`, by which people's doings are done over HTTP.

use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use super::association::Label;
use super::portal::Portal;
use super::record::{Author, Record, iso};
use super::refusal::HubSpotRefusal;
use super::wire::{Scalar, given, parsed};
use crate::sim::call::{Call, Reply};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Values {
    properties: Map<String, Json>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Merge {
    other: Scalar,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Tie {
    primary: bool,
}

/// What follows `/__sim/records`.
pub(super) fn answer(
    portal: &mut Portal,
    call: &Call,
    rest: &[&str],
) -> Result<Reply, HubSpotRefusal> {
    let (at, by) = (call.at, Author::User);
    match (call.method.as_str(), rest) {
        ("GET", [object]) => {
            let records = portal.of(object)?.records.values().map(shown).collect::<Vec<_>>();
            Ok(Reply::json(200, &json!({ "records": records })))
        }
        ("POST", [object]) => {
            let values = given(parsed::<Values>(call)?.properties)?;
            let id = portal.of_mut(object)?.create(values, by, at)?;
            Ok(named(201, id))
        }
        ("GET", [object, id]) => {
            let among = portal.of(object)?;
            let found = id.parse().ok().and_then(|id| among.record(id));
            let found = found.ok_or_else(|| HubSpotRefusal::not_found(id))?;
            Ok(Reply::json(200, &shown(found)))
        }
        ("PATCH", [object, id]) => {
            let values = given(parsed::<Values>(call)?.properties)?;
            let among = portal.of_mut(object)?;
            let found = among.live(None, id)?;
            among.update(found, values, by, at)?;
            Ok(named(200, found))
        }
        ("DELETE", [object, id]) => {
            let among = portal.of_mut(object)?;
            let found = among.live(None, id)?;
            among.archive(found, by, at);
            Ok(named(200, found))
        }
        ("POST", [object, id, "restore"]) => {
            portal.of_mut(object)?.restore(id, at)?;
            Ok(Reply::json(200, &json!({ "id": id })))
        }
        ("POST", [object, id, "merge"]) => {
            let other = String::from(parsed::<Merge>(call)?.other);
            Ok(named(200, portal.merge(object, id, &other, by, at)?))
        }
        (method @ ("PUT" | "DELETE"), [object, id, "associations", to, to_id]) => {
            let (from, to) = (portal.end(object, id)?, portal.end(to, to_id)?);
            if method == "DELETE" {
                portal.dissociate(&from, &to, by, at);
            } else {
                let tie: Tie = if call.body.is_empty() { Tie::default() } else { parsed(call)? };
                let label = if tie.primary { Label::Primary } else { Label::Unlabelled };
                portal.associate(&from, &to, label, by, at)?;
            }
            Ok(Reply::json(200, &json!({})))
        }
        _ => Err(HubSpotRefusal::not_found("control")),
    }
}

fn named(status: u16, id: u64) -> Reply {
    Reply::json(status, &json!({ "id": id.to_string() }))
}

fn shown(record: &Record) -> Json {
    json!({
        "id": record.id.to_string(),
        "properties": record.state().properties,
        "createdAt": iso(record.created),
        "updatedAt": iso(record.state().modified),
        "archivedAt": record.archived.map(iso),
    })
}
