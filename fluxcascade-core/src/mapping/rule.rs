//! Match rules in slots: by which fields, or by which ids, records are the same thing.

use super::Mapping;
use super::compile::{slot_of, type_of};
use super::foreign::CompiledForeignId;
use super::key;
use super::pair::{KeyForm, MatchRule};
use crate::model::{FieldName, ObjectSchema, Projection, Side, Sides};
use crate::transform::TransformSpec;

/// A match rule in slots.
#[derive(Debug, Clone)]
pub struct CompiledRule {
    /// Its fields for people; also what tells its keys from another rule's.
    pub label: String,
    /// The fields' slots in a record.
    pub slots: Sides<Box<[usize]>>,
    /// How each field is brought into one form.
    pub forms: Box<[KeyForm]>,
    /// Whether the system keeps the key unique among its records.
    pub unique: Sides<bool>,
    /// The side whose key is the record's own id: the other side's field holds it.
    pub own_id: Option<Side>,
}

impl CompiledRule {
    /// Rules by stored ids go before the mapping's own.
    pub(super) fn all(
        mapping: &Mapping,
        foreign_ids: &Sides<Option<CompiledForeignId>>,
        projections: &Sides<Projection>,
        schemas: Sides<&ObjectSchema>,
    ) -> Box<[CompiledRule]> {
        let by_ids = foreign_ids
            .iter()
            .filter_map(|(side, foreign)| Some(Self::by_id(side, foreign.as_ref()?)));
        let by_fields =
            mapping.rules.iter().map(|rule| Self::new(mapping, rule, projections, schemas));
        by_ids.chain(by_fields).collect()
    }

    /// The side's field holds the other side's record ids.
    fn by_id(side: Side, foreign: &CompiledForeignId) -> Self {
        let mut slots = Sides::from_fn(|_| Box::from([]));
        slots[side] = Box::from([foreign.slot]);
        let mut unique = Sides::new(true, true);
        unique[side] = foreign.unique;
        Self {
            label: format!("{} id in {}", side.other(), foreign.field),
            slots,
            forms: Box::from([]),
            unique,
            own_id: Some(side.other()),
        }
    }

    fn new(
        mapping: &Mapping,
        rule: &MatchRule,
        projections: &Sides<Projection>,
        schemas: Sides<&ObjectSchema>,
    ) -> Self {
        let forms = rule.forms.clone().unwrap_or_else(|| {
            rule.source
                .iter()
                .zip(&rule.target)
                .map(|(source, target)| {
                    phone_form(mapping, source, target)
                        .unwrap_or_else(|| default_form(schemas, source, target))
                })
                .collect()
        });
        Self {
            label: rule.label(),
            slots: Sides::from_fn(|side| {
                rule.fields(side).iter().map(|field| slot_of(&projections[side], field)).collect()
            }),
            forms: forms.into_boxed_slice(),
            unique: Sides::from_fn(|side| {
                let known = |field| schemas[side].field(field).is_some_and(|known| known.unique);
                matches!(rule.fields(side), [field] if known(field))
            }),
            own_id: None,
        }
    }
}

/// Phones are matched in the form that their pair gives them.
fn phone_form(mapping: &Mapping, source: &FieldName, target: &FieldName) -> Option<KeyForm> {
    let pair = mapping
        .pairs
        .iter()
        .find(|pair| pair.source == [source.clone()] && pair.target == [target.clone()])?;
    pair.transforms.iter().find_map(|spec| match spec {
        TransformSpec::PhoneE164 { region } => Some(KeyForm::PhoneE164 { region: region.clone() }),
        TransformSpec::Trim
        | TransformSpec::Lowercase
        | TransformSpec::ValueMap(_)
        | TransformSpec::Custom(_) => None,
    })
}

/// An e-mail or a phone on either side makes the key one.
fn default_form(schemas: Sides<&ObjectSchema>, source: &FieldName, target: &FieldName) -> KeyForm {
    match key::form_of(&type_of(schemas.source, source)) {
        KeyForm::Text => key::form_of(&type_of(schemas.target, target)),
        form @ (KeyForm::Email | KeyForm::Phone | KeyForm::PhoneE164 { .. }) => form,
    }
}
