//! Laws of what follows on a plan that was carried out: rest.

use fluxcascade_core::model::{FieldType, Side, Sides, Slot, Value};

use crate::outcome::{Outcome, decided, outcome, plan_of};
use crate::plans::{for_all_scenes, held, writes_of};
use crate::scene::Scene;

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
        assert!(out.is_quiet(), "then {out:?}\nafter {entry:?}");
        for planned in &entry.pairs {
            let mut both = planned.values.clone();
            for (to, send, _) in planned.writes() {
                both[to] = send.to_vec();
            }
            if planned.writes().next().is_none() {
                continue;
            }
            let both = both.as_ref().map(|values| values.iter().collect::<Vec<_>>());
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
    let written = if *field_type == FieldType::Email {
        text.to_uppercase()
    } else if *field_type == FieldType::Phone {
        text.replace(['-', '(', ')', ' '], "")
    } else if matches!(field_type, FieldType::Choice { .. }) {
        format!("{text} ")
    } else {
        return None;
    };
    Some(Value::Text(written))
}
