//! The GraphQL documents, as they are sent, with aliases for batches and a fragment for the fields.
//! Also what of a document must not come back in an error's words. Which mutation does what is
//! [`super::mutation`]'s.

use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};

use fluxcascade_core::model::{RecordId, Timestamp};
use serde_json::{Map, Value as Json, json};

use super::custom::Whose;
use super::fields::{self, Field};
use super::mutation::Mutation;
use super::object::{Feed, Object};
use crate::scrub::Scrub;

/// Something to send to Jobber.
pub(super) struct Document {
    /// What requests are counted by.
    pub(super) kind: &'static str,
    text: String,
    variables: Map<String, Json>,
}

/// What of an object is listed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listing<'a> {
    pub(super) first: usize,
    pub(super) after: Option<&'a str>,
    pub(super) from: Option<Timestamp>,
    pub(super) to: Option<Timestamp>,
}

/// What records are searched by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Search<'a> {
    pub(super) first: usize,
    pub(super) after: Option<&'a str>,
    pub(super) term: &'a str,
    /// Where clients are searched: a value of `ClientSearchField`.
    pub(super) within: Option<&'static str>,
}

const PAGE_INFO: &str = "pageInfo { hasNextPage endCursor }";

impl Document {
    pub(super) fn account() -> Self {
        Self::new("account", "query Account {\n  account { id name }\n}\n".to_owned(), json!({}))
    }

    /// What fields a type has in the version that is served.
    pub(super) fn type_fields(object: Object) -> Self {
        let text = format!(
            "query Fields {{\n  object: __type(name: \"{}\") {{ fields {{ name }} }}\n}}\n",
            object.type_name()
        );
        Self::new("schema", text, json!({}))
    }

    /// A page of an account's custom fields.
    pub(super) fn configurations(applies_to: &str, whose: Whose, after: Option<&str>) -> Self {
        let common = "id name archived readOnly";
        let mut parts = String::new();
        for kind in ["Text", "Numeric", "TrueFalse", "Link", "Area"] {
            let _ = writeln!(parts, "      ... on CustomFieldConfiguration{kind} {{ {common} }}");
        }
        let text = format!(
            "query CustomFields($first: Int!, $after: String, \
             $filter: CustomFieldConfigurationsFilterInput) {{\n  \
             customFieldConfigurations(first: $first, after: $after, filter: $filter) {{\n    \
             nodes {{\n      __typename\n{parts}      \
             ... on CustomFieldConfigurationDropdown {{ {common} dropdownOptions }}\n    }}\n    \
             {PAGE_INFO}\n  }}\n}}\n"
        );
        let mut filter = json!({ "appliesTo": applies_to });
        match whose {
            Whose::Everyones => {}
            Whose::Own => filter["createdByThisApp"] = json!(true),
        }
        Self::new("schema", text, json!({ "first": 50, "after": after, "filter": filter }))
    }

    /// A page of an object's records.
    pub(super) fn list(object: Object, fields: &[Field], listing: Listing<'_>) -> Self {
        let (many, kind, filter) = (object.many(), object.type_name(), object.filter_type());
        let sort = object.sort().map_or_else(String::new, |sort| format!(", {sort}"));
        let (declared, given) = match object.feed() {
            Feed::Sorted | Feed::Filtered => (format!(", $filter: {filter}"), ", filter: $filter"),
            Feed::Newest | Feed::OfClients => (String::new(), ""),
        };
        let text = format!(
            "query List{kind}($first: Int!, $after: String{declared}) {{\n  \
             {many}(first: $first, after: $after{given}{sort}) {{\n    \
             nodes {{ ...{kind}Fields }}\n    {PAGE_INFO}\n  }}\n}}\n"
        );
        let mut variables = json!({ "first": listing.first });
        if let Some(after) = listing.after {
            variables["after"] = json!(after);
        }
        if let (Some(range), Some(time)) =
            (range(listing), object.time().filter(|_| !given.is_empty()))
        {
            variables["filter"] = json!({ time: range });
        }
        Self::new(many, with_fragment(&text, object, fields), variables)
    }

