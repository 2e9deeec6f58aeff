//! The audit: every link compared, nothing written, each difference with its cause.

use fluxcascade_core::engine::{Divergence, Reason};
use fluxcascade_core::mapping::PairDirection;
use fluxcascade_core::model::{HoldReason, Value};
use fluxcascade_core::resolver::Strategy;
use fluxcascade_core::testkit::{CallKind, SimProfile};

use crate::world::{World, contacts};

/// P28.
#[tokio::test]
async fn an_audit_of_agreed_records_finds_them_agreed_and_writes_nothing() {
    let world = World::new();
    world.linked().await;
    for number in 0..150 {
        world.crm.insert([("email", format!("n{number}@x.io"))]);
    }
    world.minutes(15);
    world.sync().await;
    world.crm.clear_ledger();
    let engine = world.engine().await;
    let before = engine.counts("contacts").await.unwrap();
    let found = engine.verify("contacts").await.unwrap();
    assert_eq!((found.links, found.count(Divergence::Agreed)), (151, 151 * 4), "{found}");
    assert_eq!(found.findings.len(), 1);
    assert_eq!(world.crm.calls(CallKind::Fetch), 2, "batches of 100");
    assert_eq!(world.crm.calls(CallKind::Update) + world.field.calls(CallKind::Update), 0);
    assert_eq!(engine.counts("contacts").await.unwrap(), before);
    assert_eq!(
        found.to_string().lines().next(),
        Some("contacts verified: 604 pairs agreed in 151 links")
    );
}

/// P28: each cause is told apart.
#[tokio::test]
async fn each_difference_is_counted_under_its_cause() {
    let mut mapping = contacts().build().unwrap();
    mapping.pairs[1].direction = Some(PairDirection::SourceOnly);
    mapping.pairs[2].conflicts = Some(Strategy::Manual.into());
    mapping.pairs[3].conflicts = Some(Strategy::Skip.into());
    let mut world = World::with(SimProfile::default(), SimProfile::default(), contacts());
    world.mapping = mapping;
    let (source, target) = world.linked().await;
    world.minutes(15);
    world.field.edit(&target, "name", "against the direction");
    for (system, record, phone, street, value) in [
        (&world.crm, &source, "phone", "address", "1"),
        (&world.field, &target, "phone", "street", "2"),
    ] {
        system.edit(record, phone, format!("256 555 140{value}"));
        system.edit(record, street, format!("{value} Oak Ave"));
    }
    world.sync().await;
    let found = world.engine().await.verify("contacts").await.unwrap();
    assert_eq!(found.count(Divergence::AsStored(Reason::Left)), 1, "{found}");
    assert_eq!(found.count(Divergence::AsStored(Reason::Skipped)), 1, "{found}");
    assert_eq!(found.count(Divergence::Held(HoldReason::Conflict)), 1, "{found}");
    assert_eq!(found.count(Divergence::Agreed), 1, "{found}");
    assert!(found.is_explained());

    world.minutes(15);
    world.crm.edit(&source, "email", "ann@y.io");
    let found = world.engine().await.verify("contacts").await.unwrap();
    assert_eq!(found.count(Divergence::Pending), 1, "{found}");
    let words = found.to_string();
    assert!(words.contains("1: waiting (conflict): see the desk"), "{words}");
    assert!(words.contains("1: edited since: the next run carries it"), "{words}");
    world.crm.hide(&source);
    let found = world.engine().await.verify("contacts").await.unwrap();
    assert_eq!(found.count(Divergence::Agreed), 0, "{found}");
}

/// A base that was changed behind the engine's back is found.
#[tokio::test]
pub(crate) async fn a_difference_that_nobody_can_explain_is_told_as_such() {
    use fluxcascade_core::model::Slot;
    use fluxcascade_core::store::{CommitBatch, LinkChange};
    use std::time::Duration;
    let world = World::new();
    let (_, target) = world.linked().await;
    world.field.edit(&target, "name", "Somebody else");
    let key = world.engine().await.mapping_key(&world.mapping.name);
    let mut link = world.links().await.remove(0);
    link.bases.target.slots[1] = Slot::Present(Value::from("Somebody else"));
    let now = fluxcascade_core::Clock::now(world.clock.as_ref());
    let lease = world.store.lease(&key, now, Duration::from_secs(60)).await.unwrap();
    let batch = CommitBatch { links: vec![LinkChange { link }], ..CommitBatch::default() };
    world.store.commit(&lease, &batch).await.unwrap();
    world.store.release(&lease).await.unwrap();
    let found = world.engine().await.verify("contacts").await.unwrap();
    assert_eq!(found.count(Divergence::Unexplained), 1, "{found}");
    assert!(!found.is_explained());
    assert!(found.to_string().contains("different without a reason in the log"), "{found}");
}

/// P26: the log's writes, played over the first state with what people edited, give the last.
#[tokio::test]
pub(crate) async fn the_log_replayed_over_the_first_state_gives_the_last() {
    use fluxcascade_core::model::{PairId, Side};
    use fluxcascade_core::report::{Replayed, replay};
    let world = World::new();
    let mut state = Replayed::new();
    let edit = |state: &mut Replayed, side: Side, record: &_, pair: &str, value: &str| {
        let held = state.entry((side, Clone::clone(record))).or_default();
        held.pairs.insert(PairId::new(pair).unwrap(), vec![Value::from(value)]);
    };
    let ids: Vec<String> =
        world.mapping.pairs.iter().map(|pair| pair.id().as_str().to_owned()).collect();
    let ann = world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
    edit(&mut state, Side::Source, &ann, &ids[0], "ann@x.io");
    edit(&mut state, Side::Source, &ann, &ids[1], "Ann");
    world.sync().await;
    let mut played = 0;
    let ann_there = world.field.records().remove(0);
    for (minute, name) in ["Ann B", "Ann C"].into_iter().enumerate() {
        let mut log = world.log().await;
        log.reverse();
        state = replay(&log[played..], state);
        played = log.len();
        world.minutes(15);
        if minute == 0 {
            world.crm.edit(&ann, "name", name);
            edit(&mut state, Side::Source, &ann, &ids[1], name);
        } else {
            world.field.edit(&ann_there, "name", name);
            edit(&mut state, Side::Target, &ann_there, &ids[1], name);
        }
        world.sync().await;
    }
    let mut log = world.log().await;
    log.reverse();
    state = replay(&log[played..], state);
    for (side, record, system) in
        [(Side::Source, &ann, &world.crm), (Side::Target, &ann_there, &world.field)]
    {
        let held = &state[&(side, record.clone())];
        let name = &held.pairs[&PairId::new(&ids[1]).unwrap()];
        assert_eq!(name, &[system.value(record, "name")], "{side}");
        assert_eq!(name, &[Value::from("Ann C")]);
    }
    assert_eq!(state.len(), 2);
}
