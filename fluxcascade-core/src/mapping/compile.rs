//! A mapping as arrays: fields are slots, pairs know their places in records and bases.

use std::ops::Range;
use std::sync::Arc;

use super::check::{self, ConfigError, Finding};
use super::foreign::CompiledForeignId;
use super::key;
use super::pair::{BaseKeeping, Drift, FieldPair, PairDirection};
use super::rule::CompiledRule;
use super::scope::CompiledCondition;
use super::{Endpoint, Mapping, OnChange};
use crate::model::{
    FieldName, FieldType, Fingerprint, LayoutPair, MappingKey, MappingName, MatchKeys,
    ObjectSchema, PairId, Projection, RecordId, Side, Sides, Slot, TenantId, Value, Values,
};
use crate::resolver::{Strategies, Strategy};
use crate::seeded::{self, Bug};
use crate::transform::{Chain, Refusal, Transform, TransformSpec};

/// A mapping, checked against the systems' schemas and laid out in slots.
#[derive(Debug, Clone)]
pub struct CompiledMapping {
    /// Tenant and name.
    pub key: MappingKey,
    /// The mapping that it was made from.
    pub mapping: Mapping,
    /// The number of the stored revision with this layout.
    pub revision: u32,
    /// The fields that are read on each side.
    pub projections: Sides<Projection>,
    /// The pairs in base order.
    pub pairs: Box<[CompiledPair]>,
    /// Pairs that it has no more, in base order behind the others: their bases are kept for a time,
    /// in case they come back, and decide nothing.
    pub retired: Box<[LayoutPair]>,
    /// How many positions a base has on each side, those of retired pairs counted.
    pub base_width: Sides<usize>,
    /// The slot in a record of each position in a base; those of retired pairs have none.
    pub base_places: Sides<Box<[usize]>>,
    /// The rules by which records are matched, in order: ids of the other side's record that are
    /// stored in fields of ours, then the match rules.
    pub rules: Box<[CompiledRule]>,
    /// The field of a side that holds the id of the other side's record.
    pub foreign_ids: Sides<Option<CompiledForeignId>>,
    /// The slots in a record of which fingerprints alone are kept.
    pub(super) kept_slots: Sides<Box<[usize]>>,
    /// What a record of a side must meet to be in scope.
    pub(super) filters: Sides<Box<[CompiledCondition]>>,
    /// What is odd, and stops nothing.
    pub warnings: Vec<Finding>,
}

/// A pair in slots.
#[derive(Debug, Clone)]
pub struct CompiledPair {
    /// Its id.
    pub id: PairId,
    /// What people call it: its given id, else its fields.
    pub label: String,
    /// Where its fields are on each side.
    pub ends: Sides<PairEnd>,
    /// Which way it flows.
    pub direction: PairDirection,
    /// Its transform; `None` leaves values as they are.
    pub transform: Option<Arc<dyn Transform>>,
    /// How its conflicts are decided.
    pub conflicts: Strategies,
    /// How it is decided without a base.
    pub first_link: Strategies,
    /// What is done with an edit against its direction.
    pub drift: Drift,
    /// A blank on the side that it flows from is refused.
    pub required: bool,
    /// Its values are shown nowhere.
    pub sensitive: bool,
    /// Pairs of one group conflict together.
    pub group: Option<String>,
    /// The mapping whose links translate its values.
    pub reference: Option<MappingName>,
    /// Whether a side's system makes no record without one of its fields.
    pub needed: Sides<bool>,
    /// What is done when its transform was changed.
    pub on_change: OnChange,
    /// What is kept of its values.
    pub base: BaseKeeping,
    /// A fingerprint of its transform, and of whose links translate it.
    pub transform_print: Fingerprint,
    /// The first revision whose bases say something of it; see [`LayoutPair::from`].
    pub from: u32,
}

/// A pair's fields on one side.
#[derive(Debug, Clone)]
pub struct PairEnd {
    /// The fields' slots in a record.
    pub slots: Box<[usize]>,
    /// The fields' positions in a base.
    pub base: Range<usize>,
    /// The fields' types.
    pub types: Box<[FieldType]>,
    /// The fields' names.
    pub names: Box<[FieldName]>,
}

