//! Rules of records that are forgotten.

use std::collections::BTreeSet;

use super::nouns::*;
use super::work::of_record;
use super::{Checked, Found, ensure, nth, refused, same, there};
use crate::model::{
    Awaited, Hold, HoldKey, LinkStatus, LogRow, MappingKey, Side, Timestamp, Work, WorkKey,
};
use crate::store::{
    Begun, CommitBatch, Counts, Hint, Intake, Lease, Page, Removed, Store, StoreErrorKind, Subject,
    Sweep, Upkeep,
};

/// A second mapping, whose source is the target of [`contacts`].
fn invoices() -> MappingKey {
    mapping("invoices")
}

fn invoices_page(side: Side, ids: &[&str]) -> Intake {
    let mut read = page(side, ids.iter().map(|id| keyed(id, &[(0, 7)])));
    read.feed_key = match side {
        Side::Source => feed_of("jobber", "clients", "invoices"),
        Side::Target => feed_of("books", "customers", "invoices"),
    };
    read
}

/// Two chains `s1 - t1 - b1` and `s2 - t2 - b2` through two mappings, with something of everything
/// about each; and a third record that names both.
async fn two_chains(store: &dyn Upkeep) -> Result<(Lease, Lease), Found> {
    let one = leased(store).await?;
    let two = store.lease(&invoices(), at(0), TTL).await?;
    let rows = ["s1", "s2", "s5"].map(|id| keyed(id, &[(0, 1), (1, 2)]));
    store.intake(&one, &sweep(Sweep::First, Side::Source, rows)).await?;
    let rows = [keyed("t1", &[(0, 1)]), keyed("t2", &[])];
    store.intake(&one, &page(Side::Target, rows)).await?;
    store.intake(&two, &invoices_page(Side::Source, &["t1", "t2"])).await?;
    store.intake(&two, &invoices_page(Side::Target, &["b1", "b2"])).await?;
    let open = |n, of: &str| claiming(create(n, Side::Target, of, &[(0, 1)]), &[n]);
    let ended = claiming(create(8, Side::Target, "s1", &[]), &[8]);
    let operations =
        [update(1, &link(1)), update(2, &link(2)), open(3, "s1"), open(4, "s2"), ended];
    store.begin(&one, &operations).await?;
    let ended = with_status(link_between(3, "s1", "t9"), LinkStatus::Tombstone);
    store.commit(&one, &links([ended])).await?;
    store.commit(&one, &first_batch()).await?;
    let second = [link_between(5, "t1", "b1"), link_between(6, "t2", "b2")];
    store.commit(&two, &links(second)).await?;
    store.commit(&two, &waiting_batch()).await?;
    Ok((one, two))
}

fn first_batch() -> CommitBatch {
    let candidates = ["t1", "t2"].map(|id| (Side::Target, record(id)));
    let parked = Hold { candidates: candidates.into(), ..record_hold(Side::Source, "s5", None) };
    CommitBatch {
        holds: vec![
            pair_hold(1, "name", None),
            pair_hold(2, "name", None),
            record_hold(Side::Source, "s1", Some(at(9))),
            parked,
        ],
        conflicts: vec![conflict(1, 1), conflict(2, 1)],
        log: vec![
            log_row(1, Some("s1"), Some("t1"), "one"),
            log_row(1, Some("s2"), Some("t2"), "two"),
            log_row(1, None, Some("t1"), "made"),
        ],
        closed: vec![operation_id(8)],
        made: vec![made(8, "t1", at(999))],
        ..links([link(1), link(2)])
    }
}

/// A hold that waits for a record which is forgotten.
fn waiting_batch() -> CommitBatch {
    let awaited = Awaited { mapping: contacts().mapping, side: Side::Target, record: record("t9") };
    holds([Hold { waits_for: Some(awaited), ..pair_hold(6, "owner", None) }])
}

