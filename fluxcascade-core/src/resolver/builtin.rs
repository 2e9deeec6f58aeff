//! The built-in strategies that need more than a name.

use std::cmp::Ordering;
use std::time::Duration;

use super::{ConflictCase, Resolution};
use crate::model::{Side, Value};

/// How far two systems' clocks may differ before their times decide nothing.
const SKEW: Duration = Duration::from_secs(5);

/// The later time wins, if it is later by more than clocks and granularities can differ.
pub(super) fn newest_wins(case: &ConflictCase<'_>) -> Resolution {
    by_time(case, |later| later, "newest_wins")
}

/// The earlier time wins, under the same bound.
pub(super) fn oldest_wins(case: &ConflictCase<'_>) -> Resolution {
    by_time(case, Side::other, "oldest_wins")
}

fn by_time(case: &ConflictCase<'_>, winner: impl Fn(Side) -> Side, name: &str) -> Resolution {
    let (Some(source), Some(target)) = (case.times.source, case.times.target) else {
        return Resolution::Declines("a side has no usable time".into());
    };
    let (later, newer, older) = if source.at >= target.at {
        (Side::Source, source, target)
    } else {
        (Side::Target, target, source)
    };
    let bound = SKEW + newer.granularity.max(older.granularity);
    if newer.at.since(older.at) <= bound {
        return within_the_bound(case, bound);
    }
    Resolution::Wins(
        winner(later),
        format!(
            "{name}: the {later} {} was changed at {}, the {} {} at {}",
            case.timed_by[later],
            newer.at,
            later.other(),
            case.timed_by[later.other()],
            older.at
        ),
    )
}

/// The primary side wins, if the mapping names one.
pub(super) fn primary_wins(case: &ConflictCase<'_>) -> Resolution {
    match case.primary {
        Some(side) => Resolution::Wins(side, format!("primary_wins: the {side} is primary")),
        None => Resolution::Declines("the mapping names no primary".into()),
    }
}

fn within_the_bound(case: &ConflictCase<'_>, bound: Duration) -> Resolution {
    let why =
        format!("both were changed within {} s, which clocks cannot tell apart", bound.as_secs());
    match case.primary {
        Some(side) => Resolution::Wins(side, format!("{why}: the primary wins")),
        None => Resolution::AsksPerson(format!("{why}, and the mapping names no primary")),
    }
}

/// The side that holds something wins.
pub(super) fn non_blank_wins(case: &ConflictCase<'_>) -> Resolution {
    match (case.is_blank(Side::Source), case.is_blank(Side::Target)) {
        (false, true) => Resolution::Wins(Side::Source, "non_blank_wins".into()),
        (true, false) => Resolution::Wins(Side::Target, "non_blank_wins".into()),
        (true, true) | (false, false) => {
            Resolution::Declines("neither or both of the sides are blank".into())
        }
    }
}

/// A side wins, unless it is blank.
pub(super) fn prefer(side: Side, case: &ConflictCase<'_>) -> Resolution {
    if case.is_blank(side) {
        return Resolution::Wins(side.other(), format!("the {side} is blank"));
    }
    Resolution::Wins(side, format!("the {side} is preferred, and not blank"))
}

/// The larger value wins.
pub(super) fn largest(case: &ConflictCase<'_>) -> Resolution {
    by_order(case, |larger| larger, "max")
}

/// The smaller value wins.
pub(super) fn smallest(case: &ConflictCase<'_>) -> Resolution {
    by_order(case, Side::other, "min")
}

fn by_order(case: &ConflictCase<'_>, winner: impl Fn(Side) -> Side, name: &str) -> Resolution {
    let order = match (case.values.source.as_slice(), case.values.target.as_slice()) {
        ([source], [target]) => compare(source, target),
        _ => None,
    };
    match order {
        Some(Ordering::Greater) => Resolution::Wins(winner(Side::Source), name.into()),
        Some(Ordering::Less) => Resolution::Wins(winner(Side::Target), name.into()),
        Some(Ordering::Equal) | None => {
            Resolution::Declines(format!("{name} finds no order between the values"))
        }
    }
}

/// The order of two numbers, days, times of day or instants.
fn compare(source: &Value, target: &Value) -> Option<Ordering> {
    if let (Some(source), Some(target)) = (source.as_decimal(), target.as_decimal()) {
        return Some(source.cmp(&target));
    }
    match (source, target) {
        (Value::Date(source), Value::Date(target)) => Some(source.cmp(target)),
        (Value::Time(source), Value::Time(target)) => Some(source.cmp(target)),
        (Value::Instant(source), Value::Instant(target)) => Some(source.cmp(target)),
        _ => None,
    }
}

