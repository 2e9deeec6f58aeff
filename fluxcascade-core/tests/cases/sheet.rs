//! Records as plain fields, and what the planner makes of a link of two of them.

use std::collections::BTreeMap;
use std::time::Duration;

use fluxcascade_core::mapping::{CompiledMapping, Mapping, MappingBuilder};
use fluxcascade_core::model::{
    Candidates, FieldType, KeyHolder, LinkId, Observation, RecordId, Side, Sides, Slot, State,
    Timestamp, Value, Version, Work, WorkKey,
};
use fluxcascade_core::plan::{Entry, Need, plan};
use serde_json::Value as Json;

use crate::given::{Linked, compiled, context, inbox, schema};

/// A record's fields; one that is missing is blank.
pub(crate) type Fields = BTreeMap<String, Value>;

pub(crate) fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(yes) => Value::Bool(*yes),
        Json::Number(number) => Value::Int(number.as_i64().unwrap()),
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(items) => Value::List(items.iter().map(value).collect()),
        Json::Object(fields) => {
            Value::Map(fields.iter().map(|(name, item)| (name.clone(), value(item))).collect())
        }
    }
}

pub(crate) fn fields(json: &Json) -> Fields {
    let object = json.as_object().unwrap();
    object.iter().map(|(name, item)| (name.clone(), value(item))).collect()
}

