//! The file against the systems that it names: accounts, object types, fields, and what an engine says to
//! each mapping. Accounts and schemas are read, and nothing else.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;

use fluxcascade_core::clock::Clock;
use fluxcascade_core::connector::{Account, Connector, ConnectorError, ErrorKind};
use fluxcascade_core::mapping::ConfigError;
use fluxcascade_core::model::{ObjectSchema, ObjectType, Side};
use fluxcascade_core::{Engine, SyncError};
use fluxcascade_store::MemoryStore;

use super::config::{Config, EngineTable};
use super::connection::ConnectionInFile;
use super::known::Known;
use super::mapping::{MappingInFile, in_words_of_the_file};
use super::place::{Findings, meant};

/// What the systems say to the file.
#[derive(Debug)]
pub(super) struct Examined {
    /// An engine that remembers nothing, if nothing is wrong.
    pub(super) engine: Option<Engine>,
    /// The accounts behind the connections.
    pub(super) accounts: BTreeMap<String, Account>,
    /// How many of the findings are of what the file cannot mend: a system that does not answer, an account
    /// that is to be connected.
    pub(super) elsewhere: usize,
}

/// Asks the systems, and notes what is wrong.
pub(super) async fn examine(
    config: &Config<'_, '_>,
    clock: &Arc<dyn Clock>,
    findings: &mut Findings,
) -> Examined {
    let mut look =
        Look { config, schemas: BTreeMap::new(), accounts: BTreeMap::new(), elsewhere: 0 };
    for connection in &config.connections {
        look.account(connection, findings).await;
    }
    for mapping in &config.mappings {
        look.schemas(mapping, findings).await;
    }
    for mapping in &config.mappings {
        look.fields(mapping, findings);
    }
    let engine = look.engine(clock, findings).await;
    let engine = engine.filter(|_| findings.is_empty());
    Examined { engine, accounts: look.accounts, elsewhere: look.elsewhere }
}

/// What was seen so far.
struct Look<'l, 't, 'i> {
    config: &'l Config<'t, 'i>,
    accounts: BTreeMap<String, Account>,
    /// By connection and object type.
    schemas: BTreeMap<(String, String), ObjectSchema>,
    elsewhere: usize,
}

impl<'l> Look<'l, '_, '_> {
    async fn account(&mut self, connection: &ConnectionInFile, findings: &mut Findings) {
        let Some(connector) = &connection.connector else { return };
        match connector.account().await {
            Ok(account) => {
                self.accounts.insert(connection.name.clone(), account);
            }
            Err(error) => {
                let name = &connection.name;
                let mut message = format!("connection `{name}`: {error}");
                if is_unconnected(connection, &error) {
                    let _ = write!(message, "; flux connect {name} connects it");
                }
                self.note(connection, &error, &connection.place, message, findings);
            }
        }
    }

    fn note(
        &mut self,
        connection: &ConnectionInFile,
        error: &ConnectorError,
        place: &Range<usize>,
        message: String,
        findings: &mut Findings,
    ) {
        let before = findings.count();
        findings.add(place, message);
        if error.is_transient() || is_unconnected(connection, error) {
            self.elsewhere += findings.count() - before;
        }
    }

    /// The schemas of both ends, each read once.
    async fn schemas(&mut self, mapping: &MappingInFile<'_, '_>, findings: &mut Findings) {
        for side in Side::BOTH {
            let Some((connection, connector)) = self.connector(mapping, side) else { continue };
            let Some((object, place)) = mapping.endpoint(side, "object") else { continue };
            let key = (connection.name.clone(), object.to_owned());
            let Ok(name) = ObjectType::new(object) else { continue };
            if self.schemas.contains_key(&key) {
                continue;
            }
            match connector.schema(&name).await {
                Ok(schema) => {
                    self.schemas.insert(key, schema);
                }
                Err(error) if matches!(error.kind, ErrorKind::NotFound | ErrorKind::Permanent) => {
                    let message = unknown_object(connection, object, &error.message);
                    findings.add(&place, message);
                }
                Err(error) => {
                    let message = format!("connection `{}`: {error}", connection.name);
                    self.note(connection, &error, &place, message, findings);
                }
            }
        }
    }

    /// The connection of an end that answers.
    fn connector(
        &self,
        mapping: &MappingInFile<'_, '_>,
        side: Side,
    ) -> Option<(&'l ConnectionInFile, Arc<dyn Connector>)> {
        let (name, _) = mapping.endpoint(side, "connection")?;
        let connection = self.config.connection(name)?;
        self.accounts.get(name)?;
        Some((connection, Arc::clone(connection.connector.as_ref()?)))
    }

