//! Reads a part of the file by serde, into the types of the crates: so that whatever they take, the
//! file takes. Serde stops at the first thing that is wrong; here that is noted and left out, and the
//! rest is read again, until nothing else is wrong. What the parts are is not here.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use serde_path_to_error::{Path, Segment};

use super::duration;
use super::node::{Node, child, items, kind, texts};
use super::place::{Findings, meant};

/// What was read.
#[derive(Debug)]
pub(super) struct Read<T> {
    /// The value, if enough of it could be read.
    pub(super) value: Option<T>,
    /// Whether nothing of it was left out.
    pub(super) whole: bool,
}

/// What serde said is wrong.
enum Wrong {
    /// A key that is not known, with those that are.
    Key(String, Vec<String>),
    /// A word that is not known, with those that are.
    Word(String, Vec<String>),
    /// A key that has to be there.
    Missing(String),
    /// Neither a word nor a list of words.
    NoOneOrMany,
    /// Anything else, in words.
    Other(String),
}

/// Reads a table of the file, given as JSON. `json` may have more than the table has: defaults that the
/// file leaves out.
pub(super) fn decode<T: DeserializeOwned>(
    node: &Node<'_>,
    mut json: Json,
    findings: &mut Findings,
) -> Read<T> {
    let mut left_out = LeftOut::default();
    let mut whole = true;
    loop {
        let error = match serde_path_to_error::deserialize::<_, T>(json.clone()) {
            Ok(value) => return Read { value: Some(value), whole },
            Err(error) => error,
        };
        let mut steps = steps(error.path(), &json);
        let wrong = wrong(&error.inner().to_string());
        // The path leads to the table, or to the key in it.
        if let Wrong::Key(key, _) = &wrong
            && steps.last() == Some(&Step::Key(key.clone()))
        {
            steps.pop();
        }
        let origin = left_out.origin(&steps);
        if let Wrong::Key(key, known) = &wrong
            && take_duration(&mut json, &steps, node, &origin, key, known, findings)
        {
            continue;
        }
        whole = false;
        note(node, &origin, &wrong, &left_out, findings);
        let mut gone = steps;
        if let Wrong::Key(key, _) = wrong {
            gone.push(Step::Key(key));
        }
        if gone.is_empty() || !remove(&mut json, &gone) {
            return Read { value: None, whole };
        }
        left_out.add(&gone);
    }
}

/// A way into JSON, or into the file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Key(String),
    Item(usize),
}

/// The path as far as it can be followed in this JSON.
fn steps(path: &Path, json: &Json) -> Vec<Step> {
    let mut at = json;
    let mut steps = Vec::new();
    for segment in path {
        let (step, next) = match segment {
            Segment::Seq { index } => (Step::Item(*index), at.get(*index)),
            Segment::Map { key } => (Step::Key(key.clone()), at.get(key.as_str())),
            Segment::Enum { variant } => (Step::Key(variant.clone()), at.get(variant.as_str())),
            Segment::Unknown => break,
        };
        let Some(next) = next else { break };
        at = next;
        steps.push(step);
    }
    steps
}

/// What was taken out of the JSON: places in lists are those of the file plus what is gone before them.
#[derive(Debug, Default)]
struct LeftOut {
    /// By list, in the file's own places: those that are gone.
    items: BTreeMap<Vec<Step>, BTreeSet<usize>>,
    keys: BTreeSet<Vec<Step>>,
}

impl LeftOut {
    /// A way into the JSON as the way into the file.
    fn origin(&self, steps: &[Step]) -> Vec<Step> {
        let mut way = Vec::new();
        for step in steps {
            let step = match step {
                Step::Key(key) => Step::Key(key.clone()),
                Step::Item(index) => {
                    let gone = self.items.get(&way);
                    let is_gone = |at: &usize| gone.is_some_and(|gone| gone.contains(at));
                    let mut left = (0..).filter(|at| !is_gone(at));
                    Step::Item(left.nth(*index).unwrap_or(*index))
                }
            };
            way.push(step);
        }
        way
    }

    fn add(&mut self, steps: &[Step]) {
        let mut way = self.origin(steps);
        match way.last() {
            Some(Step::Item(index)) => {
                let index = *index;
                way.pop();
                self.items.entry(way).or_default().insert(index);
            }
            Some(Step::Key(_)) => {
                self.keys.insert(way);
            }
            None => {}
        }
    }

    fn has(&self, table: &[Step], key: &str) -> bool {
        let mut way = table.to_vec();
        way.push(Step::Key(key.to_owned()));
        self.keys.contains(&way)
    }
}

