//! The GraphQL documents, as they are sent: the texts of `query/`, with aliases for batches and a
//! fragment for the fields. Also what of a document must not come back in an error's words.

use std::hash::{DefaultHasher, Hash, Hasher};

use fluxcascade_core::model::{RecordId, Timestamp};
use serde_json::{Map, Value as Json, json};

use super::fields::{self, ClientField};

const ACCOUNT: &str = include_str!("query/account.graphql");
const CLIENTS: &str = include_str!("query/clients.graphql");
const SEARCH: &str = include_str!("query/search.graphql");
const FETCH: &str = include_str!("query/client_fetch.graphql");
const CREATE: &str = include_str!("query/client_create.graphql");
const EDIT: &str = include_str!("query/client_edit.graphql");

/// Something to send to Jobber.
pub(super) struct Document {
    /// What requests are counted by.
    pub(super) kind: &'static str,
    text: String,
    variables: Map<String, Json>,
}

/// An edit of a client.
#[derive(Debug, Clone)]
pub(super) struct ClientEdit {
    pub(super) record: RecordId,
    pub(super) input: Map<String, Json>,
}

/// What of the clients is listed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listing<'a> {
    pub(super) first: usize,
    pub(super) after: Option<&'a str>,
    pub(super) from: Option<Timestamp>,
    pub(super) to: Option<Timestamp>,
}

/// What clients are searched by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Search<'a> {
    pub(super) first: usize,
    pub(super) after: Option<&'a str>,
    pub(super) term: &'a str,
    /// Where it is searched: a value of `ClientSearchField`.
    pub(super) within: &'static str,
}

impl Document {
    pub(super) fn account() -> Self {
        Self::new("account", ACCOUNT.to_owned(), json!({}))
    }

    pub(super) fn clients(fields: &[ClientField], listing: Listing<'_>) -> Self {
        let mut variables = json!({ "first": listing.first });
        if let Some(after) = listing.after {
            variables["after"] = json!(after);
        }
        let mut range = Map::new();
        for (key, bound) in [("after", listing.from), ("before", listing.to)] {
            range.extend(bound.map(|at| (key.to_owned(), json!(at.to_string()))));
        }
        if !range.is_empty() {
            variables["filter"] = json!({ "updatedAt": range });
        }
        Self::new("clients", with_fragment(CLIENTS, fields), variables)
    }

    pub(super) fn search(fields: &[ClientField], search: Search<'_>) -> Self {
        let mut variables =
            json!({ "first": search.first, "term": search.term, "fields": [search.within] });
        if let Some(after) = search.after {
            variables["after"] = json!(after);
        }
        Self::new("search", with_fragment(SEARCH, fields), variables)
    }

    /// One `c0`, `c1`, … for each id.
    pub(super) fn fetch(fields: &[ClientField], ids: &[RecordId]) -> Self {
        let mut variables = Map::new();
        let mut head = Vec::new();
        let mut body = String::new();
        for (n, id) in ids.iter().enumerate() {
            head.push(format!("$id{n}: EncodedId!"));
            body.push_str(&numbered(FETCH, n));
            variables.insert(format!("id{n}"), json!(id.as_str()));
        }
        let query = format!("query FetchClients({}) {{\n{body}}}\n", head.join(", "));
        Self::new("fetch", with_fragment(&query, fields), Json::Object(variables))
    }

    /// One `e0`, `e1`, … for each edit.
    pub(super) fn edit(edits: &[ClientEdit]) -> Self {
        let mut variables = Map::new();
        let mut head = Vec::new();
        let mut body = String::new();
        for (n, edit) in edits.iter().enumerate() {
            head.push(format!("$id{n}: EncodedId!, $input{n}: ClientEditInput!"));
            body.push_str(&numbered(EDIT, n));
            variables.insert(format!("id{n}"), json!(edit.record.as_str()));
            variables.insert(format!("input{n}"), Json::Object(edit.input.clone()));
        }
        let text = format!("mutation EditClients({}) {{\n{body}}}\n", head.join(", "));
        Self::new("edit", text, Json::Object(variables))
    }

    /// One `e0`.
    pub(super) fn create(input: &Map<String, Json>) -> Self {
        Self::new("create", CREATE.to_owned(), json!({ "input": input }))
    }

    fn new(kind: &'static str, text: String, variables: Json) -> Self {
        let variables = if let Json::Object(map) = variables { map } else { Map::new() };
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
        self.variables.get("first").and_then(Json::as_u64).hash(&mut hasher);
        hasher.finish()
    }

    /// Takes what was sent about people out of Jobber's words.
    pub(super) fn scrub(&self, words: &str) -> String {
        let mut sent = Vec::new();
        for (key, value) in &self.variables {
            if key.starts_with("input") || key == "term" {
                texts_of(value, &mut sent);
            }
        }
        sent.sort_by_key(|text| std::cmp::Reverse(text.len()));
        sent.iter().fold(words.to_owned(), |words, text| words.replace(*text, "(value)"))
    }
}

fn with_fragment(query: &str, of: &[ClientField]) -> String {
    format!("{query}{}", fields::fragment(of.iter().copied()))
}

fn numbered(part: &str, n: usize) -> String {
    part.replace("{n}", &n.to_string())
}

/// The texts that may tell of a person. One or two letters tell nothing, and are in every sentence.
fn texts_of<'a>(value: &'a Json, found: &mut Vec<&'a str>) {
    match value {
        Json::String(text) if text.chars().count() > 2 => found.push(text),
        Json::Array(items) => items.iter().for_each(|item| texts_of(item, found)),
        Json::Object(map) => map
            .iter()
            .filter(|(key, _)| !matches!(key.as_str(), "id" | "description"))
            .for_each(|(_, item)| texts_of(item, found)),
        Json::String(_) | Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_has_an_alias_and_variables_for_each_record() {
        let ids = [RecordId::new("a").unwrap(), RecordId::new("b").unwrap()];
        let document = Document::fetch(&[ClientField::Title], &ids);
        assert!(document.text.contains("query FetchClients($id0: EncodedId!, $id1: EncodedId!) {"));
        assert!(document.text.contains("  c1: client(id: $id1) { ...ClientFields }"));
        assert!(document.text.contains("fragment ClientFields on Client {"));
        assert_eq!(Json::Object(document.variables), json!({ "id0": "a", "id1": "b" }));
    }

    #[test]
    fn what_was_sent_is_taken_out_of_words() {
        let document = Document::create(&Map::from_iter([
            ("emails".to_owned(), json!([{ "address": "ann@x.io", "description": "MAIN" }])),
            ("firstName".to_owned(), json!("Jo")),
        ]));
        let said = document.scrub("ann@x.io is no address for Jo, use MAIN");
        assert_eq!(said, "(value) is no address for Jo, use MAIN");
    }

    #[test]
    fn the_same_query_for_another_page_has_the_same_shape_and_a_larger_page_another() {
        let shape = |first, after| {
            let listing = Listing { first, after, from: None, to: None };
            Document::clients(&[], listing).shape()
        };
        assert_eq!(shape(50, None), shape(50, Some("x")));
        assert_ne!(shape(50, None), shape(20, None));
    }
}
