//! The adapter's settings, for a file and for code, with one check for both.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use fluxcascade_core::clock::{Clock, SystemClock};
use fluxcascade_core::model::SystemName;
use fluxcascade_core::store::Budget;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};

use super::HubSpot;
use super::client::Api;
use super::error::HubSpotDialect;
use super::webhook::Webhooks;
use crate::config::{ConfigError, Problems, maybe_secret, millis};
use crate::http::{Client, HttpSettings, Limit, Meter, SharedBudget};
use crate::signature::Secret;

/// Where HubSpot's API is.
const BASE_URL: &str = "https://api.hubapi.com";

/// Settings as a configuration file has them; [`HubSpot::builder`] is the same in code.
///
/// ```
/// use fluxcascade_connectors::hubspot::{HubSpot, HubSpotConfig};
/// let config: HubSpotConfig =
///     serde_json::from_str(r#"{ "token": "pat-na1-…", "look_back_ms": 600000 }"#).unwrap();
/// assert!(!format!("{config:?}").contains("pat-na1"));
/// let error = HubSpot::from_config(config).build().unwrap_err();
/// assert!(error.to_string().contains("`token`"), "{error}"); // an ellipsis is in no real one
/// ```
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HubSpotConfig {
    /// The access token of a private app or a service key.
    #[serde(deserialize_with = "secret")]
    pub token: SecretString,
    /// Where the API is.
    #[serde(default = "base_url")]
    pub base_url: String,
    /// The parts of the API by version.
    #[serde(default)]
    pub paths: HubSpotPaths,
    /// How far behind its mark a read of changes begins: 1 minute to 24 hours.
    #[serde(default = "look_back", rename = "look_back_ms", deserialize_with = "millis")]
    pub look_back: Duration,
    /// How long a record may take to show in HubSpot's search: at most 24 hours.
    #[serde(default = "search_lag", rename = "search_lag_ms", deserialize_with = "millis")]
    pub search_lag: Duration,
    /// Limits on time, size and repeats.
    #[serde(default)]
    pub http: HttpSettings,
    /// What the account takes, where workers share its budget.
    #[serde(default)]
    pub limits: HubSpotLimits,
    /// The client secret of the app whose webhooks are taken; none are without it.
    #[serde(default, deserialize_with = "maybe_secret")]
    pub webhook_secret: Option<SecretString>,
}

/// How many requests HubSpot takes, by the account's plan: see "API usage guidelines and limits" in
/// its documentation. The defaults are those of the smallest plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HubSpotLimits {
    /// Requests in ten seconds, searches apart: at least 1.
    pub ten_secondly: u32,
    /// Searches in a second: at least 1.
    pub search_secondly: u32,
}

impl Default for HubSpotLimits {
    fn default() -> Self {
        Self { ten_secondly: 100, search_secondly: 5 }
    }
}

impl HubSpotLimits {
    fn all(self) -> [Limit; 2] {
        let budget = |requests, seconds| Budget { requests, window: Duration::from_secs(seconds) };
        [
            Limit { of: Some("search"), budget: budget(self.search_secondly, 1) },
            Limit { of: None, budget: budget(self.ten_secondly, 10) },
        ]
    }
}

/// The first part of every path, in one place, because HubSpot renames them with its versions:
/// `/crm/objects/2026-03` answers as `/crm/v3/objects` does.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HubSpotPaths {
    /// Before the object type, for records.
    pub objects: String,
    /// Before the object type, for its properties.
    pub properties: String,
    /// The account's details.
    pub account: String,
}

impl Default for HubSpotPaths {
    fn default() -> Self {
        Self {
            objects: "/crm/v3/objects".to_owned(),
            properties: "/crm/v3/properties".to_owned(),
            account: "/account-info/v3/details".to_owned(),
        }
    }
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(SecretString::from)
}

fn base_url() -> String {
    BASE_URL.to_owned()
}

fn look_back() -> Duration {
    Duration::from_secs(5 * 60)
}

fn search_lag() -> Duration {
    Duration::from_secs(10 * 60)
}

/// Sets the adapter up. Setters cannot fail; [`build`](Self::build) says everything that is wrong.
#[must_use]
pub struct HubSpotBuilder {
    config: HubSpotConfig,
    clock: Arc<dyn Clock>,
    budget: Option<SharedBudget>,
}

impl fmt::Debug for HubSpotBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubSpotBuilder").field("config", &self.config).finish_non_exhaustive()
    }
}

impl HubSpotBuilder {
    pub(super) fn new(config: HubSpotConfig) -> Self {
        Self { config, clock: Arc::new(SystemClock), budget: None }
    }

