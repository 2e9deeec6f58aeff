//! Defects in taking in pages.

use fluxcascade_core::model::{
    DeleteEvidence, InboxEntry, Link, LinkStatus, Observation, Side, State, Timestamp, Version,
    Work,
};
use fluxcascade_core::store::{
    CommitBatch, Hint, InboxMark, Intake, IntakeRow, Lease, RecordKeys, Store, StoreError, Sweep,
    Taken, WorkRequest,
};
use fluxcascade_core::testkit::conformance::store::nouns::record_keys;

use super::Broken;

/// A row, the page that it is on, and what is stored of its record.
struct Ground<'a> {
    row: &'a IntakeRow,
    page: &'a Intake,
    work: &'a Work,
}

impl Ground<'_> {
    fn link(&self, status: LinkStatus) -> Option<&Link> {
        self.work.link.as_ref().filter(|link| link.status == status)
    }

    /// Whether the row has the fingerprint of the base, of whichever status the link is.
    fn is_like(&self, status: LinkStatus) -> bool {
        let base = self.link(status).map(|link| link.bases[self.page.side].fingerprint);
        base.is_some_and(|base| base.is_some() && base == self.row.fingerprint)
    }

    fn entry(&self) -> Option<&InboxEntry> {
        self.work.entries[self.page.side].as_ref()
    }

    /// Whether the row is wrongly taken for known.
    fn is_dropped(&self, rule: &str) -> bool {
        let like = self.is_like(LinkStatus::Active);
        match rule {
            "a_row_is_dropped_only_if_its_link_is_active" => self.is_like(LinkStatus::Suspended),
            "a_row_is_dropped_only_if_its_fingerprint_is_the_base_s" => {
                let link = self.link(LinkStatus::Active);
                link.is_some_and(|link| link.bases[self.page.side].fingerprint.is_none())
            }
            "a_row_is_dropped_only_if_the_base_is_of_its_revision" => {
                let link = self.link(LinkStatus::Active);
                let other = |link: &Link| link.bases[self.page.side].revision != self.page.revision;
                like && link.is_some_and(other)
            }
            "a_row_is_dropped_only_if_its_link_has_no_hold" => like && !self.work.holds.is_empty(),
            "a_row_is_dropped_only_if_its_link_has_no_open_operation" => {
                like && !self.work.operations.is_empty()
            }
            "a_row_that_an_entry_waits_for_is_not_dropped" => like && self.entry().is_some(),
            _ => false,
        }
    }
}

impl Broken {
    pub(super) async fn broken_intake(
        &self,
        lease: &Lease,
        page: &Intake,
    ) -> Result<Taken, StoreError> {
        let mut page = page.clone();
        let rows = std::mem::take(&mut page.rows);
        for row in rows {
            if let Some(row) = self.broken_row(lease, &page, row).await? {
                page.rows.push(row);
            }
        }
        self.shift_sweep(lease, &mut page);
        if page.sweep != Sweep::None
            && self.breaks("a_record_on_a_page_of_the_sweep_was_shown_whatever_its_state")
        {
            self.set_gone_apart(lease, &mut page).await?;
        }
        let dummy =
            page.sweep == Sweep::First && self.breaks("the_first_read_of_a_side_misses_nothing");
        if dummy {
            // As if something had been known.
            let keys = vec![record_keys(page.side, "dummy", &[(7, 7)])];
            self.inner.commit(lease, &CommitBatch { keys, ..CommitBatch::default() }).await?;
        }
        let taken = self.inner.intake(lease, &page).await?;
        if dummy {
            let keys = vec![record_keys(page.side, "dummy", &[])];
            self.inner.commit(lease, &CommitBatch { keys, ..CommitBatch::default() }).await?;
        }
        self.after_intake(lease, &page, taken).await?;
        Ok(taken)
    }

    /// A row as it is taken in; none if it is dropped, with its keys stored all the same.
    async fn broken_row(
        &self,
        lease: &Lease,
        page: &Intake,
        mut row: IntakeRow,
    ) -> Result<Option<IntakeRow>, StoreError> {
        let record = row.observation.record.clone();
        let work = self.work_of(lease, page.side, &record).await;
        if let Some(work) = &work
            && (Ground { row: &row, page, work }).is_dropped(self.rule)
        {
            let keys = row.keys.map(|keys| RecordKeys { side: page.side, record, keys });
            let batch = CommitBatch { keys: keys.into_iter().collect(), ..CommitBatch::default() };
            self.inner.commit(lease, &batch).await?;
            return Ok(None);
        }
        if self.breaks("a_row_that_tells_nothing_new_is_dropped") {
            row.fingerprint = None;
        }
        let had_keys = work.as_ref().is_some_and(|work| !work.candidates.is_empty());
        if matches!(row.observation.state, State::Archived(_))
            && had_keys
            && self.breaks("the_keys_of_a_row_are_an_archived_record_s_if_the_row_says_so")
        {
            row.observation.state = State::Missing;
        }
        if self.breaks("the_match_keys_of_a_row_replace_those_that_its_record_had") {
            row.keys = row.keys.filter(|keys| !keys.valid.is_empty());
        }
        if self.breaks("a_match_key_that_a_row_does_not_show_is_as_it_was") {
            row.keys.iter_mut().for_each(|keys| keys.hidden.clear());
        }
        if self.breaks("where_two_versions_cannot_be_compared_the_entry_keeps_the_id_alone") {
            // What has no version is the newest.
            let newest = Version { order: Some(u64::MAX), ..Version::default() };
            row.observation = with_version(row.observation, |version| {
                version.order.is_none().then(|| newest.clone())
            });
        }
        let entry = work.and_then(|work| work.entries[page.side].clone());
        if let Some(entry) = entry {
            row = self.over_entry(lease, page.side, &entry, row).await?;
        }
        Ok(Some(row))
    }

