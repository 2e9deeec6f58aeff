//! What is wrong with a mapping: by itself, and against the systems' schemas. All at once. How it
//! decides conflicts is looked at in `conflicts`.

mod conflicts;
mod keeping;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::pair::{FieldPair, PairDirection};
use super::policy::{Condition, IdWrites};
use super::{Direction, Mapping};
use crate::model::{FieldName, ObjectSchema, SeenBy, Side, Sides};
use crate::transform::{Chain, Shape, Transform};

/// One thing that is wrong: where, what, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where in the configuration: `pair phone = phones.primary`.
    pub place: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl Finding {
    /// A finding at a place.
    pub fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place: place.into(), message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// A configuration that cannot be used, with everything that is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// What is wrong.
    pub findings: Vec<Finding>,
}

impl ConfigError {
    /// No error if nothing was found.
    ///
    /// # Errors
    /// With the findings, if there are any.
    pub fn unless_empty(findings: Vec<Finding>) -> Result<(), ConfigError> {
        if findings.is_empty() { Ok(()) } else { Err(ConfigError { findings }) }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.findings.as_slice() {
            [one] => write!(f, "the configuration cannot be used: {one}"),
            many => {
                write!(f, "the configuration cannot be used, {} findings:", many.len())?;
                many.iter().try_for_each(|finding| write!(f, "\n- {finding}"))
            }
        }
    }
}

impl std::error::Error for ConfigError {}

fn place(pair: &FieldPair) -> String {
    format!("pair {}", pair.label())
}

/// What can be found without a system.
pub(super) fn alone(mapping: &Mapping) -> Vec<Finding> {
    let mut findings = Vec::new();
    check_endpoints(mapping, &mut findings);
    check_rules(mapping, &mut findings);
    if mapping.pairs.is_empty() {
        findings
            .push(Finding::new("pairs", "there are none: add .pair(source field, target field)"));
    }
    for pair in &mapping.pairs {
        check_pair(mapping, pair, &mut findings);
    }
    check_ids(mapping, &mut findings);
    check_foreign_ids(mapping, &mut findings);
    for side in Side::BOTH {
        check_written_once(mapping, side, &mut findings);
    }
    conflicts::strategies(mapping, &mut findings);
    conflicts::groups(mapping, &mut findings);
    check_references(mapping, &mut findings);
    keeping::fingerprints(mapping, &mut findings);
    findings
}

fn check_endpoints(mapping: &Mapping, findings: &mut Vec<Finding>) {
    if mapping.source == mapping.target {
        findings
            .push(Finding::new("target", "is the same as the source: name another object type"));
    }
    for side in Side::BOTH {
        let creates = mapping.create.is_some_and(|create| create.on(side));
        let both = mapping.create == Some(super::Create::Both);
        if creates && !both && !mapping.direction.writes_to(side) {
            let message =
                format!("creates on the {side}, which the mapping's direction never writes");
            findings.push(Finding::new("create", message));
        }
    }
}

fn check_rules(mapping: &Mapping, findings: &mut Vec<Finding>) {
    if mapping.rules.is_empty() && mapping.foreign_ids.iter().all(|(_, id)| id.is_none()) {
        findings.push(Finding::new(
            "match",
            "there is no match rule, so that every record would be created again: \
             add .match_on(source field, target field)",
        ));
    }
    for rule in &mapping.rules {
        let place = format!("match {}", rule.label());
        if rule.source.is_empty() || rule.source.len() != rule.target.len() {
            findings.push(Finding::new(
                &place,
                "needs as many source fields as target fields, and at least one",
            ));
        }
        if let Some(forms) = &rule.forms {
            if forms.len() != rule.source.len() {
                findings
                    .push(Finding::new(&place, "needs one form for each field, or none at all"));
            }
            for refusal in forms.iter().filter_map(|form| super::key::check_form(form).err()) {
                findings.push(Finding::new(&place, refusal.0));
            }
        }
    }
}

