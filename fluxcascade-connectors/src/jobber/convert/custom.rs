//! The values of custom fields, read and written.

use std::collections::BTreeMap;

use fluxcascade_core::model::{Slot, Value};
use serde_json::{Map, Value as Json, json};

use super::super::custom::{CustomField, CustomKind, Unlisted};
use super::super::fields::Field as Of;
use super::super::wire::{CustomValue, Field, Record};
use super::{Hidden, bounded};

/// What a record has of a custom field. A value without an id is the default that Jobber shows where
/// the record has none of its own.
pub(super) fn slot(record: &Record, hidden: &Hidden, of: &CustomField) -> Result<Slot, String> {
    let values: Field<Vec<CustomValue>> = record.field("customFields")?;
    if hidden.has("customFields", &values) {
        return Ok(Slot::Absent);
    }
    let Some(found) = listed(&values, of) else {
        return Ok(match of.unlisted {
            Unlisted::Unknown => Slot::Absent,
            Unlisted::Blank => Slot::Present(Value::Null),
        });
    };
    if found.id.is_none() {
        return Ok(Slot::Present(Value::Null));
    }
    let value = found.values.get(of.kind.key()).unwrap_or(&Json::Null);
    read(of, value).map(Slot::Present)
}

fn listed<'a>(values: &'a Field<Vec<CustomValue>>, of: &CustomField) -> Option<&'a CustomValue> {
    let is_of = |value: &&CustomValue| {
        value.custom_field_configuration.as_ref().is_some_and(|one| one.id == of.id)
    };
    values.value().into_iter().flatten().find(is_of)
}

/// Whether a record shows its custom fields, and not this one.
pub(super) fn is_unlisted(record: &Record, hidden: &Hidden, field: &Of) -> bool {
    let Of::Custom(of) = field else { return false };
    let Ok(values) = record.field::<Vec<CustomValue>>("customFields") else { return false };
    !hidden.has("customFields", &values) && listed(&values, of).is_none()
}

fn read(of: &CustomField, value: &Json) -> Result<Value, String> {
    let name = of.name.as_str();
    let odd = || format!("{name} has another form than jobber's schema says");
    if value.is_null() {
        return Ok(Value::Null);
    }
    match of.kind {
        CustomKind::Text => bounded(name, value.as_str().ok_or_else(odd)?.to_owned()),
        CustomKind::Numeric => number(value).ok_or_else(odd),
        CustomKind::TrueFalse => value.as_bool().map(Value::Bool).ok_or_else(odd),
        CustomKind::Dropdown => choice(name, value.as_str().ok_or_else(odd)?.to_owned()),
        CustomKind::Link => {
            parts(value, ["text", "url"], |part| bounded(name, part.as_str()?.to_owned()).ok())
                .ok_or_else(odd)
        }
        CustomKind::Area => parts(value, ["length", "width"], number).ok_or_else(odd),
    }
}

/// One of some codes.
pub(super) fn choice(name: &str, code: String) -> Result<Value, String> {
    bounded(name, code)
        .map(|code| if let Value::Text(code) = code { Value::Choice(code) } else { code })
}

fn number(value: &Json) -> Option<Value> {
    let digits = value.as_number()?.to_string();
    let number = digits.parse().or_else(|_| rust_decimal::Decimal::from_scientific(&digits));
    number.ok().map(Value::Decimal)
}

/// A value of two parts.
fn parts(value: &Json, keys: [&str; 2], read: impl Fn(&Json) -> Option<Value>) -> Option<Value> {
    let mut parts = BTreeMap::new();
    for key in keys {
        let part = value.get(key)?;
        parts.insert(key.to_owned(), if part.is_null() { Value::Null } else { read(part)? });
    }
    Some(Value::Map(parts))
}

