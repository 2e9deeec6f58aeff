//! A connection as the file has it: the system, and the settings of its adapter in their serde form. A
//! secret is named by the environment variable that has it (`token_env`), and never stands in the file.
//! Which systems there are, and nothing else about them, is said here.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use fluxcascade_connectors::config::ConfigError;
use fluxcascade_connectors::http::oauth::{OAuth, TokenPlace};
use fluxcascade_connectors::hubspot::{HubSpot, HubSpotConfig};
use fluxcascade_connectors::jobber::{Jobber, JobberBuilder, JobberConfig};
use fluxcascade_core::clock::Clock;
use fluxcascade_core::connector::{Connector, ConnectorError};
use fluxcascade_core::model::{ConnectionName, TenantId};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};

use super::decode::{decode, is_secret};
use super::node::{self, Node, Table, entry, kind};
use super::place::{Findings, meant};
use super::tokens::Tokens;
use super::vars::Vars;

/// A system that there is an adapter of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum System {
    /// HubSpot.
    #[value(name = "hubspot")]
    HubSpot,
    /// Jobber.
    Jobber,
}

impl System {
    /// All of them.
    pub const ALL: [System; 2] = [System::HubSpot, System::Jobber];

    /// Its name in the file.
    pub fn name(self) -> &'static str {
        match self {
            System::HubSpot => "hubspot",
            System::Jobber => "jobber",
        }
    }
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A connection of the file.
#[derive(Debug)]
pub(super) struct ConnectionInFile {
    pub(super) name: String,
    /// Where its name stands.
    pub(super) place: Range<usize>,
    pub(super) system: Option<System>,
    /// The adapter, if nothing is wrong with its settings.
    pub(super) connector: Option<Arc<dyn Connector>>,
    adapter: Option<Adapter>,
}

/// The adapter as what it is.
#[derive(Debug)]
enum Adapter {
    HubSpot(Arc<HubSpot>),
    Jobber(Arc<Jobber>),
}

impl Adapter {
    fn connector(&self) -> Arc<dyn Connector> {
        match self {
            Adapter::HubSpot(adapter) => Arc::<HubSpot>::clone(adapter),
            Adapter::Jobber(adapter) => Arc::<Jobber>::clone(adapter),
        }
    }
}

impl ConnectionInFile {
    /// How its account is connected, if not by a token.
    pub(super) fn oauth(&self) -> Option<OAuth<'_>> {
        match self.adapter.as_ref()? {
            Adapter::HubSpot(adapter) => adapter.oauth(),
            Adapter::Jobber(adapter) => adapter.oauth(),
        }
    }

    /// Lets go of its account. Without an adapter there is none.
    pub(super) async fn disconnect(&self) -> Result<(), ConnectorError> {
        match &self.adapter {
            Some(Adapter::HubSpot(adapter)) => adapter.disconnect().await,
            Some(Adapter::Jobber(adapter)) => adapter.disconnect().await,
            None => Ok(()),
        }
    }
}

/// What an adapter is given that is not in the file.
#[derive(Debug)]
pub(super) struct Given<'g> {
    pub(super) vars: &'g Vars,
    pub(super) clock: &'g Arc<dyn Clock>,
    pub(super) tokens: &'g Arc<Tokens>,
    pub(super) tenant: TenantId,
}

/// Reads all connections.
pub(super) fn read_all(
    connections: &Table<'_>,
    given: &Given<'_>,
    findings: &mut Findings,
) -> Vec<ConnectionInFile> {
    let all = connections.iter().map(|(name, node)| {
        let named = (name.get_ref().to_string(), name.span());
        read(named, node, given, findings)
    });
    all.collect()
}

