//! Values that refer to other mapped records: translated through that mapping's links (P25).

use super::context::PlanContext;
use super::detect::{View, view};
use super::entry::Need;
use crate::mapping::{CompiledMapping, CompiledPair};
use crate::model::{
    Awaited, FieldType, MappingName, RecordId, Reference, Side, Sides, Value, Work, WorkKey,
};
use crate::seeded::{self, Bug};
use crate::transform::Refusal;

/// Why a side's value cannot be written on the other side.
pub(super) enum Blocked {
    /// The transform takes no such value.
    Refused(Refusal),
    /// It refers to a record that is not linked.
    Waits(Awaited),
}

/// A side's values as the other side stores them. `now` is what that side holds: it shows how it
/// writes references down.
pub(super) fn carry(
    pair: &CompiledPair,
    from: Side,
    values: &[&Value],
    now: &[&Value],
    context: &PlanContext,
) -> Result<Vec<Value>, Blocked> {
    let Some(mapping) = &pair.reference else {
        return pair.carry(from, values).map_err(Blocked::Refused);
    };
    let types = &pair.ends[from.other()].types;
    let translate = |(i, value): (usize, &&Value)| {
        let form = Form::of(now.get(i).copied(), types.get(i));
        translated(mapping, from, value, &form, context)
    };
    values.iter().enumerate().map(translate).collect()
}

/// Whether both sides mean the same: for references, the two records of one link.
pub(super) fn equivalent(
    pair: &CompiledPair,
    values: &Sides<Vec<&Value>>,
    context: &PlanContext,
) -> bool {
    let blank = |values: &[&Value]| values.iter().all(|value| value.is_blank());
    if pair.reference.is_none() {
        return pair.equivalent(&values.source, &values.target);
    }
    if blank(&values.source) || blank(&values.target) {
        return blank(&values.source) && blank(&values.target);
    }
    let ids = |values: &[&Value]| -> Vec<Vec<RecordId>> {
        values.iter().map(|value| sorted(referred(value))).collect()
    };
    match carry(pair, Side::Source, &values.source, &values.target, context) {
        Ok(carried) => ids(&crate::mapping::refs(&carried)) == ids(&values.target),
        Err(Blocked::Refused(_) | Blocked::Waits(_)) => false,
    }
}

/// Which links must be known before anything is said of these values.
pub(super) fn unanswered(
    pair: &CompiledPair,
    values: &Sides<Vec<&Value>>,
    context: &PlanContext,
) -> Vec<Need> {
    let Some(mapping) = &pair.reference else { return Vec::new() };
    let mut needs = Vec::new();
    for side in Side::BOTH {
        for record in values[side].iter().flat_map(|value| referred(value)) {
            let awaited = Awaited { mapping: mapping.clone(), side, record };
            if !context.references.contains_key(&awaited) {
                needs.push(Need::Reference(awaited));
            }
        }
    }
    needs
}

/// Whether links must be known before anything is said of an unlinked record: those of the records
/// that it refers to.
pub(super) fn is_unanswered(
    mapping: &CompiledMapping,
    work: &Work,
    context: &PlanContext,
    needs: &mut Vec<Need>,
) -> bool {
    if mapping.pairs.iter().all(|pair| pair.reference.is_none()) {
        return false;
    }
    let WorkKey::Record(side, record) = &work.key else { return false };
    let entry = work.entries[*side].as_ref();
    let View::Known { values, .. } = view(mapping, *side, Some(record), entry, context) else {
        return false;
    };
    let before = needs.len();
    for pair in &mapping.pairs {
        let own = pair.ends[*side].slots.iter().filter_map(|&slot| values[slot].value());
        let mut both = Sides::default();
        both[*side] = own.collect();
        needs.extend(unanswered(pair, &both, context));
    }
    needs.len() > before
}

/// The records that a value refers to, in its order.
pub(crate) fn referred(value: &Value) -> Vec<RecordId> {
    if let Value::Ref(reference) = value {
        return vec![reference.id.clone()];
    }
    if let Value::Set(items) = value {
        return items.iter().flat_map(referred).collect();
    }
    if let Value::List(items) = value {
        return items.iter().flat_map(referred).collect();
    }
    match value.as_text() {
        Some(text) if !value.is_blank() => RecordId::new(text).into_iter().collect(),
        Some(_) | None => Vec::new(),
    }
}

fn sorted(mut ids: Vec<RecordId>) -> Vec<RecordId> {
    ids.sort();
    ids
}

/// How a field writes a reference down.
enum Form<'a> {
    /// As a reference to an object type.
    Ref(&'a FieldType),
    /// As the bare id.
    Text,
}

impl<'a> Form<'a> {
    fn of(now: Option<&Value>, field_type: Option<&'a FieldType>) -> Self {
        let text = now.is_some_and(|now| !now.is_blank() && now.as_text().is_some());
        match field_type {
            Some(known) if !text => Form::Ref(known),
            Some(_) | None => Form::Text,
        }
    }

    fn write(&self, id: RecordId) -> Value {
        match self {
            Form::Ref(FieldType::Ref { object }) => {
                Value::Ref(Reference { object: object.clone(), id })
            }
            Form::Ref(FieldType::Set { item } | FieldType::List { item }) => {
                Form::Ref(item).write(id)
            }
            Form::Ref(_) | Form::Text => Value::Text(id.to_string()),
        }
    }
}

fn translated(
    mapping: &MappingName,
    from: Side,
    value: &Value,
    form: &Form<'_>,
    context: &PlanContext,
) -> Result<Value, Blocked> {
    if value.is_blank() {
        return Ok(value.clone());
    }
    let each = |item: &Value| translated(mapping, from, item, form, context);
    if let Value::Set(items) = value {
        return items.iter().map(each).collect::<Result<_, _>>().map(Value::Set);
    }
    if let Value::List(items) = value {
        return items.iter().map(each).collect::<Result<_, _>>().map(Value::List);
    }
    let Some(record) = referred(value).pop() else {
        return Err(Blocked::Refused(Refusal("it is no reference to a record".into())));
    };
    let awaited = Awaited { mapping: mapping.clone(), side: from, record };
    match context.references.get(&awaited) {
        _ if seeded::is(Bug::ReferenceUntranslated) => Ok(form.write(awaited.record)),
        Some(Some(partner)) => Ok(form.write(partner.clone())),
        Some(None) | None => Err(Blocked::Waits(awaited)),
    }
}
