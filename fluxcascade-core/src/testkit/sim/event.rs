//! Webhooks of a simulated system: an outbox that a test takes events from and delivers.

use super::record::Life;
use super::{SimState, SimSystem};
use crate::model::{RecordId, Timestamp};

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// A record was made.
    Created,
    /// A record was changed.
    Changed,
    /// A record was archived or deleted.
    Deleted,
    /// A record came back.
    Restored,
    /// A record was merged into another, which is `Changed`.
    Merged,
}

/// What a system tells those who listen: a hint to read a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimEvent {
    /// The record.
    pub record: RecordId,
    /// What happened to it.
    pub kind: EventKind,
    /// When, by the test's clock.
    pub at: Timestamp,
}

/// What goes wrong with the events that are taken next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventFault {
    /// Each comes twice.
    Repeated,
    /// The newest come first.
    Reordered,
    /// The newest is never delivered.
    Dropped,
}

impl SimSystem {
    /// From now on each change, whoever makes it, puts an event into the outbox.
    ///
    /// ```
    /// use fluxcascade_core::clock::ManualClock;
    /// use fluxcascade_core::testkit::{EventFault, EventKind, SimProfile, SimSystem};
    /// use std::sync::Arc;
    ///
    /// let clock = Arc::new(ManualClock::starting("2026-03-01T14:00:00Z".parse().unwrap()));
    /// let crm = SimSystem::new("crm", "contacts", SimProfile::default(), clock).field("phone");
    /// crm.listen();
    /// let ann = crm.insert([("phone", "555-0100")]);
    /// crm.delete(&ann);
    /// crm.fail_next_events(EventFault::Reordered);
    /// let kinds: Vec<_> = crm.take_events().into_iter().map(|event| event.kind).collect();
    /// assert_eq!(kinds, [EventKind::Deleted, EventKind::Created]);
    /// assert!(crm.take_events().is_empty());
    /// ```
    pub fn listen(&self) {
        self.state().events.get_or_insert_default();
    }

    /// Takes the events out of the outbox, in order but for faults.
    pub fn take_events(&self) -> Vec<SimEvent> {
        let mut state = self.state();
        let mut events = state.events.as_mut().map(std::mem::take).unwrap_or_default();
        match state.event_faults.pop_front() {
            None => {}
            Some(EventFault::Repeated) => events.extend(events.clone()),
            Some(EventFault::Reordered) => events.reverse(),
            Some(EventFault::Dropped) => {
                events.pop();
            }
        }
        events
    }

    /// The events that are taken next go wrong like this.
    pub fn fail_next_events(&self, fault: EventFault) {
        self.state().event_faults.push_back(fault);
    }
}

impl SimState {
    /// Puts what happens to a record into the outbox, before it does.
    pub(super) fn note_event(&mut self, id: &RecordId, at: Timestamp, life: &Life) {
        let Some(events) = &mut self.events else { return };
        let before = self.records.get(id).and_then(|record| record.now()).map(|now| &now.life);
        let kind = match (before, life) {
            (None, _) => EventKind::Created,
            (Some(Life::Live), Life::Live) => EventKind::Changed,
            (Some(Life::Binned | Life::Erased | Life::MergedInto(_)), Life::Live) => {
                EventKind::Restored
            }
            (Some(_), Life::Binned | Life::Erased) => EventKind::Deleted,
            (Some(_), Life::MergedInto(_)) => EventKind::Merged,
        };
        events.push(SimEvent { record: id.clone(), kind, at });
    }
}
