//! Rules of pages that are taken in: which rows make entries, and what becomes of match keys.

use std::time::Duration;

use super::nouns::*;
use super::{Checked, Found, ensure, same, there};
use crate::model::{
    DeleteEvidence, HoldKey, HoldReason, LinkStatus, Observation, Provenance, RecordId, Side,
    State, Timestamp, Values, Version,
};
use crate::store::{CommitBatch, InboxMark, Intake, IntakeRow, Lease, Requeue, Store};

/// How many entries a page of the source made or replaced.
async fn entered(
    store: &dyn Store,
    lease: &Lease,
    rows: impl IntoIterator<Item = IntakeRow> + Send,
) -> Result<u64, Found> {
    let page = page(Side::Source, rows);
    Ok(store.intake(lease, &page).await?.entered)
}

pub(super) async fn a_row_that_tells_nothing_new_is_dropped(store: &dyn Store) -> Checked {
    let lease = leased(store).await?;
    store.commit(&lease, &links([link(1)])).await?;
    let rows = [row_like("s1", 1), row("s2", 1)];
    let read = Intake { feed: feed_at("page 1"), ..page(Side::Source, rows) };
    same!(store.intake(&lease, &read).await?.entered, 1, "the number of entries");
    same!(store.feed(&lease, &feed_key()).await?, feed_at("page 1"));
    let entry = entry_of(store, &lease, "s2").await?;
    same!(entry.observation, Some(row("s2", 1).observation));
    same!((entry.revision, entry.attempts, entry.not_before), (1, 0, None));
    let taken = store.intake(&lease, &page(Side::Target, [row_like("t1", 1)])).await?;
    same!(taken.entered, 0, "the number of entries");
    same!(store.counts(&contacts()).await?.inbox, 1, "the number of entries");
    Ok(())
}

pub(super) async fn a_row_is_dropped_only_if_its_link_is_active(store: &dyn Store) -> Checked {
    let lease = leased(store).await?;
    let suspended = with_status(link(2), LinkStatus::Suspended);
    let ended = with_status(link(3), LinkStatus::Tombstone);
    store.commit(&lease, &links([suspended, ended])).await?;
    for (id, fingerprint, what) in [("s2", 2, "suspended"), ("s3", 3, "ended"), ("s5", 5, "none")] {
        same!(entered(store, &lease, [row_like(id, fingerprint)]).await?, 1, "its link: {what}");
    }
    Ok(())
}

pub(super) async fn a_row_is_dropped_only_if_its_fingerprint_is_the_base_s(
    store: &dyn Store,
) -> Checked {
    let lease = leased(store).await?;
    let mut unmarked = [link(1), link(2)];
    for link in &mut unmarked {
        link.bases.source.fingerprint = None;
    }
    store.commit(&lease, &links(unmarked.into_iter().chain([link(3)]))).await?;
    same!(entered(store, &lease, [row_like("s1", 1)]).await?, 1, "the base has none");
    let bare = IntakeRow { fingerprint: None, ..row("s2", 1) };
    same!(entered(store, &lease, [bare]).await?, 1, "neither has one");
    same!(entered(store, &lease, [row_like("s3", 7)]).await?, 1, "it has another");
    Ok(())
}

pub(super) async fn a_row_is_dropped_only_if_the_base_is_of_its_revision(
    store: &dyn Store,
) -> Checked {
    let lease = leased(store).await?;
    store.commit(&lease, &links([link(1)])).await?;
    let later = Intake { revision: 2, ..page(Side::Source, [row_like("s1", 1)]) };
    same!(store.intake(&lease, &later).await?.entered, 1, "the base has other fields");
    Ok(())
}

