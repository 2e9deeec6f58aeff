//! Rules of how changes, deletes among them, become known.

use super::bench::{Pass, is_gone, lag_of};
use super::{Checked, Fixture, Found, Verdict, ensure};
use crate::connector::{DeleteSignal, Position};
use crate::model::{DeleteEvidence, RecordId, State};

/// Whether what was read shows the record with this in its first field.
fn shows(pass: &Pass, record: &RecordId, wanted: &str) -> bool {
    pass.seen.iter().filter(|seen| seen.record == *record).any(|seen| {
        let slot = seen.values().and_then(|values| values.slots().get(1));
        slot.is_some_and(|slot| super::bench::holds(slot, wanted))
    })
}

pub(super) async fn a_later_change_is_returned_by_the_next_read(at: &Fixture) -> Checked {
    let edited = at.settled("Before").await;
    let mut next = at.pass(&Position::Start, 100).await?.next;
    for round in ["Once", "Twice"] {
        at.settle().await;
        let made = at.person(round).await;
        at.minute().await;
        at.edit(&edited, round).await;
        at.settle().await;
        let pass = at.pass(&at.since(&next).await?, 2).await?;
        ensure!(shows(&pass, &made, round), "a record that was made is not returned");
        ensure!(shows(&pass, &edited, round), "a record that was edited is not returned");
        next = pass.next;
    }
    Ok(Verdict::Kept)
}

pub(super) async fn a_change_during_a_full_read_is_returned_by_it_or_by_the_next(
    at: &Fixture,
) -> Checked {
    let people = at.people(4).await;
    let first = at.page(&Position::Start, 2).await?;
    at.minute().await;
    for person in &people {
        at.edit(person, "Meanwhile").await;
        at.minute().await;
    }
    let made = at.person("Meanwhile").await;
    at.minute().await;
    let rest = at.pass(&Position::After(first.cursor), 2).await?;
    at.settle().await;
    let mut after = at.pass(&at.since(&rest.next).await?, 2).await?;
    after.seen.extend(rest.seen);
    for person in people.iter().chain([&made]) {
        ensure!(shows(&after, person, "Meanwhile"), "a change of {person} is not returned");
    }
    Ok(Verdict::Kept)
}

pub(super) async fn a_row_that_shows_late_is_returned_within_the_look_back(
    at: &Fixture,
) -> Checked {
    let can = at.can();
    let lag = lag_of(can.list).min(can.look_back);
    if lag.is_zero() {
        return Ok(Verdict::DoesNotApply("its listing is declared consistent"));
    }
    let edited = at.settled("Before").await;
    let mut next = at.pass(&Position::Start, 100).await?.next;
    at.settle().await;
    next = at.pass(&next, 100).await?.next;
    let made = at.person("Late").await;
    at.edit(&edited, "Late").await;
    let (mut made_seen, mut edit_seen) = (false, false);
    // Reads on while the row is not shown yet must not pass it by.
    for wait in [0, 1, 1, 1, 2, 2, 3].map(|tenths| lag * tenths / 10) {
        at.backstage.wait(wait).await;
        let pass = at.pass(&at.since(&next).await?, 100).await?;
        made_seen |= shows(&pass, &made, "Late");
        edit_seen |= shows(&pass, &edited, "Late");
        next = pass.next;
    }
    ensure!(made_seen, "a record that shows late is not returned");
    ensure!(edit_seen, "an edit that shows late is not returned");
    Ok(Verdict::Kept)
}

pub(super) async fn a_changed_record_has_a_newer_version(at: &Fixture) -> Checked {
    let person = at.settled("Before").await;
    let before = at.version(&person).await?;
    at.edit(&person, "After").await;
    at.settle().await;
    let after = at.version(&person).await?;
    let (Some(order), _) = (after.compare(&before), &before.tag) else {
        ensure!(after.tag != before.tag || after.tag.is_none(), "the tag of {person} is the same");
        return Ok(Verdict::DoesNotApply("its versions are not in order"));
    };
    ensure!(order.is_gt(), "after an edit the version is {after:?}, before it {before:?}");
    ensure!(after.tag != before.tag || after.tag.is_none(), "the tag of {person} is the same");
    Ok(Verdict::Kept)
}

pub(super) async fn a_delete_shows_as_declared(at: &Fixture) -> Checked {
    let person = at.settled("Deleted").await;
    let next = at.pass(&Position::Start, 100).await?.next;
    at.settle().await;
    at.backstage.delete(&person).await;
    at.settle().await;
    let fetched = at.fetch(&person).await?.state;
    ensure!(is_gone(&fetched), "a deleted record is {} by id", fetched.word());
    let full = at.pass(&Position::Start, 100).await?;
    ensure!(!full.known().contains(&person), "a deleted record is known on a full read");
    let changes = at.pass(&next, 100).await?;
    let listed = changes.of(&person).map(|seen| seen.state.clone());
    match at.can().deletes {
        DeleteSignal::Absence => ensure!(
            listed.as_ref().is_none_or(is_gone),
            "a deleted record is listed as {}",
            listed.as_ref().map_or("nothing", State::word)
        ),
        DeleteSignal::Flag => ensure!(
            matches!(fetched, State::Archived(_)),
            "an archived record is {} by id, and it should say that it is archived",
            fetched.word()
        ),
        DeleteSignal::Feed => ensure!(
            listed == Some(State::Deleted(DeleteEvidence::Feed)),
            "the changes have a deleted record as {}, and should as deleted",
            listed.as_ref().map_or("nothing", State::word)
        ),
    }
    Ok(Verdict::Kept)
}

pub(super) async fn what_is_archived_shows_its_values(at: &Fixture) -> Checked {
    if at.can().deletes != DeleteSignal::Flag {
        return Ok(Verdict::DoesNotApply("a deleted record does not say so itself"));
    }
    let person = at.settled("Deleted").await;
    at.backstage.delete(&person).await;
    at.settle().await;
    let full = at.pass(&Position::Start, 100).await?;
    let listed = full.of(&person).map(|seen| seen.state.clone());
    let Some(State::Archived(listed)) = listed else {
        let told = listed.as_ref().map_or("nothing", State::word);
        return Err(Found(format!("a full read has an archived record as {told}")));
    };
    let mut seen = vec![("a full read", listed)];
    // That it says so by id is another rule.
    if let State::Archived(fetched) = at.fetch(&person).await?.state {
        seen.push(("a read by id", fetched));
    }
    for (read, values) in seen {
        let name = values.slots().get(1).is_some_and(|slot| super::bench::holds(slot, "Deleted"));
        ensure!(name, "{read} shows {values:?} of an archived record");
    }
    Ok(Verdict::Kept)
}
