//! Variables that Jobber refuses before a document runs: ids that are none. What else is wrong with a
//! variable the schema says.

use async_graphql::Variables;
use async_graphql::parser::types::{ExecutableDocument, Type};
use serde_json::{Value as Json, json};

use super::client::is_gid;
use super::cost::chosen;

/// Jobber's refusals of an operation's ids, in the form that its page "Handling API errors" shows: with
/// neither a code nor a path.
pub(super) fn refusals(
    document: &ExecutableDocument,
    operation: Option<&str>,
    variables: &Variables,
) -> Vec<Json> {
    let Some(operation) = chosen(document, operation) else { return Vec::new() };
    let mut refused = Vec::new();
    for definition in &operation.variable_definitions {
        let of = &definition.node.var_type.node;
        let name = &definition.node.name.node;
        let Some(value) = variables.get(name).filter(|_| is_of_ids(of)) else { continue };
        let value = value.clone().into_json().unwrap_or_default();
        if let Some(bad) = bad_id(&value) {
            let problem = json!({
                "path": [], "explanation": format!("'{bad}' is not a valid EncodedId"),
            });
            refused.push(json!({
                "message": format!("Variable ${name} of type {of} was provided invalid value"),
                "locations": [{ "line": definition.pos.line, "column": definition.pos.column }],
                "extensions": { "value": value, "problems": [problem] },
            }));
        }
    }
    refused
}

fn is_of_ids(of: &Type) -> bool {
    of.to_string().trim_matches(['[', ']', '!']) == "EncodedId"
}

/// The first that is no id, of one or a list of them.
fn bad_id(value: &Json) -> Option<String> {
    match value {
        Json::String(id) => (!is_gid(id)).then(|| id.clone()),
        Json::Array(all) => all.iter().find_map(bad_id),
        Json::Number(number) => Some(number.to_string()),
        Json::Null | Json::Bool(_) | Json::Object(_) => None,
    }
}
