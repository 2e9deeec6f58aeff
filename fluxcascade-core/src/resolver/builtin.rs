//! The built-in strategies that need more than a name.

use std::time::Duration;

use super::{ConflictCase, Resolution};
use crate::model::Side;

/// How far two systems' clocks may differ before their times decide nothing.
const SKEW: Duration = Duration::from_secs(5);

/// The later time wins, if it is later by more than clocks and granularities can differ.
pub(super) fn newest_wins(case: &ConflictCase<'_>) -> Resolution {
    let (Some(source), Some(target)) = (case.times.source, case.times.target) else {
        return Resolution::Declines("a side has no usable time".into());
    };
    let (winner, newer, older) = if source.at >= target.at {
        (Side::Source, source, target)
    } else {
        (Side::Target, target, source)
    };
    let bound = SKEW + newer.granularity.max(older.granularity);
    if newer.at.since(older.at) <= bound {
        return within_the_bound(case, bound);
    }
    Resolution::Wins(
        winner,
        format!(
            "newest_wins: the {winner} record was changed at {}, the {} record at {}",
            newer.at,
            winner.other(),
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
        None => Resolution::Declines(format!("{why}, and the mapping names no primary")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ConflictKind, Modified, PairId, Sides, Timestamp, Value};

    fn resolve(source: Option<i64>, target: Option<i64>, primary: Option<Side>) -> Resolution {
        let at =
            |secs| Modified { at: Timestamp::from_secs(secs), granularity: Duration::from_secs(1) };
        let (a, b) = (Value::from("a"), Value::from("b"));
        newest_wins(&ConflictCase {
            pair: &PairId::new("phone").unwrap(),
            kind: ConflictKind::UpdateUpdate,
            base: None,
            values: Sides::new(vec![&a], vec![&b]),
            times: Sides::new(source.map(at), target.map(at)),
            primary,
        })
    }

    #[test]
    fn the_later_time_wins() {
        assert!(matches!(resolve(Some(0), Some(7), None), Resolution::Wins(Side::Target, _)));
        assert!(matches!(resolve(Some(7), Some(0), None), Resolution::Wins(Side::Source, _)));
    }

    #[test]
    fn within_the_skew_bound_the_primary_wins_and_without_one_it_declines() {
        assert!(matches!(resolve(Some(0), Some(6), None), Resolution::Declines(_)));
        let primary = resolve(Some(0), Some(6), Some(Side::Source));
        assert!(matches!(primary, Resolution::Wins(Side::Source, _)));
    }

    #[test]
    fn a_side_without_a_time_makes_it_decline() {
        let primary = Some(Side::Source);
        assert!(matches!(resolve(None, Some(6), primary), Resolution::Declines(_)));
    }
}
