//! Rules of the smaller things: fingerprint keys, revisions, runs, feeds and hints.

use super::nouns::*;
use super::{Checked, ensure, nth, refused, same};
use crate::model::{RunNumber, RunRow, RunStatus, Side, Sides};
use crate::store::{
    CommitBatch, Feed, Intake, Page, Requeue, RunStart, Store, StoreErrorKind, Taken,
};

pub(super) async fn the_fingerprint_key_is_the_tenant_s_and_stays(store: &dyn Store) -> Checked {
    let key = store.fingerprint_key(&contacts()).await?;
    ensure!(key != [0; 32], "it was not drawn");
    same!(store.fingerprint_key(&contacts()).await?, key);
    same!(store.fingerprint_key(&mapping("deals")).await?, key, "of another mapping");
    let other = store.fingerprint_key(&mapping_of("other", "contacts")).await?;
    ensure!(other != key, "another tenant has the same");
    Ok(())
}

pub(super) async fn revisions_come_oldest_first(store: &dyn Store) -> Checked {
    same!(store.revisions(&contacts()).await?, []);
    let lease = leased(store).await?;
    for number in 1..=3 {
        store.add_revision(&lease, &revision(number)).await?;
    }
    same!(store.revisions(&contacts()).await?, [1, 2, 3].map(revision));
    Ok(())
}

pub(super) async fn a_revision_must_follow_the_last_one(store: &dyn Store) -> Checked {
    let lease = leased(store).await?;
    for (wrong, right) in [(0, 1), (3, 2), (2, 3)] {
        let outcome = store.add_revision(&lease, &revision(wrong)).await;
        same!(refused("a revision out of order", outcome)?, StoreErrorKind::Misuse);
        store.add_revision(&lease, &revision(right)).await?;
    }
    Ok(())
}

pub(super) async fn each_run_has_the_number_after_the_last_one_s(store: &dyn Store) -> Checked {
    let lease = leased(store).await?;
    for n in 1..=3 {
        same!(store.start_run(&lease, &RunStart::at(at(0))).await?, RunNumber(n));
    }
    let other = store.lease(&mapping("deals"), at(0), TTL).await?;
    same!(store.start_run(&other, &RunStart::at(at(0))).await?, RunNumber(1));
    Ok(())
}

pub(super) async fn a_run_that_is_to_come_after_another_number_has_the_one_after_that(
    store: &dyn Store,
) -> Checked {
    let lease = leased(store).await?;
    for (after, number) in [(0, 1), (7, 8), (3, 9), (9, 10)] {
        let start = RunStart { after: RunNumber(after), ..RunStart::at(at(0)) };
        same!(store.start_run(&lease, &start).await?, RunNumber(number), "after {after}");
    }
    Ok(())
}

pub(super) async fn a_run_is_read_as_it_was_finished(store: &dyn Store) -> Checked {
    let lease = leased(store).await?;
    for n in 1..=3 {
        store.start_run(&lease, &RunStart::at(at(n))).await?;
    }
    let second = RunRow {
        number: RunNumber(2),
        started: at(2),
        ended: Some(at(9)),
        status: RunStatus::Partial,
        writes: Sides::new(3, 4),
        error: Some("the system did not answer".into()),
    };
    store.finish_run(&lease, &second).await?;
    let runs = store.runs(&contacts(), &Page::all()).await?;
    same!(*nth(&runs, 1)?, second);
    let first = nth(&runs, 2)?;
    same!((first.status, first.started, first.ended), (RunStatus::Running, at(1), None));
    Ok(())
}

pub(super) async fn a_run_that_was_not_begun_cannot_be_finished(store: &dyn Store) -> Checked {
    let lease = leased(store).await?;
    store.start_run(&lease, &RunStart::at(at(0))).await?;
    let unknown = RunRow {
        number: RunNumber(2),
        started: at(0),
        ended: Some(at(9)),
        status: RunStatus::Completed,
        writes: Sides::default(),
        error: None,
    };
    let outcome = store.finish_run(&lease, &unknown).await;
    same!(refused("a run that was never begun", outcome)?, StoreErrorKind::Misuse);
    Ok(())
}