fn read(
    (name, place): (String, Range<usize>),
    node: &Node<'_>,
    given: &Given<'_>,
    findings: &mut Findings,
) -> ConnectionInFile {
    let mut read = ConnectionInFile { name, place, system: None, connector: None, adapter: None };
    let Some(table) = node.get_ref().as_table() else {
        findings.add(&node.span(), format!("a connection is a table, and this is {}", kind(node)));
        return read;
    };
    read.system = system(table, &read.place, findings);
    let before = findings.count();
    let mut settings = settings(table, given.vars, findings);
    settings.remove("system");
    let Some(system) = read.system else { return read };
    let place = ConnectionName::new(&read.name).map(|connection| TokenPlace {
        store: Arc::<Tokens>::clone(given.tokens),
        tenant: given.tenant.clone(),
        connection,
    });
    let place = match place {
        Ok(place) => place,
        Err(error) => {
            findings.add(&read.place, error.to_string());
            return read;
        }
    };
    let built = build(system, node, Json::Object(settings), given.clock, place, findings);
    read.adapter = built.filter(|_| findings.count() == before);
    read.connector = read.adapter.as_ref().map(Adapter::connector);
    read
}

fn system(table: &Table<'_>, place: &Range<usize>, findings: &mut Findings) -> Option<System> {
    let known = || System::ALL.into_iter().map(System::name);
    let Some((_, node)) = entry(table, "system") else {
        findings.add(place, format!("`system` is missing: {}", meant("", known())));
        return None;
    };
    let Some(name) = node.get_ref().as_str() else {
        findings.add(&node.span(), format!("is {}: write the name of a system", kind(node)));
        return None;
    };
    let system = System::ALL.into_iter().find(|system| system.name() == name);
    if system.is_none() {
        findings.add(&node.span(), format!("unknown system `{name}`: {}", meant(name, known())));
    }
    system
}

/// The settings, with what environment variables hold in the place of their names.
fn settings(table: &Table<'_>, vars: &Vars, findings: &mut Findings) -> Map<String, Json> {
    let mut settings = Map::new();
    for (key, node) in table {
        let (key, key_place) = (key.get_ref().to_string(), key.span());
        if key == PATHS {
            settings.insert(key, node::json(node));
        } else if let Some(inner) = node.get_ref().as_table() {
            settings.insert(key, Json::Object(self::settings(inner, vars, findings)));
        } else if is_secret(&key) {
            let message = format!(
                "`{key}` is a secret, which stands in no file: put it into an environment variable, \
                 and name that one with `{key}_env`"
            );
            findings.add(&key_place, message);
            settings.insert(key, PLACEHOLDER.into());
        } else if let Some(plain) = key.strip_suffix("_env") {
            let value = var(node, vars, findings).unwrap_or_else(|| PLACEHOLDER.to_owned());
            settings.insert(plain.to_owned(), Json::String(value));
        } else {
            settings.insert(key, node::json(node));
        }
    }
    settings
}

/// Where paths stand, one of which is that of tokens.
const PATHS: &str = "paths";

/// What the environment variable holds that is named here.
fn var(node: &Node<'_>, vars: &Vars, findings: &mut Findings) -> Option<String> {
    let Some(name) = node.get_ref().as_str() else {
        findings.add(&node.span(), format!("is {}: name an environment variable", kind(node)));
        return None;
    };
    vars.get(name, &node.span(), findings)
}

/// Stands for a secret that is missing while the rest is looked at.
const PLACEHOLDER: &str = "missing";

fn build(
    system: System,
    node: &Node<'_>,
    settings: Json,
    clock: &Arc<dyn Clock>,
    place: TokenPlace,
    findings: &mut Findings,
) -> Option<Adapter> {
    let clock = Arc::clone(clock);
    let built = match system {
        System::HubSpot => {
            let config: HubSpotConfig = take(node, settings, findings)?;
            let built = HubSpot::from_config(config).clock(clock).tokens(place).build();
            built.map(|built| Adapter::HubSpot(Arc::new(built)))
        }
        System::Jobber => {
            let config: JobberConfig = take(node, settings, findings)?;
            let built = JobberBuilder::from(config).clock(clock).tokens(place).build();
            built.map(|built| Adapter::Jobber(Arc::new(built)))
        }
    };
    built.map_err(|error| note(node, &error, findings)).ok()
}

fn take<T: DeserializeOwned>(
    node: &Node<'_>,
    settings: Json,
    findings: &mut Findings,
) -> Option<T> {
    decode::<T>(node, settings, findings).value
}

