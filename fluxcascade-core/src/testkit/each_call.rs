//! The calls of the traits in [`crate::store`], written down once for stores that wrap another one.
//!
//! A wrapper says in a macro of its own what it does around a call: it is given `self`, what sort of
//! call it is, and the call. The sorts: `reads` changes nothing; `repeats` may be made again, whatever
//! became of it, and then answers what it would have; `writes` may not; `waits` changes nothing and
//! may take for ever.

/// Implements [`Store`](crate::store::Store), handing each call to a macro.
macro_rules! each_call_of_store {
    ($around:ident, $($implementation:tt)+) => {
        #[::async_trait::async_trait]
        $($implementation)+ {
            async fn lease(
                &self,
                mapping: &$crate::model::MappingKey,
                now: $crate::model::Timestamp,
                ttl: ::std::time::Duration,
            ) -> Result<$crate::store::Lease, $crate::store::StoreError> {
                $around!(self, writes, lease(mapping, now, ttl))
            }

            async fn renew(
                &self,
                lease: &$crate::store::Lease,
                now: $crate::model::Timestamp,
                ttl: ::std::time::Duration,
            ) -> Result<$crate::store::Lease, $crate::store::StoreError> {
                $around!(self, repeats, renew(lease, now, ttl))
            }

            async fn release(
                &self,
                lease: &$crate::store::Lease,
            ) -> Result<(), $crate::store::StoreError> {
                $around!(self, repeats, release(lease))
            }

            async fn fingerprint_key(
                &self,
                mapping: &$crate::model::MappingKey,
            ) -> Result<[u8; 32], $crate::store::StoreError> {
                $around!(self, repeats, fingerprint_key(mapping))
            }

            async fn revisions(
                &self,
                mapping: &$crate::model::MappingKey,
            ) -> Result<Vec<$crate::model::Revision>, $crate::store::StoreError> {
                $around!(self, reads, revisions(mapping))
            }

            async fn add_revision(
                &self,
                lease: &$crate::store::Lease,
                revision: &$crate::model::Revision,
            ) -> Result<(), $crate::store::StoreError> {
                $around!(self, writes, add_revision(lease, revision))
            }

            async fn start_run(
                &self,
                lease: &$crate::store::Lease,
                start: &$crate::store::RunStart,
            ) -> Result<$crate::model::RunNumber, $crate::store::StoreError> {
                $around!(self, writes, start_run(lease, start))
            }

            async fn finish_run(
                &self,
                lease: &$crate::store::Lease,
                run: &$crate::model::RunRow,
            ) -> Result<(), $crate::store::StoreError> {
                $around!(self, repeats, finish_run(lease, run))
            }

            async fn feed(
                &self,
                lease: &$crate::store::Lease,
                feed: &$crate::store::FeedKey,
            ) -> Result<$crate::store::Feed, $crate::store::StoreError> {
                $around!(self, reads, feed(lease, feed))
            }

            async fn notify(
                &self,
                hints: &[$crate::store::Hint],
            ) -> Result<(), $crate::store::StoreError> {
                $around!(self, repeats, notify(hints))
            }

            async fn intake(
                &self,
                lease: &$crate::store::Lease,
                page: &$crate::store::Intake,
            ) -> Result<$crate::store::Taken, $crate::store::StoreError> {
                $around!(self, writes, intake(lease, page))
            }

            async fn work(
                &self,
                lease: &$crate::store::Lease,
                request: &$crate::store::WorkRequest,
            ) -> Result<Vec<$crate::model::Work>, $crate::store::StoreError> {
                $around!(self, reads, work(lease, request))
            }

            async fn counts(
                &self,
                mapping: &$crate::model::MappingKey,
            ) -> Result<$crate::store::Counts, $crate::store::StoreError> {
                $around!(self, reads, counts(mapping))
            }

            async fn begin(
                &self,
                lease: &$crate::store::Lease,
                operations: &[$crate::model::Operation],
            ) -> Result<Vec<$crate::store::Begun>, $crate::store::StoreError> {
                $around!(self, repeats, begin(lease, operations))
            }

            async fn gather(
                &self,
                lease: &$crate::store::Lease,
                keys: &[$crate::model::WorkKey],
            ) -> Result<Vec<$crate::model::Work>, $crate::store::StoreError> {
                $around!(self, reads, gather(lease, keys))
            }

            async fn linked(
                &self,
                mapping: &$crate::model::MappingKey,
                side: $crate::model::Side,
                records: &[$crate::model::RecordId],
            ) -> Result<Vec<Option<$crate::model::Linked>>, $crate::store::StoreError> {
                $around!(self, reads, linked(mapping, side, records))
            }

            async fn answer(
                &self,
                mapping: &$crate::model::MappingKey,
                answers: &[$crate::model::AnswerTo],
            ) -> Result<Vec<$crate::model::AnswerOutcome>, $crate::store::StoreError> {
                $around!(self, writes, answer(mapping, answers))
            }

            async fn conflict_rows(
                &self,
                mapping: &$crate::model::MappingKey,
                ids: &[$crate::model::ConflictId],
            ) -> Result<Vec<Option<$crate::model::Conflict>>, $crate::store::StoreError> {
                $around!(self, reads, conflict_rows(mapping, ids))
            }

            async fn commit(
                &self,
                lease: &$crate::store::Lease,
                batch: &$crate::store::CommitBatch,
            ) -> Result<(), $crate::store::StoreError> {
                $around!(self, writes, commit(lease, batch))
            }

            async fn links(
                &self,
                mapping: &$crate::model::MappingKey,
                after: Option<$crate::model::LinkId>,
                limit: usize,
            ) -> Result<Vec<$crate::model::Link>, $crate::store::StoreError> {
                $around!(self, reads, links(mapping, after, limit))
            }

            async fn log(
                &self,
                mapping: &$crate::model::MappingKey,
                page: &$crate::store::Page,
            ) -> Result<Vec<$crate::model::LogRow>, $crate::store::StoreError> {
                $around!(self, reads, log(mapping, page))
            }

            async fn conflicts(
                &self,
                mapping: &$crate::model::MappingKey,
                page: &$crate::store::Page,
            ) -> Result<Vec<$crate::model::Conflict>, $crate::store::StoreError> {
                $around!(self, reads, conflicts(mapping, page))
            }

            async fn holds(
                &self,
                mapping: &$crate::model::MappingKey,
                page: &$crate::store::Page,
            ) -> Result<Vec<$crate::model::Hold>, $crate::store::StoreError> {
                $around!(self, reads, holds(mapping, page))
            }

            async fn runs(
                &self,
                mapping: &$crate::model::MappingKey,
                page: &$crate::store::Page,
            ) -> Result<Vec<$crate::model::RunRow>, $crate::store::StoreError> {
                $around!(self, reads, runs(mapping, page))
            }
        }
    };
}

