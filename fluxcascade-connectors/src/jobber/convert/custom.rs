//! The values of custom fields, read and written.

use std::collections::BTreeMap;
use std::sync::Arc;

use fluxcascade_core::model::{Slot, Value};
use rust_decimal::Decimal;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json, json};

use super::super::custom::{CustomField, CustomKind, Unlisted};
use super::super::fields::Field as Of;
use super::super::wire::{ByAlias, CustomValue, Field, Record};
use super::{Hidden, bounded, decimal};

/// What a number that cannot be written is refused with.
pub(super) const NO_NUMBER: &str = "must be a number of up to 15 digits, and cannot be cleared";

/// What a record has of a custom field. A value without an id that is the field's default is what Jobber
/// shows where the record has none of its own. Whether another one without an id is the record's own is
/// not known.
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
    let key = of.kind.key();
    match (found.raw(key), found.is_own()) {
        (Some(value), true) => read(of, value).map(Slot::Present),
        (None, true) => Ok(Slot::Present(Value::Null)),
        (value, false) => {
            let default = found.default(key);
            let both = value.zip(default.as_deref());
            let is_default = both
                .map(|(value, default)| Ok::<_, String>(read(of, value)? == read(of, default)?));
            Ok(if is_default.transpose()?.unwrap_or(false) {
                Slot::Present(Value::Null)
            } else {
                Slot::Absent
            })
        }
    }
}

fn listed<'a>(values: &'a Field<Vec<CustomValue>>, of: &CustomField) -> Option<&'a CustomValue> {
    let is_of = |value: &&CustomValue| value.configuration().as_ref() == Some(&of.id);
    values.value().into_iter().flatten().find(is_of)
}

/// Whether a record shows its custom fields, and not this one.
pub(super) fn is_unlisted(record: &Record, hidden: &Hidden, field: &Of) -> bool {
    let Of::Custom(of) = field else { return false };
    let Ok(values) = record.field::<Vec<CustomValue>>("customFields") else { return false };
    !hidden.has("customFields", &values) && listed(&values, of).is_none()
}

/// The fields, those confirmed that a record of these lacks and another one lists: they are there. None
/// where nothing says so of one of them.
pub(in super::super) fn witnessed(fields: &[Of], rows: &[(&Record, &Hidden)]) -> Option<Vec<Of>> {
    let lists = |record: &Record, of: &CustomField| {
        record.field("customFields").is_ok_and(|values| listed(&values, of).is_some())
    };
    let witnessed = |field: &Of| match field {
        Of::Custom(of) if rows.iter().any(|(row, hidden)| is_unlisted(row, hidden, field)) => {
            let is_there = rows.iter().any(|(row, _)| lists(row, of));
            let blank = || CustomField { unlisted: Unlisted::Blank, ..of.as_ref().clone() };
            is_there.then(|| Of::Custom(Arc::new(blank())))
        }
        Of::Known(_) | Of::Custom(_) | Of::Gone(_) => Some(field.clone()),
    };
    fields.iter().map(witnessed).collect()
}

fn read(of: &CustomField, value: &RawValue) -> Result<Value, String> {
    let name = of.name.as_str();
    match of.kind {
        CustomKind::Text => bounded(name, plain(name, value)?),
        CustomKind::Numeric => decimal(name, value),
        CustomKind::TrueFalse => plain(name, value).map(Value::Bool),
        CustomKind::Dropdown => choice(name, plain(name, value)?),
        CustomKind::Link => {
            let link =
                parts(name, value, ["text", "url"], |part| bounded(name, plain(name, part)?))?;
            // As a link is after it was cleared.
            let is_blank = link.values().all(Value::is_blank);
            Ok(if is_blank { Value::Null } else { Value::Map(link) })
        }
        CustomKind::Area => {
            parts(name, value, ["length", "width"], |part| decimal(name, part)).map(Value::Map)
        }
    }
}

fn odd(name: &str) -> String {
    format!("{name} has another form than jobber's schema says")
}

fn plain<T: DeserializeOwned>(name: &str, value: &RawValue) -> Result<T, String> {
    serde_json::from_str(value.get()).map_err(|_| odd(name))
}

/// One of some codes.
pub(super) fn choice(name: &str, code: String) -> Result<Value, String> {
    bounded(name, code)
        .map(|code| if let Value::Text(code) = code { Value::Choice(code) } else { code })
}

/// The parts of a value of two.
fn parts(
    name: &str,
    value: &RawValue,
    keys: [&str; 2],
    read: impl Fn(&RawValue) -> Result<Value, String>,
) -> Result<BTreeMap<String, Value>, String> {
    let found: ByAlias = plain(name, value)?;
    let part = |key: &str| {
        let part = found.get(key).ok_or_else(|| odd(name))?;
        let value = part.as_deref().map_or(Ok(Value::Null), &read)?;
        Ok((key.to_owned(), value))
    };
    keys.into_iter().map(part).collect()
}

