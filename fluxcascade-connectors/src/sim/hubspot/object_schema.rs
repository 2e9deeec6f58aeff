//! The schemas of custom objects, and the pipelines of deals.

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::collection::Collection;
use super::kind::Needs;
use super::portal::{NewKind, Portal};
use super::property::Property;
use super::record::iso;
use super::refusal::HubSpotRefusal;
use super::schema::{self, NewProperty};
use super::standard::{DEAL_STAGES, PIPELINE};
use super::wire::parsed;
use crate::sim::call::{Call, Reply};

/// `GET …/schemas`
pub(super) fn list(portal: &Portal) -> Reply {
    let results: Vec<Json> = portal.custom().map(|of| shown(portal, of)).collect();
    Reply::json(200, &json!({ "results": results }))
}

/// `GET …/schemas/{object}`
pub(super) fn get(portal: &Portal, object: &str) -> Result<Reply, HubSpotRefusal> {
    let missing = || HubSpotRefusal::not_found(object);
    let of = portal.of(object).map_err(|_| missing())?;
    if !of.kind.is_custom() {
        return Err(missing());
    }
    Ok(Reply::json(200, &shown(portal, of)))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewSchema {
    name: String,
    labels: Labels,
    primary_display_property: Option<String>,
    required_properties: Vec<String>,
    properties: Vec<NewProperty>,
    associated_objects: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Labels {
    singular: Option<String>,
}

/// `POST …/schemas`
pub(super) fn create(portal: &mut Portal, call: &Call) -> Result<Reply, HubSpotRefusal> {
    let new: NewSchema = parsed(call)?;
    let properties =
        new.properties.into_iter().map(Property::try_from).collect::<Result<Vec<_>, _>>()?;
    let id = portal.define(NewKind {
        label: new.labels.singular.unwrap_or_else(|| new.name.clone()),
        name: new.name,
        display: new.primary_display_property,
        required: new.required_properties,
        properties,
        associated: new.associated_objects,
    })?;
    let of = portal.of(&id)?;
    Ok(Reply::json(201, &shown(portal, of)))
}

fn shown(portal: &Portal, of: &Collection) -> Json {
    let kind = &of.kind;
    let required = match &kind.needs {
        Needs::All(names) => names.clone(),
        Needs::OneOf(_) => Vec::new(),
    };
    let associations: Vec<Json> = portal
        .associations
        .of_kind(&kind.id)
        .into_iter()
        .map(|(to, id)| {
            let to_name = portal.kind(&to).map_or("record", |kind| kind.singular.as_str());
            json!({
                "id": id.to_string(),
                "fromObjectTypeId": kind.id,
                "toObjectTypeId": to,
                "name": format!("{}_to_{to_name}", kind.name),
            })
        })
        .collect();
    json!({
        "id": kind.id.trim_start_matches("2-"),
        "objectTypeId": kind.id,
        "fullyQualifiedName": format!("p{}_{}", of.options.portal_id, kind.name),
        "name": kind.name,
        "labels": { "singular": kind.label, "plural": format!("{}s", kind.label) },
        "primaryDisplayProperty": kind.display,
        "requiredProperties": required,
        "searchableProperties": [],
        "secondaryDisplayProperties": [],
        "properties": of.properties.all().map(schema::shown).collect::<Vec<_>>(),
        "associations": associations,
        "archived": false,
    })
}

/// `GET …/pipelines/{object}`
pub(super) fn pipelines(
    portal: &Portal,
    call: &Call,
    object: &str,
) -> Result<Reply, HubSpotRefusal> {
    let results = match portal.of(object)?.kind.name.as_str() {
        "deals" => vec![deal_pipeline(call)],
        _ => Vec::new(),
    };
    Ok(Reply::json(200, &json!({ "results": results })))
}

fn deal_pipeline(call: &Call) -> Json {
    let stage = |(order, id): (usize, &&str)| {
        let probability = match *id {
            "closedwon" => "1.0",
            "closedlost" => "0.0",
            _ => "0.5",
        };
        json!({
            "id": id,
            "label": id,
            "displayOrder": order,
            "metadata": { "probability": probability },
            "createdAt": iso(call.at),
            "updatedAt": iso(call.at),
            "archived": false,
        })
    };
    json!({
        "id": PIPELINE,
        "label": "Sales Pipeline",
        "displayOrder": 0,
        "stages": DEAL_STAGES.iter().enumerate().map(stage).collect::<Vec<_>>(),
        "createdAt": iso(call.at),
        "updatedAt": iso(call.at),
        "archived": false,
    })
}
