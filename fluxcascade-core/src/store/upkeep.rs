//! What is done to a store beside syncing: records are forgotten, old rows are let go, and rows are
//! written anew in place.

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;

use super::{Store, StoreError, StoredToken, TokenKey};
use crate::model::{
    Conflict, ConnectionName, Hold, InboxEntry, Link, LogRow, MappingKey, MappingName, ObjectType,
    Operation, RecordId, RunRow, Side, TenantId, Timestamp,
};

/// A record of a system, whichever mappings it is in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    /// Whose.
    pub tenant: TenantId,
    /// At which connection.
    pub connection: ConnectionName,
    /// Of which object type.
    pub object: ObjectType,
    /// Which record.
    pub record: RecordId,
}

/// How much was removed of a mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Removed {
    /// Links, each with both bases, tombstones included.
    pub links: u64,
    /// Inbox entries with what was observed.
    pub entries: u64,
    /// Match keys.
    pub keys: u64,
    /// Operations whose outcome was not known: whether they were carried out is not known any more.
    /// What a create among them has made is forgotten as well, once it is seen.
    pub operations: u64,
    /// Claims of creates that had made one of the records.
    pub claims: u64,
    /// Holds with their answers.
    pub holds: u64,
    /// Conflict rows with both values.
    pub conflicts: u64,
    /// Log rows with the values before and after.
    pub log: u64,
}

impl Removed {
    /// All rows together.
    pub fn total(&self) -> u64 {
        let Self { links, entries, keys, operations, claims, holds, conflicts, log } = *self;
        links + entries + keys + operations + claims + holds + conflicts + log
    }
}

/// What was forgotten. It names the records, and none of their values: keep it as long as the fact
/// may be asked for, and where it may be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Who was asked to be forgotten.
    pub subject: Subject,
    /// When.
    pub at: Timestamp,
    /// The records that were forgotten: the subject, and those that were linked with it, whose
    /// values are its own.
    pub records: Vec<(MappingName, Side, RecordId)>,
    /// What was removed, by mapping.
    pub removed: BTreeMap<MappingName, Removed>,
}

/// The receipt for people.
impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Subject { tenant, connection, object, record } = &self.subject;
        writeln!(f, "forgotten at {}: {connection} {object} {record} of tenant {tenant}", self.at)?;
        for (mapping, removed) in &self.removed {
            let Removed { links, entries, keys, operations, claims, holds, conflicts, log } =
                removed;
            writeln!(
                f,
                "  {mapping}: {links} links, {entries} inbox entries, {keys} match keys, {operations} operations, {claims} claims, {holds} holds, {conflicts} conflicts, {log} log rows"
            )?;
            for (_, side, record) in self.records.iter().filter(|(of, ..)| of == mapping) {
                writeln!(f, "    {side} {record}")?;
            }
        }
        Ok(())
    }
}

/// What is kept for a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Retained {
    /// Log rows.
    Log,
    /// Conflict rows that nobody is asked about any more.
    Conflicts,
    /// Dead letters: holds of writes that a system refused for good. Once one is let go, its record
    /// is looked at again when a side is edited.
    DeadLetters,
}

/// Asks for old rows to be let go, one bounded step of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prune {
    /// Which rows.
    pub what: Retained,
    /// Only those from before this time.
    pub before: Timestamp,
    /// Where it begins: 0, or what the step before told as [`next`](Pruned::next), which is the store's
    /// own number.
    pub from: u64,
    /// At most so many rows are looked at.
    pub limit: usize,
}

/// What a step of a [`Prune`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pruned {
    /// Rows that are no more.
    pub removed: u64,
    /// The `from` of the next step; `None`: all that is old enough was looked at.
    pub next: Option<u64>,
}