/// Everything that can be read of a mapping: its work, as text what else there is, and how much.
async fn all(
    store: &dyn Store,
    mapping: &MappingKey,
) -> Result<(Vec<Work>, String, Counts), Found> {
    let lease = store.lease(mapping, at(9_000), TTL).await?;
    let work = store.work(&lease, &all_work(Timestamp::from_micros(i64::MAX))).await?;
    store.release(&lease).await?;
    let page = Page::all();
    let told = format!(
        "{:?}{:?}{:?}{:?}",
        store.links(mapping, None, 99).await?,
        store.holds(mapping, &page).await?,
        store.conflicts(mapping, &page).await?,
        store.log(mapping, &page).await?,
    );
    Ok((work, told, store.counts(mapping).await?))
}

/// Which of these ids are in a text.
fn names_of(text: &str, ids: &[&str]) -> Vec<String> {
    ids.iter().filter(|id| text.contains(&format!("\"{id}\""))).map(|id| (*id).to_owned()).collect()
}

pub(super) async fn of_a_forgotten_record_nothing_is_found_any_more(store: &dyn Upkeep) -> Checked {
    two_chains(store).await?;
    store.forget(&subject("s1"), at(50)).await?;
    for mapping in [contacts(), invoices()] {
        let (work, told, _) = all(store, &mapping).await?;
        let found = names_of(&format!("{work:?}{told}"), &["s1", "t1", "b1", "t9"]);
        same!(found, [""; 0], "what is found in {mapping}");
    }
    // What a create had claimed that made one of them is free.
    let deals = store.lease(&mapping("deals"), at(0), TTL).await?;
    let create = claiming(create(9, Side::Target, "d1", &[]), &[8]);
    same!(store.begin(&deals, &[create]).await?, [Begun::Yes]);
    Ok(())
}

pub(super) async fn what_the_log_and_the_conflicts_have_of_a_forgotten_link_from_before_it_followed_merges_is_gone(
    store: &dyn Upkeep,
) -> Checked {
    let lease = leased(store).await?;
    store.intake(&lease, &page(Side::Source, [row("s1", 1), row("s2", 1)])).await?;
    let told = CommitBatch {
        conflicts: vec![conflict(1, 1), conflict(2, 1)],
        log: vec![
            log_row(1, Some("s1"), Some("t1"), "before"),
            LogRow { link: Some(link_id(2)), ..log_row(1, Some("s2"), Some("t2"), "another's") },
        ],
        ..links([link(1), link(2)])
    };
    store.commit(&lease, &told).await?;
    // First the one record was merged into another, and later its partner was.
    store.commit(&lease, &links([link_between(1, "s8", "t1")])).await?;
    store.commit(&lease, &links([link_between(1, "s8", "t8")])).await?;
    let receipt = store.forget(&subject("s8"), at(50)).await?;
    let left = store.log(&contacts(), &Page::all()).await?;
    let notes: Vec<&str> = left.iter().map(|row| row.note.as_str()).collect();
    same!(notes, ["another's"], "the notes of the log");
    let left = store.conflicts(&contacts(), &Page::all()).await?;
    same!(left.iter().map(|row| row.link).collect::<Vec<_>>(), [link_id(2)], "whose conflicts");
    let removed = there("what was removed", receipt.removed.get(&contacts().mapping))?;
    same!((removed.log, removed.conflicts), (1, 1), "log and conflict rows of the receipt");
    Ok(())
}

pub(super) async fn other_records_links_and_tenants_keep_everything(store: &dyn Upkeep) -> Checked {
    two_chains(store).await?;
    let theirs = mapping_of("other", "contacts");
    let lease = store.lease(&theirs, at(0), TTL).await?;
    store.intake(&lease, &page(Side::Source, [row("s1", 1)])).await?;
    store.forget(&subject("s1"), at(50)).await?;
    let (work, told, counts) = all(store, &contacts()).await?;
    let expected = (1, 0, 3, 2, 1);
    let Counts { active_links, tombstones, inbox, operations, open_conflicts, .. } = counts;
    same!((active_links, tombstones, inbox, operations, open_conflicts), expected, "counts");
    let others = ["s2", "t2", "s5"];
    same!(names_of(&format!("{work:?}{told}"), &others), others, "what is found of others");
    same!(store.counts(&invoices()).await?.active_links, 1, "links of the second mapping");
    same!(store.counts(&theirs).await?.inbox, 1, "entries of another tenant");
    let subject = Subject { tenant: theirs.tenant.clone(), ..subject("s1") };
    let receipt = store.forget(&subject, at(80)).await?;
    same!(receipt.removed.get(&theirs.mapping).map(|removed| removed.entries), Some(1));
    same!(store.counts(&theirs).await?, Counts::default());
    Ok(())
}

