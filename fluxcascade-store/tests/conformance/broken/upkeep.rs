//! Defects in what is forgotten, let go, and written anew in place.

use async_trait::async_trait;
use fluxcascade_core::model::{
    ConnectionName, LogRow, MappingKey, MappingName, Side, TenantId, Timestamp, WorkKey,
};
use fluxcascade_core::store::{
    CommitBatch, Lease, MarkedRow, Page, Prune, Pruned, Receipt, Retained, Rewrite, Row, RowMark,
    Rows, Store, StoreError, StoreErrorKind, StoredToken, Subject, Table, TokenKey, TokenStore,
    Upkeep,
};
use fluxcascade_core::testkit::conformance::store::nouns::{TTL, all_work, mapping_of};

use super::{Broken, misuse};

#[async_trait]
impl Upkeep for Broken {
    async fn forget(&self, subject: &Subject, now: Timestamp) -> Result<Receipt, StoreError> {
        self.called();
        let leases: Vec<_> = self.state().leases.values().cloned().collect();
        if self.breaks("of_a_forgotten_record_nothing_is_found_any_more") {
            for lease in &leases {
                let rows = self.inner.log(&lease.mapping, &Page::all()).await?;
                let names = |row: &LogRow| {
                    row.records.iter().any(|(_, record)| record.as_ref() == Some(&subject.record))
                };
                self.state().kept_log.extend(rows.into_iter().filter(names));
            }
        }
        if self.breaks(FORMER) {
            self.keep_former_log(&leases).await?;
        }
        if self.breaks(MADE) || self.breaks(MADE_LATER) {
            self.close_creates().await?;
        }
        let again = !self.state().subjects.insert(subject.clone());
        if again && self.breaks("it_may_be_asked_for_again") {
            return Err(misuse());
        }
        let mut receipt = self.inner.forget(subject, now).await?;
        if self.breaks("other_records_links_and_tenants_keep_everything") {
            let tenant = mapping_of("other", "contacts").tenant;
            self.inner.forget(&Subject { tenant, ..subject.clone() }, now).await?;
        }
        if self.breaks("leases_of_the_mappings_that_it_is_in_are_lost") {
            for lease in leases {
                if receipt.removed.contains_key(&lease.mapping.mapping) {
                    let anew = self.inner.lease(&lease.mapping, lease.until, TTL).await?;
                    self.state().leases.insert(lease.mapping, anew);
                }
            }
        }
        if self.breaks("a_receipt_tells_the_records_that_were_forgotten") {
            receipt.records.pop();
        }
        self.state().forgotten.insert(subject.record.clone());
        Ok(receipt)
    }

    async fn prune(&self, mapping: &MappingKey, prune: &Prune) -> Result<Pruned, StoreError> {
        self.called();
        if prune.what == Retained::Log
            && self.breaks("what_a_call_removed_is_durable_when_it_returns")
        {
            return self.hide(mapping, prune).await;
        }
        let mut prune = prune.clone();
        if self.breaks("only_rows_from_before_the_time_are_removed") {
            prune.before = prune.before + std::time::Duration::from_secs(1);
        }
        if self.breaks("a_step_looks_at_no_more_than_its_limit_of_rows") {
            prune.limit += 1;
        }
        let mut done = self.inner.prune(mapping, &prune).await?;
        if self.breaks("steps_that_go_on_where_the_last_one_ended_reach_every_row") {
            done.next = done.next.map(|next| next + 1);
        }
        Ok(done)
    }

    async fn scrub(&self) -> Result<(), StoreError> {
        self.inner.scrub().await
    }
}

const FORMER: &str = "what_the_log_and_the_conflicts_have_of_a_forgotten_link_from_before_it_followed_merges_is_gone";
const MADE: &str = "a_record_that_is_there_without_a_link_alone_with_a_match_key_of_an_open_create_for_it_is_what_that_create_made";
const MADE_LATER: &str =
    "where_there_is_none_yet_the_next_new_record_that_a_page_shows_with_such_a_key_is_forgotten";

impl Broken {
    /// Log rows of records that have no link any more are not found by what is forgotten.
    async fn keep_former_log(&self, leases: &[Lease]) -> Result<(), StoreError> {
        for Lease { mapping, .. } in leases {
            for row in self.inner.log(mapping, &Page::all()).await? {
                let mut linked = 0;
                for (side, record) in row.records.iter() {
                    let record: Vec<_> = record.iter().cloned().collect();
                    let found = self.inner.linked(mapping, side, &record).await?;
                    linked += found.into_iter().flatten().count();
                }
                if linked == 0 {
                    self.state().kept_log.push(row);
                }
            }
        }
        Ok(())
    }