impl CompiledMapping {
    /// Compiles a mapping. The revision is 0 until [`CompiledMapping::adopt`] gives it its number.
    ///
    /// # Errors
    /// Everything that is wrong with the mapping, by itself and against the schemas.
    pub fn new(
        tenant: TenantId,
        mapping: Mapping,
        schemas: Sides<&ObjectSchema>,
    ) -> Result<Self, ConfigError> {
        mapping.check()?;
        let (errors, warnings) = check::against_schemas(&mapping, schemas);
        ConfigError::unless_empty(errors)?;
        let projections = Sides::from_fn(|side| project(&mapping, side));
        let mut base_width = Sides::new(0, 0);
        let mut pairs = Vec::with_capacity(mapping.pairs.len());
        for pair in &mapping.pairs {
            let ends = Sides::from_fn(|side| {
                let end = PairEnd::new(
                    pair.fields(side),
                    &projections[side],
                    schemas[side],
                    base_width[side],
                );
                base_width[side] = end.base.end;
                end
            });
            let needed = Sides::from_fn(|side| {
                let known = |field| schemas[side].field(field).is_some_and(|known| known.required);
                pair.fields(side).iter().any(known)
            });
            pairs.push(CompiledPair { needed, ..CompiledPair::new(&mapping, pair, ends)? });
        }
        let base_places = Sides::from_fn(|side| {
            pairs.iter().flat_map(|pair| pair.ends[side].slots.iter().copied()).collect()
        });
        let kept_slots = Sides::from_fn(|side| {
            let kept = pairs.iter().filter(|pair| pair.base == BaseKeeping::Fingerprints);
            kept.flat_map(|pair| pair.ends[side].slots.iter().copied()).collect()
        });
        let foreign_ids =
            Sides::from_fn(|side| CompiledForeignId::new(&mapping, side, &projections, schemas));
        let rules = CompiledRule::all(&mapping, &foreign_ids, &projections, schemas);
        let filters =
            Sides::from_fn(|side| CompiledCondition::all(&mapping, side, &projections, schemas));
        Ok(Self {
            key: MappingKey { tenant, mapping: mapping.name.clone() },
            mapping,
            revision: 0,
            projections,
            pairs: pairs.into_boxed_slice(),
            retired: Box::default(),
            base_width,
            base_places,
            rules,
            foreign_ids,
            kept_slots,
            filters,
            warnings,
        })
    }

    /// The endpoint of a side.
    pub fn endpoint(&self, side: Side) -> &Endpoint {
        self.mapping.endpoint(side)
    }

    /// The place of a pair.
    pub fn pair_index(&self, id: &PairId) -> Option<usize> {
        self.pairs.iter().position(|pair| &pair.id == id)
    }

    /// What a record's values tell of its keys.
    pub fn keys(
        &self,
        side: Side,
        record: &RecordId,
        values: &Values,
        key: &key::FingerprintKey,
    ) -> MatchKeys {
        let mut keys = MatchKeys::default();
        for (i, rule) in (0_u16..).zip(&self.rules) {
            if rule.is_hidden(side, values) && !seeded::is(Bug::HiddenKeyForgotten) {
                keys.hidden.push(i);
            } else if let Some(print) = rule.fingerprint(side, record, values, key) {
                keys.valid.push((i, print));
            }
        }
        keys
    }
}

fn project(mapping: &Mapping, side: Side) -> Projection {
    let mut fields: Vec<FieldName> = Vec::new();
    let of_pairs = mapping.pairs.iter().flat_map(|pair| pair.fields(side));
    let of_rules = mapping.rules.iter().flat_map(|rule| rule.fields(side));
    let of_filter = mapping.filter[side].iter().map(|condition| &condition.field);
    let of_ids = mapping.foreign_ids[side].iter().map(|foreign| &foreign.field);
    for field in of_pairs.chain(of_rules).chain(of_filter).chain(of_ids) {
        if !fields.contains(field) {
            fields.push(field.clone());
        }
    }
    Projection::new(fields)
}

pub(super) fn slot_of(projection: &Projection, field: &FieldName) -> usize {
    // A projection has every field of its mapping.
    projection.slot(field.as_str()).unwrap_or(usize::MAX)
}

pub(super) fn type_of(schema: &ObjectSchema, field: &FieldName) -> FieldType {
    // Unknown fields have been reported before.
    schema.field(field).map_or(FieldType::Text, |known| known.field_type.clone())
}

impl PairEnd {
    fn new(
        fields: &[FieldName],
        projection: &Projection,
        schema: &ObjectSchema,
        start: usize,
    ) -> Self {
        Self {
            slots: fields.iter().map(|field| slot_of(projection, field)).collect(),
            base: start..start + fields.len(),
            types: fields.iter().map(|field| type_of(schema, field)).collect(),
            names: fields.into(),
        }
    }
}

