//! `union` and `append`: a value made of both, written where it differs.

use std::collections::BTreeSet;

use fluxcascade_core::Side::{Source, Target};
use fluxcascade_core::model::{
    Cause, Choice, ConflictStatus, FieldType, Side, Sides, Value, Winner, Withheld,
};
use fluxcascade_core::plan::Gate;
use fluxcascade_core::resolver::{ConflictCase, ConflictResolver, Resolution, Strategy};
use fluxcascade_core::transform::lowercase;
use proptest::prelude::*;

use crate::given::{Given, adopted, given, given_typed, one_hold, writes};

fn set(items: &[&str]) -> Value {
    Value::Set(items.iter().map(|&item| item.into()).collect())
}

fn list(items: &[&str]) -> Value {
    Value::List(items.iter().map(|&item| item.into()).collect())
}

fn tags(strategy: Strategy) -> Given {
    let of_text = FieldType::Set { item: Box::new(FieldType::Text) };
    given_typed(&[("tags", of_text)], |m| m.conflicts(strategy).pair("tags", "tags"))
}

#[test]
fn a_union_has_what_either_added_and_nothing_that_either_removed() {
    let given = tags(Strategy::Union)
        .agreed("tags", set(&["a", "b", "c"]))
        .with(Source, "tags", set(&["a", "b", "new"]))
        .with(Target, "tags", set(&["b", "c", "other"]));
    let entry = given.entry();
    assert_eq!(writes(&given, &entry), ["both tags = b, new, other | b, new, other"]);
    let row = entry.pairs[0].conflict().unwrap();
    assert_eq!((row.winner, row.status), (Some(Winner::Merged), ConflictStatus::Auto));
    assert_eq!(row.values.source, [set(&["a", "b", "new"])]);
}

#[test]
fn a_list_is_a_set_where_the_field_is_one_and_keeps_its_order() {
    let given = tags(Strategy::Union)
        .agreed("tags", list(&["b", "a"]))
        .with(Source, "tags", list(&["b", "a", "z"]))
        .with(Target, "tags", list(&["k", "b", "a"]));
    assert_eq!(writes(&given, &given.entry()), ["both tags = b, a, z, k | k, b, a, z"]);
}

#[test]
fn a_side_that_holds_the_union_already_is_not_written() {
    let given = tags(Strategy::Union)
        .agreed("tags", set(&["a"]))
        .with(Source, "tags", set(&["a", "b"]))
        .with(Target, "tags", set(&["a", "b", "c"]));
    assert_eq!(writes(&given, &given.entry()), ["source tags = a, b, c"]);
}

#[test]
fn union_declines_for_texts_and_append_for_sets() {
    let note = |strategies: Vec<Strategy>| {
        given(&["note"], |m| m.conflicts(strategies).pair("note", "note"))
            .agreed("note", "x")
            .with(Source, "note", "s")
            .with(Target, "note", "t")
    };
    let union = note(vec![Strategy::Union, Strategy::TargetWins]);
    assert_eq!(writes(&union, &union.entry()), ["source note = t"]);
    let append = tags(Strategy::Append)
        .agreed("tags", set(&["a"]))
        .with(Source, "tags", set(&["b"]))
        .with(Target, "tags", set(&["c"]));
    assert_eq!(append.entry().conflicts[0].status, ConflictStatus::Open);
}

fn note(base: &str, source: &str, target: &str) -> Given {
    given(&["note"], |m| m.conflicts(Strategy::Append).pair("note", "note"))
        .agreed("note", base)
        .with(Source, "note", source)
        .with(Target, "note", target)
}

#[test]
fn append_puts_what_each_side_wrote_behind_what_both_had() {
    let given = note("called", "called\nback at 5", "called\nleft word");
    let all = "called\nback at 5\nleft word";
    assert_eq!(writes(&given, &given.entry()), [format!("both note = {all} | {all}")]);
}

