//! Laws of the planner, over scenes drawn at random: what it does for a link follows from what both
//! sides were confirmed to hold and what they hold now, pair by pair, and from nothing else.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Mutex;

use fluxcascade_core::mapping::PairDirection;
use fluxcascade_core::model::{ConflictStatus, PairId, Side, Sides, Slot, Value};
use proptest::test_runner::{Config, TestRunner};

use crate::config;
use crate::drawn::scene;
use crate::outcome::{Act, Outcome, decided, outcome};
use crate::scene::{Carried, Pair, Scene, TABLE};
use crate::tally::Tally;

/// Scenes that each law is tried on: with some fifteen laws, over 20,000 in a test run.
const SCENES: u32 = 1_500;

/// Tries a law on scenes of its own, among which all that the laws are about is met.
pub(crate) fn for_all_scenes(seed: u64, law: impl Fn(&Scene)) {
    tried_on(config(SCENES, seed), 8, law);
}

/// Tries a law on scenes. Each thing that the laws are about is met so often, in a whole test run.
fn tried_on(config: Config, floor: usize, law: impl Fn(&Scene)) -> Tally {
    let floor = if config.cases >= SCENES { floor } else { 0 };
    let total = Mutex::new(Tally::default());
    let tried = TestRunner::new(config).run(&scene(), |scene| {
        let (mapping, entry) = decided(&scene);
        total.lock().unwrap().add(&scene, &mapping, &entry);
        law(&scene);
        Ok(())
    });
    if let Err(error) = tried {
        panic!("{error}");
    }
    let tally = total.into_inner().unwrap();
    tally.assert_each_at_least(floor);
    tally
}

pub(crate) fn id(pair: &Pair) -> PairId {
    PairId::new(format!("p{}", pair.number)).unwrap()
}

/// What a side holds in a pair, if all of it is in the answer.
pub(crate) fn held(pair: &Pair, side: Side) -> Option<Vec<&Value>> {
    pair.seen[side].iter().map(Slot::value).collect()
}

pub(crate) fn is_changed(pair: &Pair, side: Side) -> bool {
    let Some(base) = &pair.base else { return false };
    let both = pair.seen[side].iter().zip(&base[side]);
    both.filter_map(|(seen, base)| Some((seen.value()?, base))).any(|(s, b)| s.changed_from(b))
}

pub(crate) fn writes_of(outcome: &Outcome) -> impl Iterator<Item = (&PairId, Side, &[Value])> {
    outcome.acts.iter().flat_map(|(pair, act)| {
        let writes = match act {
            Act::Adopt(_) => vec![],
            Act::Write { to, send, .. } => vec![(*to, send)],
            Act::WriteBoth { send, .. } => send.iter().collect(),
        };
        writes.into_iter().map(move |(to, send)| (pair, to, send.as_slice()))
    })
}

/// The count of what was met is for people, and shown whether the test passes or not.
#[test]
fn every_cell_every_strategy_and_every_policy_is_met() {
    let tally = tried_on(config(2_500, 1), 20, |_| ());
    writeln!(std::io::stderr(), "\n{tally}").unwrap();
}

/// P9: swapping the sides and mirroring directions, strategies, transforms and the primary swaps
/// what is done.
#[test]
fn swapped_sides_swap_the_plan() {
    for_all_scenes(4, |scene| {
        assert_eq!(outcome(&scene.turn()), outcome(scene).turn());
    });
}

/// P9: what is done for a link of several pairs is what is done for each of them alone, unless one
/// of them holds the whole record.
#[test]
fn pairs_are_decided_as_if_each_were_alone() {
    for_all_scenes(5, |scene| {
        let together = outcome(scene);
        let apart = (0..scene.pairs.len())
            .map(|index| outcome(&scene.only(index)))
            .fold(Outcome::default(), Outcome::and);
        if apart.holds_record() {
            assert!(together.holds_record());
            assert!(together.acts.is_empty() && together.notes.is_empty(), "{together:?}");
        } else {
            assert_eq!(together, apart);
        }
    });
}

