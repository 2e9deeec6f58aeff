//! Strategies by time: the fields' times where a system knows them, else the record's.

use std::time::Duration;

use fluxcascade_core::Side::{Source, Target};
use fluxcascade_core::model::{FieldName, Modified, Side};
use fluxcascade_core::plan::Need;
use fluxcascade_core::resolver::Strategy;

use crate::given::{Given, at, given, record, writes};

/// The record of the source was changed last, and its field `x` first.
fn edited(strategy: Strategy) -> Given {
    given(&["x", "y"], |m| m.conflicts(strategy).pair("x", "x").pair("y", "y"))
        .agreed("x", "base")
        .agreed("y", "base")
        .with(Source, "x", "from source")
        .with(Target, "x", "from target")
        .changed_at(Source, 95_000)
        .changed_at(Target, 90_000)
}

fn knows(mut given: Given, side: Side, times: &[(&str, i64)]) -> Given {
    given.context.knows_field_times[side] = true;
    let time = |&(field, seconds): &(&str, i64)| {
        let granularity = Duration::from_secs(1);
        (FieldName::new(field).unwrap(), Modified { at: at(seconds), granularity })
    };
    given.context.field_times.insert((side, record(side)), times.iter().map(time).collect());
    given
}

fn why(given: &Given) -> String {
    given.entry().pairs[0].conflict().unwrap().why.clone()
}

#[test]
fn without_the_times_of_fields_the_record_s_time_decides_and_the_row_says_so() {
    let given = edited(Strategy::NewestWins);
    assert_eq!(writes(&given, &given.entry()), ["target x = from source"]);
    assert!(why(&given).contains("the source record was changed at"), "{}", why(&given));
}

#[test]
fn the_times_of_the_pair_s_fields_decide_where_the_system_knows_them() {
    let given = knows(edited(Strategy::NewestWins), Source, &[("x", 80_000), ("y", 95_000)]);
    assert_eq!(writes(&given, &given.entry()), ["source x = from target"]);
    assert!(why(&given).contains("the target record was changed at"), "{}", why(&given));
    assert!(why(&given).contains("the source field at"), "{}", why(&given));
}

#[test]
fn a_field_s_time_from_before_the_base_is_not_the_time_of_this_change() {
    let given = knows(edited(Strategy::NewestWins), Source, &[("x", 10)]);
    assert_eq!(writes(&given, &given.entry()), ["target x = from source"]);
}

/// P27: the times of fields are asked for records in conflict alone.
#[test]
fn times_are_asked_only_for_conflicts_that_a_strategy_of_time_decides() {
    let asked = |mut given: Given| {
        given.context.knows_field_times[Source] = true;
        given.plan().needs
    };
    let need = Need::FieldTimes { side: Source, record: record(Source) };
    assert_eq!(asked(edited(Strategy::NewestWins)), [need]);
    assert!(asked(edited(Strategy::SourceWins)).is_empty());
    let one_sided = edited(Strategy::NewestWins).with(Target, "x", "base");
    assert!(asked(one_sided).is_empty());
}
