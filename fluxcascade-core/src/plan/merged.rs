//! Records that were merged into others inside their system: the link follows the survivor.

use super::context::PlanContext;
use super::ending::{end, link_hold, suspended};
use super::entry::{Entry, LinkUpdate, Need, Step};
use crate::model::{
    Choice, Ending, Hold, HoldKey, HoldReason, Link, LinkStatus, Linked, LogKind, RecordId, Side,
    Sides, State, Version, Work,
};

/// What becomes of a link whose records may have been merged into others.
pub(super) enum Followed {
    /// They were not.
    Stays,
    /// It is a link of the survivors now.
    Moved(Box<Link>),
    /// Nothing else is decided for it in this pass.
    Settled(Box<Entry>),
}

/// Follows the records of a link to where they live on.
pub(super) fn follow(
    work: &Work,
    link: &Link,
    context: &PlanContext,
    entry: &mut Entry,
    needs: &mut Vec<Need>,
) -> Followed {
    let before = needs.len();
    let trails = Sides::from_fn(|side| trail(link, side, context, needs));
    if needs.len() > before {
        let mut waiting = entry.clone();
        waiting.step = Step::Needs;
        return Followed::Settled(Box::new(waiting));
    }
    let moved: Vec<Side> = trails.iter().filter(|(_, t)| t.is_some()).map(|(s, _)| s).collect();
    if moved.is_empty() {
        return Followed::Stays;
    }
    let records =
        Sides::from_fn(|side| trails[side].clone().unwrap_or_else(|| link.records[side].clone()));
    let owners = Sides::from_fn(|side| {
        trails[side].as_ref().and_then(|record| owner(side, record, link, context))
    });
    match (&owners.source, &owners.target) {
        (Some(source), Some(target)) if source.link == target.link => {
            let why = "both of its records were merged into those of another link";
            Followed::Settled(Box::new(end(work, link, Ending::BothDeleted, why, entry.clone())))
        }
        (Some(_), _) => park(work, link, Side::Source, &records, context, entry),
        (None, Some(_)) => park(work, link, Side::Target, &records, context, entry),
        (None, None) => Followed::Moved(Box::new(moved_link(link, &moved, records, entry))),
    }
}

/// Where a record lives on: the end of the chain of merges.
fn trail(
    link: &Link,
    side: Side,
    context: &PlanContext,
    needs: &mut Vec<Need>,
) -> Option<RecordId> {
    // Most records were merged into none: that takes no list of where they lived.
    let own = context.fetched.get(&(side, link.records[side].clone()));
    if !own.is_some_and(|seen| matches!(seen.state, State::MergedInto(_))) {
        return None;
    }
    let mut chain = vec![link.records[side].clone()];
    loop {
        let here = chain.last()?;
        let seen = context.fetched.get(&(side, here.clone())).map(|seen| &seen.state);
        let Some(State::MergedInto(next)) = seen else { break };
        if chain.contains(next) {
            break;
        }
        let key = (side, next.clone());
        if !context.linked.contains_key(&key) {
            needs.push(Need::Linked { side, record: next.clone() });
        }
        if !context.fetched.contains_key(&key) {
            needs.push(Need::Fetch { side, record: next.clone() });
        }
        if !context.linked.contains_key(&key) || !context.fetched.contains_key(&key) {
            return None;
        }
        chain.push(next.clone());
    }
    (chain.len() > 1).then(|| chain.pop()).flatten()
}

/// Another link that has the survivor.
fn owner<'a>(
    side: Side,
    record: &RecordId,
    link: &Link,
    context: &'a PlanContext,
) -> Option<&'a Linked> {
    let linked = context.linked.get(&(side, record.clone()))?.as_ref()?;
    (linked.link != link.id).then_some(linked)
}

/// Base values stay; the version was another record's.
fn moved_link(link: &Link, moved: &[Side], records: Sides<RecordId>, entry: &mut Entry) -> Link {
    let mut followed = Link { status: LinkStatus::Active, records, ..link.clone() };
    for &side in moved {
        followed.bases[side].version = Version::oldest();
        followed.bases[side].fingerprint = None;
        entry.drops.push((side, link.records[side].clone()));
        entry.released.push(HoldKey::Record(side, followed.records[side].clone()));
    }
    let which: Vec<String> = moved
        .iter()
        .map(|&side| {
            format!(
                "the {side} record {} was merged into {}",
                link.records[side], followed.records[side]
            )
        })
        .collect();
    entry.records = followed.records.as_ref().map(|record| Some(record.clone()));
    entry.before = Some(LinkUpdate {
        link: link.id,
        kind: LogKind::Follow,
        status: LinkStatus::Active,
        ending: None,
        records: followed.records.clone(),
        why: which.join(", "),
    });
    entry.step = Step::Decided;
    followed
}

/// The survivor has a link already: it keeps that one, and this one waits for a person.
fn park(
    work: &Work,
    link: &Link,
    side: Side,
    survivors: &Sides<RecordId>,
    context: &PlanContext,
    entry: &Entry,
) -> Followed {
    let mut entry = entry.clone();
    entry.step = Step::Decided;
    let hold = link_hold(work).filter(|hold| hold.reason == HoldReason::Ambiguous);
    let twin = side.other();
    match hold.and_then(Hold::choice) {
        Some(Choice::Leave) => {
            let why = format!("the {side} record was merged away, and the {twin} one stays");
            return settled(end(work, link, Ending::Deleted(side), &why, entry));
        }
        Some(Choice::Create) => {
            let why = format!("the {side} record was merged away, and is made again");
            entry.wakes.push((twin, link.records[twin].clone()));
            return settled(end(work, link, Ending::Remade(side), &why, entry));
        }
        Some(Choice::LinkTo(record)) => {
            let why = format!("the {side} record was merged away; a person named another one");
            let key = HoldKey::Record(twin, link.records[twin].clone());
            let mut said =
                Hold::new(key, HoldReason::Ambiguous, "a person named its partner", context.now);
            said.candidates = vec![(side, record.clone())];
            said.answer = hold.and_then(|hold| hold.answer.clone());
            said.not_before = Some(context.now);
            entry.holds.push(said);
            return settled(end(work, link, Ending::Deleted(side), &why, entry));
        }
        Some(_) | None => {}
    }
    let survivor = &survivors[side];
    let mut parked = Hold::new(
        HoldKey::Link(link.id),
        HoldReason::Ambiguous,
        format!(
            "the {side} record {} was merged into {survivor}, which is linked to another record: \
             merge {} into that one on the {twin}, or say what it belongs to",
            link.records[side], link.records[twin]
        ),
        context.now,
    );
    parked.candidates = vec![(side, survivor.clone())];
    parked.not_before = Some(context.now + super::parked::PARKED_FOR);
    entry.holds.push(parked);
    if link.status != LinkStatus::Suspended {
        let why = format!("the {side} record {} was merged away", link.records[side]);
        entry.after = Some(suspended(link, why));
    }
    settled(entry)
}

fn settled(entry: Entry) -> Followed {
    Followed::Settled(Box::new(entry))
}
