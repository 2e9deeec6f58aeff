//! How records go out and writes come in: the shapes that all requests share.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json, json};

use super::HubSpotOptions;
use super::collection::Collection;
use super::property::is_system;
use super::record::{Author, Past, Record, State, iso};
use super::refusal::{HubSpotRefusal, Problem};
use crate::sim::call::Call;

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
pub(super) fn shown(
    among: &Collection,
    record: &Record,
    state: &State,
    wanted: &Wanted,
    blanks: Blanks,
) -> Json {
    let (options, kind) = (&among.options, &among.kind);
    let mut properties = Map::new();
    let asked = wanted.properties.iter().map(String::as_str);
    let usual = if wanted.properties.is_empty() { kind.usual.as_slice() } else { &[] };
    // What there is no such property for is in no answer.
    let is_there = |name: &&str| among.properties.get(name).is_some();
    for name in asked.chain(usual.iter().map(String::as_str)).filter(is_there) {
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
        "id": record.id.to_string(),
        "properties": properties,
        "createdAt": iso(record.created),
        "updatedAt": iso(state.modified),
        "archived": record.archived.is_some(),
        "url": format!(
            "https://app.hubspot.com/contacts/{}/record/{}/{}", options.portal_id, kind.id, record.id
        ),
    });
    if let Some(at) = record.archived {
        body["archivedAt"] = json!(iso(at));
    }
    if !wanted.history.is_empty() {
        let past = |name: &String| (name.clone(), history(options, &record.history(name)));
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
    pub(super) properties: Map<String, Json>,
    #[serde(default)]
    pub(super) associations: Vec<NewTie>,
}

/// A record's id.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ById {
    pub(super) id: Scalar,
}

/// What a new record is associated with from the start.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct NewTie {
    pub(super) to: ById,
    pub(super) types: Vec<TypeSpec>,
}

/// A type of association.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TypeSpec {
    pub(super) association_category: String,
    pub(super) association_type_id: u64,
}

/// The properties that a write sets, each as text.
pub(super) fn given(
    properties: Map<String, Json>,
) -> Result<Vec<(String, String)>, HubSpotRefusal> {
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
