//! Values of fields as the file has them: a text, a whole number, true or false, a day or a time stand as
//! they are; anything else by its serde form (`{ decimal = "1.5" }`, `{ choice = "lead" }`).

use fluxcascade_core::Value;
use serde_json::{Value as Json, json};
use toml::de::DeValue;

use super::node::{self, Node};
use super::place::Findings;

/// A value in its serde form; null, and noted, if it is none.
pub(super) fn read(node: &Node<'_>, findings: &mut Findings) -> Json {
    let json = match node.get_ref() {
        DeValue::String(text) => json!({ "text": text }),
        DeValue::Integer(_) => json!({ "int": node::json(node) }),
        DeValue::Float(number) => json!({ "decimal": number.as_str() }),
        DeValue::Boolean(yes) => json!({ "bool": yes }),
        DeValue::Datetime(time) => match (time.date, time.time, time.offset) {
            (Some(_), None, _) => json!({ "date": time.to_string() }),
            (None, Some(_), _) => json!({ "time": time.to_string() }),
            _ => json!({ "instant": time.to_string() }),
        },
        DeValue::Array(items) => {
            let items: Vec<Json> = items.iter().map(|item| read(item, findings)).collect();
            json!({ "list": items })
        }
        DeValue::Table(_) => node::json(node),
    };
    // What an item of a list lacks was noted there.
    let noted = json.get("list").is_some();
    match serde_json::from_value::<Value>(json.clone()) {
        Ok(Value::Kept(_)) | Err(_) if !noted => {
            let kinds = "a text, a whole number, true or false, a day, a time, or a table such as \
                         { decimal = \"1.5\" } or { choice = \"code\" }";
            findings.add(&node.span(), format!("is no value that a field can hold: write {kinds}"));
            json!("null")
        }
        Ok(_) | Err(_) => json,
    }
}
