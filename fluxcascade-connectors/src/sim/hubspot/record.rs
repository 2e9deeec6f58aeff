//! One record: its state, what search shows of it, and where its values came from.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use fluxcascade_core::Timestamp;

use super::SimRecord;
use super::kind::Kind;

/// How many values of one property the history keeps.
const HISTORY_KEPT: usize = 20;

/// Who wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Author {
    /// A person in HubSpot's own pages.
    User,
    /// The app, over the API.
    App,
}

/// Where a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shelf {
    Live,
    Archived,
}

/// One value that a property has had.
#[derive(Debug, Clone)]
pub(super) struct Past {
    pub(super) value: String,
    pub(super) at: Timestamp,
    pub(super) by: Author,
}

/// What a record holds at one time. Properties without a value are not in it.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) properties: BTreeMap<String, String>,
    pub(super) modified: Timestamp,
}

/// One record.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) id: u64,
    pub(super) created: Timestamp,
    pub(super) archived: Option<Timestamp>,
    state: Arc<State>,
    /// What search shows, and what it will show from when on, in the order of the writes.
    indexed: Option<Arc<State>>,
    coming: VecDeque<(Timestamp, Arc<State>)>,
    /// Newest first; a property that was never changed is not in it.
    history: BTreeMap<String, VecDeque<Past>>,
    made_by: Author,
    /// The property that has the time of the last change.
    modified: &'static str,
    pub(super) writes: u64,
}

impl Record {
    /// A record without properties, but for those that HubSpot sets.
    pub(super) fn new(id: u64, at: Timestamp, by: Author, kind: &Kind) -> Self {
        let modified = kind.modified;
        let properties = BTreeMap::from([
            ("hs_object_id".to_owned(), id.to_string()),
            (kind.created().to_owned(), iso(at)),
            (modified.to_owned(), iso(at)),
        ]);
        Self {
            id,
            created: at,
            archived: None,
            state: Arc::new(State { properties, modified: at }),
            indexed: None,
            coming: VecDeque::new(),
            history: BTreeMap::new(),
            made_by: by,
            modified,
            writes: 0,
        }
    }

    /// Where it is.
    pub(super) fn shelf(&self) -> Shelf {
        if self.archived.is_some() { Shelf::Archived } else { Shelf::Live }
    }

    pub(super) fn state(&self) -> &State {
        &self.state
    }

    pub(super) fn value(&self, property: &str) -> Option<&str> {
        self.state.properties.get(property).map(String::as_str)
    }

    /// Takes values, an empty one clearing its property; search shows them from `visible` on.
    pub(super) fn write(
        &mut self,
        changes: &[(String, String)],
        by: Author,
        at: Timestamp,
        visible: Timestamp,
    ) {
        let first = self.writes == 0;
        self.writes += 1;
        if let Some(shown) = self.shown(at).cloned() {
            self.indexed = Some(shown);
            self.coming.retain(|(from, _)| *from > at);
        }
        if !first {
            for (name, value) in changes {
                self.remember(name, value, by, at);
            }
        }
        let state = Arc::make_mut(&mut self.state);
        for (name, value) in changes {
            if value.is_empty() {
                state.properties.remove(name);
            } else {
                state.properties.insert(name.clone(), value.clone());
            }
        }
        state.modified = at;
        state.properties.insert(self.modified.to_owned(), iso(at));
        self.coming.push_back((visible, Arc::clone(&self.state)));
    }

    /// Search shows the present state from now on.
    pub(super) fn index_now(&mut self) {
        self.indexed = Some(Arc::clone(&self.state));
        self.coming.clear();
    }

    /// What search shows of it at this time: the state after the last write that has arrived in
    /// the index. A write that arrives after a later one is not shown.
    pub(super) fn shown(&self, at: Timestamp) -> Option<&Arc<State>> {
        let arrived = self.coming.iter().rev().find(|(from, _)| *from <= at);
        arrived.map(|(_, state)| state).or(self.indexed.as_ref())
    }

    fn remember(&mut self, name: &str, value: &str, by: Author, at: Timestamp) {
        let before = self.state.properties.get(name).cloned().unwrap_or_default();
        if before == value {
            return;
        }
        let (created, made_by) = (self.created, self.made_by);
        let past = self.history.entry(name.to_owned()).or_insert_with(|| {
            let first = Past { value: before.clone(), at: created, by: made_by };
            if before.is_empty() { VecDeque::new() } else { VecDeque::from([first]) }
        });
        past.push_front(Past { value: value.to_owned(), at, by });
        past.truncate(HISTORY_KEPT);
    }

    /// The values that a property has had, the newest first.
    pub(super) fn history(&self, property: &str) -> Vec<Past> {
        if let Some(past) = self.history.get(property) {
            return past.iter().cloned().collect();
        }
        let first =
            |value: &str| Past { value: value.to_owned(), at: self.created, by: self.made_by };
        self.value(property).map(first).into_iter().collect()
    }

    pub(super) fn public(&self) -> SimRecord {
        SimRecord {
            id: self.id.to_string(),
            properties: self.state.properties.clone(),
            created_at: self.created,
            updated_at: self.state.modified,
            archived_at: self.archived,
        }
    }
}

/// A time as HubSpot writes it: `2026-03-01T14:00:00.000Z`.
pub(super) fn iso(at: Timestamp) -> String {
    at.to_chrono().map(|time| time.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()).unwrap_or_default()
}
