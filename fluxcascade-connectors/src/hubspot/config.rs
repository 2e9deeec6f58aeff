//! The adapter's settings, for a file and for code, with one check for both.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use fluxcascade_core::model::SystemName;
use fluxcascade_core::store::Budget;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};

use super::HubSpot;
use super::catalog::Catalog;
use super::client::{AccountCall, Api};
use super::error::{self, DAILY, HubSpotDialect, REQUESTS, SEARCHES};
use super::subscribe::App;
use super::webhook::Webhooks;
use crate::config::{Common, ConfigError, Problems, common_setters, maybe_secret, millis};
use crate::http::oauth::{Challenge, Life, OAuthApp, Scopes, Vendor};
use crate::http::{Client, Covers, Credential, HttpSettings, Limit};
use crate::signature::Secret;

/// Where HubSpot's API is.
const BASE_URL: &str = "https://api.hubapi.com";
/// Where HubSpot asks people for their consent.
const AUTHORIZE_URL: &str = "https://app.hubspot.com/oauth/authorize";
/// Access tokens live half an hour, and the answers say so.
const LIFE: Life = Life { unless_told: Duration::from_secs(1800) };

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
    /// The access token of a private app or a service key; none with `oauth`.
    #[serde(default, deserialize_with = "maybe_secret")]
    pub token: Option<SecretString>,
    /// The app by which accounts are connected; none with `token`.
    #[serde(default)]
    pub oauth: Option<OAuthApp>,
    /// Where browsers are sent to connect an account.
    #[serde(default = "authorize_url")]
    pub authorize_url: String,
    /// Where the API is.
    #[serde(default = "base_url")]
    pub base_url: String,
    /// The parts of the API by version.
    #[serde(default)]
    pub paths: HubSpotPaths,
    /// How far behind its mark a read of changes begins: 1 minute to 24 hours, and never less than
    /// `search_lag`, as incremental reads go by the search.
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
    /// The client secret of the app whose webhooks are taken; none are without it. Deliveries with
    /// HubSpot's third signature are taken for five minutes. Those with the first or second one alone, as
    /// of private apps, have no time in it: they are taken while none of their events is more than 25
    /// hours old, for HubSpot tries for a day.
    #[serde(default, deserialize_with = "maybe_secret")]
    pub webhook_secret: Option<SecretString>,
    /// The app that is told what webhooks to send; without it that is done in the app's settings.
    #[serde(default)]
    pub app: Option<HubSpotApp>,
}

/// An app of HubSpot's developers, whose webhooks are set up over the API. Private apps' are not: those
/// are set up in HubSpot's own pages alone.
///
/// What is subscribed to, and the address that it is sent to, are the app's: they count for all accounts
/// that have installed it, those of other customers, too. Which account an event is of is in it. Ending a
/// subscription ends it for all of them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HubSpotApp {
    /// The app's id.
    pub id: u64,
    /// The developer account's API key, which is no token of an account.
    #[serde(deserialize_with = "secret")]
    pub developer_key: SecretString,
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
    fn all(self) -> [Limit; 3] {
        let budget =
            |requests, seconds| Some(Budget { requests, window: Duration::from_secs(seconds) });
        [
            Limit {
                name: SEARCHES,
                covers: Covers::Kind("search"),
                budget: budget(self.search_secondly, 1),
            },
            Limit { name: REQUESTS, covers: Covers::Others, budget: budget(self.ten_secondly, 10) },
            // How much it is, and what is left of it, is in the answers.
            Limit { name: DAILY, covers: Covers::All, budget: None },
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
    /// Where tokens are given.
    pub token: String,
    /// Where a refresh token is given back.
    pub revoke: String,
    /// Before the object types, for associations.
    pub associations: String,
    /// The schemas of custom objects.
    pub schemas: String,
    /// Before the app's id, for what its webhooks are about.
    pub webhooks: String,
}

impl HubSpotPaths {
    /// The family of paths that have a date in place of a version: `/crm/objects/2026-03`.
    ///
    /// ```
    /// use fluxcascade_connectors::hubspot::HubSpotPaths;
    /// assert_eq!(HubSpotPaths::dated("2026-03").objects, "/crm/objects/2026-03");
    /// assert_eq!(HubSpotPaths::default().objects, "/crm/v3/objects");
    /// ```
    pub fn dated(version: &str) -> Self {
        Self {
            objects: format!("/crm/objects/{version}"),
            properties: format!("/crm/properties/{version}"),
            account: format!("/account-info/{version}/details"),
            associations: format!("/crm/associations/{version}"),
            schemas: format!("/crm-object-schemas/{version}/schemas"),
            webhooks: format!("/webhooks/{version}"),
            token: format!("/oauth/{version}/token"),
            revoke: format!("/oauth/{version}/token/revoke"),
        }
    }
}

impl Default for HubSpotPaths {
    fn default() -> Self {
        Self {
            objects: "/crm/v3/objects".to_owned(),
            properties: "/crm/v3/properties".to_owned(),
            account: "/account-info/v3/details".to_owned(),
            token: "/oauth/v3/token".to_owned(),
            revoke: "/oauth/v3/token/revoke".to_owned(),
            associations: "/crm/v4/associations".to_owned(),
            schemas: "/crm-object-schemas/v3/schemas".to_owned(),
            webhooks: "/webhooks/v3".to_owned(),
        }
    }
}

fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<SecretString, D::Error> {
    String::deserialize(from).map(SecretString::from)
}

fn base_url() -> String {
    BASE_URL.to_owned()
}

fn authorize_url() -> String {
    AUTHORIZE_URL.to_owned()
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
    common: Common,
}

impl fmt::Debug for HubSpotBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubSpotBuilder").field("config", &self.config).finish_non_exhaustive()
    }
}

