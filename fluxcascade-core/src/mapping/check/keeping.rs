//! Pairs of which fingerprints alone are kept: what of a mapping needs their values.

use super::{Finding, place};
use crate::mapping::pair::{BaseKeeping, FieldPair, PairDirection};
use crate::mapping::{ConflictScope, Mapping};
use crate::model::Side;
use crate::resolver::{Strategies, Strategy};

/// What needs the values of a pair that keeps none.
pub(super) fn fingerprints(mapping: &Mapping, findings: &mut Vec<Finding>) {
    for pair in mapping.pairs.iter().filter(|pair| is_kept(pair)) {
        merging(mapping, pair, findings);
        if let Some(other) = &pair.reference {
            let message = format!(
                "refers to records of {other}, whose ids the links keep as they are: keep its values \
                 (base = values)"
            );
            findings.push(Finding::new(place(pair), message));
        }
        for other in mapping.pairs.iter().filter(|other| !is_kept(other)) {
            shared(pair, other, findings);
        }
    }
}

fn is_kept(pair: &FieldPair) -> bool {
    pair.base == BaseKeeping::Fingerprints
}

/// Strategies that make one value of both: it would have to be kept until both sides have it.
fn merging(mapping: &Mapping, pair: &FieldPair, findings: &mut Vec<Finding>) {
    let direction = pair.direction.unwrap_or_else(|| mapping.direction.into());
    if direction != PairDirection::Bidirectional {
        return; // one that flows one way never conflicts
    }
    let mut find = |strategies: Option<&Strategies>, what: &str, next: &str| {
        let merge = |one: &&Strategy| matches!(one, Strategy::Union | Strategy::Append);
        for strategy in strategies.into_iter().flat_map(Strategies::iter).filter(merge) {
            let message = format!(
                "{what} are decided by {}, which needs values, and fingerprints alone are kept of \
                 them: {next}, or keep its values (base = values)",
                strategy.name()
            );
            findings.push(Finding::new(place(pair), message));
        }
    };
    let own = "name another strategy for it";
    let inherited = "name one of its own for the pair";
    match (&pair.conflicts, mapping.conflict_scope) {
        (Some(conflicts), ConflictScope::Pair) => find(Some(conflicts), "its conflicts", own),
        (None, ConflictScope::Pair) => {
            find(Some(&mapping.conflicts), "its conflicts, as the mapping's,", inherited);
        }
        (_, ConflictScope::Record) => {
            let next = "name another strategy for the mapping";
            find(Some(&mapping.conflicts), "conflicts of whole records", next);
        }
    }
    match &pair.first_link {
        Some(first_link) => find(Some(first_link), "first links", own),
        None => find(mapping.first_link.as_ref(), "first links, as the mapping's,", inherited),
    }
}

/// What one pair keeps of a field and another one does not is kept.
fn shared(pair: &FieldPair, other: &FieldPair, findings: &mut Vec<Finding>) {
    for side in Side::BOTH {
        for field in pair.fields(side).iter().filter(|field| other.fields(side).contains(field)) {
            let message = format!(
                "fingerprints alone are kept of {field} on the {side}, and the pair {} keeps its \
                 values: let both keep fingerprints",
                other.label()
            );
            findings.push(Finding::new(place(pair), message));
        }
    }
}
