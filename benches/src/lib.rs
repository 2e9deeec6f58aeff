//! What the benches and the allocation test share: linked pairs of contacts, in pages, as a store
//! hands them to the planner.
//!
//! Nothing here measures; see `benches/decide.rs` and `tests/allocations.rs`.

mod contact;

use std::collections::HashMap;
use std::time::Duration;

use fluxcascade_core::mapping::{CompiledMapping, DEFAULT_RETENTION, FingerprintKey, Mapping};
use fluxcascade_core::model::{
    Base, Cause, FieldName, FieldSchema, Fingerprint, InboxEntry, Link, LinkId, LinkStatus,
    LogKind, LogPair, LogRow, ObjectSchema, ObjectType, Observation, OperationId, PairId,
    Projection, RecordId, RunNumber, Side, Sides, Slot, State, TenantId, Timestamp, Values,
    Version, Work, WorkKey,
};
use fluxcascade_core::plan::{Plan, PlanContext, SettleRule, Writing, plan};

pub use contact::FIELDS;

/// How many works are planned at once, as in the engine.
pub const PAGE: usize = 200;

/// When both sides were last confirmed, in seconds.
const CONFIRMED: i64 = 1_700_000_000;
/// When they were listed again.
const LISTED: i64 = CONFIRMED + 3600;

/// Which records were edited since they were last in sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edits {
    /// None: both sides were listed again, as they were.
    None,
    /// On each side every hundredth record, in two fields; no record on both sides.
    OnePercent,
}

/// One page of works, with what was fetched for it.
#[derive(Debug)]
pub struct Page {
    works: Vec<Work>,
    context: PlanContext,
}

/// A mapping, and pages of linked pairs whose two sides were both listed.
#[derive(Debug)]
pub struct Fixture {
    mapping: CompiledMapping,
    pages: Vec<Page>,
}

impl Fixture {
    /// So many linked pairs with the first `fields` of [`FIELDS`] fields.
    ///
    /// # Panics
    /// If `fields` is 0 or more than [`FIELDS`].
    pub fn new(records: usize, fields: usize, edits: Edits) -> Self {
        let mapping = mapping(fields);
        let pages = (0..records)
            .step_by(PAGE)
            .map(|first| Page::new(&mapping, first..records.min(first + PAGE), edits))
            .collect();
        Self { mapping, pages }
    }

    /// The pages.
    pub fn pages(&self) -> &[Page] {
        &self.pages
    }

    /// What is measured: detect, merge and plan, for one page.
    pub fn plan(&self, page: &Page) -> Plan {
        plan(&self.mapping, &page.works, &page.context)
    }

    /// Plans every page; says how many records are to be written on each side.
    pub fn plan_all(&self) -> Sides<usize> {
        self.pages.iter().fold(Sides::new(0, 0), |sum, page| {
            let writes = self.plan(page).writes();
            Sides::from_fn(|side| sum[side] + writes[side])
        })
    }

    /// What it is compared with: `==` of the same typed values, each observed slot against its
    /// base slot. Says how many differ.
    pub fn compare_all(&self) -> usize {
        self.pages.iter().map(Page::compare).sum()
    }
}

impl Page {
    fn new(mapping: &CompiledMapping, records: std::ops::Range<usize>, edits: Edits) -> Self {
        let mut fetched = HashMap::new();
        let works = records
            .map(|record| {
                let work = work(mapping, record, edits);
                // Before a side is written it is fetched: the engine answers the plan's needs.
                if let Some(edited) = edited_side(record, edits) {
                    let observation = fetch(&work, edited.other());
                    fetched.insert((edited.other(), observation.record.clone()), observation);
                }
                work
            })
            .collect();
        Self { works, context: context(fetched) }
    }

    /// How many works it has.
    pub fn len(&self) -> usize {
        self.works.len()
    }

    /// Whether it has no works.
    pub fn is_empty(&self) -> bool {
        self.works.is_empty()
    }

    /// How many of the observed slots differ from their base slots, by plain `==`.
    pub fn compare(&self) -> usize {
        self.works.iter().map(differences).sum()
    }
}

/// Observed slots and base slots stand in the same order here: each pair has one field, and the
/// match rule's field is one of them.
fn differences(work: &Work) -> usize {
    let Some(link) = &work.link else { return 0 };
    let of_side = |side: Side| {
        let values = work.entries[side].as_ref()?.observation.as_ref()?.values()?;
        let pairs = values.slots().iter().zip(&link.bases[side].slots);
        Some(pairs.filter(|(observed, base)| observed != base).count())
    };
    Side::BOTH.into_iter().filter_map(of_side).sum()
}