fn check_pair(mapping: &Mapping, pair: &FieldPair, findings: &mut Vec<Finding>) {
    let mut find = |message: &str| findings.push(Finding::new(place(pair), message));
    if pair.source.is_empty() || pair.target.is_empty() {
        find("needs at least one field on each side");
    }
    let against = match (mapping.direction, pair.direction) {
        (Direction::Bidirectional, _) | (_, None) => false,
        (direction, Some(own)) => own != PairDirection::from(direction),
    };
    if against {
        find(
            "flows against the mapping's direction: leave the pair's direction out, or make the mapping bidirectional",
        );
    }
    let mut transforms = Vec::new();
    for spec in &pair.transforms {
        match spec.build() {
            Ok(transform) => transforms.push(transform),
            Err(refusal) => find(&refusal.0),
        }
    }
    let widths = (pair.source.len(), pair.target.len());
    match Chain(transforms).shape() {
        Shape::Each if widths.0 != widths.1 => {
            find(
                "has not as many source fields as target fields: add a transform that makes them so",
            );
        }
        Shape::Fixed { source, target } if (source, target) != widths => {
            find(&format!("its transform takes {source} source and {target} target fields"));
        }
        Shape::Each | Shape::Fixed { .. } => {}
    }
}

fn check_ids(mapping: &Mapping, findings: &mut Vec<Finding>) {
    let mut seen = BTreeSet::new();
    for pair in &mapping.pairs {
        if !seen.insert(pair.id()) {
            let message =
                format!("the id {} is used twice: give one of the pairs another", pair.id());
            findings.push(Finding::new(place(pair), message));
        }
    }
}

/// The engine's own fields are outside of all pairs.
fn check_foreign_ids(mapping: &Mapping, findings: &mut Vec<Finding>) {
    for (side, foreign) in mapping.foreign_ids.iter() {
        let Some(foreign) = foreign else { continue };
        let has = |pair: &&FieldPair| pair.fields(side).contains(&foreign.field);
        if let Some(pair) = mapping.pairs.iter().find(has) {
            findings.push(Finding::new(
                format!("foreign id of the {side}"),
                format!(
                    "{} is in the pair {} too: leave it to one of them",
                    foreign.field,
                    pair.label()
                ),
            ));
        }
    }
}

/// A field may be read by many pairs, and written by one.
fn check_written_once(mapping: &Mapping, side: Side, findings: &mut Vec<Finding>) {
    let mut writers: BTreeMap<&FieldName, Vec<String>> = BTreeMap::new();
    for pair in &mapping.pairs {
        let direction = pair.direction.unwrap_or_else(|| mapping.direction.into());
        if direction.writes_to(side) {
            for field in pair.fields(side) {
                writers.entry(field).or_default().push(pair.label());
            }
        }
    }
    for (field, pairs) in writers.into_iter().filter(|(_, pairs)| pairs.len() > 1) {
        findings.push(Finding::new(
            format!("{side} field {field}"),
            format!(
                "is written by several pairs ({}): let one pair alone write it",
                pairs.join("; ")
            ),
        ));
    }
}

