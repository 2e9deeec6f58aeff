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
    /// Only if they were asked for.
    #[serde(default)]
    pub(super) properties_with_history: BTreeMap<String, Vec<Past>>,
}

/// A value that a property has had, as far as it is looked at.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Past {
    #[serde(default)]
    pub(super) timestamp: Option<String>,
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

#[derive(Debug, Default, Deserialize)]
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
    /// A text in answers, and an object in the published description of a row's.
    pub(super) sub_category: Option<Texts>,
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
    pub(super) message: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Search<'a> {
    pub(super) filter_groups: [FilterGroup; 1],
    /// A name sorts by it in ascending order: what the published description has, which HubSpot's
    /// guides write as an object.
    pub(super) sorts: [&'static str; 1],
    pub(super) properties: &'a [&'a str],
    pub(super) limit: usize,
    /// Always the first page: the next one is a new search, behind the last id of this one.
    pub(super) after: &'static str,
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
pub(super) struct BatchRead<'a> {
    pub(super) properties: &'a [&'a str],
    pub(super) properties_with_history: &'a [&'a str],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id_property: Option<&'a str>,
    pub(super) inputs: Vec<IdInput<'a>>,
}

#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct IdInput<'a> {
    pub(super) id: &'a str,
}

/// The rows of a batch.
#[derive(Debug, Serialize)]
pub(super) struct Inputs<'a, T> {
    pub(super) inputs: &'a [T],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WriteInput<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id_property: Option<&'a str>,
    pub(super) object_write_trace_id: String,
    pub(super) properties: &'a BTreeMap<String, String>,
    /// A create must have them, even if there are none; nothing else may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) associations: Option<Vec<NewAssociation<'a>>>,
}

#[derive(Debug, Serialize)]
pub(super) struct NewAssociation<'a> {
    pub(super) to: IdInput<'a>,
    pub(super) types: Vec<AssociationSpec>,
}

/// A type of association, as requests have it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AssociationSpec {
    pub(super) association_category: String,
    pub(super) association_type_id: u32,
}

impl AssociationSpec {
    /// One of HubSpot's own.
    pub(super) fn of_hubspot(id: u32) -> Self {
        Self { association_category: HUBSPOT_DEFINED.to_owned(), association_type_id: id }
    }
}

/// The category of HubSpot's own types of associations.
pub(super) const HUBSPOT_DEFINED: &str = "HUBSPOT_DEFINED";

/// A record whose associations are asked for.
#[derive(Debug, Serialize)]
pub(super) struct AssociationInput {
    pub(super) id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) after: Option<String>,
}

/// Two records that are to be associated.
#[derive(Debug, Serialize)]
pub(super) struct PairInput<'a> {
    pub(super) from: IdInput<'a>,
    pub(super) to: IdInput<'a>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) types: &'a [AssociationSpec],
}

/// A record, and those that it is not to be associated with any more.
#[derive(Debug, Serialize)]
pub(super) struct EndInput<'a> {
    pub(super) from: IdInput<'a>,
    pub(super) to: [IdInput<'a>; 1],
}

/// What a batch says of associations: those of a read, or those that were made.
#[derive(Debug, Default, Deserialize)]
pub(super) struct AssociationAnswer {
    #[serde(default)]
    pub(super) results: Vec<AssociationRow>,
    #[serde(default)]
    pub(super) errors: Vec<ErrorBody>,
}

/// A read has a record with all that it is associated with; a default create a pair of records; a
/// labelled one a pair under other names.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AssociationRow {
    #[serde(default)]
    pub(super) from: Option<End>,
    #[serde(default)]
    pub(super) to: Option<Ends>,
    #[serde(default)]
    pub(super) from_object_id: Option<Id>,
    #[serde(default)]
    pub(super) to_object_id: Option<Id>,
    #[serde(default)]
    pub(super) paging: Option<Paging>,
}

#[derive(Debug, Deserialize)]
pub(super) struct End {
    pub(super) id: Id,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Ends {
    Read(Vec<Associated>),
    Made(End),
}

/// A record that another one is associated with, and how.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Associated {
    pub(super) to_object_id: Id,
    #[serde(default)]
    pub(super) association_types: Vec<AssociationLabel>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AssociationLabel {
    pub(super) category: String,
    pub(super) type_id: u32,
}

/// The schemas of the account's custom objects.
#[derive(Debug, Deserialize)]
pub(super) struct CustomSchemas {
    pub(super) results: Vec<CustomSchema>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CustomSchema {
    pub(super) object_type_id: Option<String>,
    pub(super) fully_qualified_name: Option<String>,
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) archived: bool,
    #[serde(default)]
    pub(super) required_properties: Vec<String>,
    #[serde(default)]
    pub(super) associations: Vec<AssociationDefinition>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AssociationDefinition {
    pub(super) from_object_type_id: String,
    pub(super) to_object_type_id: String,
}

/// A property that is to be made.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewProperty<'a> {
    pub(super) group_name: &'a str,
    pub(super) name: &'a str,
    pub(super) label: &'a str,
    #[serde(rename = "type")]
    pub(super) value_type: &'static str,
    pub(super) field_type: &'static str,
    pub(super) has_unique_value: bool,
    pub(super) hidden: bool,
    pub(super) form_field: bool,
}

/// A group of properties that is to be made.
#[derive(Debug, Serialize)]
pub(super) struct NewGroup {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
}

#[derive(Debug, Deserialize)]
pub(super) struct Groups {
    pub(super) results: Vec<Group>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Group {
    pub(super) name: String,
    #[serde(default)]
    pub(super) archived: bool,
}

/// Where an app's webhooks go.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WebhookSettings {
    pub(super) target_url: String,
    pub(super) throttling: WebhookThrottling,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WebhookThrottling {
    pub(super) max_concurrent_requests: u32,
}

/// An event that is to be sent.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewSubscription {
    pub(super) event_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) property_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) object_type_id: Option<String>,
    pub(super) active: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct Activation {
    pub(super) active: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct SubscriptionRows {
    pub(super) results: Vec<SubscriptionRow>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SubscriptionRow {
    pub(super) id: Id,
    pub(super) event_type: String,
    pub(super) property_name: Option<String>,
    pub(super) object_type_id: Option<String>,
    #[serde(default)]
    pub(super) active: bool,
}