/// The mapping of all fields.
pub fn definition() -> Mapping {
    mapping_of(FIELDS)
}

/// The fields of a side.
pub fn schema(side: Side) -> ObjectSchema {
    schema_of(FIELDS, side)
}

#[expect(clippy::expect_used, reason = "a fixture: the names are known to be right")]
fn schema_of(fields: usize, side: Side) -> ObjectSchema {
    let object = match side {
        Side::Source => "contacts",
        Side::Target => "clients",
    };
    let field = |field: usize| {
        let name = FieldName::new(contact::name(field, side)).expect("a name");
        FieldSchema::new(name, contact::field_type(field))
    };
    ObjectSchema {
        object: ObjectType::new(object).expect("a name"),
        fields: (0..fields).map(field).collect(),
    }
}

#[expect(clippy::expect_used, reason = "a fixture: the names are known to be right")]
fn mapping_of(fields: usize) -> Mapping {
    assert!((1..=FIELDS).contains(&fields), "there are {FIELDS} fields");
    let mut builder = Mapping::builder("contacts")
        .source("hubspot", "contacts")
        .target("jobber", "clients")
        .primary(Side::Source)
        .match_on(contact::name(0, Side::Source), contact::name(0, Side::Target));
    for field in 0..fields {
        builder =
            builder.pair(contact::name(field, Side::Source), contact::name(field, Side::Target));
    }
    builder.build().expect("a mapping")
}

/// The mapping of the first so many fields, compiled.
#[expect(clippy::expect_used, reason = "a fixture: the fields are known to fit")]
fn mapping(fields: usize) -> CompiledMapping {
    let mapping = mapping_of(fields);
    let schemas = Sides::from_fn(|side| schema_of(fields, side));
    let mut compiled = CompiledMapping::new(TenantId::default(), mapping, schemas.as_ref())
        .expect("a mapping that fits its schemas");
    compiled.adopt(&[], Timestamp::from_secs(0), DEFAULT_RETENTION);
    compiled
}

fn edited_side(record: usize, edits: Edits) -> Option<Side> {
    match (edits, record % 100) {
        (Edits::OnePercent, 17) => Some(Side::Source),
        (Edits::OnePercent, 68) => Some(Side::Target),
        (Edits::OnePercent | Edits::None, _) => None,
    }
}

/// Sixteen bytes of a record. Spread as hashes are: ids of links have no order that memory could
/// follow.
fn hash(record: usize) -> [u8; 16] {
    let number = u128::try_from(record).unwrap_or(u128::MAX);
    number.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835).to_be_bytes()
}

/// The ids of a pair's records.
#[expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a fixture: the ids are known to be right"
)]
pub fn record_ids(record: usize) -> Sides<RecordId> {
    Sides::from_fn(|side| {
        let text = match side {
            Side::Source => format!("{}", 51_000_000_000_u64 + record as u64),
            Side::Target => format!("Z2lkOi8vSm9iYmVyL0NsaWVudC8{record:08}"),
        };
        RecordId::new(text).expect("an id")
    })
}

/// Which record an id is of.
///
/// # Panics
/// If it is none of [`record_ids`].
#[expect(clippy::expect_used, reason = "a fixture: the ids are known to be right")]
pub fn number_of(id: &RecordId, side: Side) -> usize {
    match side {
        Side::Source => id.as_str().parse::<usize>().expect("a number") - 51_000_000_000,
        Side::Target => id.as_str()[27..].parse().expect("a number"),
    }
}

/// The values of a contact's first so many fields. Every other edition of a record has two fields
/// edited.
fn values(fields: usize, record: usize, edition: usize) -> Values {
    let slots = (0..fields).map(|field| Slot::Present(contact::value(field, record)));
    let mut values = Values::new(slots.collect::<Vec<_>>());
    if edition % 2 == 1 {
        edit(&mut values, record);
    }
    values
}

/// The values of the fields that are asked for.
///
/// # Panics
/// If a side does not have one of them.
pub fn field_values(projection: &Projection, side: Side, record: usize, edition: usize) -> Values {
    let all = values(FIELDS, record, edition);
    projection.values(|field| {
        let at = (0..FIELDS).position(|n| contact::name(n, side) == field.as_str());
        all.slots()[at.unwrap_or(FIELDS)].clone()
    })
}

/// The version of an edition of any record.
pub fn version_of(edition: usize) -> Version {
    version(LISTED + i64::try_from(edition).unwrap_or(0))
}

