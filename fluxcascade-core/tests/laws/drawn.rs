//! What scenes are drawn from: values of every type with others that mean the same, strategies,
//! transforms that fit, and records in which little or much has happened.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use chrono::{NaiveDate, NaiveTime};
use fluxcascade_core::mapping::{Drift, PairDirection};
use fluxcascade_core::model::{
    FieldType, Money, ObjectType, RecordId, Reference, Side, Sides, Slot, Timestamp, Value, Zoned,
};
use fluxcascade_core::resolver::Strategy as Resolve;
use proptest::prelude::*;
use proptest::sample::select;

use crate::scene::{Carried, Pair, Scene, Shortest, TABLE, Times};

/// Any value of any type.
pub(crate) fn value() -> BoxedStrategy<Value> {
    thread_local! {
        // Made once: it is asked for again for each field of each scene.
        static VALUES: BoxedStrategy<Value> = values();
    }
    VALUES.with(BoxedStrategy::clone)
}

fn values() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        (-2_i64..3).prop_map(Value::Int),
        (any::<i64>(), 0_u32..10).prop_map(|(n, scale)| decimal(n, scale)),
        (-30_i64..30, 0_u32..3).prop_map(|(n, scale)| decimal(n, scale)),
        like("[ a-zA-Z0-9+@.()-]{0,12}").prop_map(Value::Text),
        like("[ aA+1]{0,2}").prop_map(Value::Text),
        like("\\PC{0,8}").prop_map(Value::Text),
        like("[ a-b]{0,2}").prop_map(Value::Choice),
        (0_i32..60_000).prop_map(day),
        (0_u32..86_400).prop_map(time),
        any::<i32>().prop_map(|secs| Value::Instant(Timestamp::from_secs(secs.into()))),
        (0_i32..9, like("[A-B]/C")).prop_map(|(day, zone)| zoned(day, &zone)),
        (any::<i32>(), like("[A-Z]{3}")).prop_map(|(n, currency)| money(n.into(), 2, &currency)),
        (-3_i64..9, 0_u32..2).prop_map(|(n, scale)| money(n, scale, "USD")),
        (0_u32..3).prop_map(reference),
    ];
    leaf.prop_recursive(2, 8, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
            proptest::collection::btree_set(inner.clone(), 0..4).prop_map(Value::Set),
            proptest::collection::btree_map(like("[a-z]{1,3}"), inner, 0..3).prop_map(Value::Map),
        ]
    })
    .boxed()
}

/// Texts of a pattern, which is read once.
fn like(pattern: &str) -> impl Strategy<Value = String> + use<> {
    proptest::string::string_regex(pattern).unwrap()
}

fn decimal(n: i64, scale: u32) -> Value {
    Value::Decimal(rust_decimal::Decimal::new(n, scale))
}

fn money(n: i64, scale: u32, currency: &str) -> Value {
    Value::Money(Money {
        amount: rust_decimal::Decimal::new(n, scale),
        currency: currency.to_owned(),
    })
}

fn day(number: i32) -> Value {
    Value::Date(NaiveDate::from_num_days_from_ce_opt(700_000 + number).unwrap())
}

fn time(secs: u32) -> Value {
    Value::Time(NaiveTime::from_num_seconds_from_midnight_opt(secs, 0).unwrap())
}

fn zoned(number: i32, zone: &str) -> Value {
    let date = NaiveDate::from_num_days_from_ce_opt(700_000 + number).unwrap();
    Value::Zoned(Zoned { local: date.and_time(NaiveTime::MIN), zone: zone.to_owned() })
}

fn reference(number: u32) -> Value {
    Value::Ref(Reference {
        object: ObjectType::new("things").unwrap(),
        id: RecordId::new(format!("r{number}")).unwrap(),
    })
}

fn set(items: &[&str]) -> Value {
    Value::Set(items.iter().map(|&item| item.into()).collect::<BTreeSet<Value>>())
}

