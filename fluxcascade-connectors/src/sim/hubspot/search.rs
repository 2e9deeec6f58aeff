//! Search: what the index shows by now, filtered, sorted, and paged by offset.

use std::cmp::Ordering;

use serde::Deserialize;
use serde_json::json;

use super::collection::Collection;
use super::filter::{Filter, Key, KeyOf, RawFilter, has_token};
use super::record::{Record, Shelf, State};
use super::refusal::HubSpotRefusal;
use super::wire::{Blanks, Scalar, Wanted, parsed, shown};
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

/// As documented, or as a property's name as the published description has it: `-` before it turns
/// the order round. Of any other text nothing is made.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum RawSort {
    By(SortBy),
    Named(String),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SortBy {
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
    record: &'a Record,
    state: &'a State,
}

/// `POST …/{object}/search`
pub(super) fn search(among: &Collection, call: &Call) -> Result<Reply, HubSpotRefusal> {
    let length = String::from_utf8_lossy(&call.body).chars().count();
    if length > BODY {
        return Err(HubSpotRefusal::request(format!(
            "The request body is too long: {length} characters, at most {BODY} are allowed"
        )));
    }
    let search: Search = parsed(call)?;
    let (offset, limit) = window(search.after, search.limit)?;
    let groups = groups(among, search.filter_groups)?;
    let (key, direction) = order(among, &search.sorts)?;
    let words = search.query.map(|words| words.to_lowercase()).filter(|words| !words.is_empty());

    let seed = among.seed();
    let row = |record| {
        let state = Record::shown(record, call.at)?.as_ref();
        let group = |group: &Vec<Filter>| group.iter().all(|f| f.meets(record, state));
        let found = (groups.is_empty() || groups.iter().any(group))
            && words.as_deref().is_none_or(|words| mentions(state, words));
        let tie = || draw(seed, &[3, record.id]);
        found.then(|| Row { key: key.of(record, state), tie: tie(), record, state })
    };
    let mut rows: Vec<_> = among.page(0, Shelf::Live).filter_map(row).collect();
    rows.sort_unstable_by(|a, b| compare(a, b, direction));

    let wanted = Wanted { properties: search.properties, history: Vec::new() };
    let results = rows
        .iter()
        .skip(offset)
        .take(limit)
        .map(|row| shown(among, row.record, row.state, &wanted, Blanks::Null))
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

fn groups(among: &Collection, raw: Vec<RawGroup>) -> Result<Vec<Vec<Filter>>, HubSpotRefusal> {
    let filters: usize = raw.iter().map(|group| group.filters.len()).sum();
    let wide = raw.iter().any(|group| group.filters.len() > GROUP);
    if raw.len() > GROUPS || wide || filters > FILTERS {
        return Err(HubSpotRefusal::request(format!(
            "At most {GROUPS} filter groups, {GROUP} filters in each and {FILTERS} in all"
        )));
    }
    let filter = |raw| Filter::new(among, raw);
    raw.into_iter().map(|group| group.filters.into_iter().map(filter).collect()).collect()
}

/// Without a sort the oldest come first.
fn order(among: &Collection, sorts: &[RawSort]) -> Result<(KeyOf, Direction), HubSpotRefusal> {
    if sorts.len() > 1 {
        return Err(HubSpotRefusal::request("Only one sort is allowed"));
    }
    let (name, direction) = match sorts.first() {
        Some(RawSort::By(sort)) => (sort.property_name.as_str(), sort.direction),
        Some(RawSort::Named(text)) if text.starts_with('{') => {
            (among.kind.created(), Direction::Ascending)
        }
        Some(RawSort::Named(text)) => match text.strip_prefix('-') {
            Some(name) => (name, Direction::Descending),
            None => (text.as_str(), Direction::Ascending),
        },
        None => (among.kind.created(), Direction::Ascending),
    };
    Ok((KeyOf::new(among, name)?, direction))
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
    ["email", "firstname", "lastname", "phone", "company", "name", "domain", "dealname"]
        .iter()
        .filter_map(|name| state.properties.get(*name))
        .any(|text| has_token(text, words))
}
