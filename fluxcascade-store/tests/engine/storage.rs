//! Where the store of a script is here: on a PostgreSQL server. In place of core's file of this name.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use fluxcascade_core::model::TenantId;
use fluxcascade_core::store::Store;
use fluxcascade_store::postgres::PostgresOptions;
use fluxcascade_store::{MemoryStore, PostgresStore};

use crate::server;

/// Which store a script has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Storage {
    /// What a scenario has that was not given another.
    Memory,
    Postgres,
}

/// What is left of a store when no process runs.
pub(crate) enum Place {
    Memory(Arc<MemoryStore>),
    Server(PostgresOptions, TenantId),
}

/// All scripts of this program share one schema, each as a tenant of its own.
static SCHEMA: OnceLock<server::Place> = OnceLock::new();
static TENANTS: AtomicU32 = AtomicU32::new(0);

impl Place {
    pub(crate) fn new(storage: Storage) -> Self {
        match storage {
            Storage::Memory => Place::Memory(Arc::default()),
            Storage::Postgres => {
                let schema = SCHEMA.get_or_init(|| server::Place::new().unwrap());
                let number = TENANTS.fetch_add(1, Ordering::Relaxed);
                let tenant = TenantId::new(format!("tenant {number}")).unwrap();
                Place::Server(schema.options().connections(2), tenant)
            }
        }
    }

    /// Whose data it is.
    pub(crate) fn tenant(&self) -> TenantId {
        match self {
            Place::Memory(_) => TenantId::default(),
            Place::Server(_, tenant) => tenant.clone(),
        }
    }

    /// The store as a new process opens it.
    pub(crate) async fn open(&self) -> Arc<dyn Store> {
        match self {
            Place::Memory(store) => Arc::<MemoryStore>::clone(store),
            Place::Server(options, _) => Arc::new(PostgresStore::open(options).await.unwrap()),
        }
    }
}
