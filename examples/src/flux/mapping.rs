//! A mapping as the file has it: the serde form of [`Mapping`], with what makes it easier to write.
//! Values stand as they are (`equals = "Boaz"`), one may stand for a list of one, and what concerns one
//! side alone may leave the other out. What the systems say to it is not here.

use std::ops::Range;

use fluxcascade_core::Mapping;
use fluxcascade_core::mapping::Finding;
use fluxcascade_core::model::{FieldName, Side};
use fluxcascade_core::resolver::Strategy;
use serde_json::{Value as Json, json};

use super::decode::{decode, words_of};
use super::node::{self, Node, child, items, kind, texts};
use super::place::{Findings, meant};
use super::value;

/// A mapping of the file, with where its parts are.
#[derive(Debug)]
pub(super) struct MappingInFile<'t, 'i> {
    node: &'t Node<'i>,
    /// What could be read of it.
    pub(super) mapping: Option<Mapping>,
    /// Whether nothing was left out of it.
    pub(super) whole: bool,
}

/// A name of a field, where it stands.
#[derive(Debug)]
pub(super) struct FieldInFile {
    pub(super) side: Side,
    pub(super) name: FieldName,
    pub(super) place: Range<usize>,
}

/// Reads a mapping, and notes what is wrong with it by itself.
pub(super) fn read<'t, 'i>(node: &'t Node<'i>, findings: &mut Findings) -> MappingInFile<'t, 'i> {
    if node.get_ref().as_table().is_none() {
        findings.add(&node.span(), format!("a mapping is a table, and this is {}", kind(node)));
        return MappingInFile { node, mapping: None, whole: false };
    }
    let mut json = node::json(node);
    let words_known = check_words(node, findings);
    fill_sides(&mut json);
    one_as_list(&mut json, "match");
    one_as_list(&mut json, "pairs");
    let values_known = take_values(node, &mut json, findings);
    let read = decode::<Mapping>(node, json, findings);
    let whole = read.whole && words_known && values_known;
    let read = MappingInFile { node, mapping: read.value, whole };
    if let Some(Err(error)) = read.mapping.as_ref().map(Mapping::check) {
        read.note(&error.findings, findings);
    }
    read
}

/// Strategies and names of fields may be one or many, of which serde says no more than that neither fits.
/// Gives whether all are known; those that are not are looked at as if they were not there.
fn check_words(node: &Node<'_>, findings: &mut Findings) -> bool {
    let pairs = child(node, "pairs").map(items).unwrap_or_default();
    let rules = child(node, "match").map(items).unwrap_or_default();
    let known = words_of::<Strategy>();
    let mut fine = true;
    for owner in std::iter::once(&node).chain(&pairs) {
        for key in ["conflicts", "first_link"] {
            for (word, place) in child(owner, key).map(texts).unwrap_or_default() {
                if !known.iter().any(|name| name == word) {
                    let meant = meant(word, known.iter().map(String::as_str));
                    findings.add(&place, format!("unknown strategy `{word}`: {meant}"));
                    fine = false;
                }
            }
        }
    }
    for (owner, side) in pairs.iter().chain(&rules).flat_map(|owner| Side::BOTH.map(|s| (owner, s)))
    {
        for (name, place) in child(owner, side_key(side)).map(texts).unwrap_or_default() {
            if let Err(error) = FieldName::new(name) {
                findings.add(&place, error.to_string());
                fine = false;
            }
        }
    }
    fine
}

fn side_key(side: Side) -> &'static str {
    match side {
        Side::Source => "source",
        Side::Target => "target",
    }
}

/// What concerns one side alone leaves the other as it is by default.
fn fill_sides(json: &mut Json) {
    let defaults =
        [("on_delete", json!("unlink")), ("filter", json!([])), ("foreign_ids", json!(null))];
    for (key, default) in defaults {
        if let Some(Json::Object(sides)) = json.get_mut(key) {
            for side in Side::BOTH {
                sides.entry(side_key(side)).or_insert_with(|| default.clone());
            }
        }
    }
}