/// P9: merge(b, b, b) is nothing, merge(b, x, b) and merge(b, b, x) are x, merge(b, x, x) is a new
/// base; each where the pair flows that way.
#[test]
fn merging_keeps_its_laws() {
    for_all_scenes(6, |scene| {
        for (index, pair) in scene.pairs.iter().enumerate() {
            let Some(base) = &pair.base else { continue };
            let Some(edit) = held(pair, Side::Source) else { continue };
            let edit: Vec<Value> = edit.into_iter().cloned().collect();
            let agreed = &base.source;
            let merge = |source: &[Value], target: &[Value]| {
                let mut scene = scene.only(index);
                let pair = &mut scene.pairs[0];
                (pair.carried, pair.required) = (Carried::AsItIs, false);
                pair.base = Some(Sides::new(agreed.clone(), agreed.clone()));
                pair.seen = Sides::new(source, target)
                    .map(|values| values.iter().cloned().map(Slot::Present).collect());
                outcome(&scene)
            };
            assert_eq!(merge(agreed, agreed), Outcome::default());
            let changed = edit.iter().zip(agreed).any(|(new, old)| new.changed_from(old));
            let same = merge(&edit, &edit);
            assert_eq!(same.acts.len(), usize::from(changed));
            assert!(same.acts.values().all(|act| matches!(act, Act::Adopt(_))), "{same:?}");
            let equivalent = pair.types.iter().any(|(_, field_type)| {
                edit.iter().zip(agreed).all(|(new, old)| new.equivalent(old, field_type))
            });
            for (side, out) in
                [(Side::Target, merge(&edit, agreed)), (Side::Source, merge(agreed, &edit))]
            {
                let flows = pair.direction.writes_to(side);
                let written: Vec<_> = writes_of(&out).map(|(_, to, send)| (to, send)).collect();
                if changed && !equivalent && flows {
                    assert_eq!(written, [(side, edit.as_slice())]);
                } else if flows {
                    assert_eq!(written, []);
                }
            }
        }
    });
}

/// P9: a pair with a base is written only if a side of it was edited.
#[test]
fn only_changed_pairs_are_written() {
    for_all_scenes(7, |scene| {
        let out = outcome(scene);
        for pair in &scene.pairs {
            let written =
                out.acts.contains_key(&id(pair)) || out.conflicts.contains_key(&Some(id(pair)));
            let edited = Side::BOTH.iter().any(|&side| is_changed(pair, side));
            assert!(!written || edited || pair.base.is_none(), "{} was not edited", id(pair));
        }
    });
}

/// P4: nothing is decided for a pair while one of its fields is absent.
#[test]
fn a_pair_with_an_absent_field_is_left_alone() {
    for_all_scenes(8, |scene| {
        let (mapping, entry) = decided(scene);
        let linked = scene.fetched(&mapping);
        let (out, after) = (Outcome::of(&mapping, &entry), linked.after(&mapping, &entry));
        for (index, pair) in scene.pairs.iter().enumerate().filter(|(_, pair)| pair.is_absent()) {
            let id = id(pair);
            assert!(!out.acts.contains_key(&id) && !out.conflicts.contains_key(&Some(id.clone())));
            assert!(!out.notes.iter().any(|(noted, ..)| *noted == id));
            assert!(!out.holds.contains(&(Some(id), "conflict".to_owned())));
            for side in Side::BOTH {
                let base = mapping.pairs[index].ends[side].base.clone();
                assert_eq!(after.bases[side][base.clone()], linked.bases[side][base]);
            }
        }
    });
}

/// A pair's value as the other side has it, told from the meaning of its transforms alone; `None`
/// if that cannot be told without the engine's own tables.
fn told(pair: &Pair, from: Side, value: &Value) -> Option<Value> {
    let text = |f: &dyn Fn(&str) -> String| each(value, f);
    match pair.carried {
        Carried::AsItIs => Some(value.clone()),
        Carried::Trimmed => Some(text(&|t| t.trim().to_owned())),
        Carried::Lower => Some(text(&str::to_lowercase)),
        Carried::TrimmedThenLower => Some(text(&|t| t.trim().to_lowercase())),
        Carried::Phone => None,
        Carried::ByTable | Carried::TrimmedThenByTable => {
            let plain = value.as_text()?.trim();
            let row = |(source, target): &(&'static str, &'static str)| match from {
                Side::Source => (*source == plain).then_some(*target),
                Side::Target => (*target == plain).then_some(*source),
            };
            TABLE.iter().find_map(row).map(Value::from)
        }
    }
}

fn each(value: &Value, f: &dyn Fn(&str) -> String) -> Value {
    if value.is_blank() {
        return value.clone();
    }
    if let Value::Text(text) = value {
        return Value::Text(f(text));
    }
    if let Value::List(items) = value {
        return Value::List(items.iter().map(|item| each(item, f)).collect());
    }
    if let Value::Set(items) = value {
        return Value::Set(items.iter().map(|item| each(item, f)).collect());
    }
    value.clone()
}