pub(super) async fn a_row_is_dropped_only_if_its_link_has_no_hold(store: &dyn Store) -> Checked {
    let lease = leased(store).await?;
    store.commit(&lease, &links([link(1), link(2), link(3)])).await?;
    let batch = holds([
        pair_hold(1, "name", None),
        hold(HoldKey::Link(link_id(2)), HoldReason::Missing, None),
        record_hold(Side::Target, "t3", None),
    ]);
    store.commit(&lease, &batch).await?;
    for (n, what) in [(1, "a pair"), (2, "the link"), (3, "the twin")] {
        let row = row_like(&format!("s{n}"), n);
        same!(entered(store, &lease, [row]).await?, 1, "a hold on {what}");
    }
    Ok(())
}

pub(super) async fn a_row_is_dropped_only_if_its_link_has_no_open_operation(
    store: &dyn Store,
) -> Checked {
    let lease = leased(store).await?;
    store.commit(&lease, &links([link(1), link(2)])).await?;
    // The second is a create that was sent before its origin was linked otherwise.
    let operations = [update(1, &link(1)), create(20, Side::Source, "t2", &[])];
    store.begin(&lease, &operations).await?;
    let rows = [1, 2].map(|n| row_like(&format!("s{n}"), n));
    same!(entered(store, &lease, rows).await?, 2, "entries of the source");
    let rows = [1, 2].map(|n| row_like(&format!("t{n}"), n));
    let taken = store.intake(&lease, &page(Side::Target, rows)).await?;
    same!(taken.entered, 2, "entries of the target");
    Ok(())
}

pub(super) async fn a_row_that_an_entry_waits_for_is_not_dropped(store: &dyn Store) -> Checked {
    let lease = leased(store).await?;
    store.intake(&lease, &page(Side::Source, [row("s1", 1)])).await?;
    store.commit(&lease, &links([link(1)])).await?;
    let newer = IntakeRow { fingerprint: Some(print(1)), ..row("s1", 2) };
    same!(entered(store, &lease, [newer.clone()]).await?, 1, "the number of entries");
    same!(entry_of(store, &lease, "s1").await?.observation, Some(newer.observation));
    Ok(())
}

pub(super) async fn a_row_replaces_an_entry_s_observation_unless_its_version_is_older(
    store: &dyn Store,
) -> Checked {
    let lease = leased(store).await?;
    same!(entered(store, &lease, [row("s1", 5)]).await?, 1, "the first");
    same!(entered(store, &lease, [row("s1", 4)]).await?, 0, "an older one");
    let kept = entry_of(store, &lease, "s1").await?;
    same!((kept.sequence, kept.observation), (1, Some(row("s1", 5).observation)));

    let version = Version { order: Some(5), ..Version::default() };
    let same_version = Observation::listed(record("s1"), Values::default(), version);
    let again = IntakeRow { observation: same_version.clone(), ..row("s1", 5) };
    same!(entered(store, &lease, [again]).await?, 1, "one of the same version");
    same!(entry_of(store, &lease, "s1").await?.observation, Some(same_version));

    let later = Intake { revision: 2, ..page(Side::Source, [row("s1", 6)]) };
    same!(store.intake(&lease, &later).await?.entered, 1, "a newer one");
    let entry = entry_of(store, &lease, "s1").await?;
    same!((entry.revision, entry.sequence), (2, 3));
    same!(entry.observation, Some(row("s1", 6).observation));
    Ok(())
}

pub(super) async fn where_two_versions_cannot_be_compared_the_entry_keeps_the_id_alone(
    store: &dyn Store,
) -> Checked {
    let lease = leased(store).await?;
    let by_time = Version::modified(at(1), Duration::from_secs(1));
    let gone = State::Archived(Values::default());
    let rows = [
        Observation::listed(record("s1"), Values::default(), by_time),
        Observation::listed(record("s2"), Values::default(), Version::default()),
        Observation { record: record("s3"), state: gone, provenance: Provenance::Listed },
    ];
    for observation in rows {
        let id = observation.record.to_string();
        entered(store, &lease, [row(&id, 1)]).await?;
        let odd = IntakeRow { observation, fingerprint: None, keys: None };
        same!(entered(store, &lease, [odd]).await?, 1, "the number of entries");
        let entry = entry_of(store, &lease, &id).await?;
        same!((entry.observation, entry.revision), (None, 0), "the entry of {id}");
    }
    Ok(())
}

