//! Rows that were sealed with older keys are sealed anew with the current one, in bounded steps,
//! beside whatever syncs. And the upkeep of the store below, which needs no key.

use std::fmt;

use async_trait::async_trait;
use fluxcascade_core::model::{
    Choice, InboxEntry, MappingKey, MappingName, State, TenantId, Timestamp, Values,
};
use fluxcascade_core::store::{
    MarkedRow, Prune, Pruned, Receipt, Rewrite, Row, RowMark, Rows, StoreError, Subject, Table,
    TokenKey, TokenStore, Upkeep,
};

use super::open::{Opener, text_of, text_of_slots};
use super::row::RowId;
use super::seal::Sealer;
use super::{RESERVED, Sealed, envelope};

/// How often a page is looked at whose rows are changed meanwhile.
const LOOKS: usize = 16;

/// How far the rewrapping of a tenant is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewrap {
    /// The mapping that is next.
    pub mapping: MappingName,
    /// The table of it that is next.
    pub table: Table,
    /// The last row of that table that was looked at.
    pub after: Option<RowMark>,
}

impl fmt::Display for Rewrap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of mapping {}", self.table, self.mapping)
    }
}

/// What a step of rewrapping did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rewrapped {
    /// Rows that were looked at, credentials included.
    pub looked: u64,
    /// Rows that are sealed with the current key now and were not before.
    pub rewrapped: u64,
    /// Where the next step goes on; `None`: everything was looked at.
    pub next: Option<Rewrap>,
}

impl<S: Rows + TokenStore> Sealed<S> {
    /// Seals a tenant's rows anew that were sealed with older keys, or that show what they may not any
    /// more ([`only_sensitive`](Sealed::only_sensitive)), at most `limit` of them looked
    /// at in one step, and says how far it is. Begin with `None`, and go on with what the step before
    /// said. The first step does all credentials.
    ///
    /// It may run beside syncs: a row that was changed meanwhile is read again. Where that goes on and
    /// on, the step ends, and the next one begins there. Once all processes seal with the new key, and
    /// a rewrap that was begun after that is done, nothing needs the older keys.
    ///
    /// ```
    /// use fluxcascade_core::model::TenantId;
    /// use fluxcascade_core::testkit::block_on;
    /// use fluxcascade_store::MemoryStore;
    /// use fluxcascade_store::sealed::{Keyring, Sealed, SealingKey};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let ring = Keyring::new(SealingKey::new("2026-11", &[2; 32])?);
    /// let ring = ring.with_older(SealingKey::new("2026-03", &[1; 32])?)?;
    /// let store = Sealed::new(MemoryStore::new(), ring);
    ///
    /// let tenant = TenantId::default();
    /// let mut step = block_on(store.rewrap(&tenant, None, 1_000))?;
    /// while let Some(next) = step.next {
    ///     println!("{} rows are sealed anew, next are the {next}", step.rewrapped);
    ///     step = block_on(store.rewrap(&tenant, Some(&next), 1_000))?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `Locked` or `Damaged` for a row that cannot be opened, or if the store fails. Rows before it
    /// stay rewrapped.
    pub async fn rewrap(
        &self,
        tenant: &TenantId,
        from: Option<&Rewrap>,
        limit: usize,
    ) -> Result<Rewrapped, StoreError> {
        // Rows that are yet to be sealed are not to be rewrapped.
        self.known(tenant).await?;
        let mut done = Rewrapped::default();
        if from.is_none() {
            self.rewrap_credentials(tenant, &mut done).await?;
        }
        let mappings = self.inner.mappings(tenant).await?;
        let mut at = match from {
            Some(from) => Some(from.clone()),
            None => mappings.first().map(beginning),
        };
        let mut left = limit.max(1);
        while let Some(here) = at.take() {
            let mapping = MappingKey { tenant: tenant.clone(), mapping: here.mapping.clone() };
            let Some(rows) = self.rewrap_page(&mapping, &here, left, &mut done).await? else {
                at = Some(here);
                break;
            };
            done.looked += rows.len() as u64;
            let full = rows.len() == left;
            left -= rows.len();
            at = match rows.last() {
                Some(last) if full => Some(Rewrap { after: Some(last.mark.clone()), ..here }),
                Some(_) | None => after_table(&here, &mappings),
            };
            if left == 0 {
                break;
            }
        }
        done.next = at;
        Ok(done)
    }

