//! A link of two records, as the planner gets it.

use std::time::Duration;

use fluxcascade_core::mapping::{
    CompiledMapping, DEFAULT_RETENTION, FingerprintKey, Mapping, MappingBuilder,
};
use fluxcascade_core::model::{
    Answer, Base, Choice, FieldName, FieldSchema, FieldType, Hold, InboxEntry, Link, LinkId,
    LinkStatus, ObjectSchema, ObjectType, Observation, RecordId, RunNumber, Side, Sides, Slot,
    State, TenantId, Timestamp, Value, Values, Version, Work, WorkKey,
};
use fluxcascade_core::plan::{Entry, PairAction, Plan, PlanContext, SettleRule, Writing, plan};

pub(crate) const LINK: LinkId = LinkId([1; 16]);

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_secs(seconds)
}

pub(crate) fn record(side: Side) -> RecordId {
    RecordId::new(format!("{side}-1")).unwrap()
}

pub(crate) struct Given {
    pub(crate) mapping: CompiledMapping,
    pub(crate) work: Work,
    pub(crate) context: PlanContext,
}

/// Both systems have these fields of text, and `key`.
pub(crate) fn given(
    fields: &[&str],
    pairs: impl FnOnce(MappingBuilder) -> MappingBuilder,
) -> Given {
    let typed: Vec<(&str, FieldType)> = fields.iter().map(|&f| (f, FieldType::Text)).collect();
    given_typed(&typed, pairs)
}

pub(crate) fn given_typed(
    fields: &[(&str, FieldType)],
    pairs: impl FnOnce(MappingBuilder) -> MappingBuilder,
) -> Given {
    Given::new(compile(fields, pairs))
}

pub(crate) fn compile(
    fields: &[(&str, FieldType)],
    pairs: impl FnOnce(MappingBuilder) -> MappingBuilder,
) -> CompiledMapping {
    let field = |(name, kind): &(&str, FieldType)| {
        FieldSchema::new(FieldName::new(name).unwrap(), kind.clone())
    };
    let key = ("key", FieldType::Text);
    let schema = || ObjectSchema {
        object: ObjectType::new("things").unwrap(),
        fields: fields.iter().chain([&key]).map(field).collect(),
    };
    let builder = Mapping::builder("things").source("a", "things").target("b", "things");
    let mapping = pairs(builder.match_on("key", "key")).build().unwrap();
    let schemas = Sides::new(schema(), schema());
    let mut compiled =
        CompiledMapping::new(TenantId::default(), mapping, schemas.as_ref()).unwrap();
    compiled.adopt(&[], Timestamp::from_secs(0), DEFAULT_RETENTION);
    compiled
}

impl Given {
    /// Both records hold nothing, and have no base.
    pub(crate) fn new(mapping: CompiledMapping) -> Self {
        let settle =
            SettleRule { fence: 1, sole_since: None, request_timeout: Duration::from_secs(30) };
        let key = FingerprintKey::new([0; 32]);
        let context = PlanContext::new(RunNumber(7), at(100_000), Writing::Both, settle, key);
        let bases = mapping.empty_bases().map(|mut base: Base| {
            base.version = Version::modified(at(50_000), Duration::from_secs(1));
            base
        });
        let entries = Sides::from_fn(|side| {
            let values = mapping.projections[side].values(|field| match field.as_str() {
                "key" => Slot::Present("k".into()),
                _ => Slot::Present(Value::Null),
            });
            let version = Version::modified(at(90_000), Duration::from_secs(1));
            let state = State::Known { values, version };
            Some(InboxEntry {
                observation: Some(Observation::fetched(record(side), state)),
                record: record(side),
                sequence: 1,
                revision: mapping.revision,
                not_before: None,
                attempts: 0,
            })
        });
        let link = Link {
            id: LINK,
            records: Sides::from_fn(record),
            status: LinkStatus::Active,
            bases,
            ending: None,
        };
        let work = Work {
            key: WorkKey::Link(LINK),
            link: Some(link),
            entries,
            holds: Vec::new(),
            operations: Vec::new(),
            candidates: Vec::new(),
            tombstones: Vec::new(),
        };
        Self { mapping, work, context }
    }