    fn schema(&self, mapping: &MappingInFile<'_, '_>, side: Side) -> Option<&ObjectSchema> {
        let (connection, _) = mapping.endpoint(side, "connection")?;
        let (object, _) = mapping.endpoint(side, "object")?;
        self.schemas.get(&(connection.to_owned(), object.to_owned()))
    }

    fn fields(&self, mapping: &MappingInFile<'_, '_>, findings: &mut Findings) {
        for field in mapping.fields() {
            let Some(schema) = self.schema(mapping, field.side) else { continue };
            if schema.field(&field.name).is_some() {
                continue;
            }
            let (connection, _) = mapping.endpoint(field.side, "connection").unwrap_or_default();
            let known = schema.fields.iter().map(|field| field.name.as_str());
            let meant = meant(field.name.as_str(), known);
            let message =
                format!("{connection} {} has no field `{}`: {meant}", schema.object, field.name);
            findings.add(&field.place, message);
        }
    }

    /// An engine of all that is known well enough, or what it has against that.
    async fn engine(&self, clock: &Arc<dyn Clock>, findings: &mut Findings) -> Option<Engine> {
        let own = self.tried(clock, &self.config.engine, findings).await;
        if own.is_some() {
            return own;
        }
        // The engine's own settings are looked at before the mappings: these by usual ones, then.
        self.tried(clock, &EngineTable::default(), findings).await
    }

    async fn tried(
        &self,
        clock: &Arc<dyn Clock>,
        settings: &EngineTable,
        findings: &mut Findings,
    ) -> Option<Engine> {
        let builder = Engine::builder().store(Arc::new(MemoryStore::new()));
        let mut builder = settings.set(builder.clock(Arc::clone(clock)));
        for connection in &self.config.connections {
            if let Some(known) = self.known(connection) {
                builder = builder.connection(connection.name.clone(), known);
            }
        }
        for mapping in &self.config.mappings {
            let known = Side::BOTH.into_iter().all(|side| self.schema(mapping, side).is_some());
            if let Some(mapping) = &mapping.mapping
                && known
                && mapping.check().is_ok()
            {
                builder = builder.mapping(mapping.clone());
            }
        }
        match builder.build().await {
            Ok(engine) => return Some(engine),
            Err(SyncError::Config(error)) => self.note_config(&error, findings),
            Err(error) => findings.add(&(0..0), error.to_string()),
        }
        None
    }

    /// A connection with what was read of it.
    fn known(&self, connection: &ConnectionInFile) -> Option<Known> {
        let connector = Arc::clone(connection.connector.as_ref()?);
        let account = self.accounts.get(&connection.name)?.clone();
        let of = self.schemas.iter().filter(|((name, _), _)| *name == connection.name);
        let schemas = of.map(|(_, schema)| schema.clone());
        let schemas = schemas.map(|schema| (schema.object.clone(), schema)).collect();
        Some(Known { connector, account, schemas })
    }

    fn note_config(&self, error: &ConfigError, findings: &mut Findings) {
        for finding in &error.findings {
            // Said already, at the place of the name.
            let is_known = [" has no field ", "which the engine does not have", "is used twice"]
                .iter()
                .any(|part| finding.message.contains(part));
            if is_known {
                continue;
            }
            let of = self.config.mappings.iter().find_map(|mapping| {
                let (name, _) = mapping.name()?;
                let rest = finding.place.strip_prefix("mapping ")?.strip_prefix(name)?;
                Some((mapping, rest.strip_prefix(", ").unwrap_or(rest)))
            });
            if finding.place == "lease" {
                findings.add(&self.config.engine.place(), format!("`lease` {}", finding.message));
            } else if let Some((mapping, place)) = of {
                let mut inner = finding.clone();
                place.clone_into(&mut inner.place);
                mapping.note(&[inner], findings);
            } else {
                let message = in_words_of_the_file(&finding.message);
                findings.add(&(0..0), format!("{}: {message}", finding.place));
            }
        }
    }
}

/// The adapter says at the end of its message what it has.
/// Whether its account is to be connected, anew or for the first time.
fn is_unconnected(connection: &ConnectionInFile, error: &ConnectorError) -> bool {
    error.kind == ErrorKind::Auth && connection.oauth().is_some()
}

fn unknown_object(connection: &ConnectionInFile, object: &str, message: &str) -> String {
    let named = message.rsplit([':', ';']).next().unwrap_or_default();
    let words = named.split(|c: char| !(c.is_alphanumeric() || c == '_'));
    let words: Vec<&str> = words.filter(|word| word.len() > 3 && *word != object).collect();
    let meant = match meant(object, words) {
        near if near.starts_with("did you") => near,
        _ => message.to_owned(),
    };
    format!("`{}` has no object type `{object}`: {meant}", connection.name)
}