    /// The next rows, all of them sealed as they are to be: one that the store changed by itself between
    /// the look and the writing (an answer, a conflict that was judged) keeps what was sealed before, and
    /// is looked at once more. `None`: they are changed too often for that.
    async fn rewrap_page(
        &self,
        mapping: &MappingKey,
        here: &Rewrap,
        limit: usize,
        done: &mut Rewrapped,
    ) -> Result<Option<Vec<MarkedRow>>, StoreError> {
        for _ in 0..LOOKS {
            let rows = self.inner.rows(mapping, here.table, here.after.as_ref(), limit).await?;
            let (asked, written) = self.rewrap_rows(mapping, &rows).await?;
            done.rewrapped += written;
            if asked == written {
                return Ok(Some(rows));
            }
        }
        Ok(None)
    }

    /// How many rows were to be written anew, and how many were.
    async fn rewrap_rows(
        &self,
        mapping: &MappingKey,
        rows: &[MarkedRow],
    ) -> Result<(u64, u64), StoreError> {
        if rows.is_empty() {
            return Ok((0, 0));
        }
        self.look_at(mapping).await?;
        let prints = self.prints(mapping).await?;
        let (opener, sealer) = (self.opener(mapping), self.sealer(&prints, mapping));
        let is_older = |row: &&MarkedRow| {
            !self.is_current(&row.row) || sealer.legible.is_exceeded_by(&row.row)
        };
        let older: Vec<_> = rows.iter().filter(is_older).collect();
        if older.is_empty() {
            return Ok((0, 0));
        }
        let anew = |from: &&MarkedRow| -> Result<Rewrite, StoreError> {
            let to = seal_row(&sealer, &open_row(&opener, &from.row)?)?;
            Ok(Rewrite { from: (*from).clone(), to })
        };
        let rewrites: Vec<_> = older.iter().map(anew).collect::<Result<_, _>>()?;
        Ok((rewrites.len() as u64, self.inner.rewrite(mapping, &rewrites).await?))
    }

    async fn rewrap_credentials(
        &self,
        tenant: &TenantId,
        done: &mut Rewrapped,
    ) -> Result<(), StoreError> {
        for (connection, token) in self.inner.credentials(tenant).await? {
            done.looked += 1;
            if envelope::is_current(&self.ring, &token.secret) {
                continue;
            }
            let key = TokenKey { tenant: tenant.clone(), connection };
            let row = if key.connection.as_str() == RESERVED {
                RowId::secret(tenant)
            } else {
                RowId::token(&key, token.generation)
            };
            let opened = envelope::open(&self.ring, &row, &token.secret)?;
            let sealed = envelope::seal(&self.ring, &row, &opened)?;
            let written = self.inner.rewrite_credential(&key, &token, &sealed).await?;
            done.rewrapped += u64::from(written);
        }
        Ok(())
    }

    /// Whether all that is sealed of a row is sealed with the current key.
    fn is_current(&self, row: &Row) -> bool {
        let is_current =
            |text: Option<&str>| text.is_some_and(|t| envelope::is_current_text(&self.ring, t));
        texts(row).into_iter().all(is_current)
    }
}

