//! Four workers ask one simulated HubSpot, over HTTP, for more than it takes: within a shared budget it
//! never has to refuse one, and without it does.

use std::sync::Arc;
use std::time::Duration;

use fluxcascade_connectors::http::{HttpSettings, SharedBudget};
use fluxcascade_connectors::hubspot::HubSpotLimits;
use fluxcascade_connectors::jobber::JobberLimits;
use fluxcascade_connectors::sim::SimConfig;
use fluxcascade_connectors::sim::hubspot::{HubSpotOptions, HubSpotSim, Limits};
use fluxcascade_connectors::sim::jobber::{JobberOptions, JobberSim};
use fluxcascade_connectors::{HubSpot, Jobber};
use fluxcascade_core::Reader;
use fluxcascade_core::model::{ConnectionName, TenantId, WorkerName};
use fluxcascade_store::PostgresStore;

use crate::server::Place;

/// In ten seconds.
const TAKEN: u32 = 40;
/// Each of four asks so often, all four a half more than is taken.
const ASKED: u32 = 15;

async fn hubspot() -> HubSpotSim {
    let limits = Limits::On { ten_secondly: TAKEN as usize, search_secondly: 5, daily: 1_000_000 };
    let options = HubSpotOptions { limits, ..HubSpotOptions::default() };
    HubSpotSim::start_with(SimConfig::new(1), options).await.unwrap()
}

/// Asks with four adapters at once. How many requests were refused, and how many calls were answered.
async fn refused(sim: &HubSpotSim, budgets: Vec<SharedBudget>) -> (usize, usize) {
    let asking = budgets.into_iter().map(|budget| {
        let http = HttpSettings { max_attempts: 1, ..HttpSettings::default() };
        let limits = HubSpotLimits { ten_secondly: TAKEN, search_secondly: 5 };
        let adapter = HubSpot::builder().token("any").base_url(sim.base_url());
        let adapter = adapter.http(http).limits(limits).budget(budget).build().unwrap();
        tokio::spawn(async move {
            let mut answered = 0;
            for _ in 0..ASKED {
                answered += usize::from(adapter.account().await.is_ok());
            }
            answered
        })
    });
    let asking: Vec<_> = asking.collect();
    let mut answered = 0;
    for worker in asking {
        answered += worker.await.unwrap();
    }
    (sim.requests().iter().filter(|request| request.status == Some(429)).count(), answered)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn four_workers_together_never_pass_the_vendors_limit() {
    let Some(place) = Place::or_skip() else { return };
    let all = 4 * ASKED as usize;
    // Without a budget HubSpot's headers would keep them below it, too: where none come, the next test
    // tells what the budget does.
    let mut budgets = Vec::new();
    for n in 0..4 {
        budgets.push(shared(&place, "hubspot", n).await);
    }
    let (passed, answered) = refused(&hubspot().await, budgets).await;
    assert_eq!((passed, answered), (0, all));
}

/// A worker's part of a connection's budget.
async fn shared(place: &Place, connection: &str, worker: usize) -> SharedBudget {
    SharedBudget {
        store: Arc::new(PostgresStore::open(&place.options()).await.unwrap()),
        tenant: TenantId::default(),
        connection: ConnectionName::new(connection).unwrap(),
        worker: WorkerName::new(format!("w{worker}")).unwrap(),
    }
}

/// Jobber counts in five minutes, for which no call waits: what there is no room for is not sent.
#[tokio::test]
async fn workers_that_share_a_budget_send_jobber_no_more_than_it_takes() {
    const TAKEN: u32 = 6;
    let Some(place) = Place::or_skip() else { return };
    for shares in [false, true] {
        let options = JobberOptions { requests_per_window: TAKEN, ..JobberOptions::default() };
        let sim = JobberSim::start_with(SimConfig::new(1), options).await.unwrap();
        let mut answered = 0;
        for n in 0..4 {
            let max_wait = Duration::from_secs(1);
            let http = HttpSettings { max_attempts: 1, max_wait, ..HttpSettings::default() };
            let limits = JobberLimits { five_minutely: TAKEN, ..JobberLimits::default() };
            let mut adapter = Jobber::builder().token("any").base_url(sim.base_url());
            adapter = adapter.http(http).limits(limits);
            if shares {
                adapter = adapter.budget(shared(&place, "jobber", n).await);
            }
            let adapter = adapter.build().unwrap();
            for _ in 0..2 {
                answered += usize::from(adapter.account().await.is_ok());
            }
        }
        let passed = sim.requests().iter().filter(|request| request.status == Some(429)).count();
        assert_eq!((passed, answered), (if shares { 0 } else { 2 }, TAKEN as usize));
    }
}