pub(super) async fn a_page_or_a_hint_does_not_bring_a_forgotten_record_back(
    store: &dyn Upkeep,
) -> Checked {
    two_chains(store).await?;
    store.forget(&subject("s1"), at(50)).await?;
    let before = store.counts(&contacts()).await?;
    let one = store.lease(&contacts(), at(9_000), TTL).await?;
    let two = store.lease(&invoices(), at(9_000), TTL).await?;
    let rows = [keyed("s1", &[(0, 1)]), keyed("s6", &[(0, 3)])];
    let taken = store.intake(&one, &sweep(Sweep::Only, Side::Source, rows)).await?;
    same!(taken.entered, 1, "entries that a page made: of the other record");
    let taken = store.intake(&two, &invoices_page(Side::Target, &["b1"])).await?;
    same!(taken.entered, 0, "entries of the twin's twin");
    let twin = feed_of("jobber", "clients", "contacts");
    let (connection, object) = (twin.connection, twin.object);
    store.notify(&[hint("s1"), hint("s6"), Hint { connection, object, ..hint("t1") }]).await?;
    same!(store.gather(&one, &[of_record(Side::Source, "s1")]).await?, []);
    same!(store.gather(&one, &[of_record(Side::Source, "s6")]).await?.len(), 1);
    same!(store.counts(&contacts()).await?.inbox, before.inbox + 1, "the number of entries");
    Ok(())
}

pub(super) async fn leases_of_the_mappings_that_it_is_in_are_lost(store: &dyn Upkeep) -> Checked {
    let (one, two) = two_chains(store).await?;
    let other = store.lease(&mapping("deals"), at(0), TTL).await?;
    store.forget(&subject("s1"), at(50)).await?;
    let outcome = store.commit(&one, &links([link(1)])).await;
    same!(refused("a commit of what is forgotten", outcome)?, StoreErrorKind::LeaseLost);
    let outcome = store.renew(&two, at(51), TTL).await;
    same!(refused("a lease of the twin's mapping", outcome)?, StoreErrorKind::LeaseLost);
    store.commit(&other, &links([link(1)])).await?;
    Ok(())
}

pub(super) async fn holds_of_other_records_that_name_it_are_due(store: &dyn Upkeep) -> Checked {
    two_chains(store).await?;
    store.forget(&subject("s1"), at(50)).await?;
    let holds = store.holds(&contacts(), &Page::all()).await?;
    let key = HoldKey::Record(Side::Source, record("s5"));
    let parked = there("hold", holds.iter().find(|hold| hold.key == key))?;
    same!(parked.candidates, [(Side::Target, record("t2"))]);
    let is_due = |hold: &Hold| hold.not_before.is_some_and(|due| due < at(0));
    ensure!(is_due(parked), "a hold with a candidate that is gone: {parked:?}");
    let waiting = store.holds(&invoices(), &Page::all()).await?;
    let waiting = nth(&waiting, 0)?;
    ensure!(is_due(waiting), "a hold that waits for what is gone: {waiting:?}");
    same!(waiting.waits_for, None);
    Ok(())
}

pub(super) async fn a_receipt_tells_the_records_that_were_forgotten(store: &dyn Upkeep) -> Checked {
    two_chains(store).await?;
    let mut receipt = store.forget(&subject("s1"), at(50)).await?;
    same!((&receipt.subject, receipt.at), (&subject("s1"), at(50)));
    let told = receipt.records.iter().map(|(of, side, id)| format!("{of} {side} {id}"));
    let expected = [
        "contacts source s1",
        "contacts target t1",
        "contacts target t9",
        "invoices source t1",
        "invoices source t9",
        "invoices target b1",
    ];
    same!(told.collect::<BTreeSet<_>>(), expected.map(str::to_owned).into());
    let (links, entries, keys, operations) = (2, 2, 3, 2);
    let of_contacts =
        Removed { links, entries, keys, operations, claims: 0, holds: 2, conflicts: 1, log: 2 };
    let of_invoices = Removed { links: 1, entries: 2, keys: 2, ..Removed::default() };
    let expected = [(contacts().mapping, of_contacts), (invoices().mapping, of_invoices)].into();
    // Of claims a store may hold more than one for a create.
    receipt.removed.values_mut().for_each(|removed| removed.claims = 0);
    same!(receipt.removed, expected);
    // Where nothing was ever held, there is nothing to tell.
    let subject = Subject { tenant: mapping_of("nobody", "contacts").tenant, ..subject("s1") };
    same!(store.forget(&subject, at(70)).await?.records, []);
    Ok(())
}

