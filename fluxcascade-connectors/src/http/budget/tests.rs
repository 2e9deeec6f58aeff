//! Limits by the clock, without a network.

use fluxcascade_core::clock::ManualClock;
use fluxcascade_core::model::Timestamp;
use fluxcascade_core::store::{Draw, Drawn, StoreError};
use futures::executor::block_on;

use super::*;

const NOON: Timestamp = Timestamp::from_secs(1_772_366_400);
const SECOND: Duration = Duration::from_secs(1);

fn limit(name: &'static str, covers: Covers, requests: u32, seconds: u64) -> Limit {
    let window = Duration::from_secs(seconds);
    Limit { name, covers, budget: Some(Budget { requests, window }) }
}

fn meter(limits: impl IntoIterator<Item = Limit>, reserve: u8) -> Meter {
    Meter::new(None, limits, reserve)
}

fn take(meter: &Meter, kind: &str, now: Timestamp) -> Leave {
    block_on(meter.take(kind, &ManualClock::starting(now))).unwrap()
}

/// How many requests of a kind leave at once.
fn burst(meter: &Meter, kind: &str, now: Timestamp) -> usize {
    (0..1000).take_while(|_| take(meter, kind, now) == Leave::Now).count()
}

#[test]
fn no_window_has_more_than_the_limit_less_the_reserve() {
    let meter = meter([limit("requests", Covers::Others, 100, 10)], 10);
    assert_eq!(burst(&meter, "read", NOON), 90);
    assert_eq!(take(&meter, "read", NOON), Leave::Later(NOON + 10 * SECOND));
    assert_eq!(burst(&meter, "read", NOON + 9 * SECOND), 0);
    assert_eq!(burst(&meter, "read", NOON + 10 * SECOND), 90);
}

#[test]
fn a_kind_with_a_limit_of_its_own_leaves_the_others_theirs() {
    let own = limit("search", Covers::Kind("search"), 5, 1);
    let meter = meter([own, limit("requests", Covers::Others, 10, 10)], 0);
    assert_eq!(burst(&meter, "search", NOON), 5);
    assert_eq!(burst(&meter, "read", NOON), 10);
}

#[test]
fn what_answers_say_is_left_is_believed_until_it_is_old() {
    let meter = meter([limit("requests", Covers::Others, 100, 10)], 10);
    let told = |left, of| Reported { limit: "requests", of, left, holds_for: 10 * SECOND };
    meter.learn(&told(13, None), NOON);
    assert_eq!(burst(&meter, "read", NOON), 3, "ten are the others'");
    assert_eq!(take(&meter, "read", NOON), Leave::Later(NOON + 10 * SECOND));
    meter.learn(&told(190, Some(190)), NOON);
    assert_eq!(
        burst(&meter, "read", NOON + 10 * SECOND),
        171,
        "the plan has more than was thought"
    );
}

#[test]
fn a_limit_that_only_answers_tell_of_holds_all_kinds_back_and_lets_one_look_again() {
    let daily = Limit { name: "daily", covers: Covers::All, budget: None };
    let meter = meter([daily, limit("search", Covers::Kind("search"), 5, 1)], 10);
    assert_eq!(burst(&meter, "read", NOON), 1000, "nothing is known of it");
    let hour = Duration::from_secs(3600);
    let told = |left| Reported { limit: "daily", of: Some(1000), left, holds_for: hour };
    meter.learn(&told(101), NOON);
    assert_eq!(burst(&meter, "read", NOON), 1);
    assert_eq!(take(&meter, "search", NOON), Leave::Later(NOON + hour));
    assert_eq!(take(&meter, "search", NOON + hour), Leave::Now);
}

#[test]
fn the_smallest_limit_still_lets_one_leave_and_a_clock_set_back_does_not_lock_it() {
    let meter = meter([limit("requests", Covers::Others, 1, 10)], 90);
    assert_eq!(burst(&meter, "read", NOON), 1);
    assert_eq!(burst(&meter, "read", NOON - 3600 * SECOND), 1);
}

#[test]
fn what_was_told_before_a_clock_was_set_back_is_not_believed() {
    let meter = meter([limit("requests", Covers::Others, 100, 10)], 10);
    let told = Reported { limit: "requests", of: None, left: 0, holds_for: 10 * SECOND };
    meter.learn(&told, NOON);
    assert_eq!(burst(&meter, "read", NOON + SECOND), 0);
    assert_eq!(burst(&meter, "read", NOON - 3600 * SECOND), 90);
}