    /// A page of the clients that changed, with the properties of each.
    pub(super) fn properties_of_clients(
        fields: &[Field],
        listing: Listing<'_>,
        inner: usize,
    ) -> Self {
        let text = format!(
            "query ListOfClients($first: Int!, $after: String, \
             $filter: ClientFilterAttributes, $inner: Int!) {{\n  \
             clients(first: $first, after: $after, filter: $filter, \
             sort: {{ key: UPDATED_AT, direction: ASCENDING }}) {{\n    \
             nodes {{\n      id updatedAt\n      \
             clientProperties(first: $inner) {{ nodes {{ ...PropertyFields }} {PAGE_INFO} }}\n    \
             }}\n    {PAGE_INFO}\n  }}\n}}\n"
        );
        let mut variables = json!({ "first": listing.first, "inner": inner });
        if let Some(after) = listing.after {
            variables["after"] = json!(after);
        }
        if let Some(range) = range(listing) {
            variables["filter"] = json!({ "updatedAt": range });
        }
        let text = with_fragment(&text, Object::Properties, fields);
        Self::new(Object::Properties.many(), text, variables)
    }

    /// A page of one client's properties.
    pub(super) fn properties_of(
        fields: &[Field],
        client: &str,
        first: usize,
        after: Option<&str>,
    ) -> Self {
        let text = format!(
            "query ListOfClient($id: EncodedId!, $first: Int!, $after: String) {{\n  \
             client(id: $id) {{\n    clientProperties(first: $first, after: $after) {{ \
             nodes {{ ...PropertyFields }} {PAGE_INFO} }}\n  }}\n}}\n"
        );
        let variables = json!({ "id": client, "first": first, "after": after });
        let text = with_fragment(&text, Object::Properties, fields);
        Self::new(Object::Properties.many(), text, variables)
    }

    /// A page of what a search finds.
    pub(super) fn search(object: Object, fields: &[Field], search: Search<'_>) -> Self {
        let (many, kind) = (object.many(), object.type_name());
        let (declared, given) = match search.within {
            Some(_) => (", $fields: [ClientSearchField!]", ", searchFields: $fields"),
            None => ("", ""),
        };
        let text = format!(
            "query Search{kind}($first: Int!, $after: String, $term: String!{declared}) {{\n  \
             {many}(first: $first, after: $after, searchTerm: $term{given}) {{\n    \
             nodes {{ ...{kind}Fields }}\n    {PAGE_INFO}\n  }}\n}}\n"
        );
        let mut variables = json!({ "first": search.first, "term": search.term });
        if let Some(within) = search.within {
            variables["fields"] = json!([within]);
        }
        if let Some(after) = search.after {
            variables["after"] = json!(after);
        }
        Self::new("search", with_fragment(&text, object, fields), variables)
    }

    /// One `c0`, `c1`, … for each id.
    pub(super) fn fetch(object: Object, fields: &[Field], ids: &[RecordId]) -> Self {
        let (one, kind) = (object.one(), object.type_name());
        let mut variables = Map::new();
        let mut head = Vec::new();
        let mut body = String::new();
        for (n, id) in ids.iter().enumerate() {
            head.push(format!("$id{n}: EncodedId!"));
            let _ = writeln!(body, "  c{n}: {one}(id: $id{n}) {{ ...{kind}Fields }}");
            variables.insert(format!("id{n}"), json!(id.as_str()));
        }
        let query = format!("query Fetch{kind}({}) {{\n{body}}}\n", head.join(", "));
        Self::new("fetch", with_fragment(&query, object, fields), Json::Object(variables))
    }