pub(super) async fn a_feed_is_where_the_last_page_left_it(store: &dyn Store) -> Checked {
    let lease = leased(store).await?;
    same!(store.feed(&lease, &feed_key()).await?, Feed::default());
    for (cursor, sweep_rows) in [("page 1", 7), ("page 2", 12)] {
        let feed = Feed { sweep_rows, ..feed_at(cursor) };
        let read = Intake { feed: feed.clone(), ..page(Side::Source, []) };
        same!(store.intake(&lease, &read).await?, Taken::default());
        same!(store.feed(&lease, &feed_key()).await?, feed);
    }
    let other = feed_of("hubspot", "companies", "contacts");
    same!(store.feed(&lease, &other).await?, Feed::default(), "another object type's feed");
    store.intake(&lease, &page(Side::Source, [])).await?;
    same!(store.feed(&lease, &feed_key()).await?, Feed::default());
    Ok(())
}

pub(super) async fn a_lease_does_not_reach_the_feed_of_another_mapping(
    store: &dyn Store,
) -> Checked {
    let lease = leased(store).await?;
    let deals = feed_of("hubspot", "contacts", "deals");
    let outcome = store.feed(&lease, &deals).await;
    same!(refused("another mapping's feed", outcome)?, StoreErrorKind::Misuse);
    let read = Intake { feed_key: deals, ..page(Side::Source, [row("s1", 1)]) };
    let outcome = store.intake(&lease, &read).await;
    same!(refused("a page of another mapping's feed", outcome)?, StoreErrorKind::Misuse);
    same!(store.counts(&contacts()).await?.inbox, 0, "the number of entries");
    Ok(())
}

pub(super) async fn a_hint_reaches_all_mappings_that_read_the_object_type(
    store: &dyn Store,
) -> Checked {
    let readers = [
        ("contacts", "hubspot", "contacts", 2),
        ("leads", "hubspot", "contacts", 2),
        ("deals", "hubspot", "deals", 0),
        ("others", "hubspot 2", "contacts", 0),
    ];
    for (reader, connection, object, _) in readers {
        let lease = store.lease(&mapping(reader), at(0), TTL).await?;
        let feed_key = feed_of(connection, object, reader);
        store.intake(&lease, &Intake { feed_key, ..page(Side::Source, []) }).await?;
    }
    store.notify(&[hint("s1"), hint("s2"), hint("s1")]).await?;
    for (reader, _, _, expected) in readers {
        same!(store.counts(&mapping(reader)).await?.inbox, expected, "entries of {reader}");
    }
    Ok(())
}

pub(super) async fn a_hint_gives_an_entry_a_new_sequence_number_and_no_observation(
    store: &dyn Store,
) -> Checked {
    let lease = leased(store).await?;
    store.intake(&lease, &page(Side::Source, [row("s1", 1)])).await?;
    let before = entry_of(store, &lease, "s1").await?;
    store.notify(&[hint("s1")]).await?;
    let after = entry_of(store, &lease, "s1").await?;
    ensure!(after.sequence > before.sequence, "the number did not grow");
    same!(after.observation, None);

    // It is an edit, as far as is known: what was waited for is over.
    let waiting = Requeue {
        side: Side::Source,
        record: record("s1"),
        not_before: Some(at(60)),
        failed: Some(3),
    };
    let batch = CommitBatch { requeued: vec![waiting], ..CommitBatch::default() };
    store.commit(&lease, &batch).await?;
    store.notify(&[hint("s1")]).await?;
    let anew = entry_of(store, &lease, "s1").await?;
    same!((anew.not_before, anew.attempts), (None, 0));
    Ok(())
}