/// What a store does beside syncing. It needs no lease.
///
/// A call is whole or not at all, as every call of a [`Store`] is. One that fails as
/// [`Unanswered`](super::StoreErrorKind::Unanswered) can be made again: what it had removed is no more,
/// and is not in the second receipt.
///
/// ```
/// use fluxcascade_core::model::{ConnectionName, MappingKey, MappingName, ObjectType, RecordId};
/// use fluxcascade_core::model::{TenantId, Timestamp};
/// use fluxcascade_core::store::{Prune, Retained, Subject, Upkeep};
/// use fluxcascade_core::testkit::block_on;
/// use fluxcascade_store::MemoryStore;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = MemoryStore::new();
/// let now = Timestamp::from_secs(1_772_000_000);
/// let subject = Subject {
///     tenant: TenantId::default(),
///     connection: ConnectionName::new("hubspot")?,
///     object: ObjectType::new("contacts")?,
///     record: RecordId::new("4711")?,
/// };
/// let receipt = block_on(store.forget(&subject, now))?;
/// assert!(receipt.records.is_empty(), "nothing was held of it");
///
/// // Log rows of more than 90 days, a thousand at a time.
/// let contacts = MappingKey::of(MappingName::new("contacts")?);
/// let before = Timestamp::from_secs(1_772_000_000 - 90 * 86_400);
/// let mut next = Some(0);
/// while let Some(from) = next {
///     let step = Prune { what: Retained::Log, before, from, limit: 1_000 };
///     next = block_on(store.prune(&contacts, &step))?.next;
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Contract
///
/// - What a call removed is durable when it returns.
#[async_trait]
pub trait Upkeep: Store {
    /// Removes all that is held of a record in a tenant, and of the records that are linked with it,
    /// through whichever mappings: their values are its own. What is taken in or hinted of them later
    /// is dropped, by keyed fingerprints of their ids.
    ///
    /// # Contract
    ///
    /// - Of a forgotten record nothing is found any more, by any call.
    /// - What the log and the conflicts have of a forgotten link from before it followed merges is gone
    ///   too.
    /// - Other records, links and tenants keep everything.
    /// - A page or a hint does not bring a forgotten record back.
    /// - Leases of the mappings that it is in are lost: what a run still has of it is not committed.
    /// - Holds of other records that name it are due, to be decided anew.
    /// - A receipt tells the records that were forgotten, and how much was removed of each mapping.
    /// - A record that is there without a link, alone with a match key of an open create for it, is
    ///   what that create made: it is forgotten too.
    /// - Where there is none yet, the next new record that a page shows with such a key is forgotten
    ///   instead of being taken in.
    /// - It may be asked for again: what is left is removed, and nothing is brought back.
    ///
    /// # Errors
    /// If the store fails.
    async fn forget(&self, subject: &Subject, now: Timestamp) -> Result<Receipt, StoreError>;

    /// Lets go of rows that are old enough in one bounded step. Log and conflict rows are looked at in
    /// the order in which they were stored, and holds in key order. What a step costs goes with its
    /// limit, however many rows earlier steps have kept.
    ///
    /// # Contract
    ///
    /// - Only rows from before the time are removed; of conflicts only those that are not open; of
    ///   holds only dead letters without an answer.
    /// - A step looks at no more than its limit of rows, the first ones from where it begins.
    /// - Steps that go on where the last one ended reach every row.
    ///
    /// # Errors
    /// If the store fails.
    async fn prune(&self, mapping: &MappingKey, prune: &Prune) -> Result<Pruned, StoreError>;

    /// Leaves nothing of rows that were removed or written anew, in this call or years ago, where the
    /// store keeps its rows, as far as that is in its hands: backups are not. It takes as long as
    /// copying the store, and other calls wait.
    ///
    /// # Errors
    /// If the store fails, as where there is no room for a copy; then all is as it was.
    async fn scrub(&self) -> Result<(), StoreError>;
}

/// A table of a mapping that holds values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Inbox entries.
    Inbox,
    /// Links with their bases.
    Links,
    /// Operations.
    Operations,
    /// Holds.
    Holds,
    /// Conflict rows.
    Conflicts,
    /// Log rows.
    Log,
    /// Runs.
    Runs,
}

impl Table {
    /// All tables.
    pub const ALL: [Table; 7] = [
        Table::Inbox,
        Table::Links,
        Table::Operations,
        Table::Holds,
        Table::Conflicts,
        Table::Log,
        Table::Runs,
    ];

