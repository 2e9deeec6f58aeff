//! pull → inbox: what changed on a side, page by page, each page stored with its cursor.

use std::time::Duration;

use super::options::Scope;
use super::run::{Run, Standing};
use super::{Event, SyncError};
use crate::connector::{ChangesPage, ChangesRequest, ConnectorError, ErrorKind, Position, Reader};
use crate::mapping::CompiledMapping;
use crate::model::value::MAX_VALUE_BYTES;
use crate::model::{Observation, Side, Slot, State, Timestamp, Values};
use crate::seeded::{self, Bug};
use crate::store::{Feed, Intake, IntakeRow, Sweep};

impl Run<'_> {
    /// Reads a side's changes into the inbox: since its cursor, or whole when a sweep is due.
    pub(super) async fn pull(&mut self, side: Side) -> Result<(), SyncError> {
        let feed_key = self.feed_key(side);
        let mut feed = self.store().feed(&self.lease, &feed_key).await?;
        self.check_account(side, &feed)?;
        feed.account = Some(self.account(side).to_owned());
        let before = feed.sweep_rows;
        let every = match self.options.scope {
            Scope::Full => Duration::ZERO,
            Scope::Changed | Scope::Records(_) => self.engine.inner.settings.sweep_every,
        };
        if self.standing == Standing::Tried {
            feed = read_again(feed); // for the keys of this revision
        }
        begin_sweep(&mut feed, self.now(), every);
        loop {
            self.keep_lease().await?;
            let position = feed.cursor.clone().map_or(Position::Start, Position::After);
            let page = match self.page(side, position).await {
                Ok(page) => page,
                Err(error) if error.kind == ErrorKind::PositionLost && feed.cursor.is_some() => {
                    // The system does not know the place any more: everything is read anew.
                    feed.sweeping = true;
                    feed.sweep_began = Some(self.now());
                    feed.cursor = None;
                    feed.sweep_rows = 0;
                    self.page(side, Position::Start)
                        .await
                        .map_err(|error| self.failed(side, error))?
                }
                Err(error) => return Err(self.failed(side, error)),
            };
            let sweep = part(&feed, page.more);
            feed.cursor = Some(page.cursor);
            if feed.sweeping {
                feed.sweep_rows += page.observations.len() as u64;
            }
            if feed.sweeping && !page.more {
                self.check_empty(side, &feed, before).await?;
                feed.sweeping = false;
                feed.swept = feed.sweep_began.take();
            }
            let rows: Vec<IntakeRow> =
                page.observations.into_iter().map(|seen| self.row(side, seen)).collect();
            let counts = &mut self.report.sides[side];
            counts.pages += 1;
            counts.listed += rows.len() as u64;
            let listed = counts.listed;
            let intake = Intake {
                side,
                revision: self.mapping.revision,
                rows,
                feed_key: feed_key.clone(),
                feed: match self.standing {
                    Standing::Stored => feed.clone(),
                    // Whichever revision is stored next reads everything again.
                    Standing::Tried => read_again(feed.clone()),
                },
                sweep,
            };
            if seeded::is(Bug::CursorBeforePage) {
                let cursor = Intake { rows: Vec::new(), sweep: Sweep::None, ..intake.clone() };
                self.store().intake(&self.lease, &cursor).await?;
            }
            let taken = self.store().intake(&self.lease, &intake).await?;
            self.report.sides[side].taken += taken.entered + taken.missed;
            self.engine.tell(&Event::Pulled { side, records: listed });
            if !page.more {
                return Ok(());
            }
        }
    }

    async fn page(&self, side: Side, position: Position) -> Result<ChangesPage, ConnectorError> {
        let reader: &dyn Reader = self.connector(side).as_ref();
        let request = ChangesRequest {
            object: self.mapping.endpoint(side).object.clone(),
            projection: self.mapping.projections[side].clone(),
            position,
            limit: self.capabilities(side).page,
        };
        reader.changes(request).await
    }

    fn check_account(&self, side: Side, feed: &Feed) -> Result<(), SyncError> {
        match &feed.account {
            Some(before) if before != self.account(side) => Err(SyncError::OtherAccount {
                connection: self.mapping.endpoint(side).connection.clone(),
                mapping: self.mapping.mapping.name.clone(),
                before: before.clone(),
                now: self.account(side).to_owned(),
            }),
            Some(_) | None => Ok(()),
        }
    }

    /// A full read that shows nothing of a side that had records is a lost permission, or a
    /// changed filter, as likely as it is true: it is not taken in (P8, P18).
    async fn check_empty(&self, side: Side, feed: &Feed, before: u64) -> Result<(), SyncError> {
        let is_believed = self.options.empty.contains(&side) || seeded::is(Bug::EmptyListIsDeletes);
        if feed.sweep_rows > 0 || is_believed {
            return Ok(());
        }
        let counts = self.store().counts(&self.mapping.key).await?;
        let had = before.max(counts.active_links + counts.suspended_links);
        if had < self.mapping.mapping.guards.empty_from.max(1) {
            return Ok(());
        }
        Err(SyncError::EmptyRead {
            mapping: self.mapping.mapping.name.clone(),
            end: self.mapping.endpoint(side).to_string(),
            side,
            had,
        })
    }

    pub(super) fn row(&self, side: Side, mut seen: Observation) -> IntakeRow {
        bound(&self.mapping, side, &mut seen);
        // What is out of scope or archived has its keys all the same: nothing is created beside it.
        let keys = seen
            .values_for_keys()
            .map(|values| self.mapping.keys(side, &seen.record, values, &self.key));
        scope(&self.mapping, side, &mut seen);
        if let State::Archived(values) = &mut seen.state {
            *values = Values::default(); // they were for the keys, and are not stored
        }
        let print = |values| self.mapping.record_print(side, values, &self.key);
        let fingerprint = seen.values().map(print);
        self.mapping.store_seen(side, &mut seen, &self.key);
        IntakeRow { fingerprint, keys, observation: seen }
    }
}