    /// One `e0`, `e1`, … for each mutation.
    pub(super) fn mutations(kind: &'static str, mutations: &[&Mutation]) -> Self {
        let mut variables = Map::new();
        let mut head = Vec::new();
        let mut body = String::new();
        for (n, mutation) in mutations.iter().enumerate() {
            let mut given = Vec::new();
            if let Some((argument, of, id)) = &mutation.id {
                head.push(format!("$id{n}: {of}"));
                given.push(format!("{argument}: $id{n}"));
                variables.insert(format!("id{n}"), id.clone());
            }
            if let Some((argument, of, input)) = &mutation.input {
                head.push(format!("$input{n}: {of}"));
                given.push(format!("{argument}: $input{n}"));
                variables.insert(format!("input{n}"), Json::Object(input.clone()));
            }
            let Mutation { name, payload, selects, .. } = mutation;
            let _ = writeln!(
                body,
                "  e{n}: {name}({}) {{\n    {payload} {{ {selects} }}\n    \
                 userErrors {{ message path }}\n  }}",
                given.join(", ")
            );
        }
        let text = format!("mutation Write({}) {{\n{body}}}\n", head.join(", "));
        Self::new(kind, text, Json::Object(variables))
    }

    /// Makes a custom text field that people cannot edit, as `made`.
    pub(super) fn external_id_field(applies_to: &str, label: &str) -> Self {
        let text = "mutation MakeField($input: CustomFieldConfigurationCreateTextInput!) {\n  \
                    made: customFieldConfigurationCreateText(input: $input) {\n    \
                    customFieldConfiguration { ... on CustomFieldConfigurationText { id } }\n    \
                    userErrors { message path }\n  }\n}\n";
        let input = json!({
            "appliesTo": applies_to, "name": label, "transferable": false, "readOnly": true,
        });
        Self::new("field", text.to_owned(), json!({ "input": input }))
    }

    /// Subscribes to a topic, as `webhook`.
    pub(super) fn webhook_endpoint(topic: &str, url: &str) -> Self {
        let text = "mutation MakeWebhook($input: WebhookEndpointCreateInput!) {\n  \
                    webhook: webhookEndpointCreate(input: $input) {\n    \
                    webhookEndpoint { id topic url }\n    userErrors { message path }\n  }\n}\n";
        let input = json!({ "topic": topic, "url": url });
        Self::new("webhook", text.to_owned(), json!({ "input": input }))
    }

    /// Takes this app from the account, as `gone`.
    pub(super) fn app_disconnect() -> Self {
        let text = "mutation Disconnect {\n  gone: appDisconnect {\n    userErrors { message path }\n  \
                    }\n}\n";
        Self::new("account", text.to_owned(), json!({}))
    }

    /// Ends a subscription, as `webhook`.
    pub(super) fn no_webhook_endpoint(id: &str) -> Self {
        let text = "mutation EndWebhook($ids: [EncodedId!]!) {\n  \
                    webhook: webhookEndpointDelete(webhookEndpointsIds: $ids) {\n    \
                    deletedWebhookEndpoints { id }\n    userErrors { message path }\n  }\n}\n";
        Self::new("webhook", text.to_owned(), json!({ "ids": [id] }))
    }

    fn new(kind: &'static str, text: String, variables: Json) -> Self {
        let mut variables = if let Json::Object(map) = variables { map } else { Map::new() };
        variables.retain(|_, value| !value.is_null());
        Self { kind, text, variables }
    }

    /// The body of the request.
    pub(super) fn body(&self) -> Vec<u8> {
        json!({ "query": self.text, "variables": self.variables }).to_string().into_bytes()
    }

    /// What its cost depends on: the text, and how many are asked for.
    pub(super) fn shape(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.text.hash(&mut hasher);
        for size in ["first", "inner"] {
            self.variables.get(size).and_then(Json::as_u64).hash(&mut hasher);
        }
        hasher.finish()
    }

    /// Takes what was sent about people out of Jobber's words, and then cuts them to a length that can be
    /// kept.
    pub(super) fn scrub(&self, words: &str) -> String {
        let mut sent = Vec::new();
        for (key, value) in &self.variables {
            if key.starts_with("input") || key == "term" {
                texts_of(value, &mut sent);
            }
        }
        Scrub::of(sent).words(words)
    }
}

/// The bounds of a listing, if it has some.
fn range(listing: Listing<'_>) -> Option<Map<String, Json>> {
    let mut range = Map::new();
    for (key, bound) in [("after", listing.from), ("before", listing.to)] {
        range.extend(bound.map(|at| (key.to_owned(), json!(at.to_string()))));
    }
    (!range.is_empty()).then_some(range)
}

fn with_fragment(query: &str, object: Object, of: &[Field]) -> String {
    format!("{query}{}", fields::fragment(object, of))
}

