//! How a connection's budget is divided: pure, and alike in every store.
//!
//! A backend locks the connection's row, asks here, and writes back what is told.

use std::collections::BTreeSet;
use std::time::Duration;

use fluxcascade_core::model::{Timestamp, WorkerName};
use fluxcascade_core::store::{Budget, Draw, Drawn};

/// What was granted of a budget, as far as it still counts: whole from when it was drawn.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Purse {
    draws: Vec<Granted>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Granted {
    /// When it was drawn; later by as much as it may leave later than others.
    at: Timestamp,
    requests: u32,
    worker: WorkerName,
}

/// How long what was granted may take until it has reached the system. Short windows leave it as much
/// as a slow network and a busy store need.
fn way(budget: Budget) -> Duration {
    (budget.window / 10).max(Duration::from_millis(500))
}

/// When a draw counts no more.
fn over(at: Timestamp, budget: Budget) -> Timestamp {
    at + budget.window + way(budget)
}

impl Purse {
    /// Draws of it, where `holders` have leases of mappings that read the connection.
    pub(crate) fn draw(&mut self, draw: &Draw, holders: &BTreeSet<String>) -> Drawn {
        let budget = draw.budget;
        let late = draw.late.min(budget.window);
        // What is later than any that may be drawn now is from before a clock was set back.
        let latest = draw.now + budget.window + way(budget);
        self.draws.retain(|one| over(one.at, budget) > draw.now && one.at <= latest);
        let left = self.left(draw, holders, draw.now);
        let is_enough = left >= enough(draw, holders);
        let granted = if is_enough { left.min(draw.wanted) } else { 0 };
        let again = if granted > 0 { draw.now } else { self.again(draw, holders) };
        if granted > 0 {
            let worker = draw.worker.clone();
            self.draws.push(Granted { at: draw.now + late, requests: granted, worker });
        }
        Drawn { granted, until: draw.now + way(budget) / 2 + late, again }
    }

    /// What the worker could have at a time, if nobody drew until then.
    fn left(&self, draw: &Draw, holders: &BTreeSet<String>, at: Timestamp) -> u32 {
        let counting = || self.draws.iter().filter(|one| over(one.at, draw.budget) > at);
        let own = counting().filter(|one| one.worker == draw.worker).map(|one| one.requests).sum();
        let all = counting().map(|one| one.requests).sum();
        share(draw, holders).saturating_sub(own).min(requests(draw).saturating_sub(all))
    }

    /// When enough is left for the worker.
    fn again(&self, draw: &Draw, holders: &BTreeSet<String>) -> Timestamp {
        let mut ends: Vec<Timestamp> =
            self.draws.iter().map(|one| over(one.at, draw.budget)).collect();
        ends.sort_unstable();
        let enough = enough(draw, holders);
        let when = ends.into_iter().find(|end| self.left(draw, holders, *end) >= enough);
        when.unwrap_or(draw.now + draw.budget.window)
    }
}

fn requests(draw: &Draw) -> u32 {
    draw.budget.requests.max(1)
}

/// What a worker that draws may have of the budget.
fn share(draw: &Draw, holders: &BTreeSet<String>) -> u32 {
    let workers = holders.len() + usize::from(!holders.contains(draw.worker.as_str()));
    (requests(draw) / u32::try_from(workers).unwrap_or(u32::MAX)).max(1)
}

/// What a draw is not granted less than.
fn enough(draw: &Draw, holders: &BTreeSet<String>) -> u32 {
    draw.least.clamp(1, share(draw, holders))
}

/// As databases keep it.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
impl Purse {
    /// Reads what [`told`](Self::told) gave: a line for each draw.
    pub(crate) fn read(text: &str) -> Result<Self, fluxcascade_core::store::StoreError> {
        let draws = text.lines().map(|line| granted(line).ok_or_else(crate::rules::damaged_draws));
        Ok(Self { draws: draws.collect::<Result<_, _>>()? })
    }

