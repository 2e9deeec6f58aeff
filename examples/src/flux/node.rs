//! The file as a tree in which each key and value knows its place. What the keys mean is not here.

use std::ops::Range;

use serde_json::{Map, Value as Json};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::place::Findings;

/// A value of the file.
pub(super) type Node<'i> = Spanned<DeValue<'i>>;
/// A table of the file.
pub(super) type Table<'i> = DeTable<'i>;

/// Reads a text, with everything that is wrong with its grammar.
pub(super) fn parse<'i>(text: &'i str, findings: &mut Findings) -> Table<'i> {
    let (root, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let at = error.span().unwrap_or(0..0);
        findings.add(&at, format!("is no TOML: {}", error.message()));
    }
    root.into_inner()
}

/// A key's value, with the place of the key.
pub(super) fn entry<'t, 'i>(
    table: &'t Table<'i>,
    key: &str,
) -> Option<(Range<usize>, &'t Node<'i>)> {
    let mut entries = table.iter();
    entries.find(|(name, _)| name.get_ref() == key).map(|(name, node)| (name.span(), node))
}

/// A key's value.
pub(super) fn get<'t, 'i>(table: &'t Table<'i>, key: &str) -> Option<&'t Node<'i>> {
    entry(table, key).map(|(_, node)| node)
}

/// A key's value in a node that may be a table.
pub(super) fn child<'t, 'i>(node: &'t Node<'i>, key: &str) -> Option<&'t Node<'i>> {
    get(node.get_ref().as_table()?, key)
}

/// The items of an array; of anything else itself, so that one may stand for a list of one.
pub(super) fn items<'t, 'i>(node: &'t Node<'i>) -> Vec<&'t Node<'i>> {
    match node.get_ref().as_array() {
        Some(items) => items.iter().collect(),
        None => vec![node],
    }
}

/// The texts of a text or of a list of texts, each with its place.
pub(super) fn texts<'t>(node: &'t Node<'_>) -> Vec<(&'t str, Range<usize>)> {
    let texts = items(node).into_iter();
    texts.filter_map(|item| Some((item.get_ref().as_str()?, item.span()))).collect()
}

/// A text under a key.
pub(super) fn text<'t>(table: &'t Table<'_>, key: &str) -> Option<(&'t str, Range<usize>)> {
    let node = get(table, key)?;
    Some((node.get_ref().as_str()?, node.span()))
}

/// What a node is, for people.
pub(super) fn kind(node: &Node<'_>) -> &'static str {
    match node.get_ref() {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a point",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// The node as JSON, which serde reads into the types of the crates. Numbers with a point and times
/// become texts: nothing takes floating-point numbers.
pub(super) fn json(node: &Node<'_>) -> Json {
    match node.get_ref() {
        DeValue::String(text) => Json::String(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Json::String(number.as_str().to_owned()), Json::from),
        DeValue::Float(number) => Json::String(number.as_str().to_owned()),
        DeValue::Boolean(yes) => Json::Bool(*yes),
        DeValue::Datetime(time) => Json::String(time.to_string()),
        DeValue::Array(items) => items.iter().map(json).collect(),
        DeValue::Table(table) => Json::Object(json_table(table)),
    }
}

/// A table as JSON.
fn json_table(table: &Table<'_>) -> Map<String, Json> {
    table.iter().map(|(key, node)| (key.get_ref().to_string(), json(node))).collect()
}
