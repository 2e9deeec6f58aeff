//! A mapping as arrays: fields are slots, pairs know their places in records and bases.

use std::ops::Range;
use std::sync::Arc;

use super::check::{self, ConfigError, Finding};
use super::foreign::CompiledForeignId;
use super::key;
use super::pair::{Drift, FieldPair, PairDirection};
use super::rule::CompiledRule;
use super::scope::CompiledCondition;
use super::{Endpoint, Mapping, OnChange};
use crate::model::link::Written;
use crate::model::{
    Base, FieldName, FieldType, Fingerprint, Layout, LayoutPair, MappingKey, MappingName,
    ObjectSchema, PairId, Projection, RecordId, Revision, Side, Sides, Slot, TenantId, Value,
    Values,
};
use crate::resolver::{Strategies, Strategy};
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
    /// How many positions a base has on each side.
    pub base_width: Sides<usize>,
    /// The slot in a record of each position in a base.
    pub base_places: Sides<Box<[usize]>>,
    /// The rules by which records are matched, in order: ids of the other side's record that are
    /// stored in fields of ours, then the match rules.
    pub rules: Box<[CompiledRule]>,
    /// The field of a side that holds the id of the other side's record.
    pub foreign_ids: Sides<Option<CompiledForeignId>>,
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
    /// A fingerprint of its transform.
    pub transform_print: Fingerprint,
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
            base_width,
            base_places,
            rules,
            foreign_ids,
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

    /// Where pairs stand in bases.
    pub fn layout(&self) -> Layout {
        Layout {
            pairs: self
                .pairs
                .iter()
                .map(|pair| LayoutPair {
                    pair: pair.id.clone(),
                    fields: pair.ends.as_ref().map(|end| end.names.to_vec()),
                    transform: Some(pair.transform_print),
                })
                .collect(),
        }
    }

    /// A fingerprint of all that bases, keys and listed observations depend on.
    pub fn fingerprint(&self) -> Fingerprint {
        let mut parts: Vec<Vec<u8>> = Vec::new();
        for side in Side::BOTH {
            parts.push(self.endpoint(side).to_string().into_bytes());
            parts.extend(self.projections[side].fields().iter().map(|f| f.as_str().into()));
        }
        for (pair, spec) in self.pairs.iter().zip(&self.mapping.pairs) {
            parts.push(pair.id.as_str().into());
            parts.push(format!("{} {:?}", spec.label(), spec.transforms).into_bytes());
        }
        for rule in &self.rules {
            parts.push(format!("{} {:?}", rule.label, rule.forms).into_bytes());
        }
        for (side, conditions) in self.mapping.filter.iter().filter(|(_, all)| !all.is_empty()) {
            parts.push(format!("{side} {conditions:?}").into_bytes());
        }
        Fingerprint::of(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    /// Takes the number of the stored revision that has this fingerprint, or else the next one.
    /// Says which revision is to be stored, if it is a new one.
    pub fn adopt(&mut self, stored: &[Revision]) -> Option<Revision> {
        let fingerprint = self.fingerprint();
        match stored.last() {
            Some(last) if last.fingerprint == fingerprint => {
                self.revision = last.number;
                None
            }
            last => {
                self.revision = last.map_or(0, |last| last.number) + 1;
                Some(Revision {
                    number: self.revision,
                    fingerprint,
                    ends: Sides::from_fn(|side| self.endpoint(side).clone()),
                    layout: self.layout(),
                })
            }
        }
    }

    /// Bases without a value for any pair.
    pub fn empty_bases(&self) -> Sides<Base> {
        self.base_width.map(|width| Base::empty(self.revision, width))
    }

    /// A base of another revision, laid out for this one: a pair keeps its values if it ties the
    /// same fields under the same id. One that ties others now is decided as a new one.
    pub fn relay(&self, side: Side, base: &Base, stored: &[Revision]) -> Base {
        let mut relaid = Base::empty(self.revision, self.base_width[side]);
        relaid.version = base.version.clone();
        let Some(old) = stored.iter().find(|revision| revision.number == base.revision) else {
            return relaid;
        };
        relaid
            .written
            .extend(base.written.iter().filter(|w| w.position == Written::STAMP).cloned());
        let mut end = 0;
        for place in &old.layout.pairs {
            let start = end;
            end += place.fields[side].len();
            let values = base.slots.get(start..end);
            let pair = self.pair_index(&place.pair).map(|index| &self.pairs[index]);
            if let (Some(values), Some(pair)) = (values, pair.filter(|pair| pair.ties(place))) {
                let range = pair.ends[side].base.clone();
                relaid.written.extend(moved(base, start, range.start));
                relaid.slots[range].clone_from_slice(values);
            }
        }
        relaid
    }

    /// The pairs, by place, that tie what they tied in another revision and have another transform
    /// now.
    pub fn retransformed(&self, revision: u32, stored: &[Revision]) -> Vec<usize> {
        let Some(old) = stored.iter().find(|stored| stored.number == revision) else {
            return Vec::new();
        };
        let changed = |place: &LayoutPair| {
            let index = self.pair_index(&place.pair)?;
            let pair = &self.pairs[index];
            let other = place.transform.is_some_and(|print| print != pair.transform_print);
            (other && pair.ties(place)).then_some(index)
        };
        old.layout.pairs.iter().filter_map(changed).collect()
    }

    /// The keys of a record: by rule, for the rules under which it has a valid one.
    pub fn keys(
        &self,
        side: Side,
        record: &RecordId,
        values: &Values,
        key: &key::FingerprintKey,
    ) -> Vec<(u16, Fingerprint)> {
        (0_u16..)
            .zip(&self.rules)
            .filter_map(|(i, rule)| Some((i, rule.fingerprint(side, record, values, key)?)))
            .collect()
    }
}

/// A pair's last writes, at its new position.
fn moved(base: &Base, from: usize, to: usize) -> impl Iterator<Item = Written> {
    let of_pair = base.written.iter().filter(move |w| usize::try_from(w.position) == Ok(from));
    let position = u32::try_from(to).unwrap_or(u32::MAX);
    of_pair.map(move |written| Written { position, ..written.clone() })
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
            transform_print: Fingerprint::of(&[format!("{:?}", pair.transforms).as_bytes()]),
        })
    }

    /// Whether it ties the fields that it tied in another revision.
    fn ties(&self, place: &LayoutPair) -> bool {
        Side::BOTH.iter().all(|&side| place.fields[side].as_slice() == &*self.ends[side].names)
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
