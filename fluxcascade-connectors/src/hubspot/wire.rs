//! What HubSpot sends and takes, as its API has it. Nothing outside this folder sees these types;
//! `convert` is where they meet the model.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

/// An id: text in most answers, a number in some.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(super) enum Id {
    Text(String),
    Number(u64),
}

#[derive(Debug, Deserialize)]
pub(super) struct AccountDetails {
    #[serde(rename = "portalId")]
    pub(super) portal: Id,
    #[serde(rename = "accountType")]
    pub(super) account_type: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct PropertyList {
    pub(super) results: Vec<Property>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Property {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) value_type: String,
    #[serde(default)]
    pub(super) field_type: String,
    #[serde(default)]
    pub(super) options: Vec<PropertyOption>,
    #[serde(default)]
    pub(super) has_unique_value: bool,
    #[serde(default)]
    pub(super) calculated: bool,
    #[serde(default)]
    pub(super) archived: bool,
    pub(super) modification_metadata: Option<ModificationMetadata>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct PropertyOption {
    pub(super) value: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ModificationMetadata {
    #[serde(default)]
    pub(super) read_only_value: bool,
}

/// A property's value: always text, as documented. Anything else makes one record unreadable, not
/// the page.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Held {
    Text(String),
    Other(IgnoredAny),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Record {
    pub(super) id: Id,
    #[serde(default)]
    pub(super) properties: BTreeMap<String, Option<Held>>,
    pub(super) updated_at: Option<String>,
    #[serde(default)]
    pub(super) archived: bool,
    pub(super) object_write_trace_id: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Page {
    pub(super) results: Vec<Record>,
    pub(super) paging: Option<Paging>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Paging {
    pub(super) next: Option<Next>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Next {
    pub(super) after: Id,
}

#[derive(Debug, Deserialize)]
pub(super) struct BatchAnswer {
    #[serde(default)]
    pub(super) results: Vec<Record>,
    #[serde(default)]
    pub(super) errors: Vec<ErrorBody>,
}

/// An error, of a whole request or of one row of a batch. Every field is optional.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ErrorBody {
    /// In a batch at times the id of the row.
    pub(super) id: Option<Texts>,
    pub(super) message: String,
    pub(super) category: String,
    pub(super) policy_name: Option<String>,
    pub(super) correlation_id: Option<String>,
    pub(super) context: BTreeMap<String, Texts>,
    pub(super) errors: Vec<ErrorDetail>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct ErrorDetail {
    pub(super) message: String,
    pub(super) code: Option<String>,
    pub(super) context: BTreeMap<String, Texts>,
}

/// Texts in a context: a list as documented, at times one alone.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Texts {
    Many(Vec<Id>),
    One(Id),
    Other(IgnoredAny),
}

impl Texts {
    pub(super) fn iter(&self) -> impl Iterator<Item = String> {
        let ids = match self {
            Texts::Many(ids) => ids.as_slice(),
            Texts::One(id) => std::slice::from_ref(id),
            Texts::Other(_) => &[],
        };
        ids.iter().map(|id| match id {
            Id::Text(text) => text.clone(),
            Id::Number(number) => number.to_string(),
        })
    }
}

/// One of the entries in the JSON that HubSpot puts into the text of a refused batch.
#[derive(Debug, Deserialize)]
pub(super) struct InvalidProperty {
    pub(super) name: Option<String>,
    pub(super) error: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Search<'a> {
    pub(super) filter_groups: [FilterGroup; 1],
    pub(super) sorts: [Sort; 1],
    pub(super) properties: &'a [&'a str],
    pub(super) limit: usize,
}

#[derive(Debug, Serialize)]
pub(super) struct FilterGroup {
    pub(super) filters: Vec<Filter>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Filter {
    pub(super) property_name: String,
    pub(super) operator: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) values: Vec<String>,
}

impl Filter {
    pub(super) fn one(property: &str, operator: &'static str, value: impl Into<String>) -> Self {
        let property_name = property.to_owned();
        Self { property_name, operator, value: Some(value.into()), values: Vec::new() }
    }

    pub(super) fn any_of(property: &str, values: Vec<String>) -> Self {
        Self { property_name: property.to_owned(), operator: "IN", value: None, values }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Sort {
    pub(super) property_name: &'static str,
    pub(super) direction: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BatchRead<'a> {
    pub(super) properties: &'a [&'a str],
    pub(super) properties_with_history: [&'static str; 0],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id_property: Option<&'a str>,
    pub(super) inputs: Vec<IdInput<'a>>,
}

#[derive(Debug, Serialize)]
pub(super) struct IdInput<'a> {
    pub(super) id: &'a str,
}

#[derive(Debug, Serialize)]
pub(super) struct BatchWrite<'a> {
    pub(super) inputs: Vec<WriteInput<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WriteInput<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<&'a str>,
    pub(super) object_write_trace_id: String,
    pub(super) properties: &'a BTreeMap<String, String>,
    /// Always empty; a create must have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) associations: Option<[(); 0]>,
}
