//! How a server is reached, checked before anything is opened.

use std::fmt::{self, Debug};
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use fluxcascade_core::store::{StoreError, StoreErrorKind};
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use super::listen::Ears;
use super::session::Sessions;
use super::tls::Tls;

/// How a [`PostgresStore`](super::PostgresStore) reaches its server.
///
/// The URL is a secret, as it may have the password in it: `Debug` does not show it. It is a
/// `postgres://…` URL or a text of `key=value` pairs; TLS is used unless it says `sslmode=disable`,
/// or all hosts are local and no certificates were given. The server's certificate is always
/// checked, against the system's roots or those that were given.
///
/// ```
/// use fluxcascade_store::postgres::PostgresOptions;
///
/// let options = PostgresOptions::new("postgres://sync:s3cret@db.example.com/sync")
///     .schema("crm_sync")
///     .connections(4);
/// assert!(!format!("{options:?}").contains("s3cret"));
/// ```
#[derive(Clone)]
pub struct PostgresOptions {
    url: SecretString,
    schema: String,
    connections: usize,
    connect_timeout: Duration,
    statement_timeout: Duration,
    roots: Option<Vec<u8>>,
}

/// Never shows the URL.
impl Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("url", &"[redacted]")
            .field("schema", &self.schema)
            .field("connections", &self.connections)
            .field("connect_timeout", &self.connect_timeout)
            .field("statement_timeout", &self.statement_timeout)
            .field("root_certificates", &self.roots.is_some())
            .finish()
    }
}

impl PostgresOptions {
    /// The server and database at a URL, with the schema `fluxcascade`, 8 connections, 10 seconds to
    /// connect and 60 for a statement.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: SecretString::from(url.into()),
            schema: "fluxcascade".to_owned(),
            connections: 8,
            connect_timeout: Duration::from_secs(10),
            statement_timeout: Duration::from_secs(60),
            roots: None,
        }
    }

    /// The schema that has the store's tables, and no others. It is made if it is not there.
    #[must_use]
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = schema.into();
        self
    }

    /// At most this many connections at a time, from 1 to 200.
    #[must_use]
    pub fn connections(mut self, connections: usize) -> Self {
        self.connections = connections;
        self
    }

    /// How long to wait for a connection, new or free: from 1 second to 5 minutes.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long one statement may take, waiting for other calls included: from 1 second to 1 hour.
    #[must_use]
    pub fn statement_timeout(mut self, timeout: Duration) -> Self {
        self.statement_timeout = timeout;
        self
    }

    /// Trusts these certificates, in PEM, instead of the system's.
    #[must_use]
    pub fn root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots = Some(pem.into());
        self
    }

    /// The pool, which has no connection yet.
    pub(super) fn pool(&self) -> Result<Sessions, StoreError> {
        self.check()?;
        let config = self.config()?;
        let tls = self.tls(&config)?;
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let pool = Pool::builder(Manager::from_config(config, tls, recycling))
            .max_size(self.connections)
            .wait_timeout(Some(self.connect_timeout))
            .create_timeout(Some(self.connect_timeout))
            .recycle_timeout(Some(self.connect_timeout))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(StoreError::failed)?;
        Ok(Sessions::new(pool, self.schema.clone(), self.statement_timeout))
    }

    /// What hears the server, and does not listen yet.
    pub(super) fn ears(&self) -> Result<Ears, StoreError> {
        let config = self.config()?;
        let tls = self.tls(&config)?;
        Ok(Ears::new(config, tls, self.schema.clone(), self.connect_timeout))
    }

    fn tls(&self, config: &Config) -> Result<Tls, StoreError> {
        if config.get_ssl_mode() == SslMode::Disable {
            return Ok(Tls::none());
        }
        Tls::trusting(self.roots.as_deref())
    }

    fn check(&self) -> Result<(), StoreError> {
        let (second, minute) = (Duration::from_secs(1), Duration::from_secs(60));
        let name = &self.schema;
        let wrong = if name.is_empty()
            || name.len() > 63
            || name.chars().any(char::is_control)
            || name.starts_with("pg_")
            || name == "information_schema"
        {
            "the schema must have a name of 1 to 63 bytes that is not one of the server's own"
        } else if !(1..=200).contains(&self.connections) {
            "the pool must have 1 to 200 connections"
        } else if !(second..=5 * minute).contains(&self.connect_timeout) {
            "the time to connect must be 1 second to 5 minutes"
        } else if !(second..=60 * minute).contains(&self.statement_timeout) {
            "the time for a statement must be 1 second to 1 hour"
        } else {
            return Ok(());
        };
        Err(StoreError::new(StoreErrorKind::Misuse, wrong))
    }

    fn config(&self) -> Result<Config, StoreError> {
        // What is wrong with it is not told: the driver's words may quote it.
        let mut config: Config = self.url.expose_secret().parse().map_err(|_| {
            StoreError::new(
                StoreErrorKind::Misuse,
                "the server's URL cannot be read: give postgres://user:password@host:port/database, with sslmode=require or sslmode=disable if any",
            )
        })?;
        if config.get_application_name().is_none() {
            config.application_name("fluxcascade");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(self.connect_timeout);
        }
        // A server that is gone without a word is noticed before the calls' own limit.
        config.keepalives_idle(Duration::from_secs(30));
        config.tcp_user_timeout(self.statement_timeout);
        let mode = tls_mode(&config, self.roots.is_some());
        config.ssl_mode(mode);
        Ok(config)
    }
}