/// The longer text wins, counted in characters without the white space at its ends.
pub(super) fn longest(case: &ConflictCase<'_>) -> Resolution {
    let length = |side: Side| -> Option<usize> {
        let mut total = 0;
        for value in &case.values[side] {
            total += match value.as_text() {
                Some(text) => text.trim().chars().count(),
                None if value.is_blank() => 0,
                None => return None,
            };
        }
        Some(total)
    };
    match (length(Side::Source), length(Side::Target)) {
        (Some(source), Some(target)) if source > target => {
            Resolution::Wins(Side::Source, format!("longest: {source} characters, not {target}"))
        }
        (Some(source), Some(target)) if source < target => {
            Resolution::Wins(Side::Target, format!("longest: {target} characters, not {source}"))
        }
        _ => Resolution::Declines("longest finds no longer text".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ConflictKind, FieldType, Modified, PairId, Sides, Timestamp};
    use crate::resolver::{Strategies, Strategy};

    struct Given {
        values: Sides<Value>,
        times: Sides<Option<i64>>,
        primary: Option<Side>,
    }

    fn given(source: impl Into<Value>, target: impl Into<Value>) -> Given {
        let values = Sides::new(source.into(), target.into());
        Given { values, times: Sides::default(), primary: None }
    }

    fn at(source: Option<i64>, target: Option<i64>) -> Given {
        Given { times: Sides::new(source, target), ..given("a", "b") }
    }

    impl Given {
        fn primary(self, side: Side) -> Self {
            Self { primary: Some(side), ..self }
        }

        fn by(&self, strategies: impl Into<Strategies>) -> Resolution {
            let types = [FieldType::Text];
            strategies.into().resolve(&ConflictCase {
                pair: &PairId::new("phone").unwrap(),
                kind: ConflictKind::UpdateUpdate,
                base: None,
                values: Sides::new(vec![&self.values.source], vec![&self.values.target]),
                carried: Sides::default(),
                types: Sides::new(&types, &types),
                timed_by: Sides::default(),
                times: self.times.map(|time| {
                    time.map(|secs| Modified {
                        at: Timestamp::from_secs(secs),
                        granularity: Duration::from_secs(1),
                    })
                }),
                primary: self.primary,
            })
        }

        fn winner(&self, strategies: impl Into<Strategies>) -> Option<Side> {
            if let Resolution::Wins(side, _) = self.by(strategies) { Some(side) } else { None }
        }
    }

    const SOURCE: Option<Side> = Some(Side::Source);
    const TARGET: Option<Side> = Some(Side::Target);

    #[test]
    fn the_later_or_the_earlier_time_wins() {
        assert_eq!(at(Some(0), Some(7)).winner(Strategy::NewestWins), TARGET);
        assert_eq!(at(Some(7), Some(0)).winner(Strategy::NewestWins), SOURCE);
        assert_eq!(at(Some(0), Some(7)).winner(Strategy::OldestWins), SOURCE);
        assert_eq!(at(Some(7), Some(0)).winner(Strategy::OldestWins), TARGET);
    }

    #[test]
    fn within_the_skew_bound_the_primary_wins_and_without_one_a_person_is_asked() {
        let close = at(Some(0), Some(6));
        assert!(matches!(close.by(Strategy::NewestWins), Resolution::AsksPerson(_)));
        assert_eq!(close.primary(Side::Source).winner(Strategy::NewestWins), SOURCE);
    }

    #[test]
    fn a_side_without_a_time_makes_it_decline_to_the_next_strategy() {
        let untimed = at(None, Some(6)).primary(Side::Source);
        assert!(matches!(untimed.by(Strategy::NewestWins), Resolution::AsksPerson(_)));
        assert_eq!(untimed.winner([Strategy::NewestWins, Strategy::TargetWins]), TARGET);
    }

    #[test]
    fn blanks_lose_where_a_strategy_says_so() {
        assert_eq!(given("", "b").winner(Strategy::NonBlankWins), TARGET);
        assert_eq!(given("a", " ").winner(Strategy::NonBlankWins), SOURCE);
        assert_eq!(given("a", "b").winner(Strategy::NonBlankWins), None);
        assert_eq!(given("", "b").winner(Strategy::PreferSourceUnlessBlank), TARGET);
        assert_eq!(given("a", "b").winner(Strategy::PreferSourceUnlessBlank), SOURCE);
        assert_eq!(given("a", "").winner(Strategy::PreferTargetUnlessBlank), SOURCE);
        assert_eq!(given("a", "b").winner(Strategy::PreferTargetUnlessBlank), TARGET);
    }

    #[test]
    fn numbers_and_times_have_an_order_and_texts_do_not() {
        let numbers = given(Value::Int(9), Value::Decimal("10.5".parse().unwrap()));
        assert_eq!(numbers.winner(Strategy::Max), TARGET);
        assert_eq!(numbers.winner(Strategy::Min), SOURCE);
        assert_eq!(given("9", "10").winner(Strategy::Max), None);
        assert_eq!(given("9", "10").winner([Strategy::Max, Strategy::Longest]), TARGET);
    }

    #[test]
    fn the_longer_text_wins_without_the_white_space_at_its_ends() {
        assert_eq!(given("Ann Lee", "Ann").winner(Strategy::Longest), SOURCE);
        assert_eq!(given("Ann    ", "Anne").winner(Strategy::Longest), TARGET);
        assert_eq!(given("Ann", "Bob").winner(Strategy::Longest), None);
    }

    #[test]
    fn a_list_stops_at_the_first_that_does_not_decline() {
        let person = given("a", "b").by([Strategy::Manual, Strategy::SourceWins]);
        assert!(matches!(person, Resolution::AsksPerson(_)));
        let left = given("a", "b").by([Strategy::NonBlankWins, Strategy::Skip]);
        assert!(matches!(left, Resolution::Leaves(_)));
        assert!(matches!(given("a", "b").by([]), Resolution::AsksPerson(_)));
    }
}