impl HubSpotBuilder {
    pub(super) fn new(config: HubSpotConfig) -> Self {
        Self { config, common: Common::default() }
    }

    pub(super) fn empty() -> Self {
        Self::new(HubSpotConfig {
            token: None,
            oauth: None,
            authorize_url: authorize_url(),
            base_url: base_url(),
            paths: HubSpotPaths::default(),
            look_back: look_back(),
            search_lag: search_lag(),
            http: HttpSettings::default(),
            limits: HubSpotLimits::default(),
            webhook_secret: None,
            app: None,
        })
    }

    /// The access token of a private app or a service key.
    pub fn token(mut self, token: impl Into<SecretString>) -> Self {
        self.config.token = Some(token.into());
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

    /// How far behind its mark a read of changes begins: 1 minute to 24 hours, and never less than the
    /// [search's lag](Self::search_lag).
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

    /// Where browsers are sent to connect an account, if not to `https://app.hubspot.com`.
    pub fn authorize_url(mut self, url: impl Into<String>) -> Self {
        self.config.authorize_url = url.into();
        self
    }

    /// Lets webhooks be subscribed to, for this app of a developer account: for [all accounts](HubSpotApp)
    /// that have installed it.
    pub fn app(mut self, id: u64, developer_key: impl Into<SecretString>) -> Self {
        self.config.app = Some(HubSpotApp { id, developer_key: developer_key.into() });
        self
    }

    common_setters!();

    /// The adapter. Nothing is sent yet.
    ///
    /// # Errors
    /// With everything that is wrong with the settings.
    pub fn build(self) -> Result<HubSpot, ConfigError> {
        let Self { config, common } = self;
        let mut problems = Problems::of("HubSpot");
        config.check(&mut problems);
        let vendor = || config.vendor();
        let (token, app) = (config.token.clone(), config.oauth.clone());
        let credential = common.credential(token, app, vendor, &mut problems);
        let around = common.surroundings(config.limits.all(), config.http.reserve_percent);
        let http = problems.check(Client::new(
            &config.base_url,
            config.http,
            around,
            // Without one there is a problem, and the client goes away again.
            credential.unwrap_or(Credential::Fixed(SecretString::default())),
            Box::new(HubSpotDialect),
        ));
        let system = problems.check(SystemName::new("hubspot").map_err(|e| e.to_string()));
        let catalog = Catalog::default();
        let names = catalog.names();
        match (http, system) {
            (Some(http), Some(system)) if problems.is_empty() => Ok(HubSpot {
                system,
                api: Api::new(http, config.paths),
                catalog,
                // Incremental reads go by the search: what it shows late must not be passed.
                look_back: config.look_back.max(config.search_lag),
                search_lag: config.search_lag,
                webhooks: config
                    .webhook_secret
                    .map(|secret| Webhooks { secret: Secret::new(secret), names }),
                app: config.app.map(App),
            }),
            _ => Err(problems.into_error()),
        }
    }
}

impl HubSpotConfig {
    fn vendor(&self) -> Vendor {
        Vendor {
            name: "HubSpot",
            origin: self.base_url.clone(),
            authorize_url: self.authorize_url.clone(),
            token_path: self.paths.token.clone(),
            revoke_path: Some(self.paths.revoke.clone()),
            challenge: Challenge::Sha256,
            scopes: Scopes::Asked,
            whose: Arc::new(AccountCall(self.paths.account.clone())),
            life: LIFE,
            is_dead: error::is_dead_grant,
        }
    }

    fn check(&self, problems: &mut Problems) {
        const DAY: Duration = Duration::from_secs(24 * 3600);
        // A shorter look-back would not cover even one slow request.
        if self.look_back < Duration::from_secs(60) || self.look_back > DAY {
            problems.add("`look_back` must be 1 minute to 24 hours");
        }
        if self.search_lag > DAY {
            problems.add("`search_lag` must be at most 24 hours");
        }
        let HubSpotPaths {
            objects,
            properties,
            account,
            token,
            revoke,
            associations,
            schemas,
            webhooks,
        } = &self.paths;
        for (name, path) in [
            ("objects", objects),
            ("properties", properties),
            ("account", account),
            ("token", token),
            ("revoke", revoke),
            ("associations", associations),
            ("schemas", schemas),
            ("webhooks", webhooks),
        ] {
            if !path.starts_with('/') || path.ends_with('/') || path.contains(['?', '#']) {
                problems.add(format!("`paths.{name}` must be like /crm/v3/objects"));
            }
        }
        if let Err(why) = crate::http::base_url(&self.authorize_url) {
            let why = why.replace("the base address", "it");
            problems.add(format!("`authorize_url` cannot be used: {why}"));
        }
        if self.oauth.as_ref().is_some_and(|app| app.scopes.is_empty()) {
            problems.add(
                "`oauth.scopes` is empty, and HubSpot asks people for nothing else: name what the app needs \
                 as in its settings, such as crm.objects.contacts.read and crm.objects.contacts.write",
            );
        }
        if self.webhook_secret.as_ref().is_some_and(|secret| secret.expose_secret().is_empty()) {
            problems.add("`webhook_secret` is empty; take it from the app's settings in HubSpot");
        }
        if self.app.as_ref().is_some_and(|app| app.developer_key.expose_secret().is_empty()) {
            problems.add("`app.developer_key` is empty; take it from the developer account");
        }
        if self.limits.ten_secondly == 0 || self.limits.search_secondly == 0 {
            problems.add("`limits` must each be at least 1");
        }
        self.http.check(problems);
    }
}