/// `prefer` would send all in the clear to whoever claims to have no TLS: nothing is left to the
/// server.
fn tls_mode(config: &Config, has_roots: bool) -> SslMode {
    let mode = config.get_ssl_mode();
    if mode != SslMode::Prefer {
        return mode;
    }
    let hosts = config.get_hosts();
    let addresses_are_local = config.get_hostaddrs().iter().all(std::net::IpAddr::is_loopback);
    if !has_roots && hosts.iter().all(is_local) && addresses_are_local {
        SslMode::Disable
    } else {
        SslMode::Require
    }
}

fn is_local(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            name == "localhost"
                || name.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(url: &str, roots: Option<&str>) -> SslMode {
        let mut options = PostgresOptions::new(url);
        if let Some(pem) = roots {
            options = options.root_certificates(pem);
        }
        options.config().unwrap().get_ssl_mode()
    }

    #[test]
    fn tls_is_left_out_only_where_nothing_leaves_the_machine_or_the_host_says_so() {
        assert_eq!(mode("postgres://db.example.com/sync", None), SslMode::Require);
        assert_eq!(mode("postgres://db.example.com/sync?sslmode=disable", None), SslMode::Disable);
        assert_eq!(mode("postgres://localhost/sync", None), SslMode::Disable);
        assert_eq!(mode("postgres://127.0.0.1/sync", None), SslMode::Disable);
        assert_eq!(mode("host=/run/postgresql dbname=sync", None), SslMode::Disable);
        assert_eq!(mode("postgres://localhost/sync?sslmode=require", None), SslMode::Require);
        assert_eq!(mode("postgres://localhost/sync", Some("pem")), SslMode::Require);
        assert_eq!(mode("postgres://localhost,db.example.com/sync", None), SslMode::Require);
        assert_eq!(mode("host=localhost hostaddr=192.0.2.1", None), SslMode::Require);
    }

    /// P30.
    #[test]
    fn no_secret_is_in_debug_or_in_an_error_about_the_url() {
        for url in ["postgres://u:s3cret@db.example.com:x/", "password=s3cret bad", "s3cret"] {
            let options = PostgresOptions::new(url);
            assert!(!format!("{options:?}").contains("s3cret"));
            let error = options.pool().unwrap_err();
            assert_eq!(error.kind, StoreErrorKind::Misuse);
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
        let sessions = PostgresOptions::new("postgres://u:s3cret@localhost/").pool().unwrap();
        assert!(!format!("{sessions:?}").contains("s3cret"));
    }

    #[test]
    fn what_is_out_of_bounds_is_refused() {
        let good = || PostgresOptions::new("postgres://localhost/sync");
        assert!(good().pool().is_ok());
        let bad = [
            good().schema(""),
            good().schema("pg_mine"),
            good().schema("x".repeat(64)),
            good().connections(0),
            good().connections(201),
            good().connect_timeout(Duration::ZERO),
            good().connect_timeout(Duration::from_secs(301)),
            good().statement_timeout(Duration::from_millis(999)),
            good().statement_timeout(Duration::from_secs(3601)),
        ];
        for options in bad {
            assert_eq!(options.pool().unwrap_err().kind, StoreErrorKind::Misuse, "{options:?}");
        }
    }
}
