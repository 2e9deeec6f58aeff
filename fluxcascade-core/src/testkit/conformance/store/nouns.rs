//! Small nouns for the tests of stores: ids from numbers, links, pages, operations, holds, rows.
//!
//! They are made to be told apart, not to be likely. A store's author may use them in tests of
//! their own.
//!
//! ```
//! use fluxcascade_core::testkit::conformance::store::nouns::{link, record};
//!
//! assert_eq!(link(7).records.source, record("s7"));
//! ```

use std::fmt::Debug;
use std::time::Duration;

use super::{Found, there};
use crate::model::{
    Base, Cause, Conflict, ConflictId, ConflictKind, ConflictStatus, ConnectionName, Cursor,
    Endpoint, FieldName, Fingerprint, Hold, HoldKey, HoldReason, InboxEntry, Layout, LayoutPair,
    Link, LinkId, LinkStatus, LogKind, LogPair, LogRow, MappingKey, MappingName, MatchKeys,
    ObjectType, Observation, Operation, OperationId, OperationKind, OperationPair, PairId,
    RecordId, Revision, RunNumber, Side, Sides, Slot, State, TenantId, Timestamp, Value, Values,
    Version, WorkerName,
};
use crate::store::{
    CommitBatch, Feed, FeedKey, Hint, Intake, IntakeRow, Lease, LinkChange, Made, Page, RecordKeys,
    Store, StoreError, Subject, Sweep, WorkRequest,
};

/// How long leases of the suite last.
pub const TTL: Duration = Duration::from_secs(300);

/// The names of this suite keep the bounds of names.
#[allow(clippy::expect_used)]
fn valid<T, E: Debug>(name: Result<T, E>) -> T {
    name.expect("a name within the bounds")
}

/// A time of the suite, in seconds after its beginning.
pub fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_772_000_000 + secs)
}

/// A mapping of the default tenant.
pub fn mapping(name: &str) -> MappingKey {
    MappingKey::of(valid(MappingName::new(name)))
}

/// A mapping of a tenant.
pub fn mapping_of(tenant: &str, name: &str) -> MappingKey {
    MappingKey { tenant: valid(TenantId::new(tenant)), mapping: valid(MappingName::new(name)) }
}

/// The mapping that most of the rules are about.
pub fn contacts() -> MappingKey {
    mapping("contacts")
}

/// A lease of [`contacts`].
///
/// # Errors
/// If the store fails, or somebody has it.
pub async fn leased(store: &dyn Store) -> Result<Lease, StoreError> {
    store.lease(&contacts(), at(0), TTL).await
}

/// A record id.
pub fn record(id: &str) -> RecordId {
    valid(RecordId::new(id))
}

/// A fingerprint.
pub fn print(n: u8) -> Fingerprint {
    Fingerprint([n; 16])
}

/// The id of the link `n`.
pub fn link_id(n: u8) -> LinkId {
    LinkId([n; 16])
}

/// The id of the operation `n`.
pub fn operation_id(n: u8) -> OperationId {
    OperationId([n; 16])
}

/// A pair id.
pub fn pair(name: &str) -> PairId {
    valid(PairId::new(name))
}

/// An active link of `s<n>` and `t<n>` whose bases have the fingerprint `n`.
pub fn link(n: u8) -> Link {
    link_between(n, &format!("s{n}"), &format!("t{n}"))
}

/// The active link `n` of these records.
pub fn link_between(n: u8, source: &str, target: &str) -> Link {
    let base = |text: &str| {
        let mut base = Base::empty(1, 3);
        base.slots[0] = Slot::Present(Value::from(text));
        base.slots[2] = Slot::Present(Value::Int(i64::from(n)));
        base.fingerprint = Some(print(n));
        base.version = Version { order: Some(u64::from(n)), ..Version::default() };
        base
    };
    Link {
        id: link_id(n),
        records: Sides::new(record(source), record(target)),
        status: LinkStatus::Active,
        bases: Sides::new(base(source), base(target)),
        ending: None,
    }
}

/// The same link in another state.
pub fn with_status(mut link: Link, status: LinkStatus) -> Link {
    link.status = status;
    link
}

/// A commit of links.
pub fn links(links: impl IntoIterator<Item = Link>) -> CommitBatch {
    CommitBatch {
        links: links.into_iter().map(|link| LinkChange { link }).collect(),
        ..CommitBatch::default()
    }
}

/// The feed of the source of [`contacts`].
pub fn feed_key() -> FeedKey {
    feed_of("hubspot", "contacts", "contacts")
}

/// A feed.
pub fn feed_of(connection: &str, object: &str, reader: &str) -> FeedKey {
    FeedKey {
        connection: valid(crate::model::ConnectionName::new(connection)),
        object: valid(crate::model::ObjectType::new(object)),
        reader: valid(MappingName::new(reader)),
    }
}

