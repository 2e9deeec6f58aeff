//! Laws of the planner, over scenes drawn at random: what it does for a link follows from what both
//! sides were confirmed to hold and what they hold now, pair by pair, and from nothing else.

use std::collections::BTreeMap;
use std::sync::Mutex;

use fluxcascade_core::Timestamp;
use fluxcascade_core::mapping::{CompiledMapping, PairDirection};
use fluxcascade_core::model::{
    ConflictStatus, FieldType, Observation, PairId, Provenance, Side, Sides, Slot, Value, Work,
};
use fluxcascade_core::plan::{Entry, Need, PairAction, Step, plan};
use proptest::test_runner::{Config, TestRunner};

use crate::config;
use crate::drawn::scene;
use crate::given::{Linked, context};
use crate::outcome::{Act, Outcome, Row, decided, outcome, plan_of};
use crate::scene::{Carried, Pair, Scene, TABLE};
use crate::tally::Tally;

/// Scenes that each law is tried on: with the fifteen of this file, over 20,000 in a test run.
const SCENES: u32 = 1_500;

/// Tries a law on scenes of its own, among which all that the laws are about is met.
fn for_all_scenes(seed: u64, law: impl Fn(&Scene)) {
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

fn id(pair: &Pair) -> PairId {
    PairId::new(format!("p{}", pair.number)).unwrap()
}

/// What a side holds in a pair, if all of it is in the answer.
fn held(pair: &Pair, side: Side) -> Option<Vec<&Value>> {
    pair.seen[side].iter().map(Slot::value).collect()
}

fn is_changed(pair: &Pair, side: Side) -> bool {
    let Some(base) = &pair.base else { return false };
    let both = pair.seen[side].iter().zip(&base[side]);
    both.filter_map(|(seen, base)| Some((seen.value()?, base))).any(|(s, b)| s.changed_from(b))
}

fn writes_of(outcome: &Outcome) -> impl Iterator<Item = (&PairId, Side, &[Value])> {
    outcome.acts.iter().filter_map(|(pair, act)| match act {
        Act::Adopt(_) => None,
        Act::Write { to, send, .. } => Some((pair, *to, send.as_slice())),
    })
}

/// The count of what was met is for people: `cargo test --test laws -- --nocapture`.
#[test]
#[allow(clippy::print_stdout)]
fn every_cell_every_strategy_and_every_policy_is_met() {
    let tally = tried_on(config(2_500, 1), 20, |_| ());
    println!("{tally}");
}

/// P21: the same input gives the same plan, also as a value that is stored.
#[test]
fn planning_twice_gives_the_same_plan() {
    for_all_scenes(2, |scene| {
        let mapping = scene.mapping();
        let linked = scene.fetched(&mapping);
        let (first, second) =
            (plan_of(&mapping, &linked, scene.now), plan_of(&mapping, &linked, scene.now));
        assert_eq!(first, second);
        assert_eq!(first.to_string(), second.to_string());
        let stored = serde_json::to_string(&first).unwrap();
        assert_eq!(serde_json::from_str::<fluxcascade_core::Plan>(&stored).unwrap(), first);
    });
}

/// P21: each link is decided by itself, in whatever order and company.
#[test]
fn the_order_of_works_does_not_matter() {
    for_all_scenes(3, |scene| {
        let mapping = scene.mapping();
        let mut without_bases = Scene { number: 2, ..scene.clone() };
        let mut edited_at_the_source = Scene { number: 3, ..scene.clone() };
        without_bases.pairs.iter_mut().for_each(|pair| pair.base = None);
        for pair in &mut edited_at_the_source.pairs {
            if let Some(base) = &pair.base {
                pair.seen.target = base.target.iter().cloned().map(Slot::Present).collect();
            }
        }
        let works: Vec<Work> = [scene, &without_bases, &edited_at_the_source]
            .map(|scene| scene.fetched(&mapping).work(&mapping))
            .into();
        let context = context(Timestamp::from_secs(scene.now));
        let alone: Vec<Entry> = works
            .iter()
            .map(|work| plan(&mapping, std::slice::from_ref(work), &context).entries.remove(0))
            .collect();
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
            let ordered: Vec<Work> = order.iter().map(|&place| works[place].clone()).collect();
            let together = plan(&mapping, &ordered, &context).entries;
            assert!(order.iter().zip(together).all(|(&place, entry)| alone[place] == entry));
        }
    });
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
            let written = out.acts.contains_key(&id(pair)) || out.conflicts.contains_key(&id(pair));
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
            assert!(!out.acts.contains_key(&id) && !out.conflicts.contains_key(&id));
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
                Act::Adopt(values) | Act::Write { values, .. } => values,
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
        for pair in out.conflicts.keys() {
            assert_eq!(directions[pair], PairDirection::Bidirectional, "{pair} is in conflict");
        }
    });
}