/// A feed that is read whole again.
pub(super) fn read_again(feed: Feed) -> Feed {
    Feed { cursor: None, sweeping: true, sweep_began: None, ..feed }
}

/// Which part a page has in a full read; the feed stands before the page.
fn part(feed: &Feed, more: bool) -> Sweep {
    match (feed.sweeping, feed.cursor.is_none(), more) {
        (false, _, _) => Sweep::None,
        (true, true, true) => Sweep::First,
        (true, true, false) => Sweep::Only,
        (true, false, true) => Sweep::Going,
        (true, false, false) => Sweep::Last,
    }
}

/// A full read begins when there was none, or the last is too old; one under way goes on.
fn begin_sweep(feed: &mut Feed, now: Timestamp, every: Duration) {
    let due = feed.swept.is_none_or(|swept| now.since(swept) >= every);
    if !feed.sweeping && due {
        feed.sweeping = true;
        feed.cursor = None;
    }
    if feed.sweeping && feed.cursor.is_none() {
        feed.sweep_began = Some(now);
        feed.sweep_rows = 0;
    }
}

/// A record that breaks the bounds is unreadable; the other records go on.
pub(super) fn bound(mapping: &CompiledMapping, side: Side, seen: &mut Observation) {
    if let (true, State::Known { values, .. }) = (seeded::is(Bug::AbsentIsBlank), &mut seen.state) {
        let absent = values.slots_mut().iter_mut().filter(|slot| slot.is_absent());
        absent.for_each(|slot| *slot = Slot::Present(crate::model::Value::Null));
    }
    let fields = mapping.projections[side].fields();
    let broken = seen.values_for_keys().and_then(|values| {
        if values.slots().len() != fields.len() {
            let (has, asked) = (values.slots().len(), fields.len());
            return Some(format!("the connector gave {has} fields where {asked} were asked for"));
        }
        let too_large = |slot: &Slot| slot.value().is_some_and(|v| v.size() > MAX_VALUE_BYTES);
        let slot = values.slots().iter().position(too_large)?;
        Some(format!("the field {} has more than {MAX_VALUE_BYTES} bytes", fields[slot]))
    });
    if let Some(why) = broken {
        seen.state = State::Unreadable(why);
    }
}

/// A record that the mapping's filter leaves out is out of scope.
pub(super) fn scope(mapping: &CompiledMapping, side: Side, seen: &mut Observation) {
    if seen.values().is_some_and(|values| !mapping.is_in_scope(side, values)) {
        seen.state = State::OutOfScope;
    }
}