/// A value as an input has it: the id of its configuration, and exactly one value. How a custom
/// field is cleared is not documented: a text and a link take empty texts, the others nothing.
pub(super) fn input(of: &CustomField, value: &Value) -> Result<Json, String> {
    let value = match of.kind {
        CustomKind::Text => json!(text(value)?),
        CustomKind::Numeric => json_number(value).ok_or(NO_NUMBER)?,
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
        CustomKind::Area => area(value)
            .ok_or("takes a length and a width of up to 15 digits, and cannot be cleared")?,
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

/// A number, as JSON has it. Jobber's `Float` has no more digits than a binary fraction of 64 bits
/// holds: a number that would come back as another one is none.
pub(super) fn json_number(value: &Value) -> Option<Json> {
    let decimal = value.as_decimal()?.normalize();
    let number: serde_json::Number = serde_json::from_str(&decimal.to_string()).ok()?;
    let digits = number.to_string();
    let back = digits.parse().or_else(|_| Decimal::from_scientific(&digits));
    (back.ok() == Some(decimal)).then_some(Json::Number(number))
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
    fn a_value_without_an_id_is_blank_where_it_is_the_default_and_else_not_known() {
        let shown = |kind: CustomKind, id: Json, value: &Json, default: Option<&Json>| {
            let mut of = json!({ "id": "c1" });
            if let Some(default) = default {
                of[kind.key()] = default.clone();
            }
            let value = json!({ "id": id, "customFieldConfiguration": of, kind.key(): value });
            let raw = json!({ "id": "a", "customFields": [value] }).to_string();
            let record = Record::read(&RawValue::from_string(raw).unwrap()).unwrap();
            slot(&record, &Hidden::default(), &field(kind)).unwrap()
        };
        let area = |width| json!({ "length": 1.0, "width": width });
        let link = |text| json!({ "text": text, "url": "" });
        for (kind, value, other) in [
            (CustomKind::Text, json!("none"), json!("42")),
            (CustomKind::Numeric, json!(0), json!(7)),
            (CustomKind::TrueFalse, json!(false), json!(true)),
            (CustomKind::Dropdown, json!("Small"), json!("Large")),
            (CustomKind::Link, link("a"), link("b")),
            (CustomKind::Area, area(1.5), area(2.5)),
        ] {
            let blank = Slot::Present(Value::Null);
            assert_eq!(shown(kind, Json::Null, &value, Some(&value)), blank, "{kind:?}");
            assert_eq!(shown(kind, Json::Null, &other, Some(&value)), Slot::Absent, "{kind:?}");
            assert_eq!(shown(kind, Json::Null, &value, None), Slot::Absent, "{kind:?}");
            let own = shown(kind, json!("v1"), &value, Some(&value));
            assert!(own != blank && own != Slot::Absent, "{kind:?}: {own:?}");
        }
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
            let raw = serde_json::value::to_raw_value(&input[kind.key()]).unwrap();
            let back = read(&field(kind), &raw).unwrap();
            assert!(back.equivalent(&value, &field(kind).field_type()), "{back:?} {value:?}");
        }
    }

    #[test]
    fn a_number_is_read_with_all_its_digits_and_one_that_would_lose_some_is_not_written() {
        let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
        let digits = "12345678901234567.89";
        let read = |kind, text: &str| read(&field(kind), &raw(text)).unwrap();
        let exact = Value::Decimal(digits.parse().unwrap());
        assert_eq!(read(CustomKind::Numeric, digits), exact);
        let area = read(CustomKind::Area, &format!("{{\"length\":{digits},\"width\":0.1}}"));
        let Value::Map(area) = area else { panic!() };
        assert_eq!(area["length"], exact);
        let why = input(&field(CustomKind::Numeric), &exact).unwrap_err();
        assert!(why.contains("15 digits"), "{why}");
        for text in ["0.1", "1234567890.12", "-0.07", "900719925474099", "0.000001"] {
            let number = Value::Decimal(text.parse().unwrap());
            let sent = input(&field(CustomKind::Numeric), &number).unwrap();
            assert_eq!(read(CustomKind::Numeric, &sent["valueNumeric"].to_string()), number);
        }
    }

    #[test]
    fn a_link_that_was_cleared_is_blank() {
        let cleared = input(&field(CustomKind::Link), &Value::Null).unwrap();
        let raw = serde_json::value::to_raw_value(&cleared["valueLink"]).unwrap();
        assert_eq!(read(&field(CustomKind::Link), &raw).unwrap(), Value::Null);
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
