//! What leaves for the store is brought into its stored form here, and nowhere else: of pairs that keep
//! fingerprints alone, nothing else (P30). Everything in memory has the values.

use std::borrow::Cow;

use super::SyncError;
use super::run::Run;
use crate::connector::ConnectorError;
use crate::mapping::CompiledPair;
use crate::model::{LinkId, Operation};
use crate::store::{CommitBatch, LinkChange};

/// So many links are brought into another form at a time.
const LINKS: usize = 500;

impl Run<'_> {
    /// What a commit stores.
    pub(super) fn stored_commit<'c>(&self, commit: &'c CommitBatch) -> Cow<'c, CommitBatch> {
        let (mapping, key) = (&self.mapping, &self.key);
        if !mapping.keeps_prints() {
            return Cow::Borrowed(commit);
        }
        let mut stored = commit.clone();
        for change in &mut stored.links {
            mapping.store_link(&mut change.link, key);
        }
        for row in &mut stored.log {
            let side = row.side;
            row.pairs.iter_mut().for_each(|told| mapping.store_told(side, told, key));
        }
        stored.conflicts.iter_mut().for_each(|row| mapping.store_row(row, key));
        stored.holds.iter_mut().for_each(|hold| mapping.store_hold(hold));
        Cow::Owned(stored)
    }

    /// What is stored of intents.
    pub(super) fn stored_intents<'o>(&self, operations: &'o [Operation]) -> Cow<'o, [Operation]> {
        if !self.mapping.keeps_prints() {
            return Cow::Borrowed(operations);
        }
        let mut stored = operations.to_vec();
        for operation in &mut stored {
            self.mapping.store_operation(operation, &self.key);
        }
        Cow::Owned(stored)
    }

    /// What a system said of values that it did not take, as far as it may be stored: of pairs that
    /// keep fingerprints alone, its words may have the value in them.
    pub(super) fn storable_words(&self, operation: &Operation, error: &ConnectorError) -> String {
        let index = |written| self.mapping.pair_written(written);
        let mut pairs = operation.pairs.iter().filter_map(index).map(|at| &self.mapping.pairs[at]);
        if pairs.any(CompiledPair::is_kept) {
            let status = error.status.map(|status| format!(", HTTP {status}")).unwrap_or_default();
            return format!(
                "what it says is in the report of the run alone{status}: it may have the value in it"
            );
        }
        error.to_string()
    }

    /// Why the run has failed, as far as it may be stored.
    pub(super) fn storable_error(&self, error: &SyncError) -> String {
        let SyncError::Connector { connection, error: said } = error else {
            return error.to_string();
        };
        if !self.mapping.keeps_prints() {
            return error.to_string();
        }
        let status = said.status.map(|status| format!(", HTTP {status}")).unwrap_or_default();
        format!(
            "{connection}: {:?}{status}: what it says is in the answer of the run alone, as it may have a \
             value in it",
            said.kind
        )
    }

    /// Brings bases into the form in which a new revision stores them: of a pair that keeps
    /// fingerprints from now on, the values that are there are not kept either, also if its records are
    /// never listed again. A crash between leaves the revision new, and this is done again.
    pub(super) async fn store_bases_anew(&mut self) -> Result<(), SyncError> {
        if !self.mapping.keeps_prints() {
            return Ok(());
        }
        let mut after: Option<LinkId> = None;
        loop {
            self.keep_lease().await?;
            let links = self.store().links(&self.mapping.key, after, LINKS).await?;
            let Some(last) = links.last() else { return Ok(()) };
            after = Some(last.id);
            let mut commit = CommitBatch::default();
            for mut link in links {
                let mut changed = false;
                for side in crate::model::Side::BOTH {
                    let base = &mut link.bases[side];
                    let number = base.revision;
                    let layout = self.revisions.iter().find(|revision| revision.number == number);
                    changed |= layout.is_some_and(|revision| {
                        self.mapping.store_base(side, base, &revision.layout, &self.key)
                    });
                }
                if changed {
                    commit.links.push(LinkChange { link });
                }
            }
            if !commit.is_empty() {
                self.store().commit(&self.lease, &commit).await?;
            }
        }
    }
}
