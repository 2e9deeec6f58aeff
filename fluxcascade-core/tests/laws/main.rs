//! Laws of the pure layer, over what proptest draws: values, stored forms, and in `plans` the whole
//! planner over linked records of any mapping.
//!
//! A test run tries a fixed set. `FLUXCASCADE_CASES=50000` tries as many new ones per law instead.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

mod drawn;
mod given;
mod kept;
mod outcome;
mod plans;
mod quiet;
mod scene;
mod tally;
mod unmoved;

use std::collections::BTreeSet;
use std::time::Duration;

use fluxcascade_core::codec::{decode, decode_base, encode, encode_base};
use fluxcascade_core::mapping::PairDirection;
use fluxcascade_core::model::link::{WriteOrigin, Written};
use fluxcascade_core::model::{
    Base, FieldType, Fingerprint, Money, Observation, RecordId, Side, Sides, Slot, State,
    Timestamp, Value, Values, Version,
};
use fluxcascade_core::plan::{Decision, decide_with_base, decide_without_base};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

use crate::drawn::{field_type, value};
use crate::scene::turned;

/// How many cases a law is tried on: these ones, or as many new ones as the environment asks for.
fn config(quick: u32, seed: u64) -> Config {
    let asked = std::env::var("FLUXCASCADE_CASES").ok();
    let asked: Option<u32> = asked.map(|text| text.parse().expect("FLUXCASCADE_CASES is a number"));
    let (cases, rng_seed) = match asked {
        None => (quick, RngSeed::Fixed(seed)),
        Some(asked) => (asked.max(1), RngSeed::Random),
    };
    Config { cases, rng_seed, failure_persistence: None, ..Config::default() }
}

fn slot() -> impl Strategy<Value = Slot> {
    prop_oneof![1 => Just(Slot::Absent), 6 => value().prop_map(Slot::Present)]
}

fn direction() -> impl Strategy<Value = PairDirection> {
    prop_oneof![
        Just(PairDirection::Bidirectional),
        Just(PairDirection::SourceOnly),
        Just(PairDirection::TargetOnly)
    ]
}

fn mirror(decision: Decision) -> Decision {
    match decision {
        Decision::Write(side) => Decision::Write(side.other()),
        Decision::WriteOver(side) => Decision::WriteOver(side.other()),
        Decision::OverwriteAtFirstLink(side) => Decision::OverwriteAtFirstLink(side.other()),
        Decision::Drift(side) => Decision::Drift(side.other()),
        same @ (Decision::Nothing
        | Decision::Adopt
        | Decision::AdoptAsFound
        | Decision::TakeAsFound
        | Decision::Conflict
        | Decision::FirstLinkConflict) => same,
    }
}

fn decide(direction: PairDirection, base: &Value, source: &Value, target: &Value) -> Decision {
    let changed = Sides::new(source.changed_from(base), target.changed_from(base));
    decide_with_base(direction, changed, source.equivalent(target, &FieldType::Text))
}

