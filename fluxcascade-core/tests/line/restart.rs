//! The engine restarted on the same SQLite file, and one that was cut off.

use std::sync::Arc;

use fluxcascade_core::Engine;
use fluxcascade_core::model::RunStatus;
use fluxcascade_core::store::{Page, Store};
use fluxcascade_core::testkit::{CallKind, Fault};
use fluxcascade_store::SqliteStore;

use crate::world::World;

async fn engine(world: &World, store: Arc<dyn Store>) -> Engine {
    Engine::builder()
        .connection("crm", world.crm.clone())
        .connection("field", world.field.clone())
        .store(store)
        .clock(world.shared_clock())
        .mapping(world.mapping.clone())
        .build()
        .await
        .unwrap()
}

#[tokio::test]
async fn a_restarted_engine_goes_on_from_its_cursors_and_writes_nothing_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sync.db");
    let world = World::new();
    for i in 0..30 {
        world.crm.insert([("email", format!("p{i}@x.io")), ("name", format!("P {i}"))]);
    }
    {
        let store = Arc::new(SqliteStore::open(&file).await.unwrap());
        let report = engine(&world, store).await.sync("contacts").await.unwrap();
        assert_eq!(report.sides.target.created, 30, "{report}");
    }
    for minutes in [1, 15, 60] {
        world.minutes(minutes);
        world.crm.clear_ledger();
        world.field.clear_ledger();
        let store = Arc::new(SqliteStore::open(&file).await.unwrap());
        let report = engine(&world, store).await.sync("contacts").await.unwrap();
        assert_eq!((report.writes(), report.linked), (0, 0), "{report}");
        assert_eq!((world.crm.ledger().len(), world.field.ledger().len()), (1, 1));
    }
    assert_eq!(world.field.records().len(), 30);
}

/// P17: a run that is dropped at its n-th step is settled by the next one: nothing is lost, nothing
/// is created twice, and what was decided stands.
#[tokio::test]
async fn a_run_that_is_cut_off_anywhere_is_finished_by_the_next() {
    for steps in 1..60 {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sync.db");
        let world = World::new();
        let store = || async { Arc::new(SqliteStore::open(&file).await.unwrap()) };
        let source = world.crm.insert([("email", "ann@x.io"), ("name", "Ann")]);
        let target = world.field.insert([("mail", "ann@x.io"), ("name", "Ann")]);
        engine(&world, store().await).await.sync("contacts").await.unwrap();
        world.minutes(15);
        world.crm.edit(&source, "phone", "256 555 0199");
        world.field.edit(&target, "street", "2 Oak Ave");
        world.crm.insert([("email", "bob@x.io"), ("name", "Bob")]);

        let engine_ = engine(&world, store().await).await;
        let finished = cut_off(steps, engine_.sync("contacts")).await;
        drop(engine_);
        world.minutes(15);
        for _ in 0..3 {
            let engine = engine(&world, store().await).await;
            engine.sync("contacts").await.unwrap();
            world.minutes(15);
        }
        assert_eq!(world.field.text(&target, "phone"), "256 555 0199", "step {steps}");
        assert_eq!(world.crm.text(&source, "address"), "2 Oak Ave", "step {steps}");
        let key = engine(&world, store().await).await.mapping_key(&world.mapping.name);
        let store = store().await;
        assert_eq!(world.field.records().len(), 2, "step {steps}");
        assert_eq!(store.links(&key, None, 9).await.unwrap().len(), 2, "step {steps}");
        assert!(store.holds(&key, &Page::all()).await.unwrap().is_empty(), "step {steps}");
        let runs = store.runs(&key, &Page::all()).await.unwrap();
        assert_eq!(runs[0].status, RunStatus::Completed, "step {steps}");
        if finished {
            return;
        }
    }
    panic!("the run takes more steps than were tried");
}

/// Polls the future so many times, then drops it. Says whether it ended by itself.
pub(crate) async fn cut_off<F: Future>(steps: usize, future: F) -> bool {
    let mut future = std::pin::pin!(future);
    for _ in 0..steps {
        let polled = std::future::poll_fn(|context| {
            std::task::Poll::Ready(future.as_mut().poll(context).is_ready())
        });
        if polled.await {
            return true;
        }
        // The store's thread answers before the next poll, so that each poll is a step.
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    false
}

#[tokio::test]
pub(crate) async fn an_update_without_an_answer_is_settled_by_what_the_record_holds() {
    for fault in [Fault::RequestLost, Fault::AnswerLost] {
        let world = World::new();
        let (source, target) = world.linked().await;
        world.minutes(15);
        world.crm.edit(&source, "phone", "256 555 0199");
        world.field.fail_next(CallKind::Update, fault);
        let report = world.sync().await;
        assert_eq!((report.writes(), report.failed.len()), (0, 1), "{report}");
        // While a request could still be under way, the record waits.
        world.minutes(1);
        assert_eq!(world.sync().await.writes(), 0);
        world.minutes(15);
        // A person edits the target meanwhile: that edit is kept.
        world.field.edit(&target, "street", "2 Oak Ave");
        let report = world.sync().await;
        assert_eq!(report.settled, 1, "{report}");
        world.settle().await;
        assert_eq!(world.field.text(&target, "phone"), "256 555 0199", "{fault:?}");
        assert_eq!(world.crm.text(&source, "phone"), "256 555 0199", "{fault:?}");
        assert_eq!(world.crm.text(&source, "address"), "2 Oak Ave", "{fault:?}");
        let written = world.field.calls(CallKind::Update);
        assert_eq!(written, if fault == Fault::RequestLost { 2 } else { 1 });
        let phones = |row: &fluxcascade_core::model::LogRow| {
            row.pairs.iter().any(|pair| pair.pair.as_str().starts_with("phone"))
        };
        assert_eq!(world.log().await.iter().filter(|row| phones(row)).count(), 1, "{fault:?}");
        assert!(world.conflicts().await.is_empty());
    }
}

/// P3: the value that was overwritten is in the log, also if its pair has left the mapping since.
#[tokio::test]
pub(crate) async fn a_write_without_an_answer_is_logged_when_its_pair_is_no_longer_in_the_mapping()
{
    let mut world = World::new();
    let (source, _) = world.linked().await;
    world.minutes(15);
    world.crm.edit(&source, "phone", "256 555 0199");
    world.field.fail_next(CallKind::Update, Fault::AnswerLost);
    world.sync().await;
    world.mapping.pairs.retain(|pair| pair.label() != "phone = phone");
    world.minutes(15);
    assert_eq!(world.sync().await.settled, 1);
    let log = world.log().await;
    let overwritten = |pair: &fluxcascade_core::model::LogPair| {
        pair.pair.as_str() == "phone = phone" && pair.before == ["256 555 0100".into()]
    };
    assert!(log.iter().flat_map(|row| &row.pairs).any(overwritten), "{log:?}");
}
