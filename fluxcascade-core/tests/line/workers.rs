//! Workers that share the mappings of one store: who syncs what is due, and what becomes of one that
//! stood still past its lease.

use std::sync::Arc;
use std::time::Duration;

use fluxcascade_core::engine::{LateWrite, Turn};
use fluxcascade_core::mapping::Mapping;
use fluxcascade_core::model::{MappingName, Side, WorkerName};
use fluxcascade_core::store::{Schedule, Store, StoreErrorKind};
use fluxcascade_core::testkit::{CallKind, block_on};
use fluxcascade_core::{Engine, SyncError};
use fluxcascade_store::MemoryStore;

use crate::world::World;

const EVERY: Duration = Duration::from_secs(300);

/// A world with two mappings, the store that workers share, and an engine of each of two workers.
async fn shared() -> (World, Arc<MemoryStore>, [Engine; 2]) {
    let store = Arc::new(MemoryStore::new());
    let world = World { store: Arc::<MemoryStore>::clone(&store), ..World::new() };
    let engines = [engine(&world).await, engine(&world).await];
    (world, store, engines)
}

async fn engine(world: &World) -> Engine {
    let leads = Mapping::builder("leads").source("crm", "contacts").target("field", "clients");
    let leads = leads.match_on("email", "mail").pair("email", "mail").build().unwrap();
    Engine::builder()
        .connection("crm", world.crm.clone())
        .connection("field", world.field.clone())
        .store(Arc::clone(&world.store))
        .clock(world.shared_clock())
        .mapping(world.mapping.clone())
        .mapping(leads)
        .build()
        .await
        .unwrap()
}

/// The mapping that a worker synced in its turn.
async fn turn(engine: &Engine, store: &MemoryStore, name: &str) -> Option<String> {
    match engine.next_turn(store, &WorkerName::new(name).unwrap()).await.unwrap() {
        Turn::Due(run) => Some(run.sync().await.unwrap().mapping.to_string()),
        Turn::Idle(_) => None,
    }
}

#[tokio::test]
async fn workers_take_turns_at_what_is_due() {
    let (world, store, [one, two]) = shared().await;
    one.schedule(&*store, EVERY).await.unwrap();
    two.schedule(&*store, EVERY).await.unwrap();
    assert_eq!(turn(&one, &store, "one").await.as_deref(), Some("contacts"));
    assert_eq!(turn(&two, &store, "two").await.as_deref(), Some("leads"));
    assert_eq!(turn(&one, &store, "one").await, None);
    // Nothing but time makes them due: a rest lasts until then.
    let began = world.shared_clock().now();
    let Turn::Idle(until) = one.next_turn(&*store, &WorkerName::new("one").unwrap()).await.unwrap()
    else {
        panic!("something is due");
    };
    assert_eq!(until, Some(began + EVERY));
    for _ in 0..5 {
        one.rest(&*store, until).await;
    }
    assert_eq!(world.shared_clock().now(), began + EVERY);
    assert_eq!(turn(&two, &store, "two").await.as_deref(), Some("contacts"));
    assert_eq!(turn(&two, &store, "two").await.as_deref(), Some("leads"));
}

#[tokio::test]
async fn a_worker_that_rests_is_woken() {
    let (world, store, [one, _]) = shared().await;
    one.schedule(&*store, EVERY).await.unwrap();
    turn(&one, &store, "one").await.unwrap();
    turn(&one, &store, "one").await.unwrap();
    assert_eq!(turn(&one, &store, "one").await, None);
    let contacts = one.mapping_key(&world.mapping.name);
    store.wake(&[contacts]).await.unwrap();
    let before = world.shared_clock().now();
    one.rest(&*store, None).await;
    assert_eq!(world.shared_clock().now(), before, "it slept");
    assert_eq!(turn(&one, &store, "one").await.as_deref(), Some("contacts"));
}

#[tokio::test]
async fn a_run_that_fails_gives_its_claimed_lease_back() {
    let (world, store, [one, two]) = shared().await;
    one.schedule(&*store, EVERY).await.unwrap();
    world.minutes(90);
    // An hour after it was built an engine looks at the accounts again, before the run begins.
    world.crm.switch_account("another");
    let worker = WorkerName::new("one").unwrap();
    let Turn::Due(run) = one.next_turn(&*store, &worker).await.unwrap() else {
        panic!("nothing is due");
    };
    assert_eq!(run.mapping(), "contacts");
    run.sync().await.unwrap_err();
    let error = two.sync("contacts").await.unwrap_err();
    assert!(matches!(error, SyncError::OtherAccount { .. }), "busy: {error}");
    let key = two.mapping_key(&world.mapping.name);
    store.lease(&key, world.shared_clock().now(), EVERY).await.unwrap();
}

#[tokio::test]
async fn a_run_is_not_done_under_the_lease_of_another_mapping() {
    let (world, store, [one, _]) = shared().await;
    let leads = one.mapping_key(&MappingName::new("leads").unwrap());
    let now = world.shared_clock().now();
    let lease = store.lease(&leads, now, Duration::from_secs(300)).await.unwrap();
    let error = one.run("contacts").under(lease).sync().await.unwrap_err();
    let SyncError::Store(error) = error else { panic!("{error}") };
    assert_eq!(error.kind, StoreErrorKind::Misuse);
    one.sync("leads").await.unwrap();
}

/// P24: a process that stands still between the check of the time and the request sends one late
/// request. It cannot store that, so that its error tells it.
#[tokio::test]
async fn a_write_that_was_late_is_told_by_the_run_that_made_it() {
    let world = World::new();
    let (source, target) = world.linked().await;
    world.minutes(1);
    world.crm.edit(&source, "name", "Anne");
    let engine = world.engine().await;
    let key = engine.mapping_key(&world.mapping.name);
    let (store, clock) = (Arc::clone(&world.store), Arc::clone(&world.clock));
    world.field.before_next(CallKind::Update, move |_| {
        clock.advance(Duration::from_secs(301));
        let now = fluxcascade_core::Clock::now(&*clock);
        block_on(store.lease(&key, now, Duration::from_secs(1))).unwrap();
    });
    let error = engine.sync("contacts").await.unwrap_err();
    let SyncError::Overtaken { late, error: lost, .. } = &error else { panic!("{error}") };
    let expected =
        LateWrite { side: Side::Target, record: Some(target.clone()), origin: source.clone() };
    assert_eq!((late, lost.kind), (&vec![expected], StoreErrorKind::LeaseLost));
    assert!(error.to_string().contains(&format!("target {target}")), "{error}");
    assert_eq!(world.field.text(&target, "name"), "Anne");
    // The next one settles it, and nothing is written again.
    world.settle().await;
    assert_eq!(world.field.calls(CallKind::Update), 1);
}
