//! Laws of the pure layer, over values drawn by proptest: merging, equivalence, stored forms.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{NaiveDate, NaiveTime};
use fluxcascade_core::mapping::PairDirection;
use fluxcascade_core::model::codec::{decode, decode_base, encode, encode_base};
use fluxcascade_core::model::{
    Base, FieldType, Fingerprint, Money, Observation, RecordId, Side, Sides, Slot, State,
    Timestamp, Value, Values, Version,
};
use fluxcascade_core::model::{WriteOrigin, Written};
use fluxcascade_core::plan::{Decision, decide_with_base, decide_without_base};
use proptest::prelude::*;

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        (any::<i64>(), 0_u32..10)
            .prop_map(|(n, scale)| Value::Decimal(rust_decimal::Decimal::new(n, scale))),
        "[ a-zA-Z0-9+@.()-]{0,12}".prop_map(Value::Text),
        "\\PC{0,8}".prop_map(Value::Text),
        "[a-z]{0,4}".prop_map(Value::Choice),
        (0_i32..60_000).prop_filter_map("a day", |days| {
            NaiveDate::from_num_days_from_ce_opt(700_000 + days).map(Value::Date)
        }),
        (0_u32..86_400).prop_filter_map("a time", |secs| {
            NaiveTime::from_num_seconds_from_midnight_opt(secs, 0).map(Value::Time)
        }),
        any::<i32>().prop_map(|secs| Value::Instant(Timestamp::from_secs(secs.into()))),
        (any::<i32>(), "[A-Z]{3}").prop_map(|(amount, currency)| {
            Value::Money(Money { amount: rust_decimal::Decimal::new(amount.into(), 2), currency })
        }),
    ];
    leaf.prop_recursive(2, 8, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
            proptest::collection::btree_set(inner.clone(), 0..4).prop_map(Value::Set),
            proptest::collection::btree_map("[a-z]{1,3}", inner, 0..3).prop_map(Value::Map),
        ]
    })
}

fn field_type() -> impl Strategy<Value = FieldType> {
    let leaf = prop_oneof![
        Just(FieldType::Text),
        Just(FieldType::Email),
        Just(FieldType::Phone),
        Just(FieldType::Decimal),
        Just(FieldType::Choice { options: Vec::new() }),
    ];
    leaf.prop_recursive(1, 2, 1, |inner| {
        inner.prop_map(|item| FieldType::Set { item: Box::new(item) })
    })
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

fn mirrored(direction: PairDirection) -> PairDirection {
    match direction {
        PairDirection::Bidirectional => PairDirection::Bidirectional,
        PairDirection::SourceOnly => PairDirection::TargetOnly,
        PairDirection::TargetOnly => PairDirection::SourceOnly,
    }
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
        | Decision::Conflict
        | Decision::FirstLinkConflict) => same,
    }
}

fn decide(direction: PairDirection, base: &Value, source: &Value, target: &Value) -> Decision {
    let changed = Sides::new(source.changed_from(base), target.changed_from(base));
    decide_with_base(direction, changed, source.equivalent(target, &FieldType::Text))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

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
            decide(mirrored(direction), &b, &t, &s),
            mirror(decide(direction, &b, &s, &t))
        );
        let equivalent = s.equivalent(&t, &FieldType::Text);
        let blank = Sides::new(s.is_blank(), t.is_blank());
        let swapped = Sides::new(blank.target, blank.source);
        prop_assert_eq!(
            decide_without_base(mirrored(direction), swapped, equivalent),
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
        prop_assert_eq!(a.changed_from(&b), b.changed_from(&a));
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
            written: vec![Written { position: 1, fingerprint: Fingerprint([9; 16]), at, origin: WriteOrigin::Person }],
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
    fn fingerprints_are_equal_only_for_equal_values(
        a in proptest::collection::vec(slot(), 1..4),
        b in proptest::collection::vec(slot(), 1..4),
    ) {
        let (a, b) = (Values::new(a), Values::new(b));
        if a.fingerprint() == b.fingerprint() {
            prop_assert_eq!(a, b);
        }
    }
}

#[test]
fn a_set_is_compared_without_order_and_repetition() {
    let set = |items: &[&str]| -> Value {
        Value::Set(items.iter().map(|&item| item.into()).collect::<BTreeSet<Value>>())
    };
    assert!(set(&["a", "b"]).equivalent(&set(&["b", "a"]), &FieldType::Text));
    assert!(!set(&["a", "b"]).equivalent(&set(&["a"]), &FieldType::Text));
}