/// One may stand for a list of one.
fn one_as_list(json: &mut Json, key: &str) {
    if let Some(one @ Json::Object(_)) = json.get_mut(key) {
        *one = Json::Array(vec![one.take()]);
    }
}

/// Puts the values of filters and tables into their serde form. What is no value is taken out with the
/// word that it belongs to, and noted.
fn take_values(node: &Node<'_>, json: &mut Json, findings: &mut Findings) -> bool {
    let before = findings.count();
    for side in Side::BOTH {
        let Some(filter) = child(node, "filter").and_then(|filter| child(filter, side_key(side)))
        else {
            continue;
        };
        let conditions = items(filter).into_iter().map(|condition| {
            let mut json = node::json(condition);
            if let Some(test) = child(condition, "test") {
                json["test"] = test_json(test, findings);
            }
            json
        });
        json["filter"][side_key(side)] = conditions.collect();
    }
    for (at, pair) in child(node, "pairs").map(items).unwrap_or_default().into_iter().enumerate() {
        let Some(transforms) = child(pair, "transform") else { continue };
        let all = items(transforms).into_iter().map(|one| transform_json(one, findings)).collect();
        if let Some(Json::Object(pair)) = json["pairs"].get_mut(at) {
            pair.insert("transform".into(), all);
        }
    }
    findings.count() == before
}

/// `{ equals = "Boaz" }`, `{ one_of = [1, 2] }`, `"is_blank"`.
fn test_json(test: &Node<'_>, findings: &mut Findings) -> Json {
    let Some(table) = test.get_ref().as_table() else { return node::json(test) };
    let tests = table.iter().map(|(word, of)| {
        let json = match word.get_ref().as_ref() {
            "equals" | "differs" => value::read(of, findings),
            "one_of" => items(of).into_iter().map(|item| value::read(item, findings)).collect(),
            _ => node::json(of),
        };
        (word.get_ref().to_string(), json)
    });
    Json::Object(tests.collect())
}

/// `{ value_map = { customer = "ACTIVE" } }`, or `{ value_map = [["customer", "ACTIVE"], [1, 2]] }`.
fn transform_json(transform: &Node<'_>, findings: &mut Findings) -> Json {
    let Some(map) = child(transform, "value_map") else { return node::json(transform) };
    let rows: Vec<Json> = match map.get_ref().as_table() {
        Some(table) => table
            .iter()
            .map(|(source, target)| json!([{ "text": source.get_ref() }, value::read(target, findings)]))
            .collect(),
        None => items(map)
            .into_iter()
            .map(|row| items(row).into_iter().map(|cell| value::read(cell, findings)).collect())
            .collect(),
    };
    let mut json = node::json(transform);
    if let Json::Object(table) = &mut json {
        table.insert("value_map".to_owned(), Json::Array(rows));
    }
    json
}

impl<'t, 'i> MappingInFile<'t, 'i> {
    /// Its name, if it has one.
    pub(super) fn name(&self) -> Option<(&'t str, Range<usize>)> {
        node::text(self.node.get_ref().as_table()?, "name")
    }

    /// Where it stands.
    pub(super) fn place(&self) -> Range<usize> {
        self.name().map_or_else(|| self.node.span(), |(_, place)| place)
    }

    /// A text of an endpoint: its connection, or its object type.
    pub(super) fn endpoint(&self, side: Side, key: &str) -> Option<(&'t str, Range<usize>)> {
        node::text(child(self.node, side_key(side))?.get_ref().as_table()?, key)
    }

    /// Every field that it names, where it stands.
    pub(super) fn fields(&self) -> Vec<FieldInFile> {
        let mut fields = Vec::new();
        let lists = ["pairs", "match"].into_iter().filter_map(|key| child(self.node, key));
        for owner in lists.flat_map(items) {
            for side in Side::BOTH {
                push_fields(&mut fields, side, child(owner, side_key(side)));
            }
        }
        for side in Side::BOTH {
            let of = |key: &str| child(child(self.node, key)?, side_key(side));
            for condition in of("filter").map(items).unwrap_or_default() {
                push_fields(&mut fields, side, child(condition, "field"));
            }
            push_fields(&mut fields, side, of("foreign_ids").and_then(|id| child(id, "field")));
        }
        fields
    }