proptest! {
    #![proptest_config(config(1_500, 7))]

    /// P9: merge(b, b, b) = nothing; merge(b, x, x) = x; merge(b, x, b) = x.
    #[test]
    fn merging_keeps_its_laws(b in value(), x in value()) {
        let both = PairDirection::Bidirectional;
        prop_assert_eq!(decide(both, &b, &b, &b), Decision::Nothing);
        let changed = x.changed_from(&b);
        let same = if changed { Decision::Adopt } else { Decision::Nothing };
        prop_assert_eq!(decide(both, &b, &x, &x), same);
        let one_sided = decide(both, &b, &x, &b);
        if changed && !x.equivalent(&b, &FieldType::Text) {
            prop_assert_eq!(one_sided, Decision::Write(Side::Target));
        } else {
            prop_assert!(matches!(one_sided, Decision::Nothing | Decision::Adopt));
        }
    }

    /// P9: swapping the sides and mirroring the direction swaps the decision.
    #[test]
    fn decisions_are_mirror_symmetric(
        direction in direction(), b in value(), s in value(), t in value(),
    ) {
        prop_assert_eq!(
            decide(turned(direction), &b, &t, &s),
            mirror(decide(direction, &b, &s, &t))
        );
        let equivalent = s.equivalent(&t, &FieldType::Text);
        let blank = Sides::new(s.is_blank(), t.is_blank());
        let swapped = Sides::new(blank.target, blank.source);
        prop_assert_eq!(
            decide_without_base(turned(direction), swapped, equivalent),
            mirror(decide_without_base(direction, blank, equivalent))
        );
    }

    /// P10: no decision writes the side that a one-way pair flows from.
    #[test]
    fn a_one_way_pair_is_never_decided_against_its_direction(
        b in value(), s in value(), t in value(),
    ) {
        for decision in [
            decide(PairDirection::SourceOnly, &b, &s, &t),
            decide_without_base(
                PairDirection::SourceOnly,
                Sides::new(s.is_blank(), t.is_blank()),
                s.equivalent(&t, &FieldType::Text),
            ),
        ] {
            prop_assert!(!matches!(
                decision,
                Decision::Write(Side::Source)
                    | Decision::WriteOver(Side::Source)
                    | Decision::OverwriteAtFirstLink(Side::Source)
                    | Decision::Conflict
                    | Decision::FirstLinkConflict
            ), "{decision:?}");
        }
    }

    #[test]
    fn equivalence_is_reflexive_and_symmetric(a in value(), b in value(), t in field_type()) {
        prop_assert!(a.equivalent(&a, &t));
        prop_assert_eq!(a.equivalent(&b, &t), b.equivalent(&a, &t));
    }

    #[test]
    fn what_means_the_same_as_a_third_means_the_same(
        a in value(), b in value(), c in value(), t in field_type(),
    ) {
        if a.equivalent(&b, &t) && b.equivalent(&c, &t) {
            prop_assert!(a.equivalent(&c, &t), "{a:?}, {b:?}, {c:?}");
        }
    }

    #[test]
    fn changed_is_a_sane_relation(a in value(), b in value(), t in field_type()) {
        prop_assert!(!a.changed_from(&a));
        prop_assert_eq!(a.changed_from(&b), b.changed_from(&a));
        prop_assert_eq!(a.changed_from(&Value::Null), !a.is_blank());
        if !a.changed_from(&b) {
            prop_assert!(a.equivalent(&b, &t));
        }
    }

    #[test]
    fn equivalent_values_are_both_blank_or_both_not(a in value(), b in value(), t in field_type()) {
        if a.equivalent(&b, &t) {
            prop_assert_eq!(a.is_blank(), b.is_blank());
        }
    }

    #[test]
    fn what_is_stored_is_read_as_it_was(
        slots in proptest::collection::vec(slot(), 0..12),
        revision in 1_u32..9,
        at in any::<i32>(),
    ) {
        let at = Timestamp::from_secs(at.into());
        let values = Values::new(slots.clone());
        let version = Version::modified(at, Duration::from_secs(1));
        let base = Base {
            revision,
            slots: slots.into(),
            fingerprint: Some(values.fingerprint()),
            version: version.clone(),
            written: vec![Written {
                position: 1,
                fingerprint: Fingerprint([9; 16]),
                at,
                origin: WriteOrigin::Person,
            }],
            retransformed: vec![2],
        };
        prop_assert_eq!(decode_base(&encode_base(&base)).unwrap(), base);
        let record = RecordId::new("r-1").unwrap();
        let seen = Observation::fetched(record, State::Known { values, version });
        prop_assert_eq!(&decode::<Observation>("observation", &encode(&seen)).unwrap(), &seen);
        let json = serde_json::to_string(&seen).unwrap();
        prop_assert_eq!(serde_json::from_str::<Observation>(&json).unwrap(), seen);
    }

    #[test]
    fn damaged_bytes_are_an_error_and_never_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = decode_base(&bytes);
        let _ = decode::<Observation>("observation", &bytes);
    }

    #[test]
    fn a_number_with_more_zeros_is_the_same_and_has_the_same_fingerprint(a in value()) {
        let b = finer(&a);
        prop_assert!(!b.changed_from(&a));
        let print = |value: Value| Values::new([Slot::Present(value)]).fingerprint();
        prop_assert_eq!(print(a), print(b));
    }

    #[test]
    fn fingerprints_are_equal_for_equal_values_alone(
        a in proptest::collection::vec(slot(), 1..4),
        b in proptest::collection::vec(slot(), 1..4),
    ) {
        let (a, b) = (Values::new(a), Values::new(b));
        prop_assert_eq!(a.fingerprint() == b.fingerprint(), a == b);
    }
}

/// The same value with every number in it written with more digits behind the point.
fn finer(value: &Value) -> Value {
    if let Value::Decimal(number) = value {
        return Value::Decimal(finer_number(*number));
    }
    if let Value::Money(money) = value {
        return Value::Money(Money { amount: finer_number(money.amount), ..money.clone() });
    }
    if let Value::List(items) = value {
        return Value::List(items.iter().map(finer).collect());
    }
    if let Value::Set(items) = value {
        return Value::Set(items.iter().map(finer).collect());
    }
    if let Value::Map(items) = value {
        return Value::Map(items.iter().map(|(key, item)| (key.clone(), finer(item))).collect());
    }
    value.clone()
}

fn finer_number(mut number: rust_decimal::Decimal) -> rust_decimal::Decimal {
    number.rescale(number.scale() + 2);
    number
}

#[test]
fn a_set_is_compared_without_order_and_repetition() {
    let set = |items: &[&str]| -> Value {
        Value::Set(items.iter().map(|&item| item.into()).collect::<BTreeSet<Value>>())
    };
    assert!(set(&["a", "b"]).equivalent(&set(&["b", "a"]), &FieldType::Text));
    assert!(!set(&["a", "b"]).equivalent(&set(&["a"]), &FieldType::Text));
}