fn list(items: &[&str]) -> Value {
    Value::List(items.iter().map(|&item| item.into()).collect())
}

/// Any field type.
pub(crate) fn field_type() -> impl Strategy<Value = FieldType> {
    let leaf = select(vec![
        FieldType::Bool,
        FieldType::Int,
        FieldType::Decimal,
        FieldType::Text,
        FieldType::Email,
        FieldType::Phone,
        FieldType::Date,
        FieldType::Time,
        FieldType::Instant,
        FieldType::Zoned,
        FieldType::Choice { options: Vec::new() },
        FieldType::Map,
        FieldType::Money,
        FieldType::Ref { object: ObjectType::new("things").unwrap() },
    ]);
    leaf.prop_recursive(2, 3, 1, |inner| {
        prop_oneof![
            inner.clone().prop_map(|item| FieldType::Set { item: Box::new(item) }),
            inner.prop_map(|item| FieldType::List { item: Box::new(item) }),
        ]
    })
}

/// A sort of field: the types that systems give it, the transforms that fit, and values among which
/// some mean the same, some differ, and some no transform takes.
struct Sort {
    types: Vec<FieldType>,
    carried: Vec<Carried>,
    values: Vec<Value>,
}

const TEXTS: [&str; 9] = ["", "  ", "Ann", "ann", " Ann ", "ANN", "Bob", "Ann Lee", "ÉLAN"];

fn texts(texts: &[&str]) -> Vec<Value> {
    texts.iter().map(|&text| text.into()).collect()
}

static SORTS: LazyLock<Vec<Sort>> = LazyLock::new(sorts);

fn sorts() -> Vec<Sort> {
    let of = |field_type: &FieldType| vec![field_type.clone(), FieldType::Text];
    let plain = vec![Carried::AsItIs];
    let item = || Box::new(FieldType::Text);
    let at = |secs| Value::Instant(Timestamp::from_secs(secs));
    let map = |key: &str, value: Value| Value::Map([(key.to_owned(), value)].into());
    let choices = TABLE.map(|(source, _)| Value::Choice(source.into()));
    let folded = vec![Carried::AsItIs, Carried::Trimmed, Carried::Lower, Carried::TrimmedThenLower];
    let ones = [Value::Int(1), decimal(1, 0), decimal(10, 1), decimal(150, 2), Value::Int(-3)];
    let sort = |types, carried: &[Carried], values| Sort { types, carried: carried.into(), values };
    vec![
        sort(vec![FieldType::Text], &folded, texts(&TEXTS)),
        sort(
            of(&FieldType::Email),
            &folded,
            texts(&["Ann@X.io", "ann@x.io", " ann@x.io", "bob@x.io", "", "no mail"]),
        ),
        sort(
            of(&FieldType::Phone),
            &[Carried::Phone, Carried::Phone, Carried::AsItIs, Carried::Trimmed],
            texts(&[
                "(256) 593-8310",
                "+1 256 593 8310",
                "256-593-8310",
                "+12565938311",
                "n/a",
                " n/a",
                "12",
                "",
            ]),
        ),
        sort(
            of(&FieldType::Choice { options: Vec::new() }),
            &[Carried::ByTable, Carried::ByTable, Carried::TrimmedThenByTable, Carried::AsItIs],
            [&choices[..], &texts(&["lead", " lead", "unknown", ""]), &[Value::Null]].concat(),
        ),
        sort(vec![FieldType::Int, FieldType::Decimal, FieldType::Text], &plain, ones.to_vec()),
        sort(
            of(&FieldType::Set { item: item() }),
            &folded,
            vec![set(&[]), set(&["a"]), set(&["A", "a"]), set(&["a", "b"]), Value::Null],
        ),
        sort(
            of(&FieldType::List { item: item() }),
            &folded,
            vec![list(&[]), list(&["a"]), list(&[" a"]), list(&["a", "b"]), list(&["b", "a"])],
        ),
        sort(of(&FieldType::Date), &plain, vec![day(1), day(2), Value::Null]),
        sort(of(&FieldType::Time), &plain, vec![time(1), time(2), Value::Null]),
        sort(of(&FieldType::Instant), &plain, vec![at(1), at(2), at(3), Value::Null]),
        sort(of(&FieldType::Bool), &plain, vec![Value::Bool(true), Value::Bool(false)]),
        sort(
            of(&FieldType::Zoned),
            &plain,
            vec![zoned(1, "A/C"), zoned(1, "B/C"), zoned(2, "A/C")],
        ),
        sort(of(&FieldType::Map), &plain, vec![map("a", "x".into()), map("b", "x".into())]),
        sort(
            of(&FieldType::Money),
            &plain,
            vec![money(10, 1, "USD"), money(1, 0, "USD"), money(1, 0, "EUR"), Value::Null],
        ),
        sort(vec![FieldType::Text], &plain, vec![reference(1), reference(2), Value::Null]),
    ]
}

