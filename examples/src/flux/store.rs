//! Where the sync remembers, as the file has it: an SQLite file, the memory, or a PostgreSQL server; sealed
//! if it says so. What is stored is not decided here.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fluxcascade_core::Mapping;
use fluxcascade_core::store::{Rows, Store, StoreError, TokenStore};
use fluxcascade_store::postgres::PostgresOptions;
use fluxcascade_store::sealed::{Keyring, SealingKey};
use fluxcascade_store::{MemoryStore, PostgresStore, Sealed, SqliteStore};
use serde::Deserialize;

use super::decode::decode;
use super::node::{self, Node, child};
use super::place::Findings;
use super::vars::Vars;

/// `[store]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoreTable {
    sqlite: Option<PathBuf>,
    memory: Option<bool>,
    postgres_env: Option<String>,
    schema: Option<String>,
    connections: Option<usize>,
    seal: Option<SealTable>,
}

/// `[store.seal]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SealTable {
    id: String,
    key_env: String,
    #[serde(default)]
    older: Vec<OlderKey>,
    #[serde(default)]
    only_sensitive: bool,
}

/// One of `older`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OlderKey {
    id: String,
    key_env: String,
}

/// A store that can be opened.
#[derive(Debug)]
pub(super) struct StoreInFile {
    kind: Kind,
    seal: Option<Seal>,
}

enum Kind {
    Sqlite(PathBuf),
    Memory,
    Postgres(PostgresOptions),
}

/// Names the store without what is secret of it.
impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words())
    }
}

impl Kind {
    fn words(&self) -> String {
        match self {
            Kind::Sqlite(path) => path.display().to_string(),
            Kind::Memory => "memory: everything is forgotten when this ends".to_owned(),
            Kind::Postgres(_) => "a PostgreSQL server".to_owned(),
        }
    }
}

/// A store that is open.
#[derive(Debug, Clone)]
pub(super) struct Opened {
    pub(super) store: Arc<dyn Store>,
    /// The same one, for tokens.
    pub(super) tokens: Arc<dyn TokenStore>,
}

impl Opened {
    fn new<S: Store + TokenStore>(store: S) -> Self {
        let store = Arc::new(store);
        Self { store: Arc::<S>::clone(&store), tokens: store }
    }
}

/// The keys, and what is sealed with them.
#[derive(Debug, Clone)]
pub(super) struct Seal {
    pub(super) ring: Keyring,
    only_sensitive: bool,
}

/// Reads `[store]`. Relative paths are from the folder of the file.
pub(super) fn read(
    node: &Node<'_>,
    folder: &Path,
    vars: &Vars,
    findings: &mut Findings,
) -> Option<StoreInFile> {
    let before = findings.count();
    let table = decode::<StoreTable>(node, node::json(node), findings).value?;
    let seal = table.seal.as_ref().and_then(|seal| read_seal(node, seal, vars, findings));
    let kind = kind(node, table, folder, vars, findings)?;
    (findings.count() == before).then_some(StoreInFile { kind, seal })
}

fn kind(
    node: &Node<'_>,
    table: StoreTable,
    folder: &Path,
    vars: &Vars,
    findings: &mut Findings,
) -> Option<Kind> {
    let StoreTable { sqlite, memory, postgres_env, schema, connections, .. } = table;
    let at = |key: &str| child(node, key).map_or_else(|| node.span(), Node::span);
    let of_postgres = [("schema", schema.is_some()), ("connections", connections.is_some())];
    for (key, _) in of_postgres.iter().filter(|(_, is_there)| *is_there && postgres_env.is_none()) {
        findings.add(&at(key), format!("`{key}` is for postgres_env alone: leave it out"));
    }
    match (sqlite, memory, postgres_env) {
        (Some(path), None, None) => {
            let path = folder.join(path);
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            if parent.is_some_and(|parent| !parent.is_dir()) {
                findings.add(&at("sqlite"), "lies in a folder that is not there: make the folder");
            }
            Some(Kind::Sqlite(path))
        }
        (None, Some(true), None) => Some(Kind::Memory),
        (None, None, Some(name)) => {
            let url = vars.get(&name, &at("postgres_env"), findings)?;
            let mut options = PostgresOptions::new(url);
            if let Some(schema) = schema {
                options = options.schema(schema);
            }
            if let Some(connections) = connections {
                options = options.connections(connections);
            }
            Some(Kind::Postgres(options))
        }
        _ => {
            let message = "name one store: sqlite = \"sync.db\", postgres_env = \"DATABASE_URL\", or \
                           memory = true";
            findings.add(&node.span(), message);
            None
        }
    }
}

