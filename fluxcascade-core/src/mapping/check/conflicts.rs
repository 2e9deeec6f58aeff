//! How a mapping decides conflicts: strategies that cannot decide, and groups that are none.

use std::collections::BTreeMap;

use super::{Finding, place};
use crate::mapping::Mapping;
use crate::mapping::pair::{FieldPair, PairDirection};
use crate::model::{ConflictKind, FieldType, ObjectSchema, Side, Sides};
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

/// `union` and `append` where no field is one that they make one value of: they decline whatever is
/// in conflict. Nothing is written wrongly by that, as another strategy or a person decides then:
/// so it is a warning. Of what is for all pairs, only those are warned of for which none in the list
/// ever decides: the others in it may be there for other pairs.
pub(super) fn idle(mapping: &Mapping, schemas: Sides<&ObjectSchema>, warnings: &mut Vec<Finding>) {
    let conflicts = |pair: &FieldPair| direction(mapping, pair) == PairDirection::Bidirectional;
    let pairs = || mapping.pairs.iter().filter(|pair| conflicts(pair));
    for pair in pairs() {
        for own in pair.conflicts.iter().chain(&pair.first_link) {
            for (strategy, next) in idle_in(own, mapping, pair, schemas) {
                let message = format!(
                    "{} never decides here, as it needs {} on both sides: {next}; leave it out",
                    strategy.name(),
                    needed(strategy)
                );
                warnings.push(Finding::new(place(pair), message));
            }
        }
    }
    let of_all = [
        ("conflicts", Some(&mapping.conflicts), ConflictKind::UpdateUpdate),
        ("first_link", mapping.first_link.as_ref(), ConflictKind::FirstLink),
    ];
    for (place, strategies, kind) in of_all {
        let Some(strategies) = strategies else { continue };
        let inherits = |pair: &&FieldPair| match kind {
            ConflictKind::FirstLink => pair.first_link.is_none(),
            ConflictKind::UpdateUpdate | ConflictKind::DeleteUpdate => pair.conflicts.is_none(),
        };
        let is_idle = |pair: &&FieldPair| {
            !strategies.iter().any(|strategy| can_decide(strategy, mapping, pair, schemas))
        };
        let idle: Vec<String> =
            pairs().filter(inherits).filter(is_idle).map(FieldPair::label).collect();
        if !idle.is_empty() {
            let needs =
                |strategy: &Strategy| format!("{} needs {}", strategy.name(), needed(strategy));
            let needs: Vec<String> = strategies.iter().map(needs).collect();
            let message = format!(
                "{} on both sides, which these pairs have not, so that a person decides them: {}; \
                 name another strategy after it, or for them",
                needs.join(", "),
                idle.join("; ")
            );
            warnings.push(Finding::new(place, message));
        }
    }
}

/// The strategies of a list that never decide for the pair, and who does then.
fn idle_in<'s>(
    strategies: &'s Strategies,
    mapping: &Mapping,
    pair: &FieldPair,
    schemas: Sides<&ObjectSchema>,
) -> Vec<(&'s Strategy, &'static str)> {
    let last = strategies.iter().last();
    let then = |strategy| {
        if last == Some(strategy) { "a person does" } else { "the next one in the list does" }
    };
    let idle = strategies.iter().filter(|one| !can_decide(one, mapping, pair, schemas));
    idle.map(|strategy| (strategy, then(strategy))).collect()
}

/// Whether a strategy has a field that it can decide by, on both sides, in the pair or in its group.
fn can_decide(
    strategy: &Strategy,
    mapping: &Mapping,
    pair: &FieldPair,
    schemas: Sides<&ObjectSchema>,
) -> bool {
    let decided_with = |other: &&FieldPair| {
        std::ptr::eq(*other, pair) || pair.group.is_some() && other.group == pair.group
    };
    let together: Vec<&FieldPair> = mapping.pairs.iter().filter(decided_with).collect();
    Side::BOTH.into_iter().all(|side| {
        let mut fields = together.iter().flat_map(|pair| pair.fields(side));
        // A field that is not there is found by itself.
        fields.any(|field| {
            schemas[side].field(field).is_none_or(|known| merges(strategy, &known.field_type))
        })
    })
}

/// Whether a strategy can decide by fields of this type, if it makes one value of both.
fn merges(strategy: &Strategy, field_type: &FieldType) -> bool {
    match strategy {
        Strategy::Union => matches!(field_type, FieldType::Set { .. }),
        Strategy::Append => matches!(field_type, FieldType::Text),
        Strategy::NewestWins
        | Strategy::OldestWins
        | Strategy::SourceWins
        | Strategy::TargetWins
        | Strategy::PrimaryWins
        | Strategy::NonBlankWins
        | Strategy::PreferSourceUnlessBlank
        | Strategy::PreferTargetUnlessBlank
        | Strategy::Max
        | Strategy::Min
        | Strategy::Longest
        | Strategy::Manual
        | Strategy::Skip
        | Strategy::Error
        | Strategy::Custom(_) => true,
    }
}

/// What a strategy that makes one value of both needs.
fn needed(strategy: &Strategy) -> &'static str {
    if *strategy == Strategy::Union { "a set" } else { "a text" }
}
