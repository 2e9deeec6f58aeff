//! What people type on a command line, as a value of a field's type.

use fluxcascade_core::Value;
use fluxcascade_core::model::FieldType;
use serde_json::{Value as Json, json};

/// A text as a value of this type, by its serde form.
pub(crate) fn value(kind: &FieldType, text: &str) -> Option<Value> {
    if text.trim().is_empty() {
        return Some(Value::Null);
    }
    let form: Json = match kind {
        FieldType::Text | FieldType::Email | FieldType::Phone => json!({ "text": text }),
        FieldType::Choice { .. } => json!({ "choice": text }),
        FieldType::Bool => json!({ "bool": text.parse::<bool>().ok()? }),
        FieldType::Int => json!({ "int": text.parse::<i64>().ok()? }),
        FieldType::Decimal => json!({ "decimal": text }),
        FieldType::Date => json!({ "date": text }),
        FieldType::Time => json!({ "time": text }),
        FieldType::Instant => json!({ "instant": text }),
        FieldType::Set { item } => {
            let items = text.split(',').map(|part| value(item, part.trim()));
            return Some(Value::Set(items.collect::<Option<_>>()?));
        }
        FieldType::List { item } => {
            let items = text.split(',').map(|part| value(item, part.trim()));
            return Some(Value::List(items.collect::<Option<_>>()?));
        }
        FieldType::Ref { object } => json!({ "ref": { "object": object, "id": text } }),
        FieldType::Money | FieldType::Zoned | FieldType::Map => serde_json::from_str(text).ok()?,
    };
    serde_json::from_value(form).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_becomes_a_value_of_the_fields_type_or_none() {
        assert_eq!(value(&FieldType::Int, "7"), Some(Value::Int(7)));
        assert_eq!(value(&FieldType::Int, "seven"), None);
        assert_eq!(value(&FieldType::Bool, " "), Some(Value::Null));
        let colours = FieldType::Set { item: Box::new(FieldType::Text) };
        let both = value(&colours, "red, blue").unwrap();
        assert_eq!(both.items().unwrap(), [&Value::from("blue"), &Value::from("red")]);
        let object = fluxcascade_core::model::ObjectType::new("clients").unwrap();
        let client = value(&FieldType::Ref { object }, "42").unwrap();
        assert_eq!(client.to_string(), "clients/42");
    }
}
