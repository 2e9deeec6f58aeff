//! The main job from a file, without code: connections, a store and mappings are named in TOML, and
//! `flux` checks, plans, applies, syncs, shows the log and the desk.
//!
//! The program itself is `cargo run --example flux`, and a thin shell around [`run`], which tests call
//! with another environment and look at what it says. `examples/sync.toml` is a file to begin with; its
//! parts are
//!
//! | part | |
//! | --- | --- |
//! | `[connections.NAME]` | `system`, and the settings of its adapter ([`HubSpotConfig`], [`JobberConfig`]) in their serde form. Of a secret the file names the environment variable that has it: `token_env`. With `[connections.NAME.oauth]` (`client_id`, `client_secret_env`, `redirect_uri`, `scopes`) in its place, `flux connect NAME` connects the account |
//! | `[store]` | `sqlite = "sync.db"`, `postgres_env = "DATABASE_URL"` or `memory = true`; `[store.seal]` with `id` and `key_env` seals it, and saved plans |
//! | `[engine]` | `tenant`, `lease`, `request_timeout`, `sweep_every`, `grace`, `retention`, `batch` |
//! | `[[mappings]]` | the serde form of [`Mapping`]; values stand as they are (`equals = "Boaz"`), tables of values as such (`value_map = { lead = "NEW" }`) |
//!
//! Durations are texts (`"90s"`, `"5 min"`, `"24h"`); where an adapter has milliseconds
//! (`look_back_ms`), its name without `_ms` takes a duration. Relative paths are from the file's folder.
//!
//! [`HubSpotConfig`]: fluxcascade_connectors::hubspot::HubSpotConfig
//! [`JobberConfig`]: fluxcascade_connectors::jobber::JobberConfig
//! [`Mapping`]: fluxcascade_core::Mapping

mod answer;
pub mod args;
mod config;
mod connect;
mod connection;
mod decode;
mod desk;
mod duration;
mod examine;
mod known;
mod log;
mod mapping;
mod node;
mod place;
mod plans;
mod store;
mod tokens;
mod value;
mod vars;

use std::error::Error;
use std::fmt;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use fluxcascade_core::Engine;
use fluxcascade_core::clock::Clock;
use fluxcascade_core::model::{MappingName, RunStatus};
use fluxcascade_core::{Mapping, Side, SyncReport};
use futures::future::BoxFuture;

pub use connection::System;
pub use place::{Mistake, Mistakes};
pub use vars::Vars;

use crate::progress::Progress;
use args::{Act, Args, Command};
use config::Config;
use examine::{Examined, examine};
use place::{Findings, meant};
use store::Opened;
use tokens::Tokens;

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All is done.
    Done,
    /// It could not be done.
    Failed,
    /// The file is wrong.
    Mistaken,
    /// Done as far as it goes: something waits for a person, or for a later run.
    Waits,
}

impl Exit {
    /// The code of the process.
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Mistaken => 2,
            Exit::Waits => 3,
        }
    }

    /// Of several things that were done one after the other: the worst.
    fn and(self, other: Exit) -> Exit {
        let rank = |exit: &Exit| match exit {
            Exit::Done => 0,
            Exit::Waits => 1,
            Exit::Failed => 2,
            Exit::Mistaken => 3,
        };
        std::cmp::max_by_key(self, other, rank)
    }
}

/// See [`Host::browser`].
pub type Browser<'h> =
    &'h mut (dyn FnMut(String) -> BoxFuture<'static, std::io::Result<String>> + Send);

/// What surrounds the program.
pub struct Host<'h> {
    /// The environment variables that the file may name.
    pub vars: Vars,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where it says what it found and did.
    pub out: &'h mut (dyn Write + Send),
    /// Where it says what is wrong.
    pub err: &'h mut (dyn Write + Send),
    /// Sends a person's browser to an address, and gives the address that it comes back with.
    pub browser: Browser<'h>,
    /// How far it has come.
    pub progress: Arc<Progress>,
}

impl fmt::Debug for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("vars", &self.vars).finish_non_exhaustive()
    }
}

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Does what the command line says.
pub async fn run(args: &Args, mut host: Host<'_>) -> Exit {
    match attempt(args, &mut host).await {
        Ok(exit) => exit,
        Err(error) => {
            host.progress.end();
            // Where nothing can be said, the code says it.
            let _ = writeln!(host.err, "flux: {error}");
            Exit::Failed
        }
    }
}

