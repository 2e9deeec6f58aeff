//! The file against the systems that it names: accounts, object types, fields, and what an engine says to
//! each mapping. Accounts and schemas are read, and nothing else.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use fluxcascade_core::clock::Clock;
use fluxcascade_core::connector::{Account, Connector, ConnectorError, ErrorKind};
use fluxcascade_core::mapping::ConfigError;
use fluxcascade_core::model::{ObjectSchema, ObjectType, Side};
use fluxcascade_core::store::Store;
use fluxcascade_core::{Engine, SyncError};

use super::config::Config;
use super::connection::ConnectionInFile;
use super::mapping::{MappingInFile, in_words_of_the_file};
use super::place::{Findings, meant};
use crate::progress::Progress;

/// What the systems say to the file.
#[derive(Debug)]
pub(super) struct Examined {
    /// The engine, if nothing is wrong.
    pub(super) engine: Option<Engine>,
    /// The accounts behind the connections.
    pub(super) accounts: BTreeMap<String, Account>,
    /// How many of the findings may be gone by themselves later: a system that does not answer.
    pub(super) passing: usize,
}

/// What an engine needs that the file does not name.
pub(super) struct Surroundings<'s> {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: &'s Arc<dyn Clock>,
    pub(super) progress: &'s Arc<Progress>,
}

/// Asks the systems, and notes what is wrong.
pub(super) async fn examine(
    config: &Config<'_, '_>,
    around: Surroundings<'_>,
    findings: &mut Findings,
) -> Examined {
    let mut look = Look { config, schemas: BTreeMap::new(), accounts: BTreeMap::new(), passing: 0 };
    for connection in &config.connections {
        look.account(connection, findings).await;
    }
    for mapping in &config.mappings {
        look.schemas(mapping, findings).await;
    }
    for mapping in &config.mappings {
        look.fields(mapping, findings);
    }
    let engine = look.engine(around, findings).await;
    let engine = engine.filter(|_| findings.is_empty());
    Examined { engine, accounts: look.accounts, passing: look.passing }
}

/// What was seen so far.
struct Look<'l, 't, 'i> {
    config: &'l Config<'t, 'i>,
    accounts: BTreeMap<String, Account>,
    /// By connection and object type; `None` where there is none.
    schemas: BTreeMap<(String, String), Option<ObjectSchema>>,
    passing: usize,
}

impl Look<'_, '_, '_> {
    async fn account(&mut self, connection: &ConnectionInFile, findings: &mut Findings) {
        let Some(connector) = &connection.connector else { return };
        match connector.account().await {
            Ok(account) => {
                self.accounts.insert(connection.name.clone(), account);
            }
            Err(error) => {
                let message = format!("connection `{}`: {error}", connection.name);
                self.note(&error, &connection.place, message, findings);
            }
        }
    }

    fn note(
        &mut self,
        error: &ConnectorError,
        place: &Range<usize>,
        message: String,
        findings: &mut Findings,
    ) {
        let before = findings.count();
        findings.add(place, message);
        if error.is_transient() {
            self.passing += findings.count() - before;
        }
    }

    /// The schemas of both ends, each read once.
    async fn schemas(&mut self, mapping: &MappingInFile<'_, '_>, findings: &mut Findings) {
        for side in Side::BOTH {
            let Some((connection, connector)) = self.connector(mapping, side) else { continue };
            let Some((object, place)) = mapping.endpoint(side, "object") else { continue };
            let key = (connection.name.clone(), object.to_owned());
            if self.schemas.contains_key(&key) {
                if self.schemas[&key].is_none() {
                    findings.add(&place, unknown_object(connection, object));
                }
                continue;
            }
            let Ok(name) = ObjectType::new(object) else { continue };
            let schema = match connector.schema(&name).await {
                Ok(schema) => Some(schema),
                Err(error) if matches!(error.kind, ErrorKind::NotFound | ErrorKind::Permanent) => {
                    findings.add(&place, unknown_object(connection, object));
                    None
                }
                Err(error) => {
                    let message = format!("connection `{}`: {error}", connection.name);
                    self.note(&error, &place, message, findings);
                    None
                }
            };
            self.schemas.insert(key, schema);
        }
    }

    /// The connection of an end that answers.
    fn connector(
        &self,
        mapping: &MappingInFile<'_, '_>,
        side: Side,
    ) -> Option<(&ConnectionInFile, Arc<dyn Connector>)> {
        let (name, _) = mapping.endpoint(side, "connection")?;
        let connection = self.config.connection(name)?;
        self.accounts.get(name)?;
        Some((connection, Arc::clone(connection.connector.as_ref()?)))
    }

    fn schema(&self, mapping: &MappingInFile<'_, '_>, side: Side) -> Option<&ObjectSchema> {
        let (connection, _) = mapping.endpoint(side, "connection")?;
        let (object, _) = mapping.endpoint(side, "object")?;
        self.schemas.get(&(connection.to_owned(), object.to_owned()))?.as_ref()
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
    async fn engine(&self, around: Surroundings<'_>, findings: &mut Findings) -> Option<Engine> {
        let known = |mapping: &&MappingInFile<'_, '_>| {
            Side::BOTH.into_iter().all(|side| self.schema(mapping, side).is_some())
        };
        let mappings: Vec<&MappingInFile<'_, '_>> =
            self.config.mappings.iter().filter(known).collect();
        let progress = Arc::clone(around.progress);
        let builder = Engine::builder().store(around.store).clock(Arc::clone(around.clock));
        let mut builder =
            self.config.engine.set(builder).observer(move |event| progress.tell(event));
        for connection in &self.config.connections {
            if let Some(connector) = &connection.connector
                && self.accounts.contains_key(&connection.name)
            {
                let name = connection.name.clone();
                builder = builder.shared_connection(name, Arc::clone(connector));
            }
        }
        for mapping in mappings.iter().filter_map(|mapping| mapping.mapping.as_ref()) {
            if mapping.check().is_ok() {
                builder = builder.mapping(mapping.clone());
            }
        }
        match builder.build().await {
            Ok(engine) => Some(engine),
            Err(SyncError::Config(error)) => {
                self.note_config(&error, findings);
                None
            }
            Err(error) => {
                findings.add(&(0..0), error.to_string());
                None
            }
        }
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
            if let Some((mapping, place)) = of {
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

fn unknown_object(connection: &ConnectionInFile, object: &str) -> String {
    let known = connection.system.map(super::connection::System::objects).unwrap_or_default();
    let meant = meant(object, known.iter().copied());
    format!("`{}` has no object type `{object}`: {meant}", connection.name)
}