/// Gives what is asked for, good for a second, and takes so long to answer.
#[derive(Debug)]
struct Sharing {
    clock: ManualClock,
    takes: Mutex<Duration>,
    draws: Mutex<Vec<Draw>>,
}

#[async_trait::async_trait]
impl Budgets for Sharing {
    async fn draw(&self, draw: &Draw) -> Result<Drawn, StoreError> {
        self.draws.lock().unwrap().push(draw.clone());
        self.clock.advance(*self.takes.lock().unwrap());
        let (until, again) = (draw.now + SECOND + draw.late, draw.now + 2 * SECOND);
        Ok(Drawn { granted: draw.wanted, until, again })
    }
}

/// A meter that shares its limits by a store that takes so long.
fn shared(takes: Duration, limits: impl IntoIterator<Item = Limit>) -> (Meter, Arc<Sharing>) {
    let clock = ManualClock::starting(NOON);
    let store = Arc::new(Sharing { clock, takes: Mutex::new(takes), draws: Mutex::default() });
    let budget = SharedBudget {
        store: Arc::<Sharing>::clone(&store),
        tenant: TenantId::default(),
        connection: ConnectionName::new("jobber").unwrap(),
        worker: WorkerName::new("worker 1").unwrap(),
    };
    (Meter::new(Some(&budget), limits, 10), store)
}

#[test]
fn workers_draw_what_the_reserve_leaves_and_a_part_of_it_at_a_time() {
    let (meter, store) = shared(Duration::ZERO, [limit("requests", Covers::Others, 100, 10)]);
    for _ in 0..5 {
        assert_eq!(block_on(meter.take("read", &store.clock)).unwrap(), Leave::Now);
    }
    let draws = store.draws.lock().unwrap().clone();
    assert_eq!(draws.len(), 1);
    assert_eq!((draws[0].budget.requests, draws[0].wanted, draws[0].least), (90, 5, 1));
}

#[test]
fn what_a_slow_store_grants_is_good_for_longer() {
    let takes = Duration::from_millis(1500);
    let (meter, store) = shared(takes, [limit("requests", Covers::Others, 100, 10)]);
    let take = || block_on(meter.take("read", &store.clock)).unwrap();
    assert_eq!(take(), Leave::TooLate, "what was granted is good no longer");
    let before = store.clock.now();
    assert_eq!(take(), Leave::Now);
    assert_eq!(store.clock.now(), before + takes, "nobody waits for more than the store");
    assert_eq!(take(), Leave::Now);
    let late: Vec<_> = store.draws.lock().unwrap().iter().map(|draw| draw.late).collect();
    assert_eq!(late, [Duration::ZERO, takes]);

    store.clock.advance(10 * SECOND);
    *store.takes.lock().unwrap() = Duration::ZERO;
    let before = store.clock.now();
    assert_eq!(take(), Leave::Now);
    assert_eq!(store.clock.now(), before, "it is quick again");
}

#[test]
fn a_store_that_stood_still_is_not_waited_for_again() {
    let minutes = Duration::from_secs(600);
    let (meter, store) = shared(minutes, [limit("requests", Covers::Others, 100, 10)]);
    let take = || block_on(meter.take("read", &store.clock)).unwrap();
    assert_eq!(take(), Leave::TooLate);
    *store.takes.lock().unwrap() = Duration::ZERO;
    let before = store.clock.now();
    assert_eq!((take(), store.clock.now()), (Leave::Now, before));
    let late = store.draws.lock().unwrap()[1].late;
    assert_eq!(late, 10 * SECOND, "no more than a window");
}

#[test]
fn requests_under_two_limits_leave_however_slow_the_store_is_for_the_shorter() {
    let limits =
        [limit("search", Covers::Kind("search"), 5, 1), limit("daily", Covers::All, 1000, 3600)];
    let (meter, store) = shared(Duration::from_millis(700), limits);
    let left = (0..20).filter(|_| {
        let leave = block_on(meter.take("search", &store.clock)).unwrap();
        if let Leave::Later(again) = leave {
            store.clock.advance(again.since(store.clock.now()));
        }
        leave == Leave::Now
    });
    assert!(left.count() >= 5);
}
