//! Limits by the clock, without a network.

use fluxcascade_core::model::Timestamp;
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
    block_on(meter.take(kind, now)).unwrap()
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

/// Gives at most so many at a time.
#[derive(Debug)]
struct Sharing(u32, std::sync::Mutex<Vec<Draw>>);

#[async_trait::async_trait]
impl Budgets for Sharing {
    async fn draw(
        &self,
        draw: &Draw,
    ) -> Result<fluxcascade_core::store::Drawn, fluxcascade_core::store::StoreError> {
        self.1.lock().unwrap().push(draw.clone());
        let granted = draw.wanted.min(self.0);
        let (until, again) = (draw.now + SECOND, draw.now + 2 * SECOND);
        Ok(fluxcascade_core::store::Drawn { granted, until, again })
    }
}

fn shared(share: u32) -> (Meter, Arc<Sharing>) {
    let store = Arc::new(Sharing(share, std::sync::Mutex::default()));
    let budget = SharedBudget {
        store: Arc::<Sharing>::clone(&store),
        tenant: TenantId::default(),
        connection: ConnectionName::new("jobber").unwrap(),
        worker: WorkerName::new("worker 1").unwrap(),
    };
    let limits = [limit("requests", Covers::Others, 100, 10)];
    (Meter::new(Some(budget), limits, 10), store)
}

#[test]
fn workers_draw_what_the_reserve_leaves_and_a_part_of_it_at_a_time() {
    let (meter, store) = shared(1000);
    while take(&meter, "read", NOON) != Leave::Now {}
    let draws = store.1.lock().unwrap().clone();
    assert_eq!(draws.len(), 1);
    assert_eq!((draws[0].budget.requests, draws[0].wanted), (90, 5));
}