/// The link of a contact whose bases have all of its fields, and the fingerprint of its record.
pub fn link(record: usize, edition: usize) -> Link {
    let base = |side: Side| Base {
        slots: values(FIELDS, record, edition).slots().into(),
        fingerprint: Some(fingerprint(record, edition, side)),
        version: version(CONFIRMED + i64::try_from(edition).unwrap_or(0)),
        ..Base::empty(1, 0)
    };
    Link {
        id: LinkId(hash(record)),
        records: record_ids(record),
        status: LinkStatus::Active,
        bases: Sides::from_fn(base),
        ending: None,
    }
}

/// The fingerprint of an edition of a record, and the keyed one of its match key.
pub fn fingerprint(record: usize, edition: usize, side: Side) -> Fingerprint {
    Fingerprint(hash(record * 1_000 + edition * 2 + usize::from(side == Side::Target) + 7))
}

/// An edition of a record as its system lists it.
pub fn listed(record: usize, edition: usize, side: Side) -> Observation {
    let values = values(FIELDS, record, edition);
    Observation::listed(record_ids(record)[side].clone(), values, version_of(edition))
}

/// The log row of an edit that was carried over to the target.
#[expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a fixture: the name is known to be right"
)]
pub fn log_row(record: usize, edition: usize) -> LogRow {
    let field = FIELDS / 2;
    LogRow {
        run: RunNumber(1),
        at: Timestamp::from_secs(LISTED),
        kind: LogKind::Update,
        link: Some(LinkId(hash(record))),
        side: Side::Target,
        records: record_ids(record).map(Some),
        operation: Some(OperationId(hash(record + edition))),
        pairs: vec![LogPair {
            pair: PairId::new(contact::name(field, Side::Source)).expect("a name"),
            before: vec![contact::value(field, record)],
            after: vec![contact::value(field, record + 1_000_003)],
            cause: Cause::Edit,
        }],
        note: String::new(),
    }
}

fn work(mapping: &CompiledMapping, record: usize, edits: Edits) -> Work {
    let link = LinkId(hash(record));
    let records = record_ids(record);
    let slots = |side: Side| -> Box<[Slot]> {
        (0..mapping.base_width[side]).map(|field| contact::value(field, record).into()).collect()
    };
    let bases = Sides::from_fn(|side| Base {
        slots: slots(side),
        version: version(CONFIRMED),
        ..Base::empty(mapping.revision, 0)
    });
    let entries = Sides::from_fn(|side| {
        let mut values = Values::new(slots(side));
        if edited_side(record, edits) == Some(side) {
            edit(&mut values, record);
        }
        Some(InboxEntry {
            record: records[side].clone(),
            sequence: 1,
            revision: mapping.revision,
            observation: Some(Observation::listed(records[side].clone(), values, version(LISTED))),
            not_before: None,
            attempts: 0,
        })
    });
    Work {
        key: WorkKey::Link(link),
        link: Some(Link { id: link, records, status: LinkStatus::Active, bases, ending: None }),
        entries,
        holds: Vec::new(),
        operations: Vec::new(),
        candidates: Vec::new(),
        tombstones: Vec::new(),
    }
}

/// A person changed two fields.
fn edit(values: &mut Values, record: usize) {
    let slots = values.slots_mut();
    let last = slots.len() - 1;
    for field in [last / 2, last] {
        slots[field] = contact::value(field, record + 1_000_003).into();
    }
}

/// The side as it was listed, now read by id.
#[expect(clippy::expect_used, reason = "a fixture: both sides are listed")]
fn fetch(work: &Work, side: Side) -> Observation {
    let entry = work.entries[side].as_ref().expect("an entry");
    let values = entry.observation.as_ref().and_then(Observation::values).expect("values");
    let state = State::Known { values: values.clone(), version: version(LISTED) };
    Observation::fetched(entry.record.clone(), state)
}

fn version(seconds: i64) -> Version {
    Version::modified(Timestamp::from_secs(seconds), Duration::from_millis(1))
}

fn context(fetched: HashMap<(Side, RecordId), Observation>) -> PlanContext {
    let settle =
        SettleRule { fence: 1, sole_since: None, request_timeout: Duration::from_secs(30) };
    let now = Timestamp::from_secs(LISTED + 60);
    let key = FingerprintKey::new([7; 32]);
    PlanContext { fetched, ..PlanContext::new(RunNumber(2), now, Writing::Both, settle, key) }
}