fn read_seal(
    node: &Node<'_>,
    table: &SealTable,
    vars: &Vars,
    findings: &mut Findings,
) -> Option<Seal> {
    let seal = child(node, "seal")?;
    let older = child(seal, "older").map(node::items).unwrap_or_default();
    let ring = Keyring::new(key(seal, &table.id, &table.key_env, vars, findings)?);
    let keys = table.older.iter().zip(older).filter_map(|(OlderKey { id, key_env }, node)| {
        let key = key(node, id, key_env, vars, findings)?;
        Some((node.span(), key))
    });
    let keys: Vec<(Range<usize>, SealingKey)> = keys.collect();
    let mut ring = Some(ring);
    for (place, key) in keys {
        match ring.take()?.with_older(key) {
            Ok(more) => ring = Some(more),
            Err(error) => findings.add(&place, error.to_string()),
        }
    }
    Some(Seal { ring: ring?, only_sensitive: table.only_sensitive })
}

fn key(
    node: &Node<'_>,
    id: &str,
    var: &str,
    vars: &Vars,
    findings: &mut Findings,
) -> Option<SealingKey> {
    let place = child(node, "key_env").map_or_else(|| node.span(), Node::span);
    let text = vars.get(var, &place, findings)?;
    SealingKey::from_base64(id, &text).map_err(|error| findings.add(&place, error.to_string())).ok()
}

impl StoreInFile {
    /// The store in words.
    pub(super) fn words(&self) -> String {
        let sealed = if self.seal.is_some() { ", sealed" } else { "" };
        format!("{}{sealed}", self.kind.words())
    }

    /// Whether it may be there already: an SQLite file, or a server.
    pub(super) fn is_there(&self) -> bool {
        match &self.kind {
            Kind::Sqlite(path) => path.exists(),
            Kind::Memory => false,
            Kind::Postgres(_) => true,
        }
    }

    /// Whether it is gone when the program ends.
    pub(super) fn forgets(&self) -> bool {
        match &self.kind {
            Kind::Memory => true,
            Kind::Sqlite(_) | Kind::Postgres(_) => false,
        }
    }

    /// The keys with which plans are sealed, too.
    pub(super) fn ring(&self) -> Option<&Keyring> {
        self.seal.as_ref().map(|seal| &seal.ring)
    }

    /// Opens it, and makes it if it is not there.
    pub(super) async fn open<'m>(
        &self,
        mappings: impl IntoIterator<Item = &'m Mapping>,
    ) -> Result<Opened, StoreError> {
        Ok(match &self.kind {
            Kind::Sqlite(path) => self.sealed(SqliteStore::open(path).await?, mappings),
            Kind::Memory => self.sealed(MemoryStore::new(), mappings),
            Kind::Postgres(options) => self.sealed(PostgresStore::open(options).await?, mappings),
        })
    }

    fn sealed<'m, S: Rows + TokenStore + 'static>(
        &self,
        store: S,
        mappings: impl IntoIterator<Item = &'m Mapping>,
    ) -> Opened {
        match &self.seal {
            None => Opened::new(store),
            Some(Seal { ring, only_sensitive: true }) => {
                Opened::new(Sealed::only_sensitive(store, ring.clone(), mappings))
            }
            Some(Seal { ring, only_sensitive: false }) => {
                Opened::new(Sealed::new(store, ring.clone()))
            }
        }
    }
}
