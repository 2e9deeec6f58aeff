//! A PostgreSQL server for tests: the one that `FLUXCASCADE_TEST_POSTGRES` names, else one that is
//! started for this process and ends with it, however that ends.
//!
//! Each test gets a schema of its own. Where there is no server, tests say that they were skipped.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use fluxcascade_store::postgres::PostgresOptions;

/// Names a server to use instead of one of our own.
const VARIABLE: &str = "FLUXCASCADE_TEST_POSTGRES";

/// Starts a server in a new folder, says where, and waits until its input ends: that is when the
/// process that started it ends.
const SCRIPT: &str = r#"
set -eu
bin=$1 port=$2 fsync=$3
folder=$(mktemp -d "${TMPDIR:-/tmp}/fluxcascade-postgres.XXXXXX")
stop() { "$bin/pg_ctl" -D "$folder/data" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$folder"; }
trap stop EXIT
trap '' INT TERM HUP
"$bin/initdb" -D "$folder/data" -U fluxcascade -A trust -E UTF8 --locale=C -N >"$folder/initdb" 2>&1 \
    || { echo "initdb failed: $(tail -n 1 "$folder/initdb")"; exit 1; }
printf '%s\n' '[req]' 'distinguished_name=name' 'x509_extensions=with' 'prompt=no' '[name]' \
    'CN=localhost' '[with]' 'subjectAltName=DNS:localhost' 'basicConstraints=critical,CA:FALSE' \
    >"$folder/certificate"
tls=off
if openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
    -config "$folder/certificate" -keyout "$folder/data/server.key" -out "$folder/data/server.crt" \
    >/dev/null 2>&1; then tls=on; chmod 600 "$folder/data/server.key"; fi
"$bin/pg_ctl" -D "$folder/data" -w -t 60 -l "$folder/log" -o "-c listen_addresses=localhost -p $port \
    -c unix_socket_directories='$folder' -c ssl=$tls -c fsync=$fsync -c max_connections=200" \
    start >/dev/null 2>&1 || { echo "pg_ctl failed: $(tail -n 1 "$folder/log")"; exit 1; }
echo "ready $folder"
cat >/dev/null || true
"#;

/// Copies a server as a standby that follows it, says where, and waits until its input ends.
const FOLLOW: &str = r#"
set -eu
bin=$1 port=$2 from=$3
folder=$(mktemp -d "${TMPDIR:-/tmp}/fluxcascade-standby.XXXXXX")
stop() { "$bin/pg_ctl" -D "$folder/data" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$folder"; }
trap stop EXIT
trap '' INT TERM HUP
"$bin/pg_basebackup" -d "$from" -D "$folder/data" -R -X stream -c fast >"$folder/backup" 2>&1 \
    || { echo "pg_basebackup failed: $(tail -n 1 "$folder/backup")"; exit 1; }
"$bin/pg_ctl" -D "$folder/data" -w -t 60 -l "$folder/log" -o "-c listen_addresses= -p $port \
    -c unix_socket_directories='$folder' -c ssl=off -c fsync=off -c max_connections=200" \
    start >/dev/null 2>&1 || { echo "pg_ctl failed: $(tail -n 1 "$folder/log")"; exit 1; }
echo "ready $folder"
cat >/dev/null || true
"#;

/// Whether a server waits for its disk. Tests do not pull the plug.
#[derive(Debug, Clone, Copy)]
enum Fsync {
    On,
    Off,
}

/// The server of this process.
#[derive(Debug)]
struct Server {
    url: String,
    /// Ends when our end of its input is closed, with this process.
    _keeper: Option<Child>,
}

/// One of our own, whatever is named.
static OWN: OnceLock<Result<Server, String>> = OnceLock::new();
static SERVER: OnceLock<Result<Server, String>> = OnceLock::new();
static PLACES: AtomicU32 = AtomicU32::new(0);

/// A schema of a test's own.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) url: String,
    pub(crate) schema: String,
}

impl Place {
    /// A new schema, or why there is no server.
    pub(crate) fn new() -> Result<Self, String> {
        let server = SERVER.get_or_init(Server::find).as_ref().map_err(Clone::clone)?;
        Ok(Self::of(server))
    }

    /// A new schema on a server that waits for its disk, for what is measured.
    #[allow(dead_code, reason = "not each test program needs it")]
    pub(crate) fn durable() -> Result<Self, String> {
        static DURABLE: OnceLock<Result<Server, String>> = OnceLock::new();
        let find = || Server::named().map_or_else(|| Server::start(Fsync::On), Ok);
        DURABLE.get_or_init(find).as_ref().map(Self::of).map_err(Clone::clone)
    }

    fn of(server: &Server) -> Self {
        let n = PLACES.fetch_add(1, Ordering::Relaxed);
        let schema = format!("fluxcascade_test_{}_{n}", std::process::id());
        Self { url: server.url.clone(), schema }
    }

    /// A new schema; without a server the test says so, and is to return.
    pub(crate) fn or_skip() -> Option<Self> {
        match Self::new() {
            Ok(place) => Some(place),
            Err(why) => {
                skipped(&format!("no PostgreSQL server: {why}"));
                None
            }
        }
    }

    /// The same on a server of our own, of which more is known than its address.
    #[allow(dead_code, reason = "not each test program needs it")]
    pub(crate) fn own_or_skip() -> Option<Self> {
        match Server::own() {
            Ok(own) => Some(Self::of(own)),
            Err(why) => {
                skipped(&format!("no PostgreSQL server of our own: {why}"));
                None
            }
        }
    }

    /// A connection of the test's own.
    #[allow(dead_code, reason = "not each test program needs it")]
    pub(crate) async fn connect(&self) -> tokio_postgres::Client {
        let (client, connection) =
            tokio_postgres::connect(&self.url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    /// Has the rows of a table locked until it commits.
    #[allow(dead_code, reason = "not each test program needs it")]
    pub(crate) async fn hold_locked(&self, table: &str) -> tokio_postgres::Client {
        let client = self.connect().await;
        let lock = format!("BEGIN; SELECT 1 FROM {}.{table} FOR UPDATE", self.schema);
        client.batch_execute(&lock).await.unwrap();
        client
    }

    /// How the schema is opened.
    pub(crate) fn options(&self) -> PostgresOptions {
        PostgresOptions::new(&self.url).schema(&self.schema).connections(4)
    }
}

/// A server that follows another one, until it is dropped.
#[allow(dead_code, reason = "not each test program needs it")]
#[derive(Debug)]
pub(crate) struct Standby {
    pub(crate) url: String,
    _server: Server,
}

impl Standby {
    /// One that follows a server of our own.
    #[allow(dead_code, reason = "not each test program needs it")]
    pub(crate) fn of(place: &Place) -> Result<Self, String> {
        let server = Server::keep(FOLLOW, &place.url)?;
        Ok(Self { url: server.url.clone(), _server: server })
    }
}

/// Says it past the test harness, which keeps what tests that pass have printed.
pub(crate) fn skipped(why: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    let _ = writeln!(std::io::stderr(), "skipped {test}: {why}");
}

impl Server {
    fn named() -> Option<Self> {
        let url = std::env::var(VARIABLE).ok().filter(|url| !url.is_empty())?;
        Some(Self { url, _keeper: None })
    }

    fn find() -> Result<Self, String> {
        match Self::named() {
            Some(named) => Ok(named),
            None => Self::own().map(|own| Self { url: own.url.clone(), _keeper: None }),
        }
    }

    fn own() -> Result<&'static Self, String> {
        OWN.get_or_init(|| Self::start(Fsync::Off)).as_ref().map_err(Clone::clone)
    }

    fn start(fsync: Fsync) -> Result<Self, String> {
        Self::keep(
            SCRIPT,
            match fsync {
                Fsync::On => "on",
                Fsync::Off => "off",
            },
        )
    }

    /// Runs a script that starts a server and keeps it.
    fn keep(script: &str, with: &str) -> Result<Self, String> {
        let programs = programs().ok_or_else(|| {
            format!(
                "initdb, pg_ctl and pg_basebackup are not installed, and {VARIABLE} names no server"
            )
        })?;
        let port = free_port()?;
        let mut keeper = unprivileged()?
            .args(["sh", "-c", script, "sh"])
            .arg(programs)
            .arg(port.to_string())
            .arg(with)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("the server cannot be started: {error}"))?;
        let mut said = String::new();
        if let Some(output) = keeper.stdout.take() {
            let _ = BufReader::new(output).read_line(&mut said);
        }
        if let Some(folder) = said.trim().strip_prefix("ready ") {
            let url = format!("host={folder} port={port} user=fluxcascade dbname=postgres");
            return Ok(Self { url, _keeper: Some(keeper) });
        }
        let _ = keeper.kill();
        let _ = keeper.wait();
        Err(format!("the server did not start: {}", said.trim()))
    }
}

/// A port that nobody has now.
fn free_port() -> Result<u16, String> {
    let listener = std::net::TcpListener::bind("localhost:0");
    let address = listener.and_then(|listener| listener.local_addr());
    address.map(|address| address.port()).map_err(|error| format!("no port is free: {error}"))
}

/// The folder of the server's programs: from the path, else Debian's with the greatest version.
pub(crate) fn programs() -> Option<PathBuf> {
    let has = |folder: &Path| {
        ["initdb", "pg_ctl", "pg_basebackup"].iter().all(|name| folder.join(name).is_file())
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    if let Some(folder) = std::env::split_paths(&path).find(|folder| has(folder)) {
        return Some(folder);
    }
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?.filter_map(Result::ok);
    let number = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let found = versions.map(|entry| entry.path()).filter(|path| has(&path.join("bin")));
    found.max_by_key(|path| number(path)).map(|path| path.join("bin"))
}

/// What runs a command as somebody who may run a server: root may not.
fn unprivileged() -> Result<Command, String> {
    if number("id", &["-u"])? != 0 {
        return Ok(Command::new("env"));
    }
    let user = if number("id", &["-u", "postgres"]).is_ok() { "postgres" } else { "nobody" };
    let (uid, gid) = (number("id", &["-u", user])?, number("id", &["-g", user])?);
    let mut command = Command::new("setpriv");
    command.args([format!("--reuid={uid}"), format!("--regid={gid}")]);
    command.args(["--clear-groups", "--", "env", "HOME=/"]);
    Ok(command)
}

fn number(program: &str, arguments: &[&str]) -> Result<u32, String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.map_err(|error| format!("{program} cannot be run: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    said.trim().parse().map_err(|_| format!("{program} {arguments:?} tells no number"))
}