/// A field type, and values that such a field may hold: the same few are drawn again and again.
fn field(sort: usize) -> BoxedStrategy<(Carried, Sides<FieldType>)> {
    let Sort { types, carried, .. } = &SORTS[sort];
    (select(&carried[..]), select(&types[..]), select(&types[..]))
        .prop_map(|(carried, source, target)| (carried, Sides::new(source, target)))
        .boxed()
}

/// What each side may hold in a field: four values, of which the first is the one that mostly is.
fn palette(sort: usize) -> BoxedStrategy<Vec<Sides<Value>>> {
    let near = select(&SORTS[sort].values[..]);
    let each = prop_oneof![
        6 => near.clone().prop_map(|value| Sides::new(value.clone(), value)),
        3 => (near.clone(), near).prop_map(|(source, target)| Sides::new(source, target)),
        1 => Just(Sides::new(Value::Null, "".into())),
        1 => (value(), value()).prop_map(|(source, target)| Sides::new(source, target)),
    ];
    proptest::collection::vec(each, 4).boxed()
}

/// A table's value as the target has it.
fn at_the_target(carried: Carried, value: Value) -> Value {
    if !matches!(carried, Carried::ByTable | Carried::TrimmedThenByTable) {
        return value;
    }
    let row = TABLE.iter().find(|(source, _)| value.as_text() == Some(source));
    row.map_or(value, |(_, target)| Value::Choice((*target).to_owned()))
}

/// Which value of its palette a field holds in the bases and now, each of the source and the target.
fn places() -> impl Strategy<Value = [usize; 4]> {
    prop_oneof![
        2 => Just([0, 0, 0, 0]),
        3 => Just([0, 0, 1, 0]),
        3 => Just([0, 0, 0, 1]),
        4 => Just([0, 0, 1, 1]),
        16 => Just([0, 0, 1, 2]),
        2 => Just([0, 1, 1, 1]),
        2 => Just([0, 1, 0, 0]),
        2 => Just([0, 1, 0, 1]),
        5 => [0_usize..4, 0..4, 0..4, 0..4],
    ]
}

fn direction() -> impl Strategy<Value = PairDirection> {
    prop_oneof![
        5 => Just(PairDirection::Bidirectional),
        2 => Just(PairDirection::SourceOnly),
        2 => Just(PairDirection::TargetOnly),
    ]
}

/// Every strategy, those of time last.
pub(crate) fn strategies() -> Vec<Resolve> {
    vec![
        Resolve::SourceWins,
        Resolve::TargetWins,
        Resolve::PrimaryWins,
        Resolve::NonBlankWins,
        Resolve::PreferSourceUnlessBlank,
        Resolve::PreferTargetUnlessBlank,
        Resolve::Max,
        Resolve::Min,
        Resolve::Longest,
        Resolve::Manual,
        Resolve::Skip,
        Resolve::Error,
        Resolve::custom(Shortest),
        Resolve::NewestWins,
        Resolve::OldestWins,
    ]
}