    /// A row for whose record there is an entry.
    async fn over_entry(
        &self,
        lease: &Lease,
        side: Side,
        entry: &InboxEntry,
        mut row: IntakeRow,
    ) -> Result<IntakeRow, StoreError> {
        let seen = entry.observation.as_ref().and_then(Observation::known);
        let seen = seen.and_then(|(_, version)| version.order);
        if self.breaks("a_row_replaces_an_entry_s_observation_unless_its_version_is_older") {
            row.observation = with_version(row.observation, |version| {
                let older = version.order.is_some() && version.order < seen;
                older.then(|| Version { order: seen, ..version.clone() })
            });
        }
        let told = State::Deleted(DeleteEvidence::Feed);
        if row.observation.state == told
            && self.breaks("a_delete_that_a_feed_told_of_replaces_any_entry")
        {
            // As if it were no feed's word: it cannot be compared.
            row.observation.state = State::Missing;
        }
        let is_new = entry.attempts == 0 && entry.not_before.is_none();
        if entry.observation.is_none()
            && is_new
            && self.breaks("an_entry_that_is_an_id_alone_stays_one")
        {
            let record = entry.record.clone();
            let cleared = vec![InboxMark { side, record, sequence: entry.sequence }];
            self.inner.commit(lease, &CommitBatch { cleared, ..CommitBatch::default() }).await?;
        }
        Ok(row)
    }

    fn shift_sweep(&self, lease: &Lease, page: &mut Intake) {
        let sweeping = &mut self.state().sweeping;
        let place = (lease.mapping.mapping.clone(), page.side);
        let under_way = sweeping.contains(&place);
        match page.sweep {
            Sweep::First => {
                sweeping.insert(place);
                if under_way && self.breaks("a_first_page_forgets_what_earlier_sweeps_showed") {
                    page.sweep = Sweep::Going;
                }
            }
            Sweep::None => {
                if under_way && self.breaks("only_pages_of_a_sweep_show_records_to_it") {
                    page.sweep = Sweep::Going;
                }
            }
            Sweep::Going => {}
            Sweep::Last | Sweep::Only => {
                sweeping.remove(&place);
            }
        }
    }

    /// Takes in rows of deleted records as if they were not of the sweep.
    async fn set_gone_apart(&self, lease: &Lease, page: &mut Intake) -> Result<(), StoreError> {
        let is_gone = |row: &IntakeRow| matches!(row.observation.state, State::Archived(_));
        let (gone, rest): (Vec<_>, Vec<_>) = page.rows.drain(..).partition(is_gone);
        page.rows = rest;
        let apart = Intake { rows: gone, sweep: Sweep::None, ..page.clone() };
        self.inner.intake(lease, &apart).await.map(|_| ())
    }

    async fn after_intake(
        &self,
        lease: &Lease,
        page: &Intake,
        taken: Taken,
    ) -> Result<(), StoreError> {
        if self.breaks("a_row_leaves_the_time_and_the_attempts_of_an_id_alone") {
            self.start_anew(lease, page, |entry| {
                page.rows.iter().any(|row| row.observation.record == entry.record)
            })
            .await?;
        }
        let ended = matches!(page.sweep, Sweep::Last | Sweep::Only);
        if ended && self.breaks("a_missed_record_s_entry_that_is_an_id_alone_stays_as_it_is") {
            self.start_anew(lease, page, |_| true).await?;
        }
        let rule = "after_a_sweep_each_known_record_that_it_did_not_show_has_an_entry";
        if taken.missed > 1000 && self.breaks(rule) {
            // More than it takes at a time are forgotten.
            let entries = self.entries(lease, page.side).await?;
            let bare = entries.into_iter().filter(|entry| entry.observation.is_none());
            let cleared = bare.skip(1000).map(|entry| InboxMark {
                side: page.side,
                record: entry.record,
                sequence: entry.sequence,
            });
            let batch = CommitBatch { cleared: cleared.collect(), ..CommitBatch::default() };
            self.inner.commit(lease, &batch).await?;
        }
        Ok(())
    }

    /// Forgets that entries which are ids alone were tried.
    async fn start_anew(
        &self,
        lease: &Lease,
        page: &Intake,
        of: impl Fn(&InboxEntry) -> bool,
    ) -> Result<(), StoreError> {
        let entries = self.entries(lease, page.side).await?.into_iter();
        let tried =
            entries.filter(|entry| entry.observation.is_none() && entry.attempts > 0 && of(entry));
        let hints: Vec<_> = tried
            .map(|entry| Hint {
                tenant: lease.mapping.tenant.clone(),
                connection: page.feed_key.connection.clone(),
                object: page.feed_key.object.clone(),
                record: entry.record,
            })
            .collect();
        self.inner.notify(&hints).await
    }

    async fn entries(&self, lease: &Lease, side: Side) -> Result<Vec<InboxEntry>, StoreError> {
        let now = Timestamp::from_micros(i64::MAX);
        let request = WorkRequest { after: None, limit: usize::MAX, now };
        let work = self.inner.work(lease, &request).await?;
        Ok(work.into_iter().filter_map(|work| work.entries[side].clone()).collect())
    }
}

fn with_version(seen: Observation, change: impl Fn(&Version) -> Option<Version>) -> Observation {
    let Some((values, version)) = seen.known() else { return seen };
    match change(version) {
        Some(version) => Observation::listed(seen.record.clone(), values.clone(), version),
        None => seen,
    }
}