fn find<'j>(json: &'j mut Json, steps: &[Step]) -> Option<&'j mut Json> {
    steps.iter().try_fold(json, |at, step| match step {
        Step::Key(key) => at.get_mut(key.as_str()),
        Step::Item(index) => at.get_mut(*index),
    })
}

fn remove(json: &mut Json, steps: &[Step]) -> bool {
    let Some((last, before)) = steps.split_last() else { return false };
    match (find(json, before), last) {
        (Some(Json::Object(table)), Step::Key(key)) => table.remove(key).is_some(),
        (Some(Json::Array(items)), Step::Item(index)) if *index < items.len() => {
            items.remove(*index);
            true
        }
        _ => false,
    }
}

/// Where the way leads in the file, as far as it goes there.
fn follow<'t, 'i>(node: &'t Node<'i>, way: &[Step]) -> &'t Node<'i> {
    let mut at = node;
    for step in way {
        let next = match step {
            Step::Key(key) => child(at, key).or_else(|| child(at, &format!("{key}_env"))),
            Step::Item(index) => match at.get_ref().as_array() {
                Some(items) => items.get(*index),
                None => None,
            },
        };
        match next {
            Some(next) => at = next,
            None => break,
        }
    }
    at
}

/// The place of a key, and the key as it stands there.
fn key_place(table: &Node<'_>, key: &str) -> (Range<usize>, String) {
    let keys = table.get_ref().as_table().into_iter().flat_map(|table| table.keys());
    let same = |name: &&toml::Spanned<toml::de::DeString<'_>>| {
        name.get_ref() == key || name.get_ref().strip_suffix("_env") == Some(key)
    };
    match keys.into_iter().find(same) {
        Some(name) => (name.span(), name.get_ref().to_string()),
        None => (table.span(), key.to_owned()),
    }
}

fn note(
    node: &Node<'_>,
    origin: &[Step],
    wrong: &Wrong,
    left_out: &LeftOut,
    findings: &mut Findings,
) {
    let at = follow(node, origin);
    match wrong {
        Wrong::Key(key, known) => {
            let (place, key) = key_place(at, key);
            let known = known.iter().map(|name| shown(name)).collect::<Vec<_>>();
            let meant = meant(&key, known.iter().map(String::as_str));
            findings.add(&place, format!("unknown key `{key}`: {meant}"));
        }
        Wrong::Word(word, known) => {
            let place = match child(at, word) {
                Some(_) => key_place(at, word).0,
                None => at.span(),
            };
            let meant = meant(word, known.iter().map(String::as_str));
            findings.add(&place, format!("`{word}` is not known here: {meant}"));
        }
        Wrong::Missing(key) if left_out.has(origin, key) => {}
        Wrong::Missing(key) => {
            let key = shown(key);
            findings.add(&at.span(), format!("`{key}` is missing: add it"));
        }
        // Words were looked at one by one before, where a list of them may be one.
        Wrong::NoOneOrMany if is_words(at) => {}
        Wrong::NoOneOrMany => {
            findings.add(&at.span(), format!("is {}: write a text or a list of texts", kind(at)));
        }
        Wrong::Other(message) => findings.add(&at.span(), message.clone()),
    }
}

/// A key as the file has it.
fn shown(key: &str) -> String {
    if is_secret(key) { format!("{key}_env") } else { key.to_owned() }
}

/// Whether the value of a key is a secret, which stands in no file.
pub(super) fn is_secret(key: &str) -> bool {
    ["token", "secret", "password", "key"].iter().any(|end| key.ends_with(end))
}

/// Where a key takes milliseconds under a name with `_ms`, its name alone takes a duration.
fn take_duration(
    json: &mut Json,
    steps: &[Step],
    node: &Node<'_>,
    origin: &[Step],
    key: &str,
    known: &[String],
    findings: &mut Findings,
) -> bool {
    let in_ms = format!("{key}_ms");
    if !known.contains(&in_ms) {
        return false;
    }
    let Some(Json::Object(table)) = find(json, steps) else { return false };
    let Some(written) = table.remove(key) else { return false };
    let place = || child(follow(node, origin), key).map_or(0..0, Node::span);
    let text = written.as_str().unwrap_or_default();
    match duration::parse(text) {
        Ok(time) => {
            let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
            table.insert(in_ms, Json::from(ms));
        }
        Err(why) => findings.add(&place(), format!("`{key}` {why}")),
    }
    true
}