pub(super) async fn an_entry_that_is_an_id_alone_stays_one(store: &dyn Store) -> Checked {
    let lease = leased(store).await?;
    entered(store, &lease, []).await?;
    store.notify(&[hint("s1")]).await?;
    let before = entry_of(store, &lease, "s1").await?;
    same!(entered(store, &lease, [row("s1", 1)]).await?, 1, "the number of entries");
    let entry = entry_of(store, &lease, "s1").await?;
    let expected = (None, before.sequence + 1);
    same!((entry.observation, entry.sequence), expected, "the hint may be the newer");
    Ok(())
}

pub(super) async fn a_delete_that_a_feed_told_of_replaces_any_entry(store: &dyn Store) -> Checked {
    let lease = leased(store).await?;
    entered(store, &lease, [row("s1", 1)]).await?;
    store.notify(&[hint("s2")]).await?;
    let state = State::Deleted(DeleteEvidence::Feed);
    for id in ["s1", "s2"] {
        let record = record(id);
        let observation =
            Observation { record, state: state.clone(), provenance: Provenance::Listed };
        let told = IntakeRow { observation, fingerprint: None, keys: None };
        same!(entered(store, &lease, [told]).await?, 1, "the number of entries");
        let entry = entry_of(store, &lease, id).await?;
        let shown = entry.observation.map(|seen| seen.state);
        same!(shown, Some(state.clone()), "what the entry of {id} has");
    }
    Ok(())
}

pub(super) async fn a_row_leaves_the_time_and_the_attempts_of_an_id_alone(
    store: &dyn Store,
) -> Checked {
    let lease = leased(store).await?;
    let waiting = Requeue {
        side: Side::Source,
        record: record("s1"),
        not_before: Some(at(60)),
        failed: Some(3),
    };
    let batch = CommitBatch { requeued: vec![waiting], ..CommitBatch::default() };
    store.commit(&lease, &batch).await?;
    entered(store, &lease, [row("s1", 1)]).await?;
    let kept = entry_of(store, &lease, "s1").await?;
    same!((kept.not_before, kept.attempts), (Some(at(60)), 3));
    Ok(())
}

/// The ids of the records that share a key with the source record `p`.
async fn sharing(store: &dyn Store, lease: &Lease) -> Result<Vec<(u16, Vec<RecordId>)>, Found> {
    let work = store.work(lease, &all_work(at(9))).await?;
    let is_probe = |id: &RecordId| id.as_str() == "p";
    let probe = work
        .into_iter()
        .find(|work| work.entries.source.as_ref().is_some_and(|entry| is_probe(&entry.record)));
    let ids = |found: crate::model::Candidates| {
        found.holders.source.into_iter().map(|holder| holder.record).collect()
    };
    let candidates = there("work of the record p", probe)?.candidates;
    Ok(candidates.into_iter().map(|found| (found.rule, ids(found))).collect())
}

pub(super) async fn the_match_keys_of_a_row_replace_those_that_its_record_had(
    store: &dyn Store,
) -> Checked {
    let lease = leased(store).await?;
    entered(store, &lease, [keyed("p", &[(0, 1), (1, 2)])]).await?;
    let (alone, both) = (vec![record("p")], vec![record("p"), record("s")]);
    let rows = [
        (keyed("s", &[(0, 1), (1, 2)]), [(0, both.clone()), (1, both.clone())]),
        (keyed("s", &[(1, 2)]), [(0, alone.clone()), (1, both.clone())]),
        (IntakeRow { keys: None, ..row("s", 1) }, [(0, alone.clone()), (1, both.clone())]),
        (keyed("s", &[]), [(0, alone.clone()), (1, alone.clone())]),
    ];
    for (row, expected) in rows {
        let keys = row.keys.clone();
        entered(store, &lease, [row]).await?;
        same!(sharing(store, &lease).await?, expected, "after {keys:?}");
    }
    // Also if the row is dropped.
    store.commit(&lease, &links([link_between(1, "s1", "t1")])).await?;
    let dropped = IntakeRow { keys: Some(some_keys(&[(0, 1)]).into()), ..row_like("s1", 1) };
    entered(store, &lease, [dropped]).await?;
    let first = vec![record("p"), record("s1")];
    same!(sharing(store, &lease).await?, [(0, first), (1, alone)], "after a row that is dropped");
    Ok(())
}