    /// The table after this one.
    pub fn next(self) -> Option<Table> {
        Self::ALL.into_iter().find(|table| *table > self)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Table::Inbox => "inbox",
            Table::Links => "links",
            Table::Operations => "operations",
            Table::Holds => "holds",
            Table::Conflicts => "conflicts",
            Table::Log => "log",
            Table::Runs => "runs",
        })
    }
}

/// A row as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// An inbox entry of a side.
    Entry(Side, InboxEntry),
    /// A link.
    Link(Link),
    /// An operation.
    Operation(Operation),
    /// A hold.
    Hold(Hold),
    /// A conflict row.
    Conflict(Conflict),
    /// A log row.
    Log(LogRow),
    /// A run.
    Run(RunRow),
}

/// Where a row stands in its table: a store's own bytes, which mean nothing to others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowMark(pub Vec<u8>);

/// A row, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarkedRow {
    /// Where.
    pub mark: RowMark,
    /// The row.
    pub row: Row,
}

/// A row that is to be written anew in its place. Its ids, times and states are the same, but for the
/// id of a conflict row, which a layer may keep another for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewrite {
    /// As it was read.
    pub from: MarkedRow,
    /// As it is to be.
    pub to: Row,
}

/// The rows of a store as they stand, for a layer that writes them anew in place: its encryption, when
/// keys are rotated. It needs no lease, and goes on beside syncs.
#[async_trait]
pub trait Rows: Store {
    /// The mappings of a tenant of which something is stored.
    ///
    /// # Contract
    ///
    /// - The mappings of a tenant come in order of their names.
    ///
    /// # Errors
    /// If the store fails.
    async fn mappings(&self, tenant: &TenantId) -> Result<Vec<MappingName>, StoreError>;

    /// The next rows of a table after a mark, in an order of the store's own that stays; at most
    /// `limit`, and fewer only at the end. A row that is stored meanwhile may be missed: whoever
    /// stores it does so anew.
    ///
    /// # Contract
    ///
    /// - Pages that go on after the last mark reach every row of a table once.
    /// - A row that is written anew keeps its place.
    ///
    /// # Errors
    /// If the store fails.
    async fn rows(
        &self,
        mapping: &MappingKey,
        table: Table,
        after: Option<&RowMark>,
        limit: usize,
    ) -> Result<Vec<MarkedRow>, StoreError>;

    /// Writes rows anew, all in one transaction. Says how many were written. What the store finds rows
    /// by (ids, times, states, reasons) must be the same in both.
    ///
    /// # Contract
    ///
    /// - A row is written anew only if it is still as it was read; the others are left as they are.
    /// - A row is written anew as itself alone: with other ids nothing of the call is done.
    ///
    /// # Errors
    /// `Misuse` for a row that would be another one, or if the store fails.
    async fn rewrite(&self, mapping: &MappingKey, rows: &[Rewrite]) -> Result<u64, StoreError>;

    /// The credentials of a tenant. A claim of a refresh alone is none.
    ///
    /// # Contract
    ///
    /// - Credentials come in order of their connections.
    ///
    /// # Errors
    /// If the store fails.
    async fn credentials(
        &self,
        tenant: &TenantId,
    ) -> Result<Vec<(ConnectionName, StoredToken)>, StoreError>;

    /// Writes a credential anew, of the same generation. Says whether it did.
    ///
    /// # Contract
    ///
    /// - A credential is written anew only if it is still this one: of this generation, with these
    ///   bytes.
    ///
    /// # Errors
    /// If the store fails.
    async fn rewrite_credential(
        &self,
        key: &TokenKey,
        from: &StoredToken,
        secret: &[u8],
    ) -> Result<bool, StoreError>;

    /// Draws another fingerprint key for a tenant, for a layer that keeps the one before by itself.
    /// Match keys stay as they are, and what is forgotten stays forgotten.
    ///
    /// # Errors
    /// If the store fails.
    async fn renew_fingerprint_key(&self, tenant: &TenantId) -> Result<(), StoreError>;
}

const _: Option<&dyn Upkeep> = None; // stays object-safe
const _: Option<&dyn Rows> = None; // stays object-safe
