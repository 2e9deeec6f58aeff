//! The properties API: definitions as HubSpot shows them, and the making of new ones.

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::collection::Collection;
use super::property::{Access, Gone, Holds, Property};
use super::record::Shelf;
use super::refusal::HubSpotRefusal;
use super::single::shelf;
use super::wire::parsed;
use crate::sim::call::{Call, Reply};

/// `GET …/properties/{object}`
pub(super) fn list(among: &Collection, call: &Call) -> Result<Reply, HubSpotRefusal> {
    let results: Json = match shelf(call)? {
        Shelf::Live => among.properties.all().map(shown).collect(),
        Shelf::Archived => among.properties.archived().map(archived).collect(),
    };
    Ok(Reply::json(200, &json!({ "results": results })))
}

fn archived(property: &Property) -> Json {
    let mut body = shown(property);
    body["archived"] = json!(true);
    body
}

/// `DELETE …/properties/{object}/{name}`
pub(super) fn archive(among: &mut Collection, name: &str) -> Result<Reply, HubSpotRefusal> {
    among.properties.take_away(name, Gone::Archived)?;
    Ok(Reply::empty(204))
}

/// `GET …/properties/{object}/{name}`
pub(super) fn get(among: &Collection, name: &str) -> Result<Reply, HubSpotRefusal> {
    let property = among.properties.get(name).ok_or_else(|| HubSpotRefusal::not_found(name))?;
    Ok(Reply::json(200, &shown(property)))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewProperty {
    name: String,
    label: String,
    #[serde(default)]
    group_name: String,
    r#type: String,
    field_type: String,
    #[serde(default)]
    options: Vec<NewOption>,
    #[serde(default)]
    has_unique_value: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct NewOption {
    value: String,
}

/// `POST …/properties/{object}`
pub(super) fn create(among: &mut Collection, call: &Call) -> Result<Reply, HubSpotRefusal> {
    let new: NewProperty = parsed(call)?;
    if new.group_name != among.kind.group {
        let message = format!("property group '{}' does not exist", new.group_name);
        return Err(HubSpotRefusal::request(message));
    }
    let property = Property::try_from(new)?;
    let body = shown(&property);
    among.properties.add(property)?;
    Ok(Reply::json(201, &body))
}

/// `GET …/properties/{object}/groups`
pub(super) fn groups(among: &Collection) -> Reply {
    Reply::json(200, &json!({ "results": [group(among)] }))
}

fn group(among: &Collection) -> Json {
    json!({
        "name": among.kind.group,
        "label": format!("{} information", among.kind.label),
        "displayOrder": 0,
        "archived": false,
    })
}

impl TryFrom<NewProperty> for Property {
    type Error = HubSpotRefusal;

    fn try_from(new: NewProperty) -> Result<Self, HubSpotRefusal> {
        let options = || new.options.iter().map(|option| option.value.clone()).collect();
        let holds = match (new.r#type.as_str(), new.field_type.as_str()) {
            ("string", "phonenumber") | ("phone_number", _) => Holds::Phone,
            ("string", _) => Holds::Text,
            ("number", _) => Holds::Number,
            ("bool", _) => Holds::Bool,
            ("date", _) => Holds::Date,
            ("datetime", _) => Holds::Instant,
            ("enumeration", "checkbox") => Holds::Many(options()),
            ("enumeration", _) => Holds::Choice(options()),
            (other, _) => {
                let message = format!("Invalid property type '{other}'");
                return Err(HubSpotRefusal::request(message));
            }
        };
        Ok(Self {
            name: new.name,
            label: new.label,
            group: new.group_name,
            holds,
            access: Access::Writable,
            unique: new.has_unique_value,
            standard: false,
        })
    }
}

/// A definition as HubSpot shows it.
pub(super) fn shown(property: &Property) -> Json {
    let (kind, field) = match &property.holds {
        Holds::Text | Holds::Email => ("string", "text"),
        Holds::Phone => ("string", "phonenumber"),
        Holds::Number => ("number", "number"),
        Holds::Bool => ("bool", "booleancheckbox"),
        Holds::Date => ("date", "date"),
        Holds::Instant | Holds::Millis => ("datetime", "date"),
        Holds::Choice(_) | Holds::Owner => ("enumeration", "select"),
        Holds::Stage(_) => ("enumeration", "radio"),
        Holds::Many(_) => ("enumeration", "checkbox"),
    };
    let truth = ["true".to_owned(), "false".to_owned()];
    let options = match &property.holds {
        Holds::Choice(options) | Holds::Stage(options) | Holds::Many(options) => options.as_slice(),
        Holds::Bool => &truth,
        Holds::Text
        | Holds::Email
        | Holds::Phone
        | Holds::Number
        | Holds::Date
        | Holds::Instant
        | Holds::Millis
        | Holds::Owner => &[],
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
        "externalOptions": property.holds == Holds::Owner,
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
    if property.holds == Holds::Owner {
        body["referencedObjectType"] = json!("OWNER");
    }
    body
}

fn option((order, value): (usize, &String)) -> Json {
    json!({ "value": value, "label": value, "displayOrder": order, "hidden": false })
}