pub(super) async fn a_match_key_that_a_row_does_not_show_is_as_it_was(
    store: &dyn Store,
) -> Checked {
    let lease = leased(store).await?;
    entered(store, &lease, [keyed("p", &[(0, 1), (1, 2)])]).await?;
    let (alone, both) = (vec![record("p")], vec![record("p"), record("s")]);
    let shown = |valid: &[(u16, u8)], hidden: &[u16]| IntakeRow {
        keys: Some(hiding(valid, hidden)),
        ..row("s", 1)
    };
    let pages: [(&[IntakeRow], _); 5] = [
        // Nothing was known of it.
        (&[shown(&[(1, 2)], &[0])], [alone.clone(), both.clone()]),
        (&[keyed("s", &[(0, 1), (1, 2)])], [both.clone(), both.clone()]),
        (&[shown(&[(1, 2)], &[0])], [both.clone(), both.clone()]),
        (&[shown(&[(2, 9)], &[0])], [both.clone(), alone.clone()]),
        // Told twice on one page.
        (&[keyed("s", &[(1, 2)]), shown(&[(2, 9)], &[0, 1])], [alone.clone(), both.clone()]),
    ];
    for (n, (rows, [first, second])) in pages.into_iter().enumerate() {
        entered(store, &lease, rows.to_vec()).await?;
        same!(sharing(store, &lease).await?, [(0, first), (1, second)], "after page {n}");
    }
    Ok(())
}

pub(super) async fn the_keys_of_a_row_are_an_archived_record_s_if_the_row_says_so(
    store: &dyn Store,
) -> Checked {
    let lease = leased(store).await?;
    let key: &[(u16, u8)] = &[(0, 1)];
    let hidden = IntakeRow { keys: None, ..archived("s", key) };
    let rows = [
        (keyed("s", key), false),
        (archived("s", key), true),
        (keyed("s", key), false),
        // Without keys it says nothing of those that there are.
        (hidden, false),
        (archived("s", key), true),
    ];
    for (row, expected) in rows {
        let told = (row.keys.is_some(), row.observation.state.word());
        entered(store, &lease, [row]).await?;
        let found = super::gathering::shelved(store, &lease).await?;
        same!(found, [("s".to_owned(), expected)], "after {told:?}");
    }
    Ok(())
}

pub(super) async fn a_new_or_replaced_entry_has_a_greater_sequence_number_than_any_before_it(
    store: &dyn Store,
) -> Checked {
    let lease = leased(store).await?;
    let mut last = 0;
    for order in 1..4 {
        entered(store, &lease, [row("s1", order), row("s2", order)]).await?;
        let end = Timestamp::from_micros(i64::MAX);
        for work in store.work(&lease, &all_work(end)).await? {
            let entry = there("entry", work.entries.source)?;
            ensure!(entry.sequence > last, "{} comes after {last}", entry.sequence);
            last = entry.sequence;
            // Clearing the latest entry does not give its number free.
            let (side, record) = (Side::Source, entry.record);
            let mark = InboxMark { side, record, sequence: entry.sequence };
            let batch = CommitBatch { cleared: vec![mark], ..CommitBatch::default() };
            store.commit(&lease, &batch).await?;
        }
    }
    same!(last, 6, "the last number");
    Ok(())
}