    /// Both sides hold this in a field, and it is the base of the pairs that have the field.
    pub(crate) fn agreed(mut self, field: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        for side in Side::BOTH {
            self.set(side, field, value.clone());
            self.set_base(side, field, &value);
        }
        self
    }

    pub(crate) fn based(mut self, side: Side, field: &str, value: impl Into<Value>) -> Self {
        self.set_base(side, field, &value.into());
        self
    }

    /// A side holds this in a field.
    pub(crate) fn with(mut self, side: Side, field: &str, value: impl Into<Value>) -> Self {
        self.set(side, field, value.into());
        self
    }

    pub(crate) fn set(&mut self, side: Side, field: &str, value: Value) {
        let slot = self.mapping.projections[side].slot(field).unwrap();
        let (values, _) = self.state(side);
        values.slots_mut()[slot] = Slot::Present(value);
    }

    /// When a side's record was changed.
    pub(crate) fn changed_at(mut self, side: Side, seconds: i64) -> Self {
        *self.state(side).1 = Version::modified(at(seconds), Duration::from_secs(1));
        self
    }

    fn state(&mut self, side: Side) -> (&mut Values, &mut Version) {
        let entry = self.work.entries[side].as_mut().unwrap();
        let state = &mut entry.observation.as_mut().unwrap().state;
        let State::Known { values, version } = state else { panic!("{side} is not known") };
        (values, version)
    }

    fn set_base(&mut self, side: Side, field: &str, value: &Value) {
        for pair in &self.mapping.pairs {
            let end = &pair.ends[side];
            if let Some(i) = end.names.iter().position(|name| name.as_str() == field) {
                let base = &mut self.work.link.as_mut().unwrap().bases[side];
                base.slots[end.base.start + i] = Slot::Present(value.clone());
            }
        }
    }

    pub(crate) fn link(&mut self) -> &mut Link {
        self.work.link.as_mut().unwrap()
    }

    pub(crate) fn plan(&self) -> Plan {
        plan(&self.mapping, std::slice::from_ref(&self.work), &self.context)
    }

    pub(crate) fn entry(&self) -> Entry {
        let mut plan = self.plan();
        assert!(plan.needs.is_empty(), "{:?}", plan.needs);
        plan.entries.remove(0)
    }

    /// What the plan holds is stored, and a person answers it.
    pub(crate) fn answered(mut self, choice: &Choice) -> Self {
        self.work.holds = self.entry().holds;
        assert!(!self.work.holds.is_empty(), "nothing waits");
        self.answer(choice);
        self
    }

    pub(crate) fn answer(&mut self, choice: &Choice) {
        for hold in &mut self.work.holds {
            hold.answer = Some(Answer { choice: choice.clone(), at: at(99_000) });
        }
    }

    /// What the plan holds is stored.
    pub(crate) fn held(mut self) -> Self {
        self.work.holds = self.entry().holds;
        self
    }
}

/// What is written, in words: `target a = new`, in the order of the pairs.
pub(crate) fn writes(given: &Given, entry: &Entry) -> Vec<String> {
    let shown =
        |values: &[Value]| values.iter().map(ToString::to_string).collect::<Vec<_>>().join(" + ");
    let mut writes = Vec::new();
    for pair in &entry.pairs {
        let label = given.mapping.pairs[pair.index].ends.target.names[0].clone();
        match &pair.action {
            PairAction::Adopt => {}
            PairAction::Write { to, send, .. } => {
                writes.push(format!("{to} {label} = {}", shown(send)));
            }
            PairAction::WriteBoth { send, .. } => writes.push(format!(
                "both {label} = {} | {}",
                shown(&send.source),
                shown(&send.target)
            )),
        }
    }
    writes
}

/// How many pairs get a new base without a write.
pub(crate) fn adopted(entry: &Entry) -> usize {
    entry.pairs.iter().filter(|pair| pair.action == PairAction::Adopt).count()
}

pub(crate) fn one_hold(entry: &Entry) -> &Hold {
    match entry.holds.as_slice() {
        [hold] => hold,
        holds => panic!("{holds:?}"),
    }
}
