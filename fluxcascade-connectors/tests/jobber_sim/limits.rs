//! Two workers on one account's points.

use std::sync::Arc;
use std::time::Duration;

use fluxcascade_connectors::Jobber;
use fluxcascade_connectors::http::SharedBudget;
use fluxcascade_connectors::jobber::JobberLimits;
use fluxcascade_connectors::sim::SimConfig;
use fluxcascade_connectors::sim::jobber::{JobberOptions, JobberSim};
use fluxcascade_core::clock::{Clock, ManualClock};
use fluxcascade_core::connector::{ChangesRequest, Position, Reader};
use fluxcascade_core::model::{ConnectionName, TenantId, WorkerName};
use fluxcascade_store::MemoryStore;

use super::{clients, projection};

/// Both read all clients, page by page in turns. How many queries were sent for the pages that there are,
/// and whether the points ever fell below the reserve.
async fn sent_for_ten_pages(store: Option<Arc<MemoryStore>>) -> usize {
    let clock = Arc::new(ManualClock::starting("2026-03-01T14:00:00Z".parse().unwrap()));
    let config = SimConfig::steered(7, Arc::clone(&clock)).token("s3cret");
    let options =
        JobberOptions { maximum_available: 2000, restore_rate: 50, ..JobberOptions::default() };
    let sim = JobberSim::start_with(config, options).await.unwrap();
    sim.seed_people(200);
    let worker = |name: &str| {
        let shared: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
        let limits =
            JobberLimits { points: 2000, points_per_second: 50, ..JobberLimits::default() };
        let jobber = Jobber::builder()
            .token("s3cret")
            .base_url(sim.base_url())
            .clock(shared)
            .page_size(21)
            .limits(limits);
        let jobber = match &store {
            Some(store) => jobber.budget(SharedBudget {
                store: Arc::<MemoryStore>::clone(store),
                tenant: TenantId::default(),
                connection: ConnectionName::new("jobber").unwrap(),
                worker: WorkerName::new(name).unwrap(),
            }),
            None => jobber,
        };
        jobber.build().unwrap()
    };
    let workers = [worker("one"), worker("two")];
    let mut positions = [Position::Start, Position::Start];
    for _ in 0..5 {
        for (worker, position) in workers.iter().zip(&mut positions) {
            let (object, projection) = (clients(), projection());
            let from = std::mem::replace(position, Position::Start);
            let request = ChangesRequest { object, projection, position: from, limit: 1000 };
            let page = worker.changes(request).await.unwrap();
            *position = Position::After(page.cursor);
            clock.advance(Duration::from_millis(100));
        }
    }
    sim.requests().len()
}

#[tokio::test]
async fn two_workers_that_share_the_points_are_never_refused_for_them() {
    assert!(sent_for_ten_pages(None).await > 10, "each only knows its own answers");
    assert_eq!(sent_for_ten_pages(Some(Arc::default())).await, 10);
}