/// Implements [`TokenStore`](crate::store::TokenStore), handing each call to a macro.
macro_rules! each_call_of_tokens {
    ($around:ident, $($implementation:tt)+) => {
        #[::async_trait::async_trait]
        $($implementation)+ {
            async fn token(
                &self,
                key: &$crate::store::TokenKey,
            ) -> Result<Option<$crate::store::StoredToken>, $crate::store::StoreError> {
                $around!(self, reads, token(key))
            }

            async fn replace_token(
                &self,
                key: &$crate::store::TokenKey,
                generation: u64,
                secret: &[u8],
            ) -> Result<bool, $crate::store::StoreError> {
                $around!(self, writes, replace_token(key, generation, secret))
            }

            async fn claim_refresh(
                &self,
                key: &$crate::store::TokenKey,
                now: $crate::model::Timestamp,
                ttl: ::std::time::Duration,
            ) -> Result<bool, $crate::store::StoreError> {
                $around!(self, writes, claim_refresh(key, now, ttl))
            }

            async fn release_refresh(
                &self,
                key: &$crate::store::TokenKey,
                until: $crate::model::Timestamp,
            ) -> Result<(), $crate::store::StoreError> {
                $around!(self, repeats, release_refresh(key, until))
            }
        }
    };
}

/// Implements [`Schedule`](crate::store::Schedule), handing each call to a macro.
macro_rules! each_call_of_schedule {
    ($around:ident, $($implementation:tt)+) => {
        #[::async_trait::async_trait]
        $($implementation)+ {
            async fn schedule(
                &self,
                scheduled: &$crate::store::Scheduled,
            ) -> Result<(), $crate::store::StoreError> {
                $around!(self, repeats, schedule(scheduled))
            }

            async fn unschedule(
                &self,
                mapping: &$crate::model::MappingKey,
            ) -> Result<(), $crate::store::StoreError> {
                $around!(self, repeats, unschedule(mapping))
            }

            async fn wake(
                &self,
                mappings: &[$crate::model::MappingKey],
            ) -> Result<(), $crate::store::StoreError> {
                $around!(self, repeats, wake(mappings))
            }

            async fn claim(
                &self,
                claim: &$crate::store::ClaimRequest,
            ) -> Result<$crate::store::Claimed, $crate::store::StoreError> {
                $around!(self, writes, claim(claim))
            }

            async fn woken(&self) -> Result<(), $crate::store::StoreError> {
                $around!(self, waits, woken())
            }
        }
    };
}