/// The texts that may tell of a person.
fn texts_of<'a>(value: &'a Json, found: &mut Vec<&'a str>) {
    match value {
        Json::String(text) => found.push(text),
        Json::Array(items) => items.iter().for_each(|item| texts_of(item, found)),
        Json::Object(map) => map
            .iter()
            .filter(|(key, _)| !matches!(key.as_str(), "id" | "description"))
            .for_each(|(_, item)| texts_of(item, found)),
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::mutation;
    use super::*;

    #[test]
    fn a_batch_has_an_alias_and_variables_for_each_record() {
        let ids = [RecordId::new("a").unwrap(), RecordId::new("b").unwrap()];
        let title = Field::known(Object::Clients, "title").unwrap();
        let document = Document::fetch(Object::Clients, &[title], &ids);
        assert!(document.text.contains("query FetchClient($id0: EncodedId!, $id1: EncodedId!) {"));
        assert!(document.text.contains("  c1: client(id: $id1) { ...ClientFields }"));
        assert!(document.text.contains("fragment ClientFields on Client {"));
        assert_eq!(Json::Object(document.variables), json!({ "id0": "a", "id1": "b" }));
    }

    #[test]
    fn what_was_sent_is_taken_out_of_words_however_it_is_written_and_before_they_are_cut() {
        let phone = json!([{ "number": "+1 (256) 593-8310", "description": "MAIN" }]);
        let input = Map::from_iter([
            ("emails".to_owned(), json!([{ "address": "ann@x.io", "description": "MAIN" }])),
            ("phones".to_owned(), phone),
            ("firstName".to_owned(), json!("Jo")),
            ("lastName".to_owned(), json!("Featherstone")),
        ]);
        let create = mutation::create(Object::Clients, input, None).unwrap();
        let document = Document::mutations("create", &[&create]);
        let said = |message: &str| {
            let error = super::super::wire::GraphError {
                message: message.to_owned(),
                path: Vec::new(),
                extensions: super::super::wire::ErrorExtensions::default(),
            };
            document.scrub(&super::super::error::of_graph(&error).message)
        };
        let told = said("ann@x.io is no address for Jo, use MAIN");
        assert!(told.ends_with(": [address] is no address for [value], use MAIN"), "{told}");
        for number in ["2565938310", "+12565938310", "256-593-8310"] {
            let told = said(&format!("{number} is no phone"));
            assert!(told.ends_with(": [value] is no phone") || !told.contains("593"), "{told}");
        }
        for before in 0..500 {
            let told = said(&format!("{} Featherstone is no name", "n".repeat(before)));
            assert!(!told.to_lowercase().contains("feat"), "{before}: {told}");
        }
    }

    #[test]
    fn the_same_query_for_another_page_has_the_same_shape_and_a_larger_page_another() {
        let shape = |first, after| {
            let listing = Listing { first, after, from: None, to: None };
            Document::list(Object::Clients, &[], listing).shape()
        };
        assert_eq!(shape(50, None), shape(50, Some("x")));
        assert_ne!(shape(50, None), shape(20, None));
    }

    #[test]
    fn a_list_has_only_the_arguments_that_its_object_takes() {
        let listing = Listing {
            first: 50,
            after: None,
            from: Some(Timestamp::from_secs(0)),
            to: Some(Timestamp::from_secs(60)),
        };
        let text = |object| Document::list(object, &[], listing).text;
        let jobs = Document::list(Object::Jobs, &[], listing);
        assert!(!jobs.text.contains("filter"), "jobs have no filter on their time");
        assert!(jobs.text.contains("sort: { key: UPDATED_AT, direction: DESCENDING }"));
        assert_eq!(Json::Object(jobs.variables), json!({ "first": 50 }));
        for object in [Object::Requests, Object::Quotes] {
            assert!(!text(object).contains("UPDATED_AT"), "{object:?} have no sort by their time");
            assert!(text(object).contains("FilterAttributes"));
        }
        let visits = Document::list(Object::Visits, &[], listing);
        assert!(visits.variables["filter"].get("createdAt").is_some());
    }
}
