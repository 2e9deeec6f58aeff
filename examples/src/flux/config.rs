//! The file as a whole: its parts read, each mistake noted. Nothing is asked of a system here, and no store
//! is opened.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fluxcascade_core::Mapping;
use fluxcascade_core::engine::EngineBuilder;
use fluxcascade_core::model::{Side, TenantId};
use serde::Deserialize;

use super::Host;
use super::connection::{self, ConnectionInFile, Given};
use super::decode::decode;
use super::duration;
use super::mapping::{self, MappingInFile};
use super::node::{self, Table, entry, items, kind};
use super::place::{Findings, meant};
use super::store::{self, StoreInFile};
use super::tokens::Tokens;

/// What is read of the file.
#[derive(Debug)]
pub(super) struct Config<'t, 'i> {
    pub(super) connections: Vec<ConnectionInFile>,
    pub(super) store: Option<StoreInFile>,
    pub(super) engine: EngineTable,
    pub(super) mappings: Vec<MappingInFile<'t, 'i>>,
}

/// `[engine]`: whose data it is, and times and sizes; what is left out is as the engine has it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EngineTable {
    pub(super) tenant: Option<TenantId>,
    #[serde(default, deserialize_with = "duration::maybe")]
    lease: Option<Duration>,
    #[serde(default, deserialize_with = "duration::maybe")]
    request_timeout: Option<Duration>,
    #[serde(default, deserialize_with = "duration::maybe")]
    sweep_every: Option<Duration>,
    #[serde(default, deserialize_with = "duration::maybe")]
    grace: Option<Duration>,
    #[serde(default, deserialize_with = "duration::maybe")]
    retention: Option<Duration>,
    batch: Option<usize>,
    #[serde(skip)]
    place: Range<usize>,
}

/// The keys that the file has at its top.
const KEYS: [&str; 4] = ["store", "connections", "engine", "mappings"];

/// Reads the file's parts.
pub(super) fn read<'t, 'i>(
    root: &'t Table<'i>,
    folder: &Path,
    host: &Host<'_>,
    tokens: &Arc<Tokens>,
    findings: &mut Findings,
) -> Config<'t, 'i> {
    for key in root.keys().filter(|key| !KEYS.contains(&key.get_ref().as_ref())) {
        let name = key.get_ref();
        findings.add(&key.span(), format!("unknown key `{name}`: {}", meant(name, KEYS)));
    }
    let engine = engine(root, findings);
    let tenant = engine.tenant.clone().unwrap_or_default();
    let given = Given { vars: &host.vars, clock: &host.clock, tokens, tenant };
    let mut config = Config {
        connections: connections(root, &given, findings),
        store: None,
        engine,
        mappings: Vec::new(),
    };
    match node::get(root, "store") {
        Some(node) => config.store = store::read(node, folder, &host.vars, findings),
        None => findings.add(&(0..0), "there is no [store]: add one, with sqlite = \"sync.db\""),
    }
    match node::get(root, "mappings") {
        Some(node) => {
            config.mappings =
                items(node).into_iter().map(|node| mapping::read(node, findings)).collect();
        }
        None => findings.add(&(0..0), "there are no [[mappings]]: add one"),
    }
    config.check_names(findings);
    config
}

fn engine(root: &Table<'_>, findings: &mut Findings) -> EngineTable {
    let Some(node) = node::get(root, "engine") else { return EngineTable::default() };
    let read = decode::<EngineTable>(node, node::json(node), findings);
    let place = node::child(node, "lease").unwrap_or(node).span();
    EngineTable { place, ..read.value.unwrap_or_default() }
}

fn connections(
    root: &Table<'_>,
    given: &Given<'_>,
    findings: &mut Findings,
) -> Vec<ConnectionInFile> {
    match entry(root, "connections") {
        None => findings.add(&(0..0), "there are no [connections.…]: add one for each account"),
        Some((place, node)) => {
            if let Some(table) = node.get_ref().as_table() {
                return connection::read_all(table, given, findings);
            }
            let message = format!("is {}: write [connections.NAME] for each", kind(node));
            findings.add(&place, message);
        }
    }
    Vec::new()
}

impl Config<'_, '_> {
    /// Names that lead to what is in the file: connections, and mappings that pairs refer to.
    fn check_names(&self, findings: &mut Findings) {
        for (at, mapping) in self.mappings.iter().enumerate() {
            for side in Side::BOTH {
                let Some((name, place)) = mapping.endpoint(side, "connection") else { continue };
                if self.connection(name).is_none() {
                    let meant = meant(name, self.connections.iter().map(|c| c.name.as_str()));
                    findings.add(&place, format!("unknown connection `{name}`: {meant}"));
                }
            }
            let names = || self.mappings.iter().filter_map(MappingInFile::name);
            for (name, place) in mapping.references() {
                if !names().any(|(known, _)| known == name) {
                    let meant = meant(name, names().map(|(known, _)| known));
                    findings.add(&place, format!("unknown mapping `{name}`: {meant}"));
                }
            }
            let Some((name, place)) = mapping.name() else { continue };
            if self.mappings.iter().take(at).any(|one| one.name().is_some_and(|(n, _)| n == name)) {
                let message = format!("two mappings are called `{name}`: give one another name");
                findings.add(&place, message);
            }
        }
    }

    /// The connection of this name.
    pub(super) fn connection(&self, name: &str) -> Option<&ConnectionInFile> {
        self.connections.iter().find(|connection| connection.name == name)
    }

    /// The mappings that could be read.
    pub(super) fn mappings(&self) -> impl Iterator<Item = &Mapping> {
        self.mappings.iter().filter_map(|mapping| mapping.mapping.as_ref())
    }
}

impl EngineTable {
    /// Where its lease stands, or it.
    pub(super) fn place(&self) -> Range<usize> {
        self.place.clone()
    }

    /// An engine with these settings.
    pub(super) fn set(&self, mut builder: EngineBuilder) -> EngineBuilder {
        if let Some(tenant) = &self.tenant {
            builder = builder.tenant(tenant.clone());
        }
        if let Some(lease) = self.lease {
            builder = builder.lease(lease);
        }
        if let Some(timeout) = self.request_timeout {
            builder = builder.request_timeout(timeout);
        }
        if let Some(every) = self.sweep_every {
            builder = builder.sweep_every(every);
        }
        if let Some(grace) = self.grace {
            builder = builder.grace(grace);
        }
        if let Some(retention) = self.retention {
            builder = builder.retention(retention);
        }
        if let Some(batch) = self.batch {
            builder = builder.batch(batch);
        }
        builder
    }
}