/// P12: no clock says what has changed. If all clocks are set elsewhere the plan is the same; if one
/// system's is, so is all but what a strategy of time decides.
#[test]
fn what_has_changed_is_told_by_no_clock() {
    for_all_scenes(11, |scene| {
        let out = outcome(scene);
        // Within the bound in which clocks differ, within a granularity, and far off.
        let by = [-86_400, 4, 50][scene.pairs.len() % 3];
        let engine = scene.shift(None, by);
        assert_eq!(outcome(&engine), out);
        assert_eq!(
            outcome(&engine.shift(Some(Side::Source), by).shift(Some(Side::Target), by)),
            out
        );
        for side in Side::BOTH {
            let one = outcome(&scene.shift(Some(side), by));
            if !one.holds_record() && !out.holds_record() {
                assert_eq!(untimed(scene, &one), untimed(scene, &out));
            }
        }
    });
}

/// All but what a strategy of time may decide.
fn untimed(scene: &Scene, out: &Outcome) -> Outcome {
    let mut rest = out.clone();
    for pair in &scene.pairs {
        if pair.base.is_some() && pair.conflicts.iter().any(|strategy| strategy.goes_by_time()) {
            let both = Side::BOTH.iter().all(|&side| is_changed(pair, side));
            if both && pair.direction == PairDirection::Bidirectional {
                rest.acts.remove(&id(pair));
                rest.conflicts.remove(&id(pair));
                rest.holds.retain(|(held, _)| *held != Some(id(pair)));
            }
        }
    }
    rest
}

/// P15, P21: a record that was listed, or not seen because nothing happened to it, is decided as one
/// that was fetched, after at most three rounds of reading; and nothing is written unread.
#[test]
fn how_a_record_was_seen_does_not_change_what_is_done() {
    for_all_scenes(12, |scene| {
        let (mapping, entry) = decided(scene);
        let expected = Outcome::of(&mapping, &entry);
        let fetched = scene.fetched(&mapping);
        for how in [
            [Some(Provenance::Listed), Some(Provenance::Listed)],
            [Some(Provenance::Listed), Some(Provenance::Fetched)],
            [Some(Provenance::Fetched), Some(Provenance::Listed)],
            [None, Some(Provenance::Listed)],
            [Some(Provenance::Fetched), None],
        ] {
            let how = Sides::new(how[0], how[1]);
            if let Some(linked) = seen_as(scene, &fetched, how) {
                assert_eq!(
                    read_and_decided(scene, &mapping, &linked, &fetched),
                    expected,
                    "{how:?}"
                );
            }
        }
    });
}

/// The link with its records seen in this way; `None` if something happened to an unseen one.
fn seen_as(scene: &Scene, fetched: &Linked, how: Sides<Option<Provenance>>) -> Option<Linked> {
    let mut linked = fetched.clone();
    for side in Side::BOTH {
        match how[side] {
            Some(provenance) => linked.seen[side].as_mut()?.provenance = provenance,
            None => {
                let as_confirmed = |pair: &Pair| match &pair.base {
                    Some(base) => {
                        held(pair, side).is_some_and(|seen| seen.iter().copied().eq(&base[side]))
                    }
                    None => false,
                };
                if !scene.pairs.iter().all(as_confirmed) {
                    return None;
                }
                linked.seen[side] = None;
            }
        }
    }
    Some(linked)
}

/// Plans, reads what is needed, and plans again.
fn read_and_decided(
    scene: &Scene,
    mapping: &CompiledMapping,
    linked: &Linked,
    truth: &Linked,
) -> Outcome {
    let mut context = context(Timestamp::from_secs(scene.now));
    for _ in 0..3 {
        let mut plan = plan(mapping, &[linked.work(mapping)], &context);
        let entry = plan.entries.remove(0);
        if plan.needs.is_empty() {
            for side in Side::BOTH {
                let read = context.fetched.contains_key(&(side, linked.record(side)))
                    || linked.seen[side]
                        .as_ref()
                        .is_some_and(|seen: &Observation| seen.provenance == Provenance::Fetched);
                assert!(read || !entry.writes_to(side), "the {side} is written unread");
            }
            return Outcome::of(mapping, &entry);
        }
        assert_eq!(entry.step, Step::Needs);
        for need in plan.needs {
            let Need::Fetch { side, record } = need else { panic!("{need:?}") };
            let seen = truth.seen[side].clone().unwrap();
            assert!(context.fetched.insert((side, record), seen).is_none(), "asked twice");
        }
    }
    panic!("a need is still there after three rounds");
}