/// One strategy, or two in order.
fn list_of(mut among: Vec<Resolve>) -> BoxedStrategy<Vec<Resolve>> {
    among.push(Resolve::PrimaryWins); // mappings without a primary cannot have it
    let one = select(among);
    prop_oneof![
        12 => one.clone().prop_map(|strategy| vec![strategy]),
        1 => (one.clone(), one).prop_map(|(first, second)| vec![first, second]),
    ]
    .boxed()
}

fn pair() -> BoxedStrategy<Pair> {
    let sort = 0..SORTS.len();
    let sort = prop_oneof![sort.clone(), sort, 0_usize..4];
    let at_first = strategies().into_iter().filter(|strategy| !strategy.goes_by_time()).collect();
    let config =
        (direction().boxed(), list_of(strategies()), list_of(at_first), any::<bool>(), 0..5);
    (sort, prop_oneof![3 => Just(1_usize), 1 => 2_usize..4])
        .prop_flat_map(move |(sort, width)| {
            let one = (palette(sort), places(), 0_u8..4);
            let fields = proptest::collection::vec(one, width);
            (config.clone(), field(sort), fields, places(), 0_u8..8, 0_u8..30)
        })
        .prop_map(|(config, (carried, types), fields, together, without_base, absent)| {
            let (direction, conflicts, first_link, restores, required) = config;
            // Most fields of a pair move together; some by themselves.
            let held = |which: usize, side: Side| -> Vec<Value> {
                let of = |(palette, own, alone): &(Vec<Sides<Value>>, [usize; 4], u8)| {
                    let places = if *alone == 0 { own } else { &together };
                    palette[places[which]][side].clone()
                };
                let values = fields.iter().map(of);
                match side {
                    Side::Source => values.collect(),
                    Side::Target => values.map(|v| at_the_target(carried, v)).collect(),
                }
            };
            let mut seen = Sides::new(held(2, Side::Source), held(3, Side::Target))
                .map(|values| values.into_iter().map(Slot::Present).collect::<Vec<_>>());
            match absent {
                0 => seen.source[0] = Slot::Absent,
                1 => *seen.target.last_mut().unwrap() = Slot::Absent,
                _ => {}
            }
            let base = Sides::new(held(0, Side::Source), held(1, Side::Target));
            Pair {
                number: 0,
                direction,
                carried,
                types,
                conflicts,
                first_link,
                drift: if restores { Drift::Restore } else { Drift::Leave },
                required: required == 0,
                base: (without_base > 3).then_some(base),
                seen,
            }
        })
        .boxed()
}

fn times() -> impl Strategy<Value = Times> {
    let after = prop_oneof![Just(0_i64), 0_i64..10, 0_i64..10_000];
    (proptest::option::weighted(0.9, Just(1_000_i64)), after, 0_u8..8, select(vec![0_u64, 1, 60]))
        .prop_map(|(confirmed, after, untimed, granularity)| Times {
            confirmed,
            changed: (untimed > 0).then_some(1_000 + after),
            granularity,
        })
}

/// A link of one to six pairs, and what both of its records hold.
pub(crate) fn scene() -> impl Strategy<Value = Scene> {
    let primary = select(vec![None, Some(Side::Source), Some(Side::Source), Some(Side::Target)]);
    (primary, proptest::collection::vec(pair(), 1..7), times(), times()).prop_map(
        |(primary, mut pairs, source, target)| {
            for (number, pair) in pairs.iter_mut().enumerate() {
                pair.number = number;
                for strategies in [&mut pair.conflicts, &mut pair.first_link] {
                    if primary.is_none() {
                        // A mapping without a primary is refused with it.
                        strategies.retain(|strategy| *strategy != Resolve::PrimaryWins);
                    }
                }
            }
            let times = Sides::new(source, target);
            Scene { primary, pairs, times, turned: false, number: 1, now: 100_000 }
        },
    )
}