/// Whether there is work of a record.
async fn is_worked_on(store: &dyn Upkeep, lease: &Lease, key: &WorkKey) -> Result<bool, Found> {
    let work = store.work(lease, &all_work(Timestamp::from_micros(i64::MAX))).await?;
    Ok(work.iter().any(|work| work.key == *key))
}

/// A create for a record, of which nobody knows what it made.
async fn an_open_create(store: &dyn Upkeep, lease: &Lease, n: u8, origin: &str) -> Checked {
    store.intake(lease, &page(Side::Source, [keyed(origin, &[(0, n)])])).await?;
    store.begin(lease, &[create(n, Side::Target, origin, &[(0, n)])]).await?;
    Ok(())
}

pub(super) async fn a_record_that_is_there_without_a_link_alone_with_a_match_key_of_an_open_create_for_it_is_what_that_create_made(
    store: &dyn Upkeep,
) -> Checked {
    let lease = leased(store).await?;
    an_open_create(store, &lease, 1, "s1").await?;
    an_open_create(store, &lease, 2, "s2").await?;
    let made = [keyed("t7", &[(0, 1)]), keyed("t8", &[(0, 2)]), keyed("t9", &[(0, 2)])];
    store.intake(&lease, &page(Side::Target, made)).await?;
    store.forget(&subject("s1"), at(50)).await?;
    // Two have the other one's key: neither is known to be what it made.
    store.forget(&subject("s2"), at(51)).await?;
    let lease = store.lease(&contacts(), at(9_000), TTL).await?;
    let [made, others @ ..] = ["t7", "t8", "t9"].map(|id| of_record(Side::Target, id));
    ensure!(!is_worked_on(store, &lease, &made).await?, "there is work of what it made");
    same!(store.gather(&lease, &others).await?.len(), 2, "works of others");
    Ok(())
}

pub(super) async fn where_there_is_none_yet_the_next_new_record_that_a_page_shows_with_such_a_key_is_forgotten(
    store: &dyn Upkeep,
) -> Checked {
    let lease = leased(store).await?;
    an_open_create(store, &lease, 1, "s1").await?;
    store.forget(&subject("s1"), at(50)).await?;
    let lease = store.lease(&contacts(), at(9_000), TTL).await?;
    let other = page(Side::Target, [keyed("t6", &[(0, 2)])]);
    same!(store.intake(&lease, &other).await?.entered, 1, "entries of a record with another key");
    // It has made one record.
    for id in ["t7", "t8"] {
        store.intake(&lease, &page(Side::Target, [keyed(id, &[(0, 1)])])).await?;
    }
    store.intake(&lease, &page(Side::Target, [keyed("t7", &[(0, 1)])])).await?;
    let [made, next] = ["t7", "t8"].map(|id| of_record(Side::Target, id));
    ensure!(!is_worked_on(store, &lease, &made).await?, "there is work of what it made");
    same!(store.gather(&lease, &[next]).await?.len(), 1, "works of the one after");
    Ok(())
}

pub(super) async fn it_may_be_asked_for_again(store: &dyn Upkeep) -> Checked {
    two_chains(store).await?;
    store.forget(&subject("s1"), at(50)).await?;
    let again = store.forget(&subject("s1"), at(60)).await?;
    same!(again.removed.values().map(Removed::total).sum::<u64>(), 0, "what is removed again");
    let lease = store.lease(&contacts(), at(9_000), TTL).await?;
    store.intake(&lease, &page(Side::Source, [keyed("s1", &[(0, 1)])])).await?;
    let twice = is_worked_on(store, &lease, &of_record(Side::Source, "s1")).await?;
    ensure!(!twice, "there is work of what was forgotten twice");
    Ok(())
}
