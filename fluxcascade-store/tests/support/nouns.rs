//! Small nouns for the tests of stores: ids from numbers, links, pages, operations, holds, rows.
//!
//! They are made to be told apart, not to be likely.

use std::time::Duration;

use fluxcascade_core::connector::Cursor;
use fluxcascade_core::model::{
    Base, Cause, Conflict, ConflictId, ConflictKind, ConflictStatus, ConnectionName, Endpoint,
    FieldName, Fingerprint, Hold, HoldKey, HoldReason, Layout, LayoutPair, Link, LinkId,
    LinkStatus, LogKind, LogPair, LogRow, MappingKey, MappingName, ObjectType, Observation,
    Operation, OperationId, OperationKind, OperationPair, PairId, RecordId, Revision, RunNumber,
    Side, Sides, Slot, TenantId, Timestamp, Value, Values, Version,
};
use fluxcascade_core::store::{
    CommitBatch, Feed, FeedKey, Intake, IntakeRow, Lease, LinkChange, Made, Page, RecordKeys,
    Store, Sweep, WorkRequest,
};

pub(crate) const TTL: Duration = Duration::from_secs(300);

pub(crate) fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_772_000_000 + secs)
}

pub(crate) fn mapping(name: &str) -> MappingKey {
    MappingKey::of(MappingName::new(name).unwrap())
}

pub(crate) fn mapping_of(tenant: &str, name: &str) -> MappingKey {
    MappingKey { tenant: TenantId::new(tenant).unwrap(), mapping: MappingName::new(name).unwrap() }
}

pub(crate) fn contacts() -> MappingKey {
    mapping("contacts")
}

pub(crate) async fn leased(store: &dyn Store) -> Lease {
    store.lease(&contacts(), at(0), TTL).await.unwrap()
}

pub(crate) fn record(id: &str) -> RecordId {
    RecordId::new(id).unwrap()
}

pub(crate) fn print(n: u8) -> Fingerprint {
    Fingerprint([n; 16])
}

pub(crate) fn link_id(n: u8) -> LinkId {
    LinkId([n; 16])
}

pub(crate) fn operation_id(n: u8) -> OperationId {
    OperationId([n; 16])
}

pub(crate) fn pair(name: &str) -> PairId {
    PairId::new(name).unwrap()
}

/// An active link of `s<n>` and `t<n>` whose bases have the fingerprint `n`.
pub(crate) fn link(n: u8) -> Link {
    link_between(n, &format!("s{n}"), &format!("t{n}"))
}