/// The texts in which the sealed parts of a row stand: `None` where something else stands instead.
pub(super) fn texts(row: &Row) -> Vec<Option<&str>> {
    match row {
        Row::Entry(_, entry) => match entry.observation.as_ref().map(|seen| &seen.state) {
            Some(State::Archived(values)) if values.slots().is_empty() => Vec::new(),
            Some(State::Known { values, .. } | State::Archived(values)) => {
                vec![text_of_slots(Values::slots(values))]
            }
            Some(State::Unreadable(words)) => vec![Some(words)],
            Some(State::Deleted(_) | State::Missing | State::MergedInto(_) | State::OutOfScope)
            | None => Vec::new(),
        },
        Row::Link(link) => link.bases.iter().map(|(_, base)| text_of_slots(&base.slots)).collect(),
        Row::Operation(shell) => vec![shell.pairs.first().and_then(|pair| text_of(&pair.origin))],
        Row::Hold(shell) => {
            let mut texts = vec![Some(shell.detail.as_str())];
            if let Some(Choice::Set(set)) = shell.answer.as_ref().map(|answer| &answer.choice) {
                texts.push(text_of(&set.source));
            }
            texts
        }
        Row::Conflict(shell) => vec![text_of(&shell.values.source)],
        Row::Log(shell) => vec![shell.pairs.first().and_then(|pair| text_of(&pair.before))],
        Row::Run(shell) => shell.error.iter().map(|words| Some(words.as_str())).collect(),
    }
}

/// A row as it is above the layer.
pub(super) fn open_row(opener: &Opener<'_>, row: &Row) -> Result<Row, StoreError> {
    Ok(match row {
        Row::Entry(side, entry) => Row::Entry(*side, opener.entry(*side, entry.clone())?),
        Row::Link(link) => Row::Link(opener.link(link.clone())?),
        Row::Operation(shell) => Row::Operation(opener.operation(shell)?),
        Row::Hold(shell) => Row::Hold(opener.hold(shell)?),
        Row::Conflict(shell) => Row::Conflict(opener.conflict(shell)?),
        Row::Log(shell) => Row::Log(opener.log(shell)?),
        Row::Run(shell) => Row::Run(opener.run(shell.clone())?),
    })
}

/// A row as it is below the layer.
pub(super) fn seal_row(sealer: &Sealer<'_>, row: &Row) -> Result<Row, StoreError> {
    Ok(match row {
        Row::Entry(side, entry) => {
            let seen = entry.observation.as_ref();
            let observation = seen.map(|seen| sealer.observation(*side, seen)).transpose()?;
            Row::Entry(*side, InboxEntry { observation, ..entry.clone() })
        }
        Row::Link(link) => Row::Link(sealer.link(link)?),
        Row::Operation(operation) => Row::Operation(sealer.operation(operation)?),
        Row::Hold(hold) => Row::Hold(sealer.hold(hold)?),
        Row::Conflict(conflict) => Row::Conflict(sealer.conflict(conflict)?),
        Row::Log(log) => Row::Log(sealer.log(log)?),
        Row::Run(run) => Row::Run(sealer.run(run)?),
    })
}

pub(super) fn beginning(mapping: &MappingName) -> Rewrap {
    Rewrap { mapping: mapping.clone(), table: Table::Inbox, after: None }
}

/// The table after one, or the first of the next mapping.
pub(super) fn after_table(here: &Rewrap, mappings: &[MappingName]) -> Option<Rewrap> {
    match here.table.next() {
        Some(table) => Some(Rewrap { mapping: here.mapping.clone(), table, after: None }),
        None => mappings.iter().find(|name| **name > here.mapping).map(beginning),
    }
}

/// What is forgotten or let go is so without being opened: also when a key is lost.
#[async_trait]
impl<S: Upkeep + Rows + TokenStore> Upkeep for Sealed<S> {
    async fn forget(&self, subject: &Subject, now: Timestamp) -> Result<Receipt, StoreError> {
        self.inner.forget(subject, now).await
    }

    async fn prune(&self, mapping: &MappingKey, prune: &Prune) -> Result<Pruned, StoreError> {
        self.inner.prune(mapping, prune).await
    }

    async fn scrub(&self) -> Result<(), StoreError> {
        self.inner.scrub().await
    }
}