/// What the systems' schemas show: errors, and warnings that stop nothing.
pub(super) fn against_schemas(
    mapping: &Mapping,
    schemas: Sides<&ObjectSchema>,
) -> (Vec<Finding>, Vec<Finding>) {
    let (mut errors, mut warnings) = (Vec::new(), Vec::new());
    for (side, schema) in [(Side::Source, schemas.source), (Side::Target, schemas.target)] {
        for rule in &mapping.rules {
            for field in rule.fields(side) {
                if schema.field(field).is_none() {
                    let place = format!("match {}", rule.label());
                    errors.push(unknown_field(place, mapping, side, schema, field));
                }
            }
        }
        for pair in &mapping.pairs {
            let direction = pair.direction.unwrap_or_else(|| mapping.direction.into());
            for field in pair.fields(side) {
                if let Some(known) = schema.field(field).filter(|_| pair.reference.is_some())
                    && known.field_type.refers_to().is_none()
                {
                    let message = format!(
                        "{field} in {} refers to no record: leave .references(...) out",
                        mapping.endpoint(side)
                    );
                    errors.push(Finding::new(place(pair), message));
                }
                match schema.field(field) {
                    None => errors.push(unknown_field(place(pair), mapping, side, schema, field)),
                    Some(known) if known.read_only && direction.writes_to(side) => {
                        let only = if side == Side::Source { "source_only" } else { "target_only" };
                        errors.push(Finding::new(
                            place(pair),
                            format!(
                                "{} cannot be written in {}: make the pair {only}",
                                field,
                                mapping.endpoint(side)
                            ),
                        ));
                    }
                    Some(known) if known.seen_by != SeenBy::Incremental => {
                        warnings.push(Finding::new(
                            place(pair),
                            format!(
                                "changes of {field} in {} show only in full reads",
                                mapping.endpoint(side)
                            ),
                        ));
                    }
                    Some(_) => {}
                }
            }
        }
        check_own_fields(mapping, side, schema, &mut errors);
        check_required(mapping, side, schema, &mut errors);
    }
    conflicts::idle(mapping, schemas, &mut warnings);
    (errors, warnings)
}

/// A reference is translated by links, and by nothing else.
fn check_references(mapping: &Mapping, findings: &mut Vec<Finding>) {
    for pair in mapping.pairs.iter().filter(|pair| pair.reference.is_some()) {
        if !pair.transforms.is_empty() {
            let message = "is translated by links: leave its transforms out";
            findings.push(Finding::new(place(pair), message));
        }
    }
}

/// The fields of filters and of the other side's ids.
fn check_own_fields(
    mapping: &Mapping,
    side: Side,
    schema: &ObjectSchema,
    errors: &mut Vec<Finding>,
) {
    for Condition { field, .. } in &mapping.filter[side] {
        if schema.field(field).is_none() {
            let place = format!("filter of the {side}");
            errors.push(unknown_field(place, mapping, side, schema, field));
        }
    }
    let Some(foreign) = &mapping.foreign_ids[side] else { return };
    let place = format!("foreign id of the {side}");
    let is_written = mapping.creates_on(side) || foreign.writes == IdWrites::Always;
    match schema.field(&foreign.field) {
        None => errors.push(unknown_field(place, mapping, side, schema, &foreign.field)),
        Some(known) if known.read_only && is_written => errors.push(Finding::new(
            place,
            format!(
                "{} cannot be written in {}: name another field",
                foreign.field,
                mapping.endpoint(side)
            ),
        )),
        Some(_) => {}
    }
}

fn check_required(mapping: &Mapping, side: Side, schema: &ObjectSchema, errors: &mut Vec<Finding>) {
    if !mapping.creates_on(side) {
        return;
    }
    for field in schema.fields.iter().filter(|field| field.required) {
        let written = mapping.pairs.iter().any(|pair| {
            let direction = pair.direction.unwrap_or_else(|| mapping.direction.into());
            direction.writes_to(side) && pair.fields(side).contains(&field.name)
        });
        let is_id = mapping.foreign_ids[side].as_ref().is_some_and(|id| id.field == field.name);
        if !written && !is_id {
            errors.push(Finding::new(
                format!("{side} field {}", field.name),
                format!(
                    "a new record in {} needs it, and no pair writes it: add a pair, or create nothing there",
                    mapping.endpoint(side)
                ),
            ));
        }
    }
}

fn unknown_field(
    place: String,
    mapping: &Mapping,
    side: Side,
    schema: &ObjectSchema,
    field: &FieldName,
) -> Finding {
    let nearest = schema
        .fields
        .iter()
        .map(|known| {
            (strsim::damerau_levenshtein(known.name.as_str(), field.as_str()), &known.name)
        })
        .min();
    let hint = match nearest {
        Some((distance, name)) if distance <= 3.max(field.as_str().len() / 3) => {
            format!("; did you mean {name}?")
        }
        _ => String::new(),
    };
    Finding::new(place, format!("{} has no field {field}{hint}", mapping.endpoint(side)))
}
