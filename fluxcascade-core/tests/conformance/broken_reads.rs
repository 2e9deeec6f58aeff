//! Reads that break one rule each, as connectors are known to.

use std::time::Duration;

use fluxcascade_core::Reader;
use fluxcascade_core::connector::{
    ChangesPage, ChangesRequest, ConnectorError, ErrorKind, FetchRequest, FindRequest, Found,
    Position,
};
use fluxcascade_core::model::{
    Cursor, ObjectType, Observation, Provenance, Slot, State, Timestamp, Value, Version,
};

use crate::broken::{Broken, Memory};

fn time_of(seen: &Observation) -> Option<Timestamp> {
    Some(seen.known()?.1.modified?.at)
}

fn slots(seen: &mut Observation) -> Option<&mut [Slot]> {
    if let State::Known { values, .. } = &mut seen.state {
        return Some(values.slots_mut());
    }
    None
}

impl Broken {
    pub(crate) fn object(&self, asked: &ObjectType) -> ObjectType {
        if self.breaks("an_object_type_that_is_not_known_is_an_error") {
            return ObjectType::new("contacts").unwrap();
        }
        asked.clone()
    }

    pub(crate) async fn broken_changes(
        &self,
        mut request: ChangesRequest,
    ) -> Result<ChangesPage, ConnectorError> {
        request.object = self.object(&request.object);
        if self.breaks("a_page_has_at_most_as_many_rows_as_are_asked_for") {
            request.limit = 1000;
        }
        let position = request.position.clone();
        if let Position::After(cursor) = &position
            && self.breaks("the_same_cursor_may_be_read_again")
            && !self.memory.lock().unwrap().cursors.insert(cursor.as_str().to_owned())
        {
            return Ok(nothing(cursor.clone()));
        }
        let page = self.sim.changes(request).await;
        let mut page = match page {
            Err(error) => return self.broken_error(error),
            Ok(page) => page,
        };
        let mut memory = self.memory.lock().unwrap();
        self.drop_rows(&position, &mut page, &mut memory);
        for seen in &mut page.observations {
            if self.breaks("a_field_that_holds_nothing_is_blank_and_not_absent") {
                for slot in slots(seen).into_iter().flatten() {
                    if slot.value().is_some_and(Value::is_blank) {
                        *slot = Slot::Absent;
                    }
                }
            }
        }
        Ok(page)
    }

    fn broken_error(&self, mut error: ConnectorError) -> Result<ChangesPage, ConnectorError> {
        if self.breaks("a_failed_read_is_an_error_and_never_an_empty_answer")
            && error.is_transient()
        {
            return Ok(nothing(Cursor::new("nothing").unwrap()));
        }
        if self.breaks("a_cursor_that_is_not_taken_any_more_is_position_lost") {
            error.kind = ErrorKind::Protocol;
        }
        Err(error)
    }

    /// Rows that get lost on the way.
    fn drop_rows(&self, position: &Position, page: &mut ChangesPage, memory: &mut Memory) {
        let is_start = *position == Position::Start;
        let rows = &mut page.observations;
        if self.breaks("a_full_read_returns_every_record_that_exists") && is_start && page.more {
            // The page's last row is taken for the next one's first.
            if let [.., before, last] = rows.as_slice()
                && time_of(before) != time_of(last)
            {
                rows.pop();
            }
        }
        if self.breaks("rows_of_one_time_at_a_page_s_edge_are_all_returned") {
            // The next page begins after the last row's time.
            let last = match position {
                Position::Start => None,
                Position::After(cursor) => memory.last_times.get(cursor.as_str()).copied(),
            };
            if let Some(time) = rows.last().and_then(time_of).filter(|_| page.more) {
                memory.last_times.insert(page.cursor.as_str().to_owned(), time);
            }
            rows.retain(|seen| last.is_none() || time_of(seen) != last);
        }
        if self.breaks("a_later_change_is_returned_by_the_next_read") {
            // A row is told twice, and never again.
            rows.retain(|seen| {
                let versions = memory.versions.entry(seen.record.clone()).or_default();
                versions.extend(time_of(seen));
                versions.len() < 3
            });
        }
        if self.breaks("a_change_during_a_full_read_is_returned_by_it_or_by_the_next") {
            // A full read has each record once, and the cursor is the time of its newest row.
            if is_start {
                *memory = Memory { in_full_read: true, ..Memory::default() };
            }
            if memory.in_full_read {
                memory.newest = memory.newest.max(rows.iter().filter_map(time_of).max());
                memory.in_full_read = page.more;
                rows.retain(|seen| memory.returned.insert(seen.record.clone()));
            } else {
                rows.retain(|seen| time_of(seen) > memory.newest);
            }
        }
        if self.breaks("a_row_that_shows_late_is_returned_within_the_look_back") && !page.more {
            page.cursor = without_look_back(&page.cursor);
        }
    }