/// P1, P2, P5: when the plan has been carried out, planning again writes nothing, opens nothing and
/// notes nothing, whatever the strategy; and all that was written is in agreement.
#[test]
fn what_was_carried_out_is_quiet() {
    for_all_scenes(13, |scene| {
        let (mapping, entry) = decided(scene);
        let after = scene.fetched(&mapping).after(&mapping, &entry);
        let again = plan_of(&mapping, &after, scene.now + 60);
        assert_eq!(again.needs, []);
        let out = Outcome::of(&mapping, &again.entries[0]);
        let first = Outcome::of(&mapping, &entry);
        if first.holds_record() {
            // Rows that were opened with the hold may be told again: they are known by their ids.
            let known = |(pair, row): (&PairId, &Row)| first.conflicts.get(pair) == Some(row);
            assert!(out.acts.is_empty() && out.conflicts.iter().all(known), "then {out:?}");
        } else {
            assert!(out.is_quiet(), "then {out:?}\nafter {entry:?}");
        }
        for planned in &entry.pairs {
            let PairAction::Write { to, send, .. } = &planned.action else { continue };
            let (origin, sent) = (&planned.values[to.other()], send);
            let both = match to {
                Side::Source => Sides::new(sent, origin),
                Side::Target => Sides::new(origin, sent),
            };
            let both = both.map(|values| values.iter().collect::<Vec<_>>());
            let pair = &mapping.pairs[planned.index];
            assert!(pair.equivalent(&both.source, &both.target), "{}", pair.label);
        }
    });
}

/// P5, P22: a side that now writes its value in another way, which means the same, is not written,
/// and nor is the other one.
#[test]
fn another_writing_of_the_same_value_is_no_edit_to_carry_over() {
    for_all_scenes(14, |scene| {
        for side in Side::BOTH {
            let mut rewritten = scene.clone();
            for pair in &mut rewritten.pairs {
                // In agreement to begin with, as it stood in the base.
                let Some(base) = pair.base.clone() else { continue };
                pair.seen = base.map(|values| values.into_iter().map(Slot::Present).collect());
            }
            let mapping = rewritten.mapping();
            let agrees = |scene: &Scene, index: usize| {
                let both = Sides::from_fn(|side| held(&scene.pairs[index], side).unwrap());
                mapping.pairs[index].equivalent(&both.source, &both.target)
            };
            for index in 0..rewritten.pairs.len() {
                if rewritten.pairs[index].base.is_none() || !agrees(&rewritten, index) {
                    continue;
                }
                let mut alone = rewritten.only(index);
                let field_type = alone.pairs[0].types[side].clone();
                for slot in &mut alone.pairs[0].seen[side] {
                    if let Slot::Present(value) = slot
                        && let Some(other) = another_writing(value, &field_type)
                    {
                        *value = other;
                    }
                }
                let mapping = alone.mapping();
                let both = Sides::from_fn(|side| held(&alone.pairs[0], side).unwrap());
                if mapping.pairs[0].equivalent(&both.source, &both.target) {
                    let out = outcome(&alone);
                    assert_eq!(writes_of(&out).count(), 0, "{out:?}");
                    assert!(out.conflicts.is_empty() && out.holds.is_empty(), "{out:?}");
                }
            }
        }
    });
}

/// The same value as some system might write it.
fn another_writing(value: &Value, field_type: &FieldType) -> Option<Value> {
    if let Some(number) = value.as_decimal() {
        let mut finer = number;
        finer.rescale((number.scale() + 2).min(28));
        return Some(Value::Decimal(finer));
    }
    let text = value.as_text()?;
    Some(Value::Text(match field_type {
        FieldType::Email => text.to_uppercase(),
        FieldType::Phone => text.replace(['-', '(', ')', ' '], ""),
        FieldType::Choice { .. } => format!("{text} "),
        _ => return None,
    }))
}

/// P3, P11: two edits of one pair have one row with both values. A value that somebody wrote is
/// overwritten only with a cause that keeps it.
#[test]
fn no_edit_is_overwritten_without_a_row_that_keeps_it() {
    for_all_scenes(15, |scene| {
        let (mapping, entry) = decided(scene);
        let out = Outcome::of(&mapping, &entry);
        for (pair, row) in &out.conflicts {
            let drawn = scene.pairs.iter().find(|drawn| id(drawn) == *pair).unwrap();
            for side in Side::BOTH {
                assert_eq!(row.values[side].iter().collect::<Vec<_>>(), held(drawn, side).unwrap());
                assert!(drawn.base.is_none() || is_changed(drawn, side));
            }
            if !out.holds_record() {
                let waits = out.holds.contains(&(Some(pair.clone()), "conflict".to_owned()));
                assert_eq!(row.status == ConflictStatus::Open, waits, "{row:?}");
                assert_eq!(waits, !out.acts.contains_key(pair));
            }
        }
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
                    assert!(is_changed(drawn, *to) && !is_changed(drawn, to.other()))
                }
                "conflict" => assert_eq!(out.conflicts[pair].winner, Some(to.other().into())),
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