    /// The mappings that its pairs refer to.
    pub(super) fn references(&self) -> Vec<(&'t str, Range<usize>)> {
        let pairs = child(self.node, "pairs").map(items).unwrap_or_default();
        pairs.into_iter().filter_map(|pair| child(pair, "reference")).flat_map(texts).collect()
    }

    /// Notes what core found, where it stands in the file. Of a mapping of which something was left out
    /// nothing is noted that may be because of that.
    pub(super) fn note(&self, found: &[Finding], findings: &mut Findings) {
        for finding in found {
            let lacks = ["pairs", "match"].contains(&finding.place.as_str())
                || ["no pair writes it", "names no primary", "needs one form"]
                    .iter()
                    .any(|part| finding.message.contains(part));
            if self.whole || !lacks {
                let message =
                    format!("{}: {}", finding.place, in_words_of_the_file(&finding.message));
                findings.add(&self.find(&finding.place), message);
            }
        }
    }

    /// The place in the file that core names so.
    fn find(&self, place: &str) -> Range<usize> {
        let found = self.find_node(place).map(Node::span);
        found.unwrap_or_else(|| self.place())
    }

    fn find_node(&self, place: &str) -> Option<&'t Node<'i>> {
        let labelled = |key: &str, label: &str| {
            let owners = child(self.node, key).map(items).unwrap_or_default();
            let same = |owner: &&Node<'_>| {
                let joined = |side| {
                    let names = child(owner, side_key(side)).map(texts).unwrap_or_default();
                    names.iter().map(|(name, _)| *name).collect::<Vec<_>>().join("+")
                };
                format!("{} = {}", joined(Side::Source), joined(Side::Target)) == label
            };
            let owner = owners.into_iter().find(same)?;
            child(owner, "source").or(Some(owner))
        };
        if let Some(label) = place.strip_prefix("pair ") {
            return labelled("pairs", label);
        }
        if let Some(label) = place.strip_prefix("match ") {
            return labelled("match", label);
        }
        for side in Side::BOTH {
            let of = |key: &str| child(child(self.node, key)?, side_key(side));
            let sided = [
                (format!("filter of the {side}"), "filter"),
                (format!("foreign id of the {side}"), "foreign_ids"),
                (format!("on_delete of the {side}"), "on_delete"),
            ];
            if let Some((_, key)) = sided.iter().find(|(name, _)| name == place) {
                return of(key);
            }
            if place.starts_with(&format!("{side} field ")) {
                return child(self.node, side_key(side));
            }
        }
        child(self.node, place)
    }
}

fn push_fields(fields: &mut Vec<FieldInFile>, side: Side, node: Option<&Node<'_>>) {
    for (name, place) in node.map(texts).unwrap_or_default() {
        if let Ok(name) = FieldName::new(name) {
            fields.push(FieldInFile { side, name, place });
        }
    }
}

/// What core's messages say of mappings in code, for those in a file.
const IN_A_FILE: [(&str, &str); 7] = [
    (".match_on(source field, target field)", "[[mappings.match]] with source and target"),
    (".pair(source field, target field)", "[[mappings.pairs]] with source and target"),
    (".primary(side)", "primary = \"source\" or \"target\""),
    (".references(...)", "`reference`"),
    (".connection(", "[connections.…] for ("),
    (".source(connection, object type)", "source = { connection, object }"),
    (".target(connection, object type)", "target = { connection, object }"),
];

pub(super) fn in_words_of_the_file(message: &str) -> String {
    IN_A_FILE.iter().fold(message.to_owned(), |text, (code, file)| text.replace(code, file))
}