/// P4: a text is no row of characters: `5` was written by nobody.
#[test]
fn append_keeps_texts_whole_that_do_not_go_on_from_what_both_had() {
    let appended = |base: &str, source: &str, target: &str| {
        let given = note(base, source, target).changed_at(Target, 95_000);
        writes(&given, &given.entry()).join("; ")
    };
    let both = |text: &str| format!("both note = {text} | {text}");
    assert_eq!(appended("", "15", "1"), both("15\n1"));
    assert_eq!(appended("1", "12", "15"), both("12\n15"));
    assert_eq!(appended("1", "1 2", "15"), both("1 2\n15"));
    assert_eq!(appended("call", "call back", "called"), both("call back\ncalled"));
    assert_eq!(appended("done", "done\ndone", "done\nleft"), both("done\ndone\nleft"));
    assert_eq!(appended("old", "new", "old\nmore"), both("new\nold\nmore"));
    // What begins with all of the other goes on from it.
    assert_eq!(appended("x", "1", "1 5"), "source note = 1 5");
    assert_eq!(appended("x", "called, back at 5", "called"), "target note = called, back at 5");

    let mut given = given(&["note"], |m| m.first_link(Strategy::Append).pair("note", "note"))
        .with(Source, "note", "1")
        .with(Target, "note", "15");
    given.context.gate = Gate::Open([Withheld::Overwrite].into());
    assert_eq!(writes(&given, &given.entry()), [both("1\n15")]);
}

#[test]
fn append_puts_the_earlier_edit_first() {
    let later = |side: Side| note("", "from source", "from target").changed_at(side, 95_000);
    let first = |given: Given| writes(&given, &given.entry())[0].clone();
    let source_first = "from source\nfrom target";
    assert_eq!(first(later(Target)), format!("both note = {source_first} | {source_first}"));
    let target_first = "from target\nfrom source";
    assert_eq!(first(later(Source)), format!("both note = {target_first} | {target_first}"));
}

#[test]
fn what_one_side_has_of_the_other_is_not_appended_twice() {
    let given = note("x", "first\nsecond", "second");
    assert_eq!(writes(&given, &given.entry()), ["target note = first\nsecond"]);
}

#[test]
fn a_merged_value_goes_through_the_transform() {
    let given = given(&["note"], |m| {
        m.conflicts(Strategy::Append).pair_with("note", "note", |p| p.transform(lowercase()))
    })
    .based(Source, "note", "Old")
    .based(Target, "note", "old")
    .with(Source, "note", "Ann")
    .with(Target, "note", "bob");
    let entry = given.entry();
    assert_eq!(writes(&given, &entry), ["both note = Ann\nbob | ann\nbob"]);
}

/// A resolver of the host's that gives values which do not mean the same.
#[derive(Debug)]
struct Apart;

impl ConflictResolver for Apart {
    fn name(&self) -> &'static str {
        "apart"
    }

    fn resolve(&self, _case: &ConflictCase<'_>) -> Resolution {
        let values = Sides::new(vec!["one".into()], vec!["another".into()]);
        Resolution::Merges(values, "two halves".into())
    }
}

#[test]
fn values_that_do_not_mean_the_same_on_both_sides_are_not_written() {
    let given = given(&["note"], |m| m.conflicts(Strategy::custom(Apart)).pair("note", "note"))
        .agreed("note", "x")
        .with(Source, "note", "s")
        .with(Target, "note", "t");
    let entry = given.entry();
    assert!(writes(&given, &entry).is_empty());
    assert!(one_hold(&entry).detail.contains("do not mean the same"));
}