/// What the adapter has against its settings, at the keys that it names.
fn note(node: &Node<'_>, error: &ConfigError, findings: &mut Findings) {
    for problem in error.problems() {
        let key = problem.split('`').nth(1).unwrap_or_default();
        let key = key.rsplit('.').next().unwrap_or_default();
        let place = node.get_ref().as_table().and_then(|table| find(table, key));
        // In the file a secret is named by its variable.
        let problem = problem.replace("`token`", "`token_env`");
        let problem = problem.replace("client_secret`", "client_secret_env`");
        findings.add(&place.unwrap_or_else(|| node.span()), problem);
    }
}

/// Where the value of a setting stands, in the table or in one within it.
fn find(table: &Table<'_>, key: &str) -> Option<Range<usize>> {
    let written = ["", "_ms", "_env"].iter().map(|end| format!("{key}{end}"));
    let own = written.into_iter().find_map(|key| Some(entry(table, &key)?.1.span()));
    let inner = || table.values().find_map(|node| find(node.get_ref().as_table()?, key));
    own.or_else(inner)
}

#[cfg(test)]
mod tests {
    use fluxcascade_core::SystemClock;

    use super::super::node::parse;
    use super::*;

    fn told(text: &str) -> String {
        let mut findings = Findings::default();
        let root = parse(text, &mut findings);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let vars = Vars::new([("TOKEN", "pat-na1-0000")]);
        let tenant = TenantId::default();
        let given = Given { vars: &vars, clock: &clock, tokens: &Arc::default(), tenant };
        let read = read_all(&root, &given, &mut findings);
        assert_eq!(read.iter().all(|one| one.connector.is_some()), findings.is_empty());
        if findings.is_empty() { String::new() } else { findings.told("f", text).to_string() }
    }

    #[test]
    fn settings_are_those_of_the_adapter_with_durations_and_variables() {
        let http = "http = { request_timeout = \"10s\", connect_timeout_ms = 500 }";
        for (system, more) in
            [("hubspot", "search_lag = \"1 min\""), ("jobber", "find_lag = \"1 min\"")]
        {
            let text =
                format!("[a]\nsystem = \"{system}\"\ntoken_env = \"TOKEN\"\n{more}\n{http}\n");
            assert_eq!(told(&text), "");
        }
    }

    #[test]
    fn what_the_adapter_refuses_is_told_where_it_stands() {
        let text = "[a]\nsystem = \"hubspot\"\ntoken_env = \"TOKEN\"\nlook_back = \"1s\"\n\
                    http = { max_attempts = 0 }\n";
        let told = told(text);
        assert!(told.contains("f:4:13: `look_back` must be"), "{told}");
        assert!(told.contains("f:5:25: `max_attempts` must be"), "{told}");
    }

    #[test]
    fn a_secret_in_an_inner_table_is_refused_and_not_shown() {
        let text =
            "[a]\nsystem = \"hubspot\"\ntoken_env = \"TOKEN\"\n[a.http]\napi_key = \"s3cret\"\n";
        let told = told(text);
        assert!(
            told.contains("f:5:1: `api_key` is a secret") && !told.contains("s3cret"),
            "{told}"
        );
    }

    #[test]
    fn an_app_stands_in_a_table_of_its_own_with_its_secret_in_a_variable() {
        for (system, scopes) in [("hubspot", "scopes = [\"oauth\"]\n"), ("jobber", "")] {
            let app = "client_id = \"1\"\nclient_secret_env = \"TOKEN\"\n\
                       redirect_uri = \"https://acme.example/connected\"\n";
            let text = format!("[a]\nsystem = \"{system}\"\n[a.oauth]\n{app}{scopes}");
            assert_eq!(told(&text), "");
            let without = text.replace("client_secret_env = \"TOKEN\"\n", "");
            let told = told(&without);
            assert!(told.contains("f:3:1: `client_secret_env` is missing"), "{told}");
        }
        let paths =
            "[a]\nsystem = \"hubspot\"\ntoken_env = \"TOKEN\"\npaths = { token = \"/oauth/x\" }\n";
        assert_eq!(told(paths), "");
    }

    #[test]
    fn a_token_that_is_missing_is_told_once() {
        for system in ["hubspot", "jobber"] {
            let told = told(&format!("[a]\nsystem = \"{system}\"\n"));
            assert!(
                told.contains("`token_env` is missing") && told.ends_with("1 mistake"),
                "{told}"
            );
        }
    }
}