/// A value as an input has it: the id of its configuration, and exactly one value. How a custom
/// field is cleared is not documented: a text and a link take empty texts, the others nothing.
pub(super) fn input(of: &CustomField, value: &Value) -> Result<Json, String> {
    let value = match of.kind {
        CustomKind::Text => json!(text(value)?),
        CustomKind::Numeric => {
            json_number(value).ok_or("must be a number, and cannot be cleared")?
        }
        CustomKind::TrueFalse => {
            let Value::Bool(yes) = value else {
                return Err("must be true or false, and cannot be cleared".to_owned());
            };
            json!(yes)
        }
        CustomKind::Dropdown => {
            match value.as_text().filter(|text| of.options.iter().any(|o| o == text)) {
                Some(text) => json!(text),
                None => return Err("takes one of its choices, and cannot be cleared".to_owned()),
            }
        }
        CustomKind::Link => link(value)?,
        CustomKind::Area => {
            area(value).ok_or("takes a length and a width, and cannot be cleared")?
        }
    };
    let mut item = Map::new();
    item.insert("customFieldConfigurationId".to_owned(), json!(of.id));
    item.insert(of.kind.key().to_owned(), value);
    Ok(Json::Object(item))
}

fn text(value: &Value) -> Result<String, String> {
    if value.is_blank() {
        return Ok(String::new());
    }
    value.as_text().map(str::to_owned).ok_or_else(|| "takes a text".to_owned())
}

/// A number, as JSON has it.
pub(super) fn json_number(value: &Value) -> Option<Json> {
    let digits = value.as_decimal()?.normalize().to_string();
    serde_json::from_str::<serde_json::Number>(&digits).ok().map(Json::Number)
}

fn link(value: &Value) -> Result<Json, String> {
    let odd = || "takes a map of text and url".to_owned();
    if value.is_blank() {
        return Ok(json!({ "text": "", "url": "" }));
    }
    let Value::Map(parts) = value else { return Err(odd()) };
    let mut link = Map::new();
    for (key, part) in parts {
        if !["text", "url"].contains(&key.as_str()) {
            return Err(odd());
        }
        link.insert(key.clone(), json!(text(part)?));
    }
    Ok(Json::Object(link))
}

fn area(value: &Value) -> Option<Json> {
    let Value::Map(parts) = value else { return None };
    let length = json_number(parts.get("length")?)?;
    let width = json_number(parts.get("width")?)?;
    (parts.len() == 2).then(|| json!({ "length": length, "width": width }))
}

#[cfg(test)]
mod tests {
    use fluxcascade_core::model::FieldName;

    use super::*;

    fn field(kind: CustomKind) -> CustomField {
        CustomField {
            name: FieldName::new("customFields.Own").unwrap(),
            id: "c1".to_owned(),
            kind,
            options: vec!["Small".to_owned(), "Large".to_owned()],
            read_only: false,
            unlisted: Unlisted::Unknown,
        }
    }

    fn map(parts: [(&str, Value); 2]) -> Value {
        Value::Map(parts.map(|(key, value)| (key.to_owned(), value)).into())
    }

    #[test]
    fn a_value_is_written_by_its_configuration_and_reads_back_as_it_was() {
        let values = [
            (CustomKind::Text, Value::from("FC-42")),
            (CustomKind::Numeric, Value::Decimal("12.5".parse().unwrap())),
            (CustomKind::TrueFalse, Value::Bool(true)),
            (CustomKind::Dropdown, Value::Choice("Large".to_owned())),
            (CustomKind::Link, map([("text", "Plan".into()), ("url", "https://x.io".into())])),
            (
                CustomKind::Area,
                map([
                    ("length", Value::Decimal("2.25".parse().unwrap())),
                    ("width", Value::Decimal("4".parse().unwrap())),
                ]),
            ),
        ];
        for (kind, value) in values {
            let input = input(&field(kind), &value).unwrap();
            assert_eq!(input["customFieldConfigurationId"], "c1");
            let back = read(&field(kind), &input[kind.key()]).unwrap();
            assert!(back.equivalent(&value, &field(kind).field_type()), "{back:?} {value:?}");
        }
    }

    #[test]
    fn what_can_not_be_cleared_says_so_before_it_is_sent() {
        for kind in
            [CustomKind::Numeric, CustomKind::TrueFalse, CustomKind::Dropdown, CustomKind::Area]
        {
            let why = input(&field(kind), &Value::Null).unwrap_err();
            assert!(why.contains("cannot be cleared"), "{kind:?}: {why}");
        }
        assert_eq!(input(&field(CustomKind::Text), &Value::Null).unwrap()["valueText"], "");
        assert!(input(&field(CustomKind::Dropdown), &Value::from("Huge")).is_err());
    }
}
