//! How records go out and writes come in: the shapes that all requests share.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json, json};

use super::HubSpotOptions;
use super::contact::{Author, Contact, Past, State, iso};
use super::property::is_system;
use super::refusal::{HubSpotRefusal, Problem};
use crate::sim::call::Call;

/// What is returned if nothing is asked for.
const USUAL: [&str; 3] = ["email", "firstname", "lastname"];

/// Which properties an answer has.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub(super) properties: Vec<String>,
    pub(super) history: Vec<String>,
}

impl Wanted {
    /// As the query of a GET asks: comma-separated, repeated, or both.
    pub(super) fn of_query(call: &Call) -> Self {
        let listed = |name: &str| {
            let pairs = call.query_pairs().into_iter().filter(|(key, _)| key == name);
            let values = pairs.map(|(_, value)| value).collect::<Vec<_>>().join(",");
            values.split(',').filter(|n| !n.is_empty()).map(str::to_owned).collect()
        };
        Self { properties: listed("properties"), history: listed("propertiesWithHistory") }
    }

    /// What a write answers: what was written.
    pub(super) fn written(changes: &[(String, String)]) -> Self {
        let properties = changes.iter().map(|(name, _)| name.clone()).collect();
        Self { properties, history: Vec::new() }
    }
}

/// How a property without a value looks in an answer.
#[derive(Debug, Clone, Copy)]
pub(super) enum Blanks {
    /// Not at all: lists, single and batch requests.
    Omitted,
    /// As null: search.
    Null,
}

/// A record as HubSpot shows it, in this state of it.
pub(super) fn record(
    options: &HubSpotOptions,
    contact: &Contact,
    state: &State,
    wanted: &Wanted,
    blanks: Blanks,
) -> Json {
    let mut properties = Map::new();
    let asked = wanted.properties.iter().map(String::as_str);
    let usual = if wanted.properties.is_empty() { USUAL.as_slice() } else { &[] };
    for name in asked.chain(usual.iter().copied()) {
        match (state.properties.get(name), blanks) {
            (Some(value), _) => {
                properties.insert(name.to_owned(), json!(value));
            }
            (None, Blanks::Null) => {
                properties.insert(name.to_owned(), Json::Null);
            }
            (None, Blanks::Omitted) => {}
        }
    }
    for (name, value) in state.properties.iter().filter(|(name, _)| is_system(name)) {
        properties.insert(name.clone(), json!(value));
    }
    let mut body = json!({
        "id": contact.id.to_string(),
        "properties": properties,
        "createdAt": iso(contact.created),
        "updatedAt": iso(state.modified),
        "archived": contact.archived.is_some(),
        "url": format!(
            "https://app.hubspot.com/contacts/{}/record/0-1/{}", options.portal_id, contact.id
        ),
    });
    if let Some(at) = contact.archived {
        body["archivedAt"] = json!(iso(at));
    }
    if !wanted.history.is_empty() {
        let past = |name: &String| (name.clone(), history(options, &contact.history(name)));
        body["propertiesWithHistory"] = Json::Object(wanted.history.iter().map(past).collect());
    }
    body
}

fn history(options: &HubSpotOptions, past: &[Past]) -> Json {
    let entry = |past: &Past| {
        let (kind, source) = match past.by {
            Author::App => ("INTEGRATION", options.app_id.to_string()),
            Author::User => ("CRM_UI", "userId:98499705".to_owned()),
        };
        json!({
            "value": past.value,
            "timestamp": iso(past.at),
            "sourceType": kind,
            "sourceId": source,
        })
    };
    past.iter().map(entry).collect()
}

/// The body of a request.
pub(super) fn parsed<T: DeserializeOwned>(call: &Call) -> Result<T, HubSpotRefusal> {
    serde_json::from_slice(&call.body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        HubSpotRefusal::request(format!(
            "Invalid input JSON on line {line}, column {column}: {error}"
        ))
    })
}

/// A text, or a number in place of one.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Scalar {
    Text(String),
    Number(serde_json::Number),
    Bool(bool),
}

impl From<Scalar> for String {
    fn from(scalar: Scalar) -> Self {
        match scalar {
            Scalar::Text(text) => text,
            Scalar::Number(number) => number.to_string(),
            Scalar::Bool(yes) => yes.to_string(),
        }
    }
}

/// The body of a single create or update.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Write {
    #[serde(default)]
    properties: Map<String, Json>,
    #[serde(default)]
    associations: Vec<Json>,
}

impl Write {
    /// The properties that it sets.
    pub(super) fn given(self) -> Result<Vec<(String, String)>, HubSpotRefusal> {
        given(self.properties, &self.associations)
    }
}

/// The properties that a write sets, each as text.
pub(super) fn given(
    properties: Map<String, Json>,
    associations: &[Json],
) -> Result<Vec<(String, String)>, HubSpotRefusal> {
    if !associations.is_empty() {
        return Err(HubSpotRefusal::request("the simulator has no associations"));
    }
    let mut texts = Vec::with_capacity(properties.len());
    let mut problems = Vec::new();
    for (name, value) in properties {
        match value {
            Json::String(text) => texts.push((name, text)),
            Json::Number(number) => texts.push((name, number.to_string())),
            Json::Bool(yes) => texts.push((name, yes.to_string())),
            Json::Null | Json::Array(_) | Json::Object(_) => problems.push(Problem {
                message: format!("{name} must be set to a string; an empty one clears it"),
                property: name,
                code: "INVALID_JSON_VALUE",
            }),
        }
    }
    if problems.is_empty() { Ok(texts) } else { Err(HubSpotRefusal::invalid(problems)) }
}
