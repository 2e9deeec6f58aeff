//! A store with something in every place that holds values. Each place has a text of its own.

use fluxcascade_core::model::{
    Answer, AnswerTo, Base, Cause, Choice, Conflict, ConflictId, Hold, Link, LogKind, LogPair,
    LogRow, Observation, Operation, OperationPair, Provenance, RunNumber, RunRow, RunStatus, Side,
    Sides, Slot, State, TenantId, Timestamp, Value, Values, Version, WriteOrigin, Written,
};
use fluxcascade_core::store::{
    CommitBatch, IntakeRow, Lease, Page, RunStart, Store, StoreError, TokenKey, TokenStore,
};
use fluxcascade_core::testkit::conformance::store::nouns::*;

/// The texts, one for each place.
pub(crate) const PLANTED: [&str; 27] = [
    "planted listed",
    "planted archived",
    "planted unreadable",
    "planted source base",
    "planted target base",
    "planted in a map",
    "planted in a list",
    "planted choice",
    "planted reference",
    "planted origin",
    "planted planned",
    "planted sent",
    "planted conflict of an operation",
    "planted cause of an operation",
    "planted detail of a hold",
    "planted answer",
    "planted base of a conflict",
    "planted source of a conflict",
    "planted target of a conflict",
    "planted reason of a conflict",
    "planted before",
    "planted after",
    "planted note",
    "planted cause in the log",
    "planted error of a run",
    "planted credential",
    "planted credential of another tenant",
];

/// Fingerprints of values, and ids that are made of them.
pub(crate) const PRINTS: [[u8; 16]; 5] = [
    *b"print-of-a-base.",
    *b"print-of-written",
    *b"print-of-a-hold.",
    *b"id-of-a-conflict",
    *b"print-of-a-row..",
];

fn text(planted: &str) -> Value {
    assert!(PLANTED.contains(&planted), "{planted}");
    Value::from(planted)
}

fn fingerprint(n: usize) -> fluxcascade_core::model::Fingerprint {
    fluxcascade_core::model::Fingerprint(PRINTS[n])
}

pub(crate) fn the_link() -> Link {
    let base = |slots: Vec<Value>| Base {
        revision: 1,
        slots: slots.into_iter().map(Slot::Present).collect(),
        fingerprint: Some(fingerprint(0)),
        version: Version { order: Some(1), ..Version::default() },
        written: vec![Written {
            position: 0,
            fingerprint: fingerprint(1),
            at: at(1),
            origin: WriteOrigin::Person,
        }],
        retransformed: vec![2],
    };
    let map = Value::Map([("key".to_owned(), text("planted in a map"))].into());
    let object = fluxcascade_core::model::ObjectType::new("owners").unwrap();
    let reference = fluxcascade_core::model::Reference { object, id: record("planted reference") };
    Link {
        bases: Sides::new(
            base(vec![text("planted source base"), map, Value::Ref(reference)]),
            base(vec![
                text("planted target base"),
                Value::List(vec![text("planted in a list")]),
                Value::Choice("planted choice".into()),
            ]),
        ),
        ..link_between(1, "s1", "t1")
    }
}

pub(crate) fn the_conflict() -> Conflict {
    Conflict {
        id: ConflictId(PRINTS[3]),
        base: Sides::new(Some(vec![text("planted base of a conflict")]), None),
        values: Sides::new(
            vec![text("planted source of a conflict")],
            vec![text("planted target of a conflict")],
        ),
        why: "planted reason of a conflict".into(),
        ..conflict(1, 1)
    }
}

pub(crate) fn the_operation() -> Operation {
    Operation {
        pairs: vec![OperationPair {
            origin: vec![text("planted origin")],
            planned: vec![text("planted planned")],
            sent: vec![text("planted sent")],
            cause: Cause::Conflict {
                conflict: ConflictId(PRINTS[3]),
                why: "planted cause of an operation".into(),
            },
            ..update(1, &the_link()).pairs[0].clone()
        }],
        conflicts: vec![Conflict {
            values: Sides::new(vec![text("planted conflict of an operation")], Vec::new()),
            ..the_conflict()
        }],
        ..update(1, &the_link())
    }
}

pub(crate) fn the_hold() -> Hold {
    Hold {
        detail: "planted detail of a hold".into(),
        conflict: Some(ConflictId(PRINTS[3])),
        values: Sides::new(Some(fingerprint(2)), None),
        ..pair_hold(1, "name", None)
    }
}