    /// Closes what is open where nothing is linked: where a create may have made something already, or
    /// where it has not.
    async fn close_creates(&self) -> Result<(), StoreError> {
        let leases: Vec<_> = self.state().leases.values().cloned().collect();
        for lease in leases {
            let all = all_work(Timestamp::from_micros(i64::MAX));
            let Ok(works) = self.inner.work(&lease, &all).await else { continue };
            let is_linked = works.iter().any(|work| matches!(work.key, WorkKey::Link(_)));
            let has_made =
                works.iter().any(|work| matches!(work.key, WorkKey::Record(Side::Target, _)));
            if !is_linked && has_made == self.breaks(MADE) {
                let open = works.iter().flat_map(|work| &work.operations).map(|open| open.id);
                let closing = CommitBatch { closed: open.collect(), ..CommitBatch::default() };
                self.inner.commit(&lease, &closing).await?;
            }
        }
        Ok(())
    }

    /// Log rows that are not shown any more, as long as the store is open.
    async fn hide(&self, mapping: &MappingKey, prune: &Prune) -> Result<Pruned, StoreError> {
        let mut rows = self.shown(self.inner.log(mapping, &Page::all()).await?);
        rows.reverse();
        let from = usize::try_from(prune.from).unwrap_or(usize::MAX);
        let looked: Vec<_> = rows.into_iter().skip(from).take(prune.limit).collect();
        let full = looked.len() >= prune.limit;
        let (old, kept): (Vec<_>, Vec<_>) =
            looked.into_iter().partition(|row| row.at < prune.before);
        let removed = old.len() as u64;
        self.state().hidden.extend(old);
        Ok(Pruned { removed, next: full.then_some(prune.from + kept.len() as u64) })
    }

    /// The log as it is shown.
    pub(super) fn shown(&self, rows: Vec<LogRow>) -> Vec<LogRow> {
        let state = self.state();
        let mut rows: Vec<_> = rows.into_iter().filter(|row| !state.hidden.contains(row)).collect();
        let kept = state.kept_log.iter().filter(|row| !rows.contains(row)).cloned();
        let kept: Vec<_> = kept.collect();
        rows.extend(kept);
        rows
    }

    /// The row as it is now, in place of what it was read as.
    async fn current(&self, mapping: &MappingKey, from: &MarkedRow) -> Result<Row, StoreError> {
        let links = self.inner.links(mapping, None, usize::MAX).await?;
        let is_it = |row: &&fluxcascade_core::model::Link| match &from.row {
            Row::Link(link) => row.id == link.id,
            Row::Entry(..)
            | Row::Operation(_)
            | Row::Hold(_)
            | Row::Conflict(_)
            | Row::Log(_)
            | Row::Run(_) => false,
        };
        let now = links.iter().find(is_it).cloned().map(Row::Link);
        Ok(now.unwrap_or_else(|| from.row.clone()))
    }
}

#[async_trait]
impl Rows for Broken {
    async fn mappings(&self, tenant: &TenantId) -> Result<Vec<MappingName>, StoreError> {
        let mut names = self.inner.mappings(tenant).await?;
        if self.breaks("the_mappings_of_a_tenant_come_in_order_of_their_names") {
            names.reverse();
        }
        Ok(names)
    }

    async fn rows(
        &self,
        mapping: &MappingKey,
        table: Table,
        after: Option<&RowMark>,
        limit: usize,
    ) -> Result<Vec<MarkedRow>, StoreError> {
        let mut rows = self.inner.rows(mapping, table, after, limit).await?;
        let rule = "pages_that_go_on_after_the_last_mark_reach_every_row_of_a_table_once";
        if after.is_some() && table == Table::Holds && self.breaks(rule) {
            rows.clear();
        }
        if self.state().rewritten && self.breaks("a_row_that_is_written_anew_keeps_its_place") {
            rows.reverse();
        }
        Ok(rows)
    }

    async fn rewrite(&self, mapping: &MappingKey, rows: &[Rewrite]) -> Result<u64, StoreError> {
        self.state().rewritten = true;
        let mut rows = rows.to_vec();
        if self.breaks("a_row_is_written_anew_only_if_it_is_still_as_it_was_read") {
            for row in &mut rows {
                row.from.row = self.current(mapping, &row.from).await?;
            }
        }
        match self.inner.rewrite(mapping, &rows).await {
            Err(error)
                if error.kind == StoreErrorKind::Misuse
                    && self.breaks("a_row_is_written_anew_as_itself_alone") =>
            {
                Ok(0)
            }
            outcome => outcome,
        }
    }

    async fn credentials(
        &self,
        tenant: &TenantId,
    ) -> Result<Vec<(ConnectionName, StoredToken)>, StoreError> {
        let mut credentials = self.inner.credentials(tenant).await?;
        if self.breaks("credentials_come_in_order_of_their_connections") {
            credentials.reverse();
        }
        Ok(credentials)
    }

    async fn rewrite_credential(
        &self,
        key: &TokenKey,
        from: &StoredToken,
        secret: &[u8],
    ) -> Result<bool, StoreError> {
        let mut from = from.clone();
        if self.breaks("a_credential_is_written_anew_only_if_it_is_still_this_one") {
            from = self.inner.token(key).await?.unwrap_or(from);
        }
        self.inner.rewrite_credential(key, &from, secret).await
    }

    async fn renew_fingerprint_key(&self, tenant: &TenantId) -> Result<(), StoreError> {
        self.inner.renew_fingerprint_key(tenant).await
    }
}