/// P4: what is written is what the other side holds, carried by the transform; what becomes a base
/// is what was seen. A blank is written only for a blank.
#[test]
fn no_value_is_made_up() {
    for_all_scenes(9, |scene| {
        let out = outcome(scene);
        for pair in &scene.pairs {
            let Some(act) = out.acts.get(&id(pair)) else { continue };
            let values = match act {
                Act::Adopt(values) | Act::Write { values, .. } | Act::WriteBoth { values, .. } => {
                    values
                }
            };
            for side in Side::BOTH {
                assert_eq!(values[side].iter().collect::<Vec<_>>(), held(pair, side).unwrap());
            }
            let Act::Write { to, send, .. } = act else { continue };
            assert_eq!(send.len(), pair.width());
            for (origin, sent) in values[to.other()].iter().zip(send) {
                assert_eq!(origin.is_blank(), sent.is_blank());
                if let Some(told) = told(pair, to.other(), origin) {
                    assert_eq!(&told, sent);
                }
                if pair.carried == Carried::Phone
                    && let (Some(o), Some(s)) = (origin.as_text(), sent.as_text())
                {
                    let digits = |text: &str| -> String {
                        text.chars().filter(char::is_ascii_digit).collect()
                    };
                    assert!(digits(s).ends_with(&digits(o)));
                }
            }
            if pair.required {
                assert!(!send.iter().all(Value::is_blank), "a required pair was blanked");
            }
        }
    });
}

/// P10: a one-way pair is never written where it flows from, and is never in conflict.
#[test]
fn a_one_way_pair_is_never_written_against_its_direction() {
    for_all_scenes(10, |scene| {
        let out = outcome(scene);
        let directions: BTreeMap<PairId, PairDirection> =
            scene.pairs.iter().map(|pair| (id(pair), pair.direction)).collect();
        for (pair, to, _) in writes_of(&out) {
            assert!(directions[pair].writes_to(to), "{pair} is written to the {to}");
        }
        for pair in out.conflicts.keys().flatten() {
            assert_eq!(directions[pair], PairDirection::Bidirectional, "{pair} is in conflict");
        }
    });
}

/// P3, P11: two edits of one pair have one row with both values. A value that somebody wrote is
/// overwritten only with a cause that keeps it.
#[test]
fn no_edit_is_overwritten_without_a_row_that_keeps_it() {
    for_all_scenes(15, |scene| {
        let (mapping, entry) = decided(scene);
        let out = Outcome::of(&mapping, &entry);
        for (pair, row) in &out.conflicts {
            let pair = pair.as_ref().unwrap();
            let drawn = scene.pairs.iter().find(|drawn| id(drawn) == *pair).unwrap();
            for side in Side::BOTH {
                assert_eq!(row.values[side].iter().collect::<Vec<_>>(), held(drawn, side).unwrap());
                assert!(drawn.base.is_none() || is_changed(drawn, side));
            }
            let held = |reason: &str| out.holds.contains(&(Some(pair.clone()), reason.to_owned()));
            let waits = held("conflict") || held("invalid") || out.holds_record();
            assert_eq!(row.status == ConflictStatus::Open, waits, "{row:?}");
            assert_eq!(waits, !out.acts.contains_key(pair));
        }
        // A record waits for one conflict at a time; its pairs that ask a person wait by themselves.
        let own = |pair: &PairId| out.holds.iter().any(|(held, _)| held.as_ref() == Some(pair));
        let of_record = out.conflicts.keys().flatten().filter(|pair| !own(pair)).count();
        let decided =
            out.acts.keys().filter(|pair| out.conflicts.contains_key(&Some((*pair).clone())));
        assert_eq!(of_record - decided.count(), usize::from(out.holds_record()), "{out:?}");
        for (pair, act) in &out.acts {
            let Act::Write { to, cause, values, .. } = act else { continue };
            let drawn = scene.pairs.iter().find(|drawn| id(drawn) == *pair).unwrap();
            let blank = values[*to].iter().all(Value::is_blank);
            match *cause {
                "edit" => assert!(!is_changed(drawn, *to) && is_changed(drawn, to.other())),
                "fill" => assert!(blank && drawn.base.is_none()),
                "first link overwrites" => assert!(!blank && drawn.base.is_none()),
                "edit overwrites" => assert!(is_changed(drawn, *to)),
                "drift restored" => {
                    assert!(is_changed(drawn, *to) && !is_changed(drawn, to.other()));
                }
                "conflict" => {
                    assert_eq!(out.conflicts[&Some(pair.clone())].winner, Some(to.other().into()));
                }
                other => panic!("{other}"),
            }
        }
    });
}

/// P9: the two sides of a pair mean the same whichever of them is asked.
#[test]
fn equivalence_of_a_pair_does_not_depend_on_which_side_is_the_source() {
    for_all_scenes(16, |scene| {
        let (mapping, turned) = (scene.mapping(), scene.turn().mapping());
        for (index, pair) in scene.pairs.iter().enumerate() {
            let (Some(source), Some(target)) = (held(pair, Side::Source), held(pair, Side::Target))
            else {
                continue;
            };
            assert_eq!(
                mapping.pairs[index].equivalent(&source, &target),
                turned.pairs[index].equivalent(&target, &source),
                "{source:?} and {target:?}"
            );
        }
    });
}