    /// As it is stored.
    pub(crate) fn told(&self) -> String {
        let line =
            |draw: &Granted| format!("{} {} {}\n", draw.at.micros(), draw.requests, draw.worker);
        self.draws.iter().map(line).collect()
    }
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
fn granted(line: &str) -> Option<Granted> {
    let (at, rest) = line.split_once(' ')?;
    let (requests, worker) = rest.split_once(' ')?;
    Some(Granted {
        at: Timestamp::from_micros(at.parse().ok()?),
        requests: requests.parse().ok()?,
        worker: WorkerName::new(worker).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use fluxcascade_core::model::{ConnectionName, TenantId};

    use super::*;

    const WINDOW: Duration = Duration::from_secs(10);

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn draw(worker: &str, wanted: u32, now: Timestamp) -> Draw {
        Draw {
            tenant: TenantId::default(),
            connection: ConnectionName::new("hubspot").unwrap(),
            limit: "requests".to_owned(),
            worker: WorkerName::new(worker).unwrap(),
            budget: Budget { requests: 100, window: WINDOW },
            now,
            wanted,
            least: 1,
            late: Duration::ZERO,
        }
    }

    fn holders<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
        names.map(str::to_owned).into()
    }

    #[test]
    fn a_worker_alone_has_all_and_two_have_half_each() {
        let mut purse = Purse::default();
        assert_eq!(purse.draw(&draw("a", 200, at(0)), &holders([])).granted, 100);
        let mut purse = Purse::default();
        let both = holders(["a", "b"]);
        assert_eq!(purse.draw(&draw("a", 200, at(0)), &both).granted, 50);
        let again = purse.draw(&draw("a", 200, at(1)), &both);
        assert_eq!((again.granted, again.again), (0, at(11_000)));
        assert_eq!(purse.draw(&draw("b", 200, at(1)), &both).granted, 50);
        assert_eq!(purse.draw(&draw("a", 1, at(11_000)), &both).granted, 1);
    }

    #[test]
    fn one_that_comes_later_waits_for_what_is_granted_already() {
        let mut purse = Purse::default();
        purse.draw(&draw("a", 200, at(0)), &holders(["a"]));
        let late = purse.draw(&draw("b", 5, at(500)), &holders(["a", "b"]));
        assert_eq!((late.granted, late.again), (0, at(11_000)));
        let more = holders(["a", "b", "c", "d"]);
        assert_eq!(purse.draw(&draw("b", 200, at(11_000)), &more).granted, 25);
    }

    #[test]
    fn more_workers_than_requests_have_one_at_a_time_and_never_more_together() {
        let mut purse = Purse::default();
        let all: BTreeSet<String> = (0..300).map(|n| format!("w{n}")).collect();
        let granted =
            all.iter().map(|name| purse.draw(&draw(name, 9, at(0)), &all).granted).sum::<u32>();
        assert_eq!(granted, 100);
    }

    #[test]
    fn what_cannot_leave_with_less_waits_for_all_of_it_or_for_the_whole_share() {
        let mut purse = Purse::default();
        let dear = |least, now| Draw { least, ..draw("a", least, at(now)) };
        purse.draw(&draw("a", 30, at(0)), &holders([]));
        purse.draw(&draw("a", 30, at(1_000)), &holders([]));
        let none = purse.draw(&dear(50, 2_000), &holders([]));
        assert_eq!((none.granted, none.again), (0, at(11_000)), "40 are left, and stay");
        assert_eq!(purse.draw(&draw("a", 9, at(2_000)), &holders([])).granted, 9);
        assert_eq!(purse.draw(&dear(50, 11_000), &holders([])).granted, 50);
        let both = holders(["a", "b"]);
        let all = purse.draw(&dear(90, 12_000), &both);
        assert_eq!((all.granted, all.again), (0, at(22_000)), "its own were drawn at 11 s");
        assert_eq!(purse.draw(&dear(90, 22_000), &both).granted, 50, "never more than the half");
    }

    #[test]
    fn what_may_leave_later_counts_for_longer_and_takes_nothing_from_what_others_drew() {
        let mut purse = Purse::default();
        assert_eq!(purse.draw(&draw("b", 60, at(0)), &holders([])).granted, 60);
        let late = Draw { late: Duration::from_secs(4), ..draw("a", 100, at(1_000)) };
        let drawn = purse.draw(&late, &holders([]));
        assert_eq!((drawn.granted, drawn.until), (40, at(5_500)));
        assert_eq!(purse.draw(&draw("b", 100, at(2_000)), &holders([])).granted, 0);
        assert_eq!(purse.draw(&draw("b", 100, at(11_000)), &holders([])).granted, 60);
        assert_eq!(purse.draw(&draw("b", 100, at(15_999)), &holders([])).granted, 0);
        assert_eq!(purse.draw(&draw("b", 100, at(16_000)), &holders([])).granted, 40);
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_leave_the_budget_spent() {
        let mut purse = Purse::default();
        assert_eq!(purse.draw(&draw("a", 100, at(3_600_000)), &holders([])).granted, 100);
        assert_eq!(purse.draw(&draw("a", 100, at(0)), &holders([])).granted, 100);
    }

    /// Whoever draws when, in any window no more arrive than the limit.
    #[test]
    fn no_window_has_more_than_the_budget() {
        let mut purse = Purse::default();
        let names = ["a", "b", "c", "d"];
        let mut arrivals: Vec<(i64, u32)> = Vec::new();
        let mut dice = 7_u64;
        let mut now = 0;
        for _ in 0..2_000 {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let roll = dice >> 33;
            now += i64::try_from(roll % 300).unwrap();
            let who = names[usize::try_from(roll % 4).unwrap()];
            let held = &names[..usize::try_from(roll % 5).unwrap().min(4)];
            let held = held.iter().map(|name| (*name).to_owned()).collect();
            purse = Purse::read(&purse.told()).unwrap();
            let wanted = u32::try_from(roll % 40).unwrap() + 1;
            let least = u32::try_from(roll % 7).unwrap() * wanted / 6;
            let slow = if roll.is_multiple_of(5) { 700 } else { 0 };
            let late = Duration::from_millis(slow);
            let drawn = purse.draw(&Draw { least, late, ..draw(who, wanted, at(now)) }, &held);
            assert!(drawn.granted > 0 || drawn.again > at(now));
            // They arrive as late as they may, or at once.
            let way = if roll.is_multiple_of(2) { 0 } else { 999 + i64::try_from(slow).unwrap() };
            arrivals.push((now + way, drawn.granted));
        }
        let busiest = arrivals.iter().map(|(end, _)| {
            let within = |at: i64| at <= *end && at > end - 10_000;
            arrivals.iter().filter(|(at, _)| within(*at)).map(|(_, n)| n).sum::<u32>()
        });
        let busiest = busiest.max().unwrap();
        assert!((80..=100).contains(&busiest), "{busiest}");
    }
}