/// What a person answers to the hold.
pub(crate) fn the_answer() -> Choice {
    Choice::Set(Sides::new(vec![text("planted answer")], vec![Value::Null]))
}

pub(crate) fn the_log_row() -> LogRow {
    LogRow {
        kind: LogKind::Update,
        pairs: vec![LogPair {
            pair: pair("name"),
            before: vec![text("planted before")],
            after: vec![text("planted after")],
            cause: Cause::Answered { choice: "planted cause in the log".into() },
        }],
        note: "planted note".into(),
        ..log_row(1, Some("s1"), Some("t1"), "")
    }
}

pub(crate) fn the_rows() -> Vec<IntakeRow> {
    let values = |planted| Values::new([Slot::Present(text(planted)), Slot::Absent]);
    let seen =
        |id: &str, state| Observation { record: record(id), state, provenance: Provenance::Listed };
    let version = Version { order: Some(9), ..Version::default() };
    let known = State::Known { values: values("planted listed"), version };
    let row = |observation| IntakeRow {
        observation,
        fingerprint: Some(fingerprint(4)),
        keys: Some(some_keys(&[(0, 1)]).into()),
    };
    vec![
        row(seen("s7", State::Archived(values("planted archived")))),
        row(seen("s8", known)),
        row(seen("s9", State::Unreadable("planted unreadable".into()))),
    ]
}

pub(crate) fn the_run() -> RunRow {
    RunRow {
        number: RunNumber(1),
        started: at(0),
        ended: Some(at(9)),
        status: RunStatus::Failed,
        writes: Sides::new(1, 2),
        error: Some("planted error of a run".into()),
    }
}

pub(crate) fn token_key(tenant: &str) -> TokenKey {
    let connection = feed_key().connection;
    TokenKey { tenant: TenantId::new(tenant).unwrap(), connection }
}

/// Something in every place.
pub(crate) async fn fill<S: Store + TokenStore>(store: &S) -> Result<(), StoreError> {
    let lease = leased(store).await?;
    store.fingerprint_key(&contacts()).await?;
    store.add_revision(&lease, &revision(1)).await?;
    store.start_run(&lease, &RunStart::at(at(0))).await?;
    store.finish_run(&lease, &the_run()).await?;
    store.intake(&lease, &page(Side::Source, the_rows())).await?;
    store.intake(&lease, &page(Side::Target, [])).await?;
    store.begin(&lease, &[the_operation()]).await?;
    let batch = CommitBatch {
        holds: vec![the_hold()],
        conflicts: vec![the_conflict()],
        log: vec![the_log_row()],
        ..links([the_link()])
    };
    store.commit(&lease, &batch).await?;
    store.answer(&contacts(), &[answered()]).await?;
    store.release(&lease).await?;
    let texts = [("default", PLANTED[25]), ("other", PLANTED[26])];
    for (tenant, planted) in texts {
        store.replace_token(&token_key(tenant), 0, planted.as_bytes()).await?;
    }
    Ok(())
}

pub(crate) fn answered() -> AnswerTo {
    let hold = the_hold();
    let answer = Answer { choice: the_answer(), at: at(6) };
    AnswerTo { version: hold.version(), hold: hold.key, answer }
}

/// All that can be read, as text.
pub(crate) async fn content<S: Store + TokenStore>(store: &S) -> Result<String, StoreError> {
    let (contacts, all) = (contacts(), Page::all());
    let lease = leased(store).await?;
    let end = Timestamp::from_micros(i64::MAX);
    let read = read_all(store, &lease, end).await;
    store.release(&lease).await?;
    let tokens =
        [store.token(&token_key("default")).await?, store.token(&token_key("other")).await?];
    let secrets: Vec<_> = tokens.into_iter().flatten().map(|token| token.secret).collect();
    Ok(format!(
        "{:#?}{:#?}{:#?}{:#?}{:#?}{:#?}{:#?}",
        read?,
        store.links(&contacts, None, usize::MAX).await?,
        store.holds(&contacts, &all).await?,
        store.conflicts(&contacts, &all).await?,
        store.log(&contacts, &all).await?,
        store.runs(&contacts, &all).await?,
        secrets.iter().map(|secret| String::from_utf8_lossy(secret)).collect::<Vec<_>>(),
    ))
}

async fn read_all<S: Store>(
    store: &S,
    lease: &Lease,
    now: Timestamp,
) -> Result<Vec<fluxcascade_core::model::Work>, StoreError> {
    store.work(lease, &all_work(now)).await
}
