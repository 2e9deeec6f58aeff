//! pull → inbox: what changed on a side, page by page, each page stored with its cursor.

use super::run::Run;
use super::{Event, SyncError};
use crate::connector::{ChangesPage, ChangesRequest, ConnectorError, ErrorKind, Position, Reader};
use crate::mapping::CompiledMapping;
use crate::model::value::MAX_VALUE_BYTES;
use crate::model::{Observation, Side, Slot, State, Timestamp};
use crate::store::{Feed, Intake, IntakeRow, Sweep};

impl Run<'_> {
    /// Reads a side's changes into the inbox: since its cursor, or whole when a sweep is due.
    pub(super) async fn pull(&mut self, side: Side) -> Result<(), SyncError> {
        let feed_key = self.feed_key(side);
        let mut feed = self.store().feed(&self.lease, &feed_key).await?;
        self.check_account(side, &feed)?;
        feed.account = Some(self.account(side).to_owned());
        begin_sweep(&mut feed, self.now(), self.engine.inner.settings.sweep_every);
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
                feed: feed.clone(),
                sweep,
            };
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

    fn row(&self, side: Side, mut seen: Observation) -> IntakeRow {
        bound(&self.mapping, side, &mut seen);
        // What is out of scope has its keys all the same: nothing is created beside it.
        let keys =
            seen.values().map(|values| self.mapping.keys(side, &seen.record, values, &self.key));
        scope(&self.mapping, side, &mut seen);
        IntakeRow {
            fingerprint: seen.values().map(crate::model::Values::fingerprint),
            keys,
            observation: seen,
        }
    }
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
fn begin_sweep(feed: &mut Feed, now: Timestamp, every: std::time::Duration) {
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
    let fields = mapping.projections[side].fields();
    let broken = seen.values().and_then(|values| {
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