/// Where a feed stands.
pub fn feed_at(cursor: &str) -> Feed {
    Feed {
        cursor: Some(valid(Cursor::new(cursor))),
        sweeping: true,
        swept: Some(at(-50)),
        sweep_began: Some(at(-20)),
        account: Some("account 7".into()),
        sweep_rows: 0,
    }
}

/// A listed row of version `order`, with the fingerprint 200.
pub fn row(id: &str, order: u64) -> IntakeRow {
    let version = Version { order: Some(order), ..Version::default() };
    let values = Values::new([Slot::Present(Value::from(format!("{id} v{order}"))), Slot::Absent]);
    IntakeRow {
        observation: Observation::listed(record(id), values, version),
        fingerprint: Some(print(200)),
        keys: None,
    }
}

/// A listed row of version 1, with this fingerprint.
pub fn row_like(id: &str, fingerprint: u8) -> IntakeRow {
    IntakeRow { fingerprint: Some(print(fingerprint)), ..row(id, 1) }
}

/// A listed row of version 1, with match keys: rule and key.
pub fn keyed(id: &str, keys: &[(u16, u8)]) -> IntakeRow {
    IntakeRow { keys: Some(some_keys(keys).into()), ..row(id, 1) }
}

/// A row of a record that is archived.
pub fn archived(id: &str, keys: &[(u16, u8)]) -> IntakeRow {
    let mut row = keyed(id, keys);
    row.observation.state = State::Archived(Values::default());
    row
}

/// Match keys: rule and key.
pub fn some_keys(keys: &[(u16, u8)]) -> Vec<(u16, Fingerprint)> {
    keys.iter().map(|(rule, n)| (*rule, print(*n))).collect()
}

/// The match keys of a record: rule and key.
pub fn record_keys(side: Side, id: &str, keys: &[(u16, u8)]) -> RecordKeys {
    RecordKeys { side, record: record(id), keys: some_keys(keys).into() }
}

/// Valid match keys, and the rules whose keys are hidden.
pub fn hiding(valid: &[(u16, u8)], hidden: &[u16]) -> MatchKeys {
    MatchKeys { valid: some_keys(valid), hidden: hidden.to_vec() }
}

/// A page of an incremental read.
pub fn page(side: Side, rows: impl IntoIterator<Item = IntakeRow>) -> Intake {
    Intake {
        side,
        revision: 1,
        rows: rows.into_iter().collect(),
        feed_key: match side {
            Side::Source => feed_key(),
            Side::Target => feed_of("jobber", "clients", "contacts"),
        },
        feed: Feed::default(),
        sweep: Sweep::None,
    }
}

/// A page of a full read.
pub fn sweep(part: Sweep, side: Side, rows: impl IntoIterator<Item = IntakeRow>) -> Intake {
    Intake { sweep: part, ..page(side, rows) }
}

/// Asks for all work that is due by a time.
pub fn all_work(now: Timestamp) -> WorkRequest {
    WorkRequest { after: None, limit: usize::MAX, now }
}

/// An update of the link's target record.
pub fn update(n: u8, link: &Link) -> Operation {
    let kind = OperationKind::Update { record: link.records.target.clone() };
    operation(n, link.id, Side::Target, link.records.source.as_str(), kind, &[])
}

/// A create on a side for a record of the other, for the link `n`.
pub fn create(n: u8, side: Side, origin: &str, keys: &[(u16, u8)]) -> Operation {
    operation(n, link_id(n), side, origin, OperationKind::Create, keys)
}

/// The same with what it claims among all mappings.
pub fn claiming(operation: Operation, claims: &[u8]) -> Operation {
    Operation { claims: claims.iter().map(|n| print(*n)).collect(), ..operation }
}

/// What the operation `n` has made.
pub fn made(n: u8, id: &str, until: Timestamp) -> Made {
    Made { operation: operation_id(n), record: record(id), until }
}

/// The operation `n` for a link, with the match keys that it claims.
pub fn operation(
    n: u8,
    link: LinkId,
    side: Side,
    origin: &str,
    kind: OperationKind,
    keys: &[(u16, u8)],
) -> Operation {
    Operation {
        id: operation_id(n),
        link,
        side,
        origin: record(origin),
        kind,
        pairs: vec![OperationPair {
            pair: pair("name"),
            fields: Sides::from_fn(|_| vec![field("name")]),
            origin: vec![Value::from("Ann")],
            planned: vec![Value::Null],
            sent: vec![Value::from("Ann")],
            cause: Cause::Edit,
            joint: false,
        }],
        conflicts: Vec::new(),
        keys: some_keys(keys),
        claims: Vec::new(),
        stamp: None,
        joint: None,
        run: RunNumber(1),
        fence: 1,
        begun: at(1),
        not_after: at(200),
    }
}

