//! What a system can do with an object type, as its connector declares it.

use std::time::Duration;

/// How soon a read shows a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consistency {
    /// At once.
    Consistent,
    /// At the latest after this time.
    Lagging(Duration),
}

/// How a delete shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeleteSignal {
    /// Only by not being found any more.
    Absence,
    /// The record says that it is archived.
    Flag,
    /// The changes have it.
    Feed,
}

/// What a system can do with an object type.
///
/// ```
/// use fluxcascade_core::connector::Capabilities;
/// let capabilities = Capabilities { page: 200, ..Capabilities::default() };
/// assert_eq!(capabilities.write_batch, 1);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a power that a system has or not")]
pub struct Capabilities {
    /// Records on a page of changes, at most.
    pub page: usize,
    /// Records in one read by id, at most.
    pub read_batch: usize,
    /// Updates in one request, at most.
    pub write_batch: usize,
    /// Creates in one request, at most.
    pub create_batch: usize,
    /// Whether a page of changes shows what was written just before.
    pub list: Consistency,
    /// Whether a look-up shows what was written just before.
    pub find: Consistency,
    /// Whether a read by id shows what was written just before.
    pub fetch: Consistency,
    /// How far behind its mark a read of changes begins, so that rows that show late are seen.
    pub look_back: Duration,
    /// How a delete shows.
    pub deletes: DeleteSignal,
    /// Whether a write can be made conditional on a version's tag.
    pub conditional_writes: bool,
    /// Whether a create that would repeat a key is refused with the record that has it.
    pub refuses_duplicates: bool,
    /// Whether a write can make a record or change the one with the same value in a unique field.
    pub upserts: bool,
    /// Whether records can be put away so that they can be restored.
    pub archives: bool,
    /// Whether records can be removed for good.
    pub deletes_for_good: bool,
    /// Whether an archived record can be brought back.
    pub restores: bool,
}

/// The least that a system can do: everything one by one, and nothing promised.
impl Default for Capabilities {
    fn default() -> Self {
        Self {
            page: 100,
            read_batch: 1,
            write_batch: 1,
            create_batch: 1,
            list: Consistency::Lagging(Duration::from_secs(600)),
            find: Consistency::Lagging(Duration::from_secs(600)),
            fetch: Consistency::Consistent,
            look_back: Duration::from_secs(300),
            deletes: DeleteSignal::Absence,
            conditional_writes: false,
            refuses_duplicates: false,
            upserts: false,
            archives: false,
            deletes_for_good: false,
            restores: false,
        }
    }
}