    pub(crate) async fn broken_fetch(
        &self,
        request: FetchRequest,
    ) -> Result<Vec<Observation>, ConnectorError> {
        let mut seen = self.sim.fetch(request).await?;
        let mut ids: Vec<_> = seen.iter().map(|seen| seen.record.clone()).collect();
        let count = ids.len();
        ids.sort();
        ids.dedup();
        if self.breaks("there_is_one_observation_per_id_in_the_order_asked") && ids.len() == count {
            seen.sort_by(|a, b| a.record.cmp(&b.record));
        }
        if self.breaks("an_id_that_is_asked_for_twice_is_answered_twice") {
            let mut answered = std::collections::BTreeSet::new();
            seen.retain(|seen| answered.insert(seen.record.clone()));
        }
        if self.breaks("an_id_that_is_not_known_is_missing_and_never_left_out") && count > 1 {
            seen.retain(|seen| seen.state != State::Missing);
        }
        for seen in &mut seen {
            if self.breaks("what_changes_return_is_listed_and_what_is_read_by_id_is_fetched") {
                seen.provenance = Provenance::Listed;
            }
            if let State::Archived(values) = &mut seen.state {
                if self.breaks("what_is_archived_shows_its_values") {
                    values.slots_mut().fill(Slot::Absent);
                }
                if self.breaks("a_delete_shows_as_declared") {
                    seen.state = State::Missing;
                }
            }
            if let State::Known { version, .. } = &mut seen.state
                && self.breaks("a_changed_record_has_a_newer_version")
            {
                *version = one_version();
            }
        }
        Ok(seen)
    }

    pub(crate) async fn broken_find(
        &self,
        request: FindRequest,
    ) -> Result<Vec<Found>, ConnectorError> {
        let (object, projection) = (request.object.clone(), request.projection.clone());
        let parts = request.values.iter().position(|value| !value.to_string().contains('@'));
        let mut hits = self.sim.find(request).await?;
        if self.breaks("a_record_is_found_by_its_value_once_the_look_up_shows_it") {
            hits.clear();
        }
        if let Some(value) = parts
            && self.breaks("only_records_with_an_equivalent_value_are_found")
        {
            let records = self.sim.records();
            let all = self.sim.fetch(FetchRequest { object, projection, records }).await?;
            hits.extend(all.into_iter().map(|observation| Found { value, observation }));
        }
        for Found { value, observation } in &mut hits {
            if self.breaks("what_is_found_names_the_place_of_its_value") {
                *value = 0;
            }
            let slots = slots(observation).unwrap_or_default();
            if self.breaks("every_observation_has_one_slot_per_field_of_the_projection") {
                slots.reverse();
            }
            if self.breaks("values_are_of_the_types_that_the_schema_says")
                && let Some(Slot::Present(Value::Text(text))) = slots.last().cloned()
            {
                slots[2] = Slot::Present(Value::Choice(text));
            }
        }
        Ok(hits)
    }
}

fn nothing(cursor: Cursor) -> ChangesPage {
    ChangesPage { observations: Vec::new(), cursor, more: false }
}

pub(crate) fn one_version() -> Version {
    Version::modified(Timestamp::from_secs(0), Duration::from_millis(1))
}

/// A cursor from which the next read begins at its mark.
fn without_look_back(cursor: &Cursor) -> Cursor {
    let mut read: serde_json::Value = serde_json::from_str(cursor.as_str()).unwrap();
    let mark: Timestamp = read["mark"].as_str().unwrap().parse().unwrap();
    read["mark"] = (mark + Duration::from_secs(300)).to_string().into();
    Cursor::new(read.to_string()).unwrap()
}
