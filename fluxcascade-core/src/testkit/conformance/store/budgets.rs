//! Rules of how the budget of a connection is divided.

use std::time::Duration;

use super::nouns::*;
use super::schedules::claiming_at;
use super::{Checked, Fixture, Found, NO_BUDGETS, NO_SCHEDULE, Verdict, ensure, nth, same};
use crate::model::{Side, TenantId, Timestamp};
use crate::store::{Budget, Budgets, ClaimRequest, Draw, Drawn, Scheduled, Store};

/// A hundred requests in ten seconds.
const WINDOW: Duration = Duration::from_secs(10);

fn drawing(who: &str, wanted: u32, now: Timestamp) -> Draw {
    Draw {
        tenant: TenantId::default(),
        connection: page(Side::Source, []).feed_key.connection,
        limit: "requests".to_owned(),
        worker: worker(who),
        budget: Budget { requests: 100, window: WINDOW },
        now,
        wanted,
        least: 1,
        late: Duration::ZERO,
    }
}

/// Draws from the budget of the suite's source.
async fn draw(store: &dyn Budgets, who: &str, wanted: u32, now: i64) -> Result<Drawn, Found> {
    Ok(store.draw(&drawing(who, wanted, at(now))).await?)
}

async fn granted(store: &dyn Budgets, who: &str, wanted: u32, now: i64) -> Result<u32, Found> {
    Ok(draw(store, who, wanted, now).await?.granted)
}

pub(super) async fn all_draws_together_grant_no_more_than_the_budget_s_requests_in_any_window(
    store: &dyn Budgets,
) -> Checked {
    same!(granted(store, "one", 60, 0).await?, 60);
    same!(granted(store, "one", 60, 1).await?, 40);
    // Those of the first draw may still be on their way.
    same!(granted(store, "one", 60, 10).await?, 0);
    same!(granted(store, "one", 80, 11).await?, 60);
    same!(granted(store, "one", 80, 12).await?, 40);
    // What may leave later counts for longer, and the time goes on for all others.
    let late = Draw { late: Duration::from_secs(3), ..drawing("one", 60, at(22)) };
    let drawn = store.draw(&late).await?;
    same!(drawn.granted, 60);
    ensure!(drawn.until > at(25) && drawn.until <= at(26), "they may leave until {}", drawn.until);
    same!(granted(store, "one", 80, 23).await?, 40);
    same!(granted(store, "one", 80, 34).await?, 40);
    same!(granted(store, "one", 80, 36).await?, 60);
    Ok(())
}

/// The workers that hold leases count, each once, and so do those whose leases nobody claimed.
pub(super) async fn a_worker_is_granted_no_more_than_its_share(
    at_hand: &Fixture,
) -> Result<Verdict, Found> {
    let parts = at_hand.parts()?;
    let Some(budgets) = parts.budgets else { return Ok(NO_BUDGETS) };
    let Some(store) = parts.schedule else { return Ok(NO_SCHEDULE) };
    let mut leases = Vec::new();
    for (who, name) in [("one", "contacts"), ("one", "leads"), ("two", "people")] {
        let first = Scheduled { mapping: mapping(name), every: WINDOW, first: at(0) };
        store.schedule(&first).await?;
        let among = Some(vec![mapping(name)]);
        let request = ClaimRequest { worker: worker(who), among, ..claiming_at(at(0), 1) };
        leases.extend(store.claim(&request).await?.leases);
    }
    same!(granted(&*budgets, "one", 99, 0).await?, 99, "of a connection that none of them reads");
    for lease in &leases {
        reads(&*store, lease).await?;
    }
    let dear = Draw { least: 99, ..drawing("one", 99, at(20)) };
    same!(budgets.draw(&dear).await?.granted, 50, "there is never more for it");
    same!(granted(&*budgets, "one", 99, 20).await?, 0);
    same!(granted(&*budgets, "two", 99, 20).await?, 50);
    // A lease that nobody claimed is somebody's.
    store.release(nth(&leases, 1)?).await?;
    let by_hand = store.lease(&mapping("leads"), at(40), TTL).await?;
    same!(granted(&*budgets, "one", 99, 40).await?, 33);
    store.release(&by_hand).await?;
    // Leases that are over do not count.
    store.release(nth(&leases, 2)?).await?;
    same!(granted(&*budgets, "one", 99, 60).await?, 99);
    same!(granted(&*budgets, "three", 99, 301).await?, 99);
    Ok(Verdict::Kept)
}

/// The lease's mapping reads the suite's source from here on.
async fn reads(store: &dyn Store, lease: &crate::store::Lease) -> Checked {
    let mut page = page(Side::Source, []);
    page.feed_key.reader = lease.mapping.mapping.clone();
    store.intake(lease, &page).await?;
    Ok(())
}

pub(super) async fn a_draw_is_granted_at_least_what_it_asks_for_at_least(
    store: &dyn Budgets,
) -> Checked {
    let dear = |least, now| Draw { least, ..drawing("one", least, at(now)) };
    same!(granted(store, "one", 30, 0).await?, 30);
    same!(granted(store, "one", 30, 1).await?, 30);
    same!(store.draw(&dear(50, 2)).await?.granted, 0, "there are 40");
    same!(granted(store, "one", 9, 2).await?, 9, "what was not granted is left");
    same!(store.draw(&dear(50, 11)).await?.granted, 50);
    same!(store.draw(&dear(1_000, 12)).await?.granted, 0, "there are never more than 100");
    same!(store.draw(&dear(1_000, 22)).await?.granted, 100);
    Ok(())
}

pub(super) async fn a_draw_that_is_granted_nothing_is_told_when_to_ask_again(
    store: &dyn Budgets,
) -> Checked {
    let all = draw(store, "one", 200, 0).await?;
    same!(all.granted, 100);
    ensure!(all.until > at(0) && all.until <= at(1), "they may leave until {}", all.until);
    let none = draw(store, "two", 1, 3).await?;
    same!((none.granted, none.again), (0, at(11)));
    same!(granted(store, "two", 1, 11).await?, 1);
    Ok(())
}

pub(super) async fn a_budget_is_the_tenant_s_the_connection_s_and_the_limit_s(
    store: &dyn Budgets,
) -> Checked {
    let mine = drawing("one", 100, at(0));
    let connection = page(Side::Target, []).feed_key.connection;
    let others = [
        Draw { tenant: mapping_of("other", "contacts").tenant, ..mine.clone() },
        Draw { connection, ..mine.clone() },
        Draw { limit: "searches".to_owned(), ..mine.clone() },
    ];
    same!(store.draw(&mine).await?.granted, 100);
    for other in &others {
        same!(store.draw(other).await?.granted, 100, "granted to {other:?}");
    }
    same!(store.draw(&mine).await?.granted, 0);
    Ok(())
}
