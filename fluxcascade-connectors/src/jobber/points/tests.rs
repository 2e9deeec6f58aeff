//! One worker's queries and the points that a real store grants it.

use std::sync::Arc;

use fluxcascade_core::clock::ManualClock;
use fluxcascade_core::model::{ConnectionName, TenantId, WorkerName};
use fluxcascade_store::MemoryStore;
use futures::executor::block_on;

use super::*;

const NOON: Timestamp = Timestamp::from_secs(1_772_366_400);
const SECOND: Duration = Duration::from_secs(1);

/// A hundred points in twenty seconds.
fn points() -> (SharedPoints, ManualClock) {
    let shared = SharedBudget {
        store: Arc::new(MemoryStore::new()),
        tenant: TenantId::default(),
        connection: ConnectionName::new("jobber").unwrap(),
        worker: WorkerName::new("worker 1").unwrap(),
    };
    let budget = Budget { requests: 100, window: 20 * SECOND };
    (SharedPoints::new(shared, budget), ManualClock::starting(NOON))
}

fn take(points: &SharedPoints, cost: u32, clock: &ManualClock) -> Taken {
    block_on(points.take(cost, clock)).unwrap()
}

#[test]
fn a_dear_query_waits_for_all_that_it_costs_and_draws_nothing_before() {
    let (points, clock) = points();
    assert_eq!(take(&points, 60, &clock), Taken::Points(60));
    assert_eq!(take(&points, 80, &clock), Taken::Later(22 * SECOND), "there are 40");
    clock.advance(22 * SECOND);
    assert_eq!(take(&points, 80, &clock), Taken::Points(80));
    assert_eq!(take(&points, 20, &clock), Taken::Points(20), "the 40 were not lost");
}

#[test]
fn what_costs_more_than_there_ever_is_leaves_with_all_and_owes_the_rest() {
    let (points, clock) = points();
    assert_eq!(take(&points, 150, &clock), Taken::Points(100));
    points.settle(100, 150);
    clock.advance(22 * SECOND);
    assert_eq!(take(&points, 10, &clock), Taken::Points(10));
    assert_eq!(take(&points, 41, &clock), Taken::Later(22 * SECOND));
    assert_eq!(take(&points, 40, &clock), Taken::Points(40));
}

/// However often a query costs more than there is, no more is spent over time than comes back.
#[test]
fn what_is_owed_is_paid_before_the_next_query_that_costs_more_than_there_is() {
    let (points, clock) = points();
    let (mut spent, windows) = (0, 20);
    for _ in 0..windows {
        if let Taken::Points(taken) = take(&points, 150, &clock) {
            points.settle(taken, 150);
            spent += 150;
        }
        clock.advance(22 * SECOND);
    }
    assert!((1_900..=2_150).contains(&spent), "{spent} of {}", windows * 100);
}

#[test]
fn what_a_query_did_not_cost_is_spent_by_the_next_ones_within_a_second() {
    let (points, clock) = points();
    assert_eq!(take(&points, 100, &clock), Taken::Points(100));
    points.settle(100, 20);
    clock.advance(SECOND);
    assert_eq!(take(&points, 50, &clock), Taken::Points(50));
    clock.advance(SECOND);
    let later = Taken::Later(20 * SECOND);
    assert_eq!(take(&points, 10, &clock), later, "it may have come back by then");
}
