//! Search: what the index shows by now, filtered, sorted, and paged by offset.

use std::cmp::Ordering;

use serde::Deserialize;
use serde_json::json;

use super::contact::{Contact, Shelf, State};
use super::filter::{Filter, Key, KeyOf, RawFilter, has_token};
use super::portal::Portal;
use super::refusal::HubSpotRefusal;
use super::wire::{Blanks, Scalar, Wanted, parsed, record};
use crate::sim::call::{Call, Reply};
use crate::sim::draw::draw;

/// The longest body, in characters.
const BODY: usize = 3000;
/// How many rows a page has at most.
const PAGE: usize = 200;
/// How far paging goes.
const REACH: usize = 10_000;
/// How many groups, filters in a group, and filters there may be.
const GROUPS: usize = 5;
const GROUP: usize = 6;
const FILTERS: usize = 18;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Search {
    #[serde(default)]
    filter_groups: Vec<RawGroup>,
    #[serde(default)]
    sorts: Vec<RawSort>,
    query: Option<String>,
    #[serde(default)]
    properties: Vec<String>,
    limit: Option<usize>,
    after: Option<Scalar>,
}

#[derive(Debug, Deserialize)]
struct RawGroup {
    filters: Vec<RawFilter>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawSort {
    property_name: String,
    #[serde(default)]
    direction: Direction,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Direction {
    #[default]
    Ascending,
    Descending,
}

/// A row that was found.
struct Row<'a> {
    key: Option<Key>,
    /// Rows with the same key are in no particular order, but always in the same.
    tie: u64,
    contact: &'a Contact,
    state: &'a State,
}

/// `POST …/contacts/search`
pub(super) fn search(portal: &Portal, call: &Call) -> Result<Reply, HubSpotRefusal> {
    let length = String::from_utf8_lossy(&call.body).chars().count();
    if length > BODY {
        return Err(HubSpotRefusal::request(format!(
            "The request body is too long: {length} characters, at most {BODY} are allowed"
        )));
    }
    let search: Search = parsed(call)?;
    let (offset, limit) = window(search.after, search.limit)?;
    let groups = groups(portal, search.filter_groups)?;
    let (key, direction) = order(portal, search.sorts)?;
    let words = search.query.map(|words| words.to_lowercase()).filter(|words| !words.is_empty());

    let seed = portal.seed();
    let row = |contact| {
        let state = Contact::shown(contact, call.at)?.as_ref();
        let group = |group: &Vec<Filter>| group.iter().all(|f| f.meets(contact, state));
        let found = (groups.is_empty() || groups.iter().any(group))
            && words.as_deref().is_none_or(|words| mentions(state, words));
        let tie = draw(seed, &[3, contact.id]);
        found.then(|| Row { key: key.of(contact, state), tie, contact, state })
    };
    let mut rows: Vec<_> = portal.page(0, Shelf::Live).filter_map(row).collect();
    rows.sort_unstable_by(|a, b| compare(a, b, direction));

    let wanted = Wanted { properties: search.properties, history: Vec::new() };
    let shown = rows.iter().skip(offset).take(limit);
    let results = shown
        .map(|row| record(&portal.options, row.contact, row.state, &wanted, Blanks::Null))
        .collect::<Vec<_>>();
    let mut body = json!({ "total": rows.len(), "results": results });
    if offset + limit < rows.len() {
        body["paging"] = json!({ "next": { "after": (offset + limit).to_string() } });
    }
    Ok(Reply::json(200, &body))
}

fn window(after: Option<Scalar>, limit: Option<usize>) -> Result<(usize, usize), HubSpotRefusal> {
    let limit = limit.unwrap_or(10);
    if limit > PAGE {
        return Err(HubSpotRefusal::request(format!(
            "Invalid limit {limit}: it must not be over {PAGE}"
        )));
    }
    let after = after.map(String::from).unwrap_or_default();
    let offset: usize = if after.is_empty() {
        0
    } else {
        after.parse().map_err(|_| {
            let after: String = after.chars().take(60).collect();
            HubSpotRefusal::request(format!(
                "Cannot deserialize value of type `int` from String {after:?}: not a valid `int`"
            ))
        })?
    };
    if offset.saturating_add(limit) > REACH {
        return Err(HubSpotRefusal::request(format!(
            "Paging goes to {REACH} results; {offset} and {limit} more are beyond"
        )));
    }
    Ok((offset, limit))
}

fn groups(portal: &Portal, raw: Vec<RawGroup>) -> Result<Vec<Vec<Filter>>, HubSpotRefusal> {
    let filters: usize = raw.iter().map(|group| group.filters.len()).sum();
    let wide = raw.iter().any(|group| group.filters.len() > GROUP);
    if raw.len() > GROUPS || wide || filters > FILTERS {
        return Err(HubSpotRefusal::request(format!(
            "At most {GROUPS} filter groups, {GROUP} filters in each and {FILTERS} in all"
        )));
    }
    let filter = |raw| Filter::new(&portal.properties, raw);
    raw.into_iter().map(|group| group.filters.into_iter().map(filter).collect()).collect()
}

/// Without a sort the oldest come first.
fn order(portal: &Portal, sorts: Vec<RawSort>) -> Result<(KeyOf, Direction), HubSpotRefusal> {
    if sorts.len() > 1 {
        return Err(HubSpotRefusal::request("Only one sort is allowed"));
    }
    let sort = sorts.into_iter().next();
    let (name, direction) = match &sort {
        Some(sort) => (sort.property_name.as_str(), sort.direction),
        None => ("createdate", Direction::Ascending),
    };
    Ok((KeyOf::new(&portal.properties, name)?, direction))
}

/// Rows without the property come last, whatever the direction.
fn compare(a: &Row<'_>, b: &Row<'_>, direction: Direction) -> Ordering {
    let by_key = match (&a.key, &b.key) {
        (Some(a), Some(b)) => {
            let order = a.partial_cmp(b).unwrap_or(Ordering::Equal);
            match direction {
                Direction::Ascending => order,
                Direction::Descending => order.reverse(),
            }
        }
        (a, b) => b.is_some().cmp(&a.is_some()),
    };
    by_key.then(a.tie.cmp(&b.tie))
}

/// Whether one of the properties that a free search looks at has these words.
fn mentions(state: &State, words: &str) -> bool {
    ["email", "firstname", "lastname", "phone", "company"]
        .iter()
        .filter_map(|name| state.properties.get(*name))
        .any(|text| has_token(text, words))
}