/// The fields that hold something.
pub(crate) fn filled(fields: &Fields) -> Fields {
    let kept = fields.iter().filter(|(_, value)| !value.is_blank());
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

pub(crate) fn begin() -> MappingBuilder {
    Mapping::builder("table").source("a", "things").target("b", "things").match_on("key", "key")
}

/// Compiles a mapping whose fields are all texts, or compared as they are.
pub(crate) fn compile(mapping: MappingBuilder) -> CompiledMapping {
    let mapping = mapping.build().unwrap();
    let schemas = Sides::from_fn(|side| {
        let names = mapping.pairs.iter().flat_map(|pair| pair.fields(side));
        let names = names.map(|name| (name.as_str(), FieldType::Text));
        schema(names.chain([("key", FieldType::Text)]))
    });
    compiled(mapping, &schemas)
}

/// A record that was read just now.
pub(crate) fn known(mapping: &CompiledMapping, side: Side, fields: &Fields) -> State {
    let values = mapping.projections[side]
        .values(|field| Slot::Present(fields.get(field.as_str()).cloned().unwrap_or(Value::Null)));
    State::Known { values, version: Version::modified(at(200), Duration::from_secs(1)) }
}

pub(crate) fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

/// A link; without bases each of its pairs is decided as at a first link.
pub(crate) fn link(
    mapping: &CompiledMapping,
    bases: Option<Sides<&Fields>>,
    states: &Sides<State>,
) -> Linked {
    let mut linked = Linked {
        number: 1,
        bases: Sides::from_fn(|side| {
            let names = mapping.pairs.iter().flat_map(|pair| pair.ends[side].names.iter());
            let held = |name: &str| match &bases {
                Some(bases) => Slot::Present(bases[side].get(name).cloned().unwrap_or(Value::Null)),
                None => Slot::Absent,
            };
            names.map(|name| held(name.as_str())).collect()
        }),
        confirmed: Sides::from_fn(|_| Version::modified(at(100), Duration::from_secs(1))),
        seen: Sides::default(),
        holds: Vec::new(),
    };
    let records = Sides::from_fn(|side| linked.record(side));
    let seen = |side: Side| Observation::fetched(records[side].clone(), states[side].clone());
    linked.seen = Sides::from_fn(|side| Some(seen(side)));
    linked
}

/// A link of records that both hold something.
pub(crate) fn link_of(
    mapping: &CompiledMapping,
    bases: Option<Sides<&Fields>>,
    held: &Sides<Fields>,
) -> Linked {
    link(mapping, bases, &Sides::from_fn(|side| known(mapping, side, &held[side])))
}

/// A record without a link, and who else has its key; the record itself is among them.
pub(crate) fn unlinked(
    mapping: &CompiledMapping,
    side: Side,
    id: &str,
    held: &Fields,
    holders: &Sides<Vec<KeyHolder>>,
) -> Work {
    let record = RecordId::new(id).unwrap();
    let seen = Observation::fetched(record.clone(), known(mapping, side, held));
    let tenant = context(at(0)).key;
    let keys = mapping.keys(side, &record, seen.values().unwrap(), &tenant);
    let mut entries = Sides::default();
    entries[side] = Some(inbox(seen, mapping.revision));
    let candidate =
        |(rule, key)| Candidates { rule, key, holders: holders.clone(), pending: Sides::new(0, 0) };
    Work {
        key: WorkKey::Record(side, record),
        link: None,
        entries,
        holds: Vec::new(),
        operations: Vec::new(),
        candidates: keys.valid.into_iter().map(candidate).collect(),
        tombstones: Vec::new(),
    }
}

/// A record that has a key, with what was read of it.
pub(crate) fn holder(
    mapping: &CompiledMapping,
    side: Side,
    id: &str,
    held: &Fields,
    link: Option<LinkId>,
) -> KeyHolder {
    let record = RecordId::new(id).unwrap();
    let seen = Observation::fetched(record.clone(), known(mapping, side, held));
    KeyHolder {
        record,
        link,
        entry: Some(inbox(seen, mapping.revision)),
        pending: None,
        decided_earlier: false,
        archived: false,
        hold: None,
    }
}

/// What a record gets that is made for one of the other side.
pub(crate) fn created(mapping: &CompiledMapping, entry: &Entry, to: Side) -> Fields {
    assert_eq!(entry.create, Some(to), "{entry:?}");
    let mut made = Fields::new();
    for planned in &entry.pairs {
        for (side, send, _) in planned.writes() {
            assert_eq!(side, to);
            let names = mapping.pairs[planned.index].ends[to].names.iter();
            made.extend(names.map(ToString::to_string).zip(send.iter().cloned()));
        }
    }
    filled(&made)
}

/// Plans one work. What is to be read again is as it was seen, and what was not seen is not there.
pub(crate) fn plan_work(mapping: &CompiledMapping, work: Work) -> Entry {
    let mut context = context(at(1_000));
    let works = [work];
    for _ in 0..3 {
        let mut plan = plan(mapping, &works, &context);
        if plan.needs.is_empty() {
            return plan.entries.remove(0);
        }
        for need in plan.needs {
            match need {
                Need::Fetch { side, record } => {
                    let entry = works[0].entries[side].as_ref().filter(|e| e.record == record);
                    let seen = entry.and_then(|entry| entry.observation.clone());
                    let gone = || Observation::fetched(record.clone(), State::Missing);
                    context.fetched.insert((side, record.clone()), seen.unwrap_or_else(gone));
                }
                Need::Linked { side, record } => {
                    context.linked.insert((side, record), None);
                }
                Need::Former { side, record } => {
                    context.former.insert((side, record), Vec::new());
                }
                Need::Find { .. } | Need::Reference(_) | Need::FieldTimes { .. } => {
                    panic!("{need:?}")
                }
            }
        }
    }
    panic!("a need is still there after three rounds");
}

pub(crate) fn decide(mapping: &CompiledMapping, linked: &Linked) -> Entry {
    plan_work(mapping, linked.work(mapping))
}

/// What both records hold when the entry was carried out. Then all is at rest.
pub(crate) fn after(mapping: &CompiledMapping, linked: &Linked, entry: &Entry) -> Sides<Fields> {
    let after = linked.after(mapping, entry);
    let again = decide(mapping, &after);
    assert!(again.pairs.is_empty() && again.notes.is_empty(), "not at rest: {again:?}");
    Sides::from_fn(|side| {
        let seen = after.seen[side].as_ref().unwrap().values().unwrap();
        let named = mapping.projections[side].fields().iter().zip(seen.slots());
        let held = named.map(|(name, slot)| {
            (name.as_str().to_owned(), slot.value().cloned().unwrap_or(Value::Null))
        });
        filled(&held.collect())
    })
}