async fn attempt(args: &Args, host: &mut Host<'_>) -> Outcome<Exit> {
    let file = args.config.display().to_string();
    let text = match std::fs::read_to_string(&args.config) {
        Ok(text) => text,
        Err(error) => {
            writeln!(host.err, "{file}: {error}; name another file with --config")?;
            return Ok(Exit::Mistaken);
        }
    };
    let mut findings = Findings::default();
    let root = node::parse(&text, &mut findings);
    let folder = args.config.parent().unwrap_or_else(|| Path::new(""));
    let tokens = Arc::new(Tokens::default());
    let config = config::read(&root, folder, host, &tokens, &mut findings);
    if let Command::Log { mapping, record, run, limit } = &args.command
        && findings.is_empty()
    {
        let wanted = log::Wanted { mapping, record, run: *run, limit: *limit };
        return log::show(&config, &wanted, host).await;
    }
    let opened = open_for_tokens(&config, &args.command, findings.is_empty(), &tokens).await?;
    if let Command::Connect { connection, another } = &args.command
        && findings.is_empty()
    {
        let wanted = connect::Wanted { connection, another: *another };
        return connect::connect(&config, &wanted, host).await;
    }
    if let Command::Disconnect { connection } = &args.command
        && findings.is_empty()
    {
        return connect::disconnect(&config, connection, host).await;
    }
    let examined = examine(&config, &host.clock, &mut findings).await;
    let Examined { engine: Some(tried), accounts, .. } = examined else {
        let is_fine = findings.count() == examined.elsewhere;
        writeln!(host.err, "{}", findings.told(&file, &text))?;
        return Ok(if is_fine { Exit::Failed } else { Exit::Mistaken });
    };
    if let Command::Check = args.command {
        let work = Work { config: &config, engine: &tried };
        return work.check(&accounts, &file, host);
    }
    let engine = engine(&config, opened, host).await?;
    Work { config: &config, engine: &engine }.command(&args.command, host).await
}

/// Opens the store, if the tokens of an account are in it. It is made only to keep some.
async fn open_for_tokens(
    config: &Config<'_, '_>,
    command: &Command,
    is_fine: bool,
    tokens: &Tokens,
) -> Outcome<Option<Opened>> {
    let connects = matches!(command, Command::Connect { .. }) && is_fine;
    let Some(store) = config.store.as_ref().filter(|store| connects || store.is_there()) else {
        return Ok(None);
    };
    if config.connections.iter().all(|connection| connection.oauth().is_none()) {
        return Ok(None);
    }
    let opened = store.open(config.mappings()).await?;
    tokens.are_in(&opened.tokens);
    Ok(Some(opened))
}

/// The engine of a file in which nothing is wrong.
async fn engine(
    config: &Config<'_, '_>,
    opened: Option<Opened>,
    host: &Host<'_>,
) -> Outcome<Engine> {
    let opened = match (opened, &config.store) {
        (Some(opened), _) => opened,
        (None, Some(store)) => store.open(config.mappings()).await?,
        (None, None) => return Err("there is no store".into()),
    };
    let progress = Arc::clone(&host.progress);
    let mut builder = Engine::builder()
        .store(opened.store)
        .clock(Arc::clone(&host.clock))
        .observer(move |event| progress.tell(event));
    builder = config.engine.set(builder);
    for connection in &config.connections {
        if let Some(connector) = &connection.connector {
            builder = builder.shared_connection(connection.name.clone(), Arc::clone(connector));
        }
    }
    for mapping in config.mappings() {
        builder = builder.mapping(mapping.clone());
    }
    Ok(builder.build().await?)
}

/// The mappings of a file, for a host that goes on in code: everything that is said in `[[mappings]]`, and
/// nothing else of the file is looked at.
///
/// # Errors
/// Everything that is wrong with them by themselves, at its places.
pub fn mappings(text: &str) -> Result<Vec<Mapping>, Mistakes> {
    let mut findings = Findings::default();
    let root = node::parse(text, &mut findings);
    let all = node::get(&root, "mappings").map(node::items).unwrap_or_default();
    let read = all.into_iter().filter_map(|node| mapping::read(node, &mut findings).mapping);
    let read: Vec<Mapping> = read.collect();
    if findings.is_empty() { Ok(read) } else { Err(findings.told("the file", text)) }
}

/// The engine, and the file that it was built from.
struct Work<'w, 't, 'i> {
    config: &'w Config<'t, 'i>,
    engine: &'w Engine,
}

