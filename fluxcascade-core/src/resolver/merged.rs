//! The strategies that make one value of both: sets joined, texts put one after the other.

use super::{ConflictCase, Resolution};
use crate::model::{FieldType, Side, Sides, Value};

/// One field of a side, as that side stores it, beside what the other side has of it.
struct Field<'a> {
    side: Side,
    of_type: &'a FieldType,
    own: &'a Value,
    theirs: &'a Value,
    base: Option<&'a Value>,
}

/// Both sides' items, without what either has removed.
pub(super) fn union(case: &ConflictCase<'_>) -> Resolution {
    match each_field(case, join) {
        Some(values) => Resolution::Merges(values, "union of both sides".into()),
        None => Resolution::Declines("union needs a set on both sides".into()),
    }
}

/// Both sides' texts, one after the other: the base's with what each has added to it, else both
/// whole.
pub(super) fn append(case: &ConflictCase<'_>) -> Resolution {
    let first = comes_first(case);
    match each_field(case, |field| put_together(field, first)) {
        Some(values) => {
            Resolution::Merges(values, format!("append: both texts, the {first}'s first"))
        }
        None => Resolution::Declines("append needs a text on both sides".into()),
    }
}

/// Merges field by field, once for each side; `None` if one field cannot be merged.
fn each_field(
    case: &ConflictCase<'_>,
    merge: impl Fn(&Field<'_>) -> Option<Value>,
) -> Option<Sides<Vec<Value>>> {
    let of_side = |side: Side| -> Option<Vec<Value>> {
        let theirs = case.carried[side.other()].as_ref()?;
        let own = &case.values[side];
        if own.len() != theirs.len() || own.len() != case.types[side].len() {
            return None;
        }
        let field = |i: usize| Field {
            side,
            of_type: &case.types[side][i],
            own: own[i],
            theirs: &theirs[i],
            base: case.base.as_ref().and_then(|base| base[side].get(i).copied()),
        };
        (0..own.len()).map(|i| merge(&field(i))).collect()
    };
    Some(Sides::new(of_side(Side::Source)?, of_side(Side::Target)?))
}

/// A three-way join of sets. What both sides mean the same by needs no set.
fn join(field: &Field<'_>) -> Option<Value> {
    let FieldType::Set { item } = field.of_type else { return agreed(field) };
    let (own, theirs) = (items(field.own)?, items(field.theirs)?);
    let base = field.base.map_or(Some(Vec::new()), items)?;
    let has = |all: &[&Value], one: &Value| all.iter().any(|other| other.equivalent(one, item));
    let kept = own.iter().filter(|one| has(&theirs, one) || !has(&base, one));
    let added = theirs.iter().filter(|one| !has(&own, one) && !has(&base, one));
    let joined = kept.chain(added).map(|&one| one.clone());
    let like = if field.own.is_blank() { field.theirs } else { field.own };
    let in_order = matches!(like, Value::List(_));
    Some(if in_order { Value::List(joined.collect()) } else { Value::Set(joined.collect()) })
}

/// The items of a set, however the system writes it down; a blank has none.
fn items(value: &Value) -> Option<Vec<&Value>> {
    if value.is_blank() { Some(Vec::new()) } else { value.items() }
}

fn agreed(field: &Field<'_>) -> Option<Value> {
    field.own.equivalent(field.theirs, field.of_type).then(|| field.own.clone())
}

fn put_together(field: &Field<'_>, first: Side) -> Option<Value> {
    let (FieldType::Text, Some(own), Some(theirs)) =
        (field.of_type, text(field.own), text(field.theirs))
    else {
        return agreed(field);
    };
    let (before, after) = if field.side == first { (own, theirs) } else { (theirs, own) };
    let base = field.base.and_then(text).filter(|base| !base.trim().is_empty());
    let added = |text| base.and_then(|base| added_to(base, text));
    let (olds, news) = match (added(before), added(after)) {
        (Some(olds), Some(news)) => (olds, news),
        // One of them was written anew, or nothing tells what both had: each is kept whole.
        (Some(_) | None, _) => (before, after),
    };
    let text = if is_said_in(news, olds) {
        before.to_owned()
    } else if is_said_in(olds, news) {
        after.to_owned()
    } else {
        format!("{}\n{news}", before.trim_end())
    };
    Some(Value::Text(text))
}

/// What was written behind the base's text; `None` if the text does not go on from it.
fn added_to<'a>(base: &str, text: &'a str) -> Option<&'a str> {
    let rest = text.strip_prefix(base.trim_end())?;
    is_after_word(rest).then(|| rest.trim())
}

/// Whether a text stands in another one: that begins with it, or has its lines.
fn is_said_in(text: &str, other: &str) -> bool {
    let text = text.trim();
    let lines = |text: &'_ str| text.lines().map(|line| line.trim_end().to_owned()).collect();
    let (all, own): (Vec<String>, Vec<String>) = (lines(other), lines(text));
    text.is_empty()
        || other.trim_start().strip_prefix(text).is_some_and(is_after_word)
        || all.windows(own.len()).any(|lines| lines == own)
}

/// Whether what comes before this ends with a whole word: `15` goes on within the word `1`.
fn is_after_word(rest: &str) -> bool {
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_punctuation());
    rest.is_empty() || rest.starts_with(char::is_whitespace)
}

fn text(value: &Value) -> Option<&str> {
    if let Value::Text(text) = value { Some(text) } else { value.is_blank().then_some("") }
}

/// Whose text comes first: the one that was written earlier, else the primary's, else the one that
/// sorts first, so that nothing depends on which side is called the source.
fn comes_first(case: &ConflictCase<'_>) -> Side {
    let times = case.times.map(|time| time.map(|modified| modified.at));
    match (times.source, times.target, case.primary) {
        (Some(source), Some(target), _) if source < target => Side::Source,
        (Some(source), Some(target), _) if source > target => Side::Target,
        (_, _, Some(primary)) => primary,
        (_, _, None) if case.values.source <= case.values.target => Side::Source,
        (_, _, None) => Side::Target,
    }
}
