//! The properties API: definitions as HubSpot shows them, and the making of new ones.

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::portal::Portal;
use super::property::{Access, Kind, Property};
use super::refusal::HubSpotRefusal;
use super::wire::parsed;
use crate::sim::call::{Call, Reply};

/// `GET …/properties/contacts`
pub(super) fn list(portal: &Portal) -> Reply {
    let results: Json = portal.properties.all().map(shown).collect();
    Reply::json(200, &json!({ "results": results }))
}

/// `GET …/properties/contacts/{name}`
pub(super) fn get(portal: &Portal, name: &str) -> Result<Reply, HubSpotRefusal> {
    let property = portal.properties.get(name).ok_or_else(|| HubSpotRefusal::not_found(name))?;
    Ok(Reply::json(200, &shown(property)))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewProperty {
    name: String,
    label: String,
    group_name: String,
    r#type: String,
    field_type: String,
    #[serde(default)]
    options: Vec<NewOption>,
    #[serde(default)]
    has_unique_value: bool,
}

#[derive(Debug, Deserialize)]
struct NewOption {
    value: String,
}

/// `POST …/properties/contacts`
pub(super) fn create(portal: &mut Portal, call: &Call) -> Result<Reply, HubSpotRefusal> {
    let new: NewProperty = parsed(call)?;
    if new.group_name != "contactinformation" {
        let message = format!("property group '{}' does not exist", new.group_name);
        return Err(HubSpotRefusal::request(message));
    }
    let options = || new.options.iter().map(|option| option.value.clone()).collect();
    let kind = match (new.r#type.as_str(), new.field_type.as_str()) {
        ("string", "phonenumber") | ("phone_number", _) => Kind::Phone,
        ("string", _) => Kind::Text,
        ("number", _) => Kind::Number,
        ("bool", _) => Kind::Bool,
        ("date", _) => Kind::Date,
        ("datetime", _) => Kind::Instant,
        ("enumeration", "checkbox") => Kind::Many(options()),
        ("enumeration", _) => Kind::Choice(options()),
        (other, _) => {
            let message = format!("Invalid property type '{other}'");
            return Err(HubSpotRefusal::request(message));
        }
    };
    let property = Property {
        name: new.name,
        label: new.label,
        group: new.group_name,
        kind,
        access: Access::Writable,
        unique: new.has_unique_value,
        standard: false,
    };
    let body = shown(&property);
    portal.properties.add(property)?;
    Ok(Reply::json(201, &body))
}

/// A definition as HubSpot shows it.
fn shown(property: &Property) -> Json {
    let (kind, field) = match &property.kind {
        Kind::Text | Kind::Email => ("string", "text"),
        Kind::Phone => ("string", "phonenumber"),
        Kind::Number => ("number", "number"),
        Kind::Bool => ("bool", "booleancheckbox"),
        Kind::Date => ("date", "date"),
        Kind::Instant => ("datetime", "date"),
        Kind::Choice(_) | Kind::Owner => ("enumeration", "select"),
        Kind::Stage(_) => ("enumeration", "radio"),
        Kind::Many(_) => ("enumeration", "checkbox"),
    };
    let truth = ["true".to_owned(), "false".to_owned()];
    let options = match &property.kind {
        Kind::Choice(options) | Kind::Stage(options) | Kind::Many(options) => options.as_slice(),
        Kind::Bool => &truth,
        Kind::Text
        | Kind::Email
        | Kind::Phone
        | Kind::Number
        | Kind::Date
        | Kind::Instant
        | Kind::Owner => &[],
    };
    let mut body = json!({
        "name": property.name,
        "label": property.label,
        "type": kind,
        "fieldType": field,
        "description": "",
        "groupName": property.group,
        "options": options.iter().enumerate().map(option).collect::<Json>(),
        "displayOrder": -1,
        "calculated": false,
        "externalOptions": property.kind == Kind::Owner,
        "archived": false,
        "hasUniqueValue": property.unique && !property.standard,
        "hidden": false,
        "hubspotDefined": property.standard,
        "formField": property.access == Access::Writable,
        "dataSensitivity": "non_sensitive",
        "modificationMetadata": {
            "archivable": !property.standard,
            "readOnlyDefinition": property.standard,
            "readOnlyOptions": property.standard,
            "readOnlyValue": property.access == Access::ReadOnly,
        },
    });
    if property.kind == Kind::Owner {
        body["referencedObjectType"] = json!("OWNER");
    }
    body
}

fn option((order, value): (usize, &String)) -> Json {
    json!({ "value": value, "label": value, "displayOrder": order, "hidden": false })
}