impl CompiledPair {
    fn new(mapping: &Mapping, pair: &FieldPair, ends: Sides<PairEnd>) -> Result<Self, ConfigError> {
        let transforms = pair
            .transforms
            .iter()
            .map(TransformSpec::build)
            .collect::<Result<Vec<_>, Refusal>>()
            .map_err(|refusal| ConfigError {
                findings: vec![Finding::new(format!("pair {}", pair.label()), refusal.0)],
            })?;
        let first_link = pair.first_link.clone().or_else(|| mapping.first_link.clone());
        Ok(Self {
            id: pair.id(),
            label: pair.id.as_ref().map_or_else(|| pair.label(), ToString::to_string),
            ends,
            direction: pair.direction.unwrap_or_else(|| mapping.direction.into()),
            transform: match transforms.len() {
                0 => None,
                _ => Some(Arc::new(Chain(transforms))),
            },
            conflicts: pair.conflicts.clone().unwrap_or_else(|| mapping.conflicts.clone()),
            first_link: first_link.unwrap_or(match mapping.primary {
                Some(_) => Strategy::PrimaryWins.into(),
                None => Strategy::Manual.into(),
            }),
            drift: pair.drift,
            required: pair.required,
            sensitive: pair.sensitive,
            group: pair.group.clone(),
            reference: pair.reference.clone(),
            needed: Sides::default(),
            on_change: pair.on_change,
            base: pair.base,
            transform_print: Fingerprint::of(&[pair.translation().as_bytes()]),
            from: 0,
        })
    }

    /// The names of its fields.
    pub fn fields(&self) -> Sides<Vec<FieldName>> {
        self.ends.as_ref().map(|end| end.names.to_vec())
    }

    /// Whether it ties these fields, which it tied in another revision.
    pub(super) fn ties(&self, fields: &Sides<Vec<FieldName>>) -> bool {
        Side::BOTH.iter().all(|&side| fields[side].as_slice() == &*self.ends[side].names)
    }

    /// A side's values as the other side stores them.
    ///
    /// # Errors
    /// If the transform refuses a value.
    pub fn carry(&self, from: Side, values: &[&Value]) -> Result<Vec<Value>, Refusal> {
        let Some(transform) = &self.transform else {
            return Ok(values.iter().map(|&value| value.clone()).collect());
        };
        let slots: Vec<Slot> = values.iter().map(|&value| Slot::Present(value.clone())).collect();
        let carried = match from {
            Side::Source => transform.forward(&slots)?,
            Side::Target => transform.backward(&slots)?,
        };
        if carried.len() != self.ends[from.other()].slots.len() {
            return Err(Refusal(format!("the transform gave {} fields", carried.len())));
        }
        carried
            .into_iter()
            .map(|slot| match slot {
                Slot::Present(value) => Ok(value),
                Slot::Absent => Err(Refusal("the transform gave no value".into())),
            })
            .collect()
    }

    /// Whether the two sides' values mean the same: as they are, carried either way, or both
    /// brought into the target's form.
    pub fn equivalent(&self, source: &[&Value], target: &[&Value]) -> bool {
        let blank = |values: &[&Value]| values.iter().all(|value| value.is_blank());
        if blank(source) && blank(target) {
            return true;
        }
        if self.reference.is_some() {
            return false; // only links say whether two ids are of one thing
        }
        // The two systems may know the field by different types; the finer one decides.
        let reads_the_same = || Side::BOTH.into_iter().any(|side| self.same(side, source, target));
        if self.transform.is_none() {
            return reads_the_same();
        }
        let forward = self.carry(Side::Source, source).ok();
        if let Some(forward) = &forward
            && self.same(Side::Target, &refs(forward), target)
        {
            return true;
        }
        let Ok(backward) = self.carry(Side::Target, target) else {
            // What neither way takes is still the same if it reads the same.
            return forward.is_none() && reads_the_same();
        };
        if self.same(Side::Source, source, &refs(&backward)) {
            return true;
        }
        match (forward, self.carry(Side::Source, &refs(&backward))) {
            (Some(forward), Ok(canonical)) => {
                self.same(Side::Target, &refs(&forward), &refs(&canonical))
            }
            _ => false,
        }
    }

    /// Whether two values of one side mean the same, by that side's types.
    pub fn same(&self, side: Side, a: &[&Value], b: &[&Value]) -> bool {
        let types = &self.ends[side].types;
        a.len() == b.len() && a.iter().zip(b).zip(types).all(|((a, b), t)| a.equivalent(b, t))
    }
}

/// Borrows each value.
pub(crate) fn refs(values: &[Value]) -> Vec<&Value> {
    values.iter().collect()
}