/// Implements [`Budgets`](crate::store::Budgets), handing each call to a macro.
macro_rules! each_call_of_budgets {
    ($around:ident, $($implementation:tt)+) => {
        #[::async_trait::async_trait]
        $($implementation)+ {
            async fn draw(
                &self,
                draw: &$crate::store::Draw,
            ) -> Result<$crate::store::Drawn, $crate::store::StoreError> {
                $around!(self, writes, draw(draw))
            }
        }
    };
}

/// Implements [`Upkeep`](crate::store::Upkeep), handing each call to a macro.
macro_rules! each_call_of_upkeep {
    ($around:ident, $($implementation:tt)+) => {
        #[::async_trait::async_trait]
        $($implementation)+ {
            async fn forget(
                &self,
                subject: &$crate::store::Subject,
                now: $crate::model::Timestamp,
            ) -> Result<$crate::store::Receipt, $crate::store::StoreError> {
                $around!(self, writes, forget(subject, now))
            }

            async fn prune(
                &self,
                mapping: &$crate::model::MappingKey,
                prune: &$crate::store::Prune,
            ) -> Result<$crate::store::Pruned, $crate::store::StoreError> {
                $around!(self, prunes, prune(mapping, prune))
            }

            async fn scrub(&self) -> Result<(), $crate::store::StoreError> {
                $around!(self, writes, scrub())
            }
        }
    };
}

/// Implements [`Rows`](crate::store::Rows), handing each call to a macro.
macro_rules! each_call_of_rows {
    ($around:ident, $($implementation:tt)+) => {
        #[::async_trait::async_trait]
        $($implementation)+ {
            async fn mappings(
                &self,
                tenant: &$crate::model::TenantId,
            ) -> Result<Vec<$crate::model::MappingName>, $crate::store::StoreError> {
                $around!(self, reads, mappings(tenant))
            }

            async fn rows(
                &self,
                mapping: &$crate::model::MappingKey,
                table: $crate::store::Table,
                after: Option<&$crate::store::RowMark>,
                limit: usize,
            ) -> Result<Vec<$crate::store::MarkedRow>, $crate::store::StoreError> {
                $around!(self, reads, rows(mapping, table, after, limit))
            }

            async fn rewrite(
                &self,
                mapping: &$crate::model::MappingKey,
                rows: &[$crate::store::Rewrite],
            ) -> Result<u64, $crate::store::StoreError> {
                $around!(self, writes, rewrite(mapping, rows))
            }

            async fn credentials(
                &self,
                tenant: &$crate::model::TenantId,
            ) -> Result<
                Vec<($crate::model::ConnectionName, $crate::store::StoredToken)>,
                $crate::store::StoreError,
            > {
                $around!(self, reads, credentials(tenant))
            }

            async fn rewrite_credential(
                &self,
                key: &$crate::store::TokenKey,
                from: &$crate::store::StoredToken,
                secret: &[u8],
            ) -> Result<bool, $crate::store::StoreError> {
                $around!(self, writes, rewrite_credential(key, from, secret))
            }

            async fn renew_fingerprint_key(
                &self,
                tenant: &$crate::model::TenantId,
            ) -> Result<(), $crate::store::StoreError> {
                $around!(self, writes, renew_fingerprint_key(tenant))
            }
        }
    };
}

pub(super) use {
    each_call_of_budgets, each_call_of_rows, each_call_of_schedule, each_call_of_store,
    each_call_of_tokens, each_call_of_upkeep,
};
