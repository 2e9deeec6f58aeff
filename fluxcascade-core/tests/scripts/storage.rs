//! Where the store of a script is, and how the next process opens it: in memory, or on a file. A
//! crate that plays these scripts on another store has a file of its own in place of this one.

use std::sync::Arc;

use fluxcascade_core::model::TenantId;
use fluxcascade_core::store::Store;
use fluxcascade_store::{MemoryStore, SqliteStore};

/// Which store a script has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Storage {
    Memory,
    Sqlite,
}

/// What is left of a store when no process runs.
pub(crate) enum Place {
    Memory(Arc<MemoryStore>),
    File(tempfile::TempDir),
}

impl Place {
    pub(crate) fn new(storage: Storage) -> Self {
        match storage {
            Storage::Memory => Place::Memory(Arc::default()),
            Storage::Sqlite => Place::File(tempfile::tempdir().unwrap()),
        }
    }

    /// Whose data it is.
    #[expect(clippy::unused_self, reason = "on a server each world has a tenant of its own")]
    pub(crate) fn tenant(&self) -> TenantId {
        TenantId::default()
    }

    /// The store as a new process opens it. The former process's is closed: it has a file's lock.
    pub(crate) async fn open(&self) -> Arc<dyn Store> {
        match self {
            Place::Memory(store) => Arc::<MemoryStore>::clone(store),
            Place::File(folder) => {
                Arc::new(SqliteStore::open(folder.path().join("sync.db")).await.unwrap())
            }
        }
    }
}