impl Work<'_, '_, '_> {
    /// The mappings of these names, or all in the order of the file.
    fn named(&self, names: &[String]) -> Outcome<Vec<MappingName>> {
        named(self.config, names)
    }

    async fn command(&self, command: &Command, host: &mut Host<'_>) -> Outcome<Exit> {
        match command {
            // These are done before there is an engine.
            Command::Check
            | Command::Connect { .. }
            | Command::Disconnect { .. }
            | Command::Log { .. } => Ok(Exit::Done),
            Command::Plan { mappings, out, full, show } => {
                let wanted = plans::Wanted { mappings, full: *full, show: *show };
                self.plan(&wanted, out.as_deref(), host).await
            }
            Command::Apply { plan } => self.apply(plan, host).await,
            Command::Sync { mappings, full, let_through, accept_empty } => {
                let mut exit = Exit::Done;
                for name in self.named(mappings)? {
                    let mut request = self.engine.run(name.as_str());
                    if *full {
                        request = request.full();
                    }
                    let kinds = let_through.iter().map(|kind| (*kind).into());
                    request = request.override_guards(kinds);
                    for end in accept_empty {
                        request = request.accept_empty((*end).into());
                    }
                    self.begin(&name, "syncing", host)?;
                    let report = request.sync().await;
                    host.progress.end();
                    // One that cannot be synced keeps no other from it.
                    exit = exit.and(match report {
                        Ok(report) => Self::report(&report, host)?,
                        Err(error) => {
                            writeln!(host.err, "flux: {name}: {error}")?;
                            Exit::Failed
                        }
                    });
                }
                Ok(exit)
            }
            Command::Desk { mapping, act: None } => self.desk(mapping.as_ref(), host).await,
            Command::Desk { mapping, act: Some(Act::Answer { key, choice, source, target }) } => {
                let said = answer::Said { key, choice, source, target };
                self.answer(mapping.as_ref(), &said, host).await
            }
        }
    }

    fn begin(&self, mapping: &MappingName, what: &str, host: &Host<'_>) -> Outcome<()> {
        let compiled = self.engine.mapping(mapping.as_str())?;
        let ends = fluxcascade_core::model::Sides::from_fn(|side: Side| {
            compiled.endpoint(side).to_string()
        });
        host.progress.between(ends);
        host.progress.begin(format!("{what} {mapping}"));
        Ok(())
    }

    fn check(
        &self,
        accounts: &std::collections::BTreeMap<String, fluxcascade_core::connector::Account>,
        file: &str,
        host: &mut Host<'_>,
    ) -> Outcome<Exit> {
        for connection in &self.config.connections {
            let Some(account) = accounts.get(&connection.name) else { continue };
            let system = connection.system.map_or("", System::name);
            let (name, id) = (&account.name, &account.id);
            writeln!(host.out, "connection {}: {system} account {id} ({name})", connection.name)?;
        }
        if let Some(store) = &self.config.store {
            writeln!(host.out, "store: {}", store.words())?;
        }
        for name in self.named(&[])? {
            let mapping = self.engine.mapping(name.as_str())?;
            let [source, target] = Side::BOTH.map(|side| mapping.endpoint(side).to_string());
            writeln!(host.out, "mapping {name}: {source} ↔ {target}")?;
            writeln!(
                host.out,
                "{}",
                crate::show::Show::new(mapping, &|_| String::new()).mapping()
            )?;
            for warning in &mapping.warnings {
                writeln!(host.out, "  warning: {warning}")?;
            }
        }
        writeln!(host.out, "{file}: nothing is wrong")?;
        Ok(Exit::Done)
    }

    /// What a run did, and whether something waits.
    fn report(report: &SyncReport, host: &mut Host<'_>) -> Outcome<Exit> {
        write!(host.out, "{report}")?;
        let waits = match report.status {
            RunStatus::Pending | RunStatus::Running | RunStatus::Completed => {
                !report.held.is_empty()
            }
            RunStatus::Partial => true,
            RunStatus::Failed => return Ok(Exit::Failed),
        };
        if !waits {
            return Ok(Exit::Done);
        }
        let name = &report.mapping;
        writeln!(host.out, "  what waits for a person: flux desk {name}")?;
        Ok(Exit::Waits)
    }
}

/// The mappings of these names, or all in the order of the file.
fn named(config: &Config<'_, '_>, names: &[String]) -> Outcome<Vec<MappingName>> {
    let known: Vec<MappingName> = config.mappings().map(|mapping| mapping.name.clone()).collect();
    if names.is_empty() {
        return Ok(known);
    }
    let find = |name: &String| {
        let found = known.iter().find(|known| known.as_str() == name).cloned();
        let meant = || meant(name, known.iter().map(MappingName::as_str));
        found.ok_or_else(|| format!("there is no mapping `{name}`: {}", meant()).into())
    };
    names.iter().map(find).collect()
}