#[test]
fn a_person_s_own_values_are_written_where_they_differ() {
    let conflict = || {
        given(&["note"], |m| m.conflicts(Strategy::Manual).pair("note", "note"))
            .agreed("note", "x")
            .with(Source, "note", "s")
            .with(Target, "note", "t")
    };
    let set = |value: &str| Choice::Set(Sides::new(vec![value.into()], vec![value.into()]));
    let both = conflict().answered(&set("mine"));
    let entry = both.entry();
    assert_eq!(writes(&both, &entry), ["both note = mine | mine"]);
    assert_eq!(entry.pairs[0].conflict().unwrap().winner, Some(Winner::Merged));
    let one = conflict().answered(&set("t"));
    assert_eq!(writes(&one, &one.entry()), ["source note = t"]);
    assert_eq!(adopted(&one.entry()), 0);
}

fn items() -> impl proptest::strategy::Strategy<Value = Value> {
    use proptest::strategy::Strategy as _;
    proptest::collection::btree_set("[a-f]", 0..5)
        .prop_map(|items| Value::Set(items.into_iter().map(Value::from).collect()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// P9: swapping the sides swaps the result. P4: a union has no item that neither side has.
    #[test]
    fn unions_are_mirror_symmetric_and_invent_nothing(b in items(), s in items(), t in items()) {
        let union = |s: &Value, t: &Value| {
            tags(Strategy::Union).agreed("tags", b.clone())
                .with(Source, "tags", s.clone()).with(Target, "tags", t.clone())
        };
        let (here, there) = (union(&s, &t), union(&t, &s));
        let mirrored: Vec<String> = writes(&there, &there.entry())
            .iter()
            .map(|word| match word.split_once(' ') {
                Some(("source", rest)) => format!("target {rest}"),
                Some(("target", rest)) => format!("source {rest}"),
                _ => word.clone(),
            })
            .collect();
        let written = writes(&here, &here.entry());
        prop_assert_eq!(&written, &mirrored);
        for word in written.iter().filter(|word| word.starts_with("both")) {
            let (_, after) = word.rsplit_once("| ").unwrap();
            for item in after.split(", ").filter(|item| *item != "(blank)") {
                let has = |side: &Value| side.to_string().contains(item);
                prop_assert!(has(&s) || has(&t), "{} is of neither side", item);
            }
        }
    }

    /// P4: what is appended has the words of both, and no others. P3: and all of them.
    #[test]
    fn appended_texts_have_the_words_of_both(
        b in "[ab1]{0,2}( [ab1]{1,2}){0,2}",
        s in "[ab1]{1,2}([ \n][ab1]{1,2}){0,3}",
        t in "[ab1]{1,2}([ \n][ab1]{1,2}){0,3}",
        news in proptest::array::uniform2(any::<bool>()),
    ) {
        let [s, t] = [(s, news[0]), (t, news[1])].map(|(text, goes_on)| {
            if goes_on { format!("{b} {text}") } else { text }
        });
        let given = note(&b, &s, &t);
        let entry = given.entry();
        for pair in &entry.pairs {
            for (_, sent, cause) in pair.writes() {
                if !matches!(cause, Cause::Conflict { .. }) {
                    continue;
                }
                let Value::Text(text) = &sent[0] else { panic!("{sent:?}") };
                let words = |text: &str| -> BTreeSet<String> {
                    text.split_whitespace().map(str::to_owned).collect()
                };
                let both: BTreeSet<String> = words(&s).union(&words(&t)).cloned().collect();
                prop_assert_eq!(words(text), both, "{:?} of {:?}, {:?} and {:?}", text, b, s, t);
            }
        }
    }

    /// P9: the same for texts.
    #[test]
    fn appended_texts_are_mirror_symmetric(b in "[a-c]{0,3}", s in "[a-c]{1,4}", t in "[a-c]{1,4}") {
        let swap = |word: &String| match word.split_once(' ') {
            Some(("source", rest)) => format!("target {rest}"),
            Some(("target", rest)) => format!("source {rest}"),
            _ => word.clone(),
        };
        let (here, there) = (note(&b, &s, &t), note(&b, &t, &s));
        let mirrored: Vec<String> = writes(&there, &there.entry()).iter().map(swap).collect();
        prop_assert_eq!(writes(&here, &here.entry()), mirrored);
    }
}