    pub(super) fn empty() -> Self {
        Self::new(HubSpotConfig {
            token: SecretString::from(String::new()),
            base_url: base_url(),
            paths: HubSpotPaths::default(),
            look_back: look_back(),
            search_lag: search_lag(),
            http: HttpSettings::default(),
            limits: HubSpotLimits::default(),
            webhook_secret: None,
        })
    }

    /// The access token of a private app or a service key.
    pub fn token(mut self, token: impl Into<SecretString>) -> Self {
        self.config.token = token.into();
        self
    }

    /// Where the API is, if not at `https://api.hubapi.com`.
    pub fn base_url(mut self, base_url: impl Into<String>) -> Self {
        self.config.base_url = base_url.into();
        self
    }

    /// The parts of the API by version.
    pub fn paths(mut self, paths: HubSpotPaths) -> Self {
        self.config.paths = paths;
        self
    }

    /// How far behind its mark a read of changes begins: 1 minute to 24 hours, else 5 minutes.
    pub fn look_back(mut self, look_back: Duration) -> Self {
        self.config.look_back = look_back;
        self
    }

    /// How long a record may take to show in HubSpot's search: else 10 minutes.
    pub fn search_lag(mut self, search_lag: Duration) -> Self {
        self.config.search_lag = search_lag;
        self
    }

    /// Limits on time, size and repeats.
    pub fn http(mut self, http: HttpSettings) -> Self {
        self.config.http = http;
        self
    }

    /// What the account takes in all, where workers share its budget.
    pub fn limits(mut self, limits: HubSpotLimits) -> Self {
        self.config.limits = limits;
        self
    }

    /// Takes the webhooks of the app with this client secret, which they are signed with.
    pub fn webhook_secret(mut self, secret: impl Into<SecretString>) -> Self {
        self.config.webhook_secret = Some(secret.into());
        self
    }

    /// Shares the account's limits with other workers: each request waits for its part of them.
    pub fn budget(mut self, budget: SharedBudget) -> Self {
        self.budget = Some(budget);
        self
    }

    /// The clock for waits and for the time after which nothing is sent, if not the machine's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The adapter. Nothing is sent yet.
    ///
    /// # Errors
    /// With everything that is wrong with the settings.
    pub fn build(self) -> Result<HubSpot, ConfigError> {
        let Self { config, clock, budget } = self;
        let meter = budget.map(|budget| Meter::new(budget, config.limits.all()));
        let mut problems = Problems::of("HubSpot");
        config.check(&mut problems);
        let http = problems.check(Client::new(
            &config.base_url,
            config.http,
            clock,
            Box::new(HubSpotDialect),
        ));
        let system = problems.check(SystemName::new("hubspot").map_err(|e| e.to_string()));
        match (http, system) {
            (Some(http), Some(system)) if problems.is_empty() => Ok(HubSpot {
                system,
                api: Api::new(http.metered(meter), config.token, config.paths),
                catalog: tokio::sync::Mutex::new(None),
                look_back: config.look_back,
                search_lag: config.search_lag,
                webhooks: config.webhook_secret.map(|secret| Webhooks(Secret::new(secret))),
            }),
            _ => Err(problems.into_error()),
        }
    }
}

impl HubSpotConfig {
    fn check(&self, problems: &mut Problems) {
        const DAY: Duration = Duration::from_secs(24 * 3600);
        let token = self.token.expose_secret();
        if token.is_empty() {
            problems.add("`token` is missing; take it from the private app's settings in HubSpot");
        } else if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            problems.add("`token` has spaces or other characters that no token has; copy it anew");
        }
        // A shorter look-back would not cover even one slow request.
        if self.look_back < Duration::from_secs(60) || self.look_back > DAY {
            problems.add("`look_back` must be 1 minute to 24 hours");
        }
        if self.search_lag > DAY {
            problems.add("`search_lag` must be at most 24 hours");
        }
        let HubSpotPaths { objects, properties, account } = &self.paths;
        for (name, path) in [("objects", objects), ("properties", properties), ("account", account)]
        {
            if !path.starts_with('/') || path.ends_with('/') || path.contains(['?', '#']) {
                problems.add(format!("`paths.{name}` must be like /crm/v3/objects"));
            }
        }
        if self.webhook_secret.as_ref().is_some_and(|secret| secret.expose_secret().is_empty()) {
            problems.add("`webhook_secret` is empty; take it from the app's settings in HubSpot");
        }
        if self.limits.ten_secondly == 0 || self.limits.search_secondly == 0 {
            problems.add("`limits` must each be at least 1");
        }
        self.http.check(problems);
    }
}
