//! How a mapping decides conflicts: strategies that cannot decide, and groups that are none.

use std::collections::BTreeMap;

use super::{Finding, place};
use crate::mapping::Mapping;
use crate::mapping::pair::{FieldPair, PairDirection};
use crate::model::ConflictKind;
use crate::resolver::{Strategies, Strategy};

/// Strategies that the mapping gives nothing to decide by.
pub(super) fn strategies(mapping: &Mapping, findings: &mut Vec<Finding>) {
    let mut check = |place: String, kind: ConflictKind, strategies: Option<&Strategies>| {
        for strategy in strategies.into_iter().flat_map(Strategies::iter) {
            if *strategy == Strategy::PrimaryWins && mapping.primary.is_none() {
                let message = "primary_wins, but the mapping names no primary: add .primary(side)";
                findings.push(Finding::new(&place, message));
            }
            if kind == ConflictKind::FirstLink && strategy.goes_by_time() {
                let message = "a first link cannot be decided by time: use primary_wins, source_wins, target_wins or manual";
                findings.push(Finding::new(&place, message));
            }
        }
    };
    check("conflicts".into(), ConflictKind::UpdateUpdate, Some(&mapping.conflicts));
    check("first_link".into(), ConflictKind::FirstLink, mapping.first_link.as_ref());
    for pair in &mapping.pairs {
        check(place(pair), ConflictKind::UpdateUpdate, pair.conflicts.as_ref());
        check(place(pair), ConflictKind::FirstLink, pair.first_link.as_ref());
    }
}

/// Pairs that conflict together are put to the strategies once, and one side wins all of them: they
/// have the same strategies, and flow the same way. A group of one-way pairs alone is none that could
/// conflict, and no mistake.
pub(super) fn groups(mapping: &Mapping, findings: &mut Vec<Finding>) {
    let mut first: BTreeMap<&str, &FieldPair> = BTreeMap::new();
    for pair in &mapping.pairs {
        let Some(group) = pair.group.as_deref() else { continue };
        let leader = first.entry(group).or_insert(pair);
        if (&leader.conflicts, &leader.first_link) != (&pair.conflicts, &pair.first_link) {
            let message = format!(
                "conflicts together with {}, and has other strategies: give both the same",
                leader.label()
            );
            findings.push(Finding::new(place(pair), message));
        }
        let (own, theirs) = (direction(mapping, pair), direction(mapping, leader));
        if own != theirs {
            let message = format!(
                "is in the group {group} with {}, which flows {}, and flows {} itself, so that the \
                 group would be decided without it: give both one direction, or take it out of the \
                 group",
                leader.label(),
                way(theirs),
                way(own)
            );
            findings.push(Finding::new(place(pair), message));
        }
    }
}

fn direction(mapping: &Mapping, pair: &FieldPair) -> PairDirection {
    pair.direction.unwrap_or_else(|| mapping.direction.into())
}

fn way(direction: PairDirection) -> &'static str {
    match direction {
        PairDirection::Bidirectional => "both ways",
        PairDirection::SourceOnly => "to the target alone",
        PairDirection::TargetOnly => "to the source alone",
    }
}
