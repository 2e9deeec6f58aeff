//! What is due and cannot be dealt with yet: it waits for its time, for its record to show, or for what the
//! whole record waits for, and no system is asked for it in each run.

use std::time::Duration;

use super::context::PlanContext;
use super::detect::View;
use super::ending::link_hold;
use super::entry::{Entry, Step};
use crate::model::{Hold, HoldReason, Link, LinkStatus, Side, Sides, Work};

/// How long an answer for a field that is not shown waits before both records are read again: that a
/// field is shown from now on is no edit, and no system tells it.
const LOOKED_AGAIN: Duration = Duration::from_secs(3600);

/// Whether nothing was seen of a link, and all that it is looked at for waits: for its time, for its
/// record, or for what the whole record waits for.
pub(super) fn rests(
    work: &Work,
    link: &Link,
    views: &Sides<View<'_>>,
    context: &PlanContext,
) -> bool {
    let is_unseen = |side: Side| matches!(views[side], View::Unseen);
    let waits = |hold: &&Hold| hold.waits_on(context.now);
    let passes = |hold: &Hold| hold.held_back().is_some_and(|what| context.gate.lets(what));
    let above = Above { link, hold: link_hold(work).filter(waits), context };
    let mut due = work.holds.iter().filter(|hold| !waits(hold)).peekable();
    due.peek().is_some()
        && due.all(|hold| above.stops(hold))
        && Side::BOTH.into_iter().all(is_unseen)
        && work.entries.iter().all(|(_, entry)| entry.is_none())
        && work.operations.is_empty()
        && !context.retransformed.contains_key(&link.id)
        && !work.holds.iter().any(passes)
}

/// What stands above the holds of pairs.
struct Above<'a> {
    link: &'a Link,
    /// What the whole record waits for, which is not due.
    hold: Option<&'a Hold>,
    context: &'a PlanContext,
}

impl Above<'_> {
    /// Whether nothing can be done for a hold that is due.
    fn stops(&self, hold: &Hold) -> bool {
        // A record that is back in its scope is listed.
        let is_away = self.link.status == LinkStatus::Suspended;
        let is_later = hold.not_before.is_some_and(|due| due > self.context.now);
        match (hold.key.pair(), hold.choice()) {
            (None, None) => false,
            (None, Some(_)) => hold.reason == HoldReason::Conflict && (is_later || is_away),
            (Some(_), None) => is_away || self.hold.is_some(),
            (Some(_), Some(choice)) => {
                let is_kept_back = self.hold.is_some_and(|above| above.keeps_back(choice));
                is_away || is_later && can_wait(hold) || is_awaited(hold) || is_kept_back
            }
        }
    }
}

/// An answer for a field that is still not shown is looked at later.
pub(super) fn put_off(work: &Work, context: &PlanContext, entry: &mut Entry) {
    match entry.step {
        Step::Unchanged | Step::Decided => {}
        Step::Needs | Step::Follows | Step::Waits { .. } | Step::Ignored => return,
    }
    let is_due = |hold: &Hold| {
        let is_later = hold.not_before.is_some_and(|due| due > context.now);
        is_for_hidden(hold) && hold.answer.is_some() && !is_later
    };
    for hold in work.holds.iter().filter(|hold| is_due(hold)) {
        let is_put = entry.holds.iter().any(|other| other.key == hold.key);
        if !is_put && !entry.released.contains(&hold.key) {
            entry.holds.push(hold.clone());
            entry.step = Step::Decided;
        }
    }
    for hold in entry.holds.iter_mut().filter(|hold| is_due(hold)) {
        hold.not_before = Some(context.now + LOOKED_AGAIN);
    }
}

/// Whether it waits for a link, which wakes it.
fn is_awaited(hold: &Hold) -> bool {
    hold.reason == HoldReason::Reference && hold.not_before.is_none()
}

/// Whether what was said of it may be done in a later run: an answer to anything else is carried out,
/// or asked again, in the next one.
fn can_wait(hold: &Hold) -> bool {
    hold.reason == HoldReason::Conflict || is_for_hidden(hold)
}

/// Whether it waits for a field that a side does not show.
fn is_for_hidden(hold: &Hold) -> bool {
    hold.reason == HoldReason::Unreadable && hold.key.pair().is_some()
}