pub(crate) fn link_between(n: u8, source: &str, target: &str) -> Link {
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

pub(crate) fn with_status(mut link: Link, status: LinkStatus) -> Link {
    link.status = status;
    link
}

pub(crate) fn links(links: impl IntoIterator<Item = Link>) -> CommitBatch {
    CommitBatch {
        links: links.into_iter().map(|link| LinkChange { link }).collect(),
        ..CommitBatch::default()
    }
}

pub(crate) fn feed_key() -> FeedKey {
    feed_of("hubspot", "contacts", "contacts")
}

pub(crate) fn feed_of(connection: &str, object: &str, reader: &str) -> FeedKey {
    FeedKey {
        connection: fluxcascade_core::model::ConnectionName::new(connection).unwrap(),
        object: fluxcascade_core::model::ObjectType::new(object).unwrap(),
        reader: MappingName::new(reader).unwrap(),
    }
}

pub(crate) fn feed_at(cursor: &str) -> Feed {
    Feed {
        cursor: Some(Cursor::new(cursor).unwrap()),
        sweeping: true,
        swept: Some(at(-50)),
        sweep_began: Some(at(-20)),
        account: Some("account 7".into()),
        sweep_rows: 0,
    }
}

/// A listed row of version `order`, with the fingerprint 200.
pub(crate) fn row(id: &str, order: u64) -> IntakeRow {
    let version = Version { order: Some(order), ..Version::default() };
    let values = Values::new([Slot::Present(Value::from(format!("{id} v{order}"))), Slot::Absent]);
    IntakeRow {
        observation: Observation::listed(record(id), values, version),
        fingerprint: Some(print(200)),
        keys: None,
    }
}

pub(crate) fn row_like(id: &str, fingerprint: u8) -> IntakeRow {
    IntakeRow { fingerprint: Some(print(fingerprint)), ..row(id, 1) }
}

pub(crate) fn keyed(id: &str, keys: &[(u16, u8)]) -> IntakeRow {
    IntakeRow { keys: Some(some_keys(keys)), ..row(id, 1) }
}

pub(crate) fn some_keys(keys: &[(u16, u8)]) -> Vec<(u16, Fingerprint)> {
    keys.iter().map(|(rule, n)| (*rule, print(*n))).collect()
}

pub(crate) fn record_keys(side: Side, id: &str, keys: &[(u16, u8)]) -> RecordKeys {
    RecordKeys { side, record: record(id), keys: some_keys(keys) }
}

pub(crate) fn page(side: Side, rows: impl IntoIterator<Item = IntakeRow>) -> Intake {
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
pub(crate) fn sweep(part: Sweep, side: Side, rows: impl IntoIterator<Item = IntakeRow>) -> Intake {
    Intake { sweep: part, ..page(side, rows) }
}

pub(crate) fn all_work(now: Timestamp) -> WorkRequest {
    WorkRequest { after: None, limit: usize::MAX, now }
}

/// An update of the link's target record.
pub(crate) fn update(n: u8, link: &Link) -> Operation {
    let kind = OperationKind::Update { record: link.records.target.clone() };
    operation(n, link.id, Side::Target, link.records.source.as_str(), kind, &[])
}

/// A create on a side for a record of the other, for the link `n`.
pub(crate) fn create(n: u8, side: Side, origin: &str, keys: &[(u16, u8)]) -> Operation {
    operation(n, link_id(n), side, origin, OperationKind::Create, keys)
}

/// The same with what it claims among all mappings.
pub(crate) fn claiming(operation: Operation, claims: &[u8]) -> Operation {
    Operation { claims: claims.iter().map(|n| print(*n)).collect(), ..operation }
}

pub(crate) fn made(n: u8, id: &str, until: Timestamp) -> Made {
    Made { operation: operation_id(n), record: record(id), until }
}

pub(crate) fn operation(
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
            origin: vec![Value::from("Ann")],
            planned: vec![Value::Null],
            sent: vec![Value::from("Ann")],
            cause: Cause::Edit,
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

pub(crate) fn hold(key: HoldKey, reason: HoldReason, not_before: Option<Timestamp>) -> Hold {
    Hold { not_before, ..Hold::new(key, reason, "waits for a person", at(0)) }
}

pub(crate) fn holds(holds: impl IntoIterator<Item = Hold>) -> CommitBatch {
    CommitBatch { holds: holds.into_iter().collect(), ..CommitBatch::default() }
}

pub(crate) fn pair_hold(n: u8, name: &str, not_before: Option<Timestamp>) -> Hold {
    hold(HoldKey::Pair(link_id(n), pair(name)), HoldReason::Conflict, not_before)
}

pub(crate) fn record_hold(side: Side, id: &str, not_before: Option<Timestamp>) -> Hold {
    hold(HoldKey::Record(side, record(id)), HoldReason::Ambiguous, not_before)
}

pub(crate) fn conflict(n: u8, run: u64) -> Conflict {
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

pub(crate) fn log_row(run: u64, source: Option<&str>, target: Option<&str>, note: &str) -> LogRow {
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

pub(crate) fn logged(rows: impl IntoIterator<Item = LogRow>) -> CommitBatch {
    CommitBatch { log: rows.into_iter().collect(), ..CommitBatch::default() }
}

fn endpoint(connection: &str, object: &str) -> Endpoint {
    Endpoint {
        connection: ConnectionName::new(connection).unwrap(),
        object: ObjectType::new(object).unwrap(),
    }
}

pub(crate) fn field(name: &str) -> FieldName {
    FieldName::new(name).unwrap()
}

fn fields(names: &[&str]) -> Vec<FieldName> {
    names.iter().map(|name| field(name)).collect()
}

pub(crate) fn revision(number: u32) -> Revision {
    Revision {
        number,
        fingerprint: print(9),
        ends: Sides::new(endpoint("hubspot", "contacts"), endpoint("jobber", "clients")),
        layout: Layout {
            pairs: vec![LayoutPair {
                pair: pair("name"),
                fields: Sides::new(fields(&["name"]), fields(&["firstName", "lastName"])),
                transform: None,
            }],
        },
    }
}

pub(crate) fn cut(skip: usize, limit: usize) -> Page {
    Page { skip, limit, ..Page::default() }
}
