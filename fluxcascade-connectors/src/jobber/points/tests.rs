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

fn take(place: &mut Place<'_>, cost: u32, clock: &ManualClock) -> Taken {
    block_on(place.take(cost, clock)).unwrap()
}

#[test]
fn a_dear_query_waits_for_all_that_it_costs_and_cheap_ones_wait_behind_it() {
    let (points, clock) = points();
    assert_eq!(take(&mut points.place(), 60, &clock), Taken::Points(60));
    let mut dear = points.place();
    let over = 22 * SECOND;
    assert_eq!(take(&mut dear, 80, &clock), Taken::Later(over), "there are 40");
    clock.advance(SECOND);
    let mut cheap = points.place();
    assert_eq!(take(&mut cheap, 10, &clock), Taken::Later(over), "a second behind it");
    clock.advance(21 * SECOND);
    assert_eq!(take(&mut dear, 80, &clock), Taken::Points(80));
    drop(dear);
    assert_eq!(take(&mut cheap, 10, &clock), Taken::Points(10));
}

#[test]
fn a_query_that_gives_up_or_does_not_come_back_holds_nobody_up() {
    let (points, clock) = points();
    assert_eq!(take(&mut points.place(), 60, &clock), Taken::Points(60));
    let mut dear = points.place();
    assert_eq!(take(&mut dear, 80, &clock), Taken::Later(22 * SECOND));
    drop(dear);
    let mut other = points.place();
    assert_eq!(take(&mut other, 41, &clock), Taken::Later(22 * SECOND));
    assert_eq!(take(&mut points.place(), 40, &clock), Taken::Later(23 * SECOND));
    clock.advance(24 * SECOND);
    assert_eq!(take(&mut points.place(), 40, &clock), Taken::Points(40), "it is late");
}

#[test]
fn what_costs_more_than_there_ever_is_leaves_with_all_and_owes_the_rest() {
    let (points, clock) = points();
    assert_eq!(take(&mut points.place(), 150, &clock), Taken::Points(100));
    points.settle(100, 150);
    clock.advance(22 * SECOND);
    assert_eq!(take(&mut points.place(), 10, &clock), Taken::Points(10));
    assert_eq!(take(&mut points.place(), 41, &clock), Taken::Later(22 * SECOND));
    assert_eq!(take(&mut points.place(), 40, &clock), Taken::Points(40));
}

#[test]
fn what_a_query_did_not_cost_is_spent_by_the_next_ones_within_a_second() {
    let (points, clock) = points();
    assert_eq!(take(&mut points.place(), 100, &clock), Taken::Points(100));
    points.settle(100, 20);
    clock.advance(SECOND);
    assert_eq!(take(&mut points.place(), 50, &clock), Taken::Points(50));
    clock.advance(SECOND);
    let later = Taken::Later(20 * SECOND);
    assert_eq!(take(&mut points.place(), 10, &clock), later, "it may have come back by then");
}