/// A hold.
pub fn hold(key: HoldKey, reason: HoldReason, not_before: Option<Timestamp>) -> Hold {
    Hold { not_before, ..Hold::new(key, reason, "waits for a person", at(0)) }
}

/// A commit of holds.
pub fn holds(holds: impl IntoIterator<Item = Hold>) -> CommitBatch {
    CommitBatch { holds: holds.into_iter().collect(), ..CommitBatch::default() }
}

/// A conflict of a pair of the link `n`.
pub fn pair_hold(n: u8, name: &str, not_before: Option<Timestamp>) -> Hold {
    hold(HoldKey::Pair(link_id(n), pair(name)), HoldReason::Conflict, not_before)
}

/// A parked record.
pub fn record_hold(side: Side, id: &str, not_before: Option<Timestamp>) -> Hold {
    hold(HoldKey::Record(side, record(id)), HoldReason::Ambiguous, not_before)
}

/// The open conflict row `n` of the link `n`.
pub fn conflict(n: u8, run: u64) -> Conflict {
    let link = link(n);
    Conflict {
        id: ConflictId([n; 16]),
        link: link.id,
        records: link.records,
        pair: Some(pair("name")),
        kind: ConflictKind::UpdateUpdate,
        base: Sides::new(Some(vec![Value::from("Ann")]), None),
        values: Sides::new(vec![Value::from("Anna")], vec![Value::from("Anne")]),
        times: Sides::new(Some(at(3)), None),
        strategy: "manual".into(),
        winner: None,
        why: "waits for a person".into(),
        status: ConflictStatus::Open,
        run: RunNumber(run),
        at: at(4),
    }
}

/// A log row.
pub fn log_row(run: u64, source: Option<&str>, target: Option<&str>, note: &str) -> LogRow {
    LogRow {
        run: RunNumber(run),
        at: at(5),
        kind: LogKind::Update,
        link: Some(link_id(1)),
        side: Side::Target,
        records: Sides::new(source.map(record), target.map(record)),
        operation: Some(operation_id(1)),
        pairs: vec![LogPair {
            pair: pair("name"),
            before: vec![Value::from("Ann")],
            after: vec![Value::from("Anna")],
            cause: Cause::Edit,
        }],
        note: note.into(),
    }
}

/// A commit of log rows.
pub fn logged(rows: impl IntoIterator<Item = LogRow>) -> CommitBatch {
    CommitBatch { log: rows.into_iter().collect(), ..CommitBatch::default() }
}

fn endpoint(connection: &str, object: &str) -> Endpoint {
    Endpoint {
        connection: valid(ConnectionName::new(connection)),
        object: valid(ObjectType::new(object)),
    }
}

/// A field name.
pub fn field(name: &str) -> FieldName {
    valid(FieldName::new(name))
}

fn fields(names: &[&str]) -> Vec<FieldName> {
    names.iter().map(|name| field(name)).collect()
}

/// A revision of [`contacts`].
pub fn revision(number: u32) -> Revision {
    Revision {
        number,
        fingerprint: print(9),
        policies: None,
        ends: Sides::new(endpoint("hubspot", "contacts"), endpoint("jobber", "clients")),
        layout: Layout {
            pairs: vec![LayoutPair {
                pair: pair("name"),
                fields: Sides::new(fields(&["name"]), fields(&["firstName", "lastName"])),
                transform: None,
                retired: None,
                from: 0,
            }],
        },
    }
}

/// A part of all rows.
pub fn cut(skip: usize, limit: usize) -> Page {
    Page { skip, limit, ..Page::default() }
}

/// A hint that a record of the source of [`contacts`] may have changed.
pub fn hint(id: &str) -> Hint {
    let FeedKey { connection, object, .. } = feed_key();
    Hint { tenant: TenantId::default(), connection, object, record: record(id) }
}

/// The same record, whichever mappings it is in.
pub fn subject(id: &str) -> Subject {
    let Hint { tenant, connection, object, record } = hint(id);
    Subject { tenant, connection, object, record }
}

/// A worker.
pub fn worker(name: &str) -> WorkerName {
    valid(WorkerName::new(name))
}

/// The inbox entry of a source record of the lease's mapping, at the end of time.
pub(super) async fn entry_of(
    store: &dyn Store,
    lease: &Lease,
    id: &str,
) -> Result<InboxEntry, Found> {
    let work = store.work(lease, &all_work(Timestamp::from_micros(i64::MAX))).await?;
    let mut entries = work.into_iter().filter_map(|work| work.entries.source);
    there("entry of the record", entries.find(|entry| entry.record.as_str() == id))
}