/// Makes words of serde's message, with no value in them.
fn wrong(message: &str) -> Wrong {
    let words = ticked(message);
    let others = || words.iter().skip(1).cloned().collect::<Vec<_>>();
    let first = || words.first().cloned().unwrap_or_default();
    if message.starts_with("unknown field") {
        return Wrong::Key(first(), others());
    }
    if message.starts_with("unknown variant") {
        return Wrong::Word(first(), others());
    }
    if message.starts_with("missing field") {
        return Wrong::Missing(first());
    }
    if message.contains("untagged enum OneOrMany") {
        return Wrong::NoOneOrMany;
    }
    Wrong::Other(without_values(message))
}

/// The words between backticks.
fn ticked(message: &str) -> Vec<String> {
    message.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The words that a type takes, by its serde form.
pub(super) fn words_of<T: DeserializeOwned>() -> Vec<String> {
    let tried = serde_json::from_value::<T>(Json::String("?".to_owned()));
    match tried.err().map(|error| wrong(&error.to_string())) {
        Some(Wrong::Word(_, known)) => known,
        Some(Wrong::Key(..) | Wrong::Missing(_) | Wrong::NoOneOrMany | Wrong::Other(_)) | None => {
            Vec::new()
        }
    }
}

fn is_words(node: &Node<'_>) -> bool {
    items(node).len() == texts(node).len()
}

/// A message of serde, without the value that it cites, and without the words of programmers.
fn without_values(message: &str) -> String {
    let plain = match message.split_once('"') {
        None => message.to_owned(),
        Some((before, cited)) => {
            let after = cited.rsplit_once('"').map_or("", |(_, after)| after);
            format!("{}{after}", before.trim_end())
        }
    };
    let words = [
        ("invalid type: ", "is "),
        ("invalid value: ", "is "),
        ("is string,", "is a text,"),
        ("is map,", "is a table,"),
        ("is sequence,", "is a list,"),
        (", expected ", ", and takes "),
        ("takes a string", "takes a text"),
        ("takes a sequence", "takes a list"),
        ("takes a boolean", "takes true or false"),
    ];
    let plain = words.iter().fold(plain, |text, (serde, ours)| text.replace(serde, ours));
    match plain.split_once("takes ") {
        Some((before, kind)) if is_number(kind) => {
            format!("{before}takes a whole number")
        }
        Some((before, kind)) if kind.starts_with("struct ") || kind.starts_with("a map") => {
            format!("{before}takes a table")
        }
        Some(_) | None => plain,
    }
}

/// Whether serde means a whole number: `u64`, `usize`.
fn is_number(kind: &str) -> bool {
    kind.strip_prefix(['u', 'i'])
        .is_some_and(|width| width == "size" || width.parse::<u8>().is_ok())
}

#[cfg(test)]
mod tests {
    use fluxcascade_core::mapping::Guards;
    use fluxcascade_core::resolver::Strategy;

    use super::super::node::{json, parse};
    use super::*;

    fn told<T: DeserializeOwned>(text: &str) -> Vec<String> {
        let mut findings = Findings::default();
        let table = parse(text, &mut findings);
        let node = super::super::node::get(&table, "at").unwrap();
        let read = decode::<T>(node, json(node), &mut findings);
        assert_eq!(read.whole, findings.is_empty());
        let told = findings.told("f", text).list;
        told.into_iter().map(|m| format!("{}:{} {}", m.line, m.column, m.message)).collect()
    }

    #[test]
    fn everything_that_is_wrong_is_found_in_one_reading() {
        let text = "[at]\nmatch_fro = 3\nempty_from = \"x\"\ndeletes = { count = 1, percnt = 3 }\n";
        assert_eq!(
            told::<Guards>(text),
            [
                "2:1 unknown key `match_fro`: did you mean `match_from`?",
                "3:14 is a text, and takes a whole number",
                "4:11 `percent` is missing: add it",
                "4:24 unknown key `percnt`: did you mean `percent`?",
            ]
        );
    }

    #[test]
    fn items_of_lists_are_found_at_their_own_places_when_others_are_gone() {
        let text = "at = [\"manual\", \"newst_wins\", \"skip\", \"mx\"]\n";
        assert_eq!(
            told::<Vec<Strategy>>(text),
            [
                "1:17 `newst_wins` is not known here: did you mean `newest_wins`?",
                "1:39 `mx` is not known here: did you mean `max`?"
            ]
        );
    }

    #[test]
    fn a_value_is_in_no_message() {
        let message = "invalid type: string \"pat-na1-secret\", expected u64";
        assert_eq!(without_values(message), "is a text, and takes a whole number");
    }
}
