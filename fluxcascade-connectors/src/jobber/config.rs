//! How a connection to Jobber is set up: settings for a file, and the builder over them. Both are
//! checked by the same code, which finds everything that is wrong at once.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use fluxcascade_core::model::SystemName;
use fluxcascade_core::store::Budget;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::changes::{Reading, Restarts};
use super::client::{AccountCall, Api};
use super::custom::Catalog;
use super::error;
use super::points::SharedPoints;
use super::subscribe::Subscribed;
use super::webhook::Webhooks;
use super::{Jobber, SYSTEM};
use crate::config::{Common, ConfigError, Problems, common_setters, maybe_secret, millis};
use crate::http::oauth::{Challenge, Life, OAuthApp, Scopes, Vendor};
use crate::http::{Covers, Credential, HttpSettings, Limit};
use crate::signature::Secret;

/// The API version that this adapter was written for.
pub const VERSION: &str = "2026-05-12";

const BASE_URL: &str = "https://api.getjobber.com";
const AUTHORIZE_PATH: &str = "/api/oauth/authorize";
const TOKEN_PATH: &str = "/api/oauth/token";
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Access tokens live an hour; the answers do not say so, the tokens do (JWT).
const LIFE: Life = Life { unless_told: Duration::from_secs(3600) };

/// The settings of a connection to Jobber.
///
/// In a configuration file durations are whole milliseconds.
///
/// ```
/// use fluxcascade_connectors::jobber::JobberConfig;
/// let config: JobberConfig =
///     serde_json::from_str(r#"{ "token": "s3cret", "page_size": 20 }"#).unwrap();
/// assert!(!format!("{config:?}").contains("s3cret"));
/// assert!(config.build().is_ok());
/// ```
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JobberConfig {
    /// The access token of the account; none with `oauth`. It lives an hour.
    #[serde(deserialize_with = "maybe_secret")]
    pub token: Option<SecretString>,
    /// The app by which accounts are connected; none with `token`.
    pub oauth: Option<OAuthApp>,
    /// The API version, a day. Jobber serves each for 12 months at least.
    pub version: String,
    /// Where Jobber is; to be changed for tests only.
    pub base_url: String,
    /// Records on a page, 1 to 100; 50 unless set. Larger pages cost more points at once.
    pub page_size: usize,
    /// Edits in one request, 1 to 10; 10 unless set.
    pub edits_per_request: usize,
    /// How far behind its mark a read of changes begins; 5 minutes unless set, 1 s to 24 hours.
    #[serde(deserialize_with = "millis", rename = "look_back_ms")]
    pub look_back: Duration,
    /// How late a search may show a record; 10 minutes unless set, at most 24 hours. Jobber promises
    /// nothing.
    #[serde(deserialize_with = "millis", rename = "find_lag_ms")]
    pub find_lag: Duration,
    /// Limits of the HTTP layer.
    pub http: HttpSettings,
    /// What the account takes, where workers share its budget.
    pub limits: JobberLimits,
    /// The client secret of the app whose webhooks are taken; none are without it.
    #[serde(deserialize_with = "maybe_secret")]
    pub webhook_secret: Option<SecretString>,
}

/// What Jobber takes of an app for an account, as the page "API rate limits" of its developer
/// documentation says: 2,500 requests in five minutes, and queries for as many points as there are.
///
/// Where workers share a budget ([`JobberBuilder::budget`]), requests and points are both drawn from it,
/// less the reserve. Without one, a worker only knows what its own answers said of the points; others
/// may have spent them since, and a query that is refused for that was not carried out, says what
/// is left, and is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JobberLimits {
    /// Requests in five minutes.
    pub five_minutely: u32,
    /// The most points that the account ever has; 10,000 unless set. Jobber says it in each answer, as
    /// `maximumAvailable`.
    pub points: u32,
    /// The points that come back every second; 500 unless set. In each answer it is `restoreRate`.
    pub points_per_second: u32,
}

impl Default for JobberLimits {
    fn default() -> Self {
        Self { five_minutely: 2_500, points: 10_000, points_per_second: 500 }
    }
}

impl JobberLimits {
    fn all(self) -> [Limit; 1] {
        let budget = Budget { requests: self.five_minutely, window: Duration::from_secs(300) };
        [Limit { name: "requests", covers: Covers::Others, budget: Some(budget) }]
    }

    /// What workers spend together of the points: all that there are, less the reserve, in the time in
    /// which they come back.
    fn points(self, reserve_percent: u8) -> Budget {
        let spent =
            u64::from(self.points) * u64::from(100_u8.saturating_sub(reserve_percent)) / 100;
        let requests = u32::try_from(spent).unwrap_or(u32::MAX).max(1);
        let seconds = self.points.div_ceil(self.points_per_second.max(1));
        Budget { requests, window: Duration::from_secs(u64::from(seconds.max(1))) }
    }
}

impl Default for JobberConfig {
    fn default() -> Self {
        Self {
            token: None,
            oauth: None,
            version: VERSION.to_owned(),
            base_url: BASE_URL.to_owned(),
            page_size: 50,
            edits_per_request: 10,
            look_back: Duration::from_secs(300),
            find_lag: Duration::from_secs(600),
            http: HttpSettings::default(),
            limits: JobberLimits::default(),
            webhook_secret: None,
        }
    }
}

/// Never shows the token.
impl fmt::Debug for JobberConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobberConfig")
            .field("token", &self.token.as_ref().map(|_| "[redacted]"))
            .field("oauth", &self.oauth)
            .field("version", &self.version)
            .field("base_url", &self.base_url)
            .field("page_size", &self.page_size)
            .field("edits_per_request", &self.edits_per_request)
            .field("look_back", &self.look_back)
            .field("find_lag", &self.find_lag)
            .field("http", &self.http)
            .field("limits", &self.limits)
            .field("webhook_secret", &self.webhook_secret.as_ref().map(|_| "[redacted]"))
            .finish()
    }
}

impl JobberConfig {
    /// The connector with these settings, going by the machine's clock.
    ///
    /// # Errors
    /// With everything that is wrong with the settings.
    pub fn build(self) -> Result<Jobber, ConfigError> {
        JobberBuilder::from(self).build()
    }

    fn vendor(&self) -> Vendor {
        Vendor {
            name: "Jobber",
            origin: self.base_url.clone(),
            authorize_url: format!("{}{AUTHORIZE_PATH}", self.base_url.trim_end_matches('/')),
            token_path: TOKEN_PATH.to_owned(),
            // There is a mutation for it, which `Jobber::disconnect` sends.
            revoke_path: None,
            challenge: Challenge::None,
            scopes: Scopes::OfTheApp,
            whose: Arc::new(AccountCall { version: self.version.clone() }),
            life: LIFE,
            is_dead: error::is_dead_grant,
        }
    }

    fn check(&self, problems: &mut Problems) {
        let is_version = self.version.len() <= 32
            && !self.version.is_empty()
            && self.version.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if !is_version {
            problems.add("`version` must be an API version like 2026-05-12");
        }
        if !(1..=100).contains(&self.page_size) {
            problems.add("`page_size` must be 1 to 100");
        }
        if !(1..=10).contains(&self.edits_per_request) {
            problems.add("`edits_per_request` must be 1 to 10");
        }
        if self.look_back < Duration::from_secs(1) || self.look_back > DAY {
            problems.add("`look_back` must be 1 s, the step of jobber's times, to 24 hours");
        }
        if self.find_lag > DAY {
            problems.add("`find_lag` must be at most 24 hours");
        }
        if self.webhook_secret.as_ref().is_some_and(|secret| secret.expose_secret().is_empty()) {
            problems.add("`webhook_secret` is empty; take the client secret of the app in Jobber");
        }
        let JobberLimits { five_minutely, points, points_per_second } = self.limits;
        if [five_minutely, points, points_per_second].contains(&0) {
            problems.add("`limits` must each be at least 1");
        }
        self.http.check(problems);
    }
}

/// Sets up a connection to Jobber.
///
/// ```
/// use fluxcascade_connectors::jobber::Jobber;
/// let problems = Jobber::builder().page_size(0).build().unwrap_err();
/// assert_eq!(problems.problems().len(), 2, "{problems}");
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct JobberBuilder {
    config: JobberConfig,
    common: Common,
}

impl Default for JobberBuilder {
    fn default() -> Self {
        JobberConfig::default().into()
    }
}

impl From<JobberConfig> for JobberBuilder {
    fn from(config: JobberConfig) -> Self {
        Self { config, common: Common::default() }
    }
}

impl JobberBuilder {
    /// The access token of the account.
    pub fn token(mut self, token: impl Into<SecretString>) -> Self {
        self.config.token = Some(token.into());
        self
    }

    /// The API version; see [`JobberConfig::version`].
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.config.version = version.into();
        self
    }

    /// Where Jobber is; see [`JobberConfig::base_url`].
    pub fn base_url(mut self, base_url: impl Into<String>) -> Self {
        self.config.base_url = base_url.into();
        self
    }

    /// Records on a page; see [`JobberConfig::page_size`].
    pub fn page_size(mut self, page_size: usize) -> Self {
        self.config.page_size = page_size;
        self
    }

    /// Edits in one request; see [`JobberConfig::edits_per_request`].
    pub fn edits_per_request(mut self, edits: usize) -> Self {
        self.config.edits_per_request = edits;
        self
    }

    /// How far behind its mark a read of changes begins; see [`JobberConfig::look_back`].
    pub fn look_back(mut self, look_back: Duration) -> Self {
        self.config.look_back = look_back;
        self
    }

    /// How late a search may show a record; see [`JobberConfig::find_lag`].
    pub fn find_lag(mut self, find_lag: Duration) -> Self {
        self.config.find_lag = find_lag;
        self
    }

    /// Limits of the HTTP layer.
    pub fn http(mut self, http: HttpSettings) -> Self {
        self.config.http = http;
        self
    }

    /// What the account takes in all, where workers share its budget.
    pub fn limits(mut self, limits: JobberLimits) -> Self {
        self.config.limits = limits;
        self
    }

    /// Takes the webhooks of the app with this client secret, which they are signed with.
    pub fn webhook_secret(mut self, secret: impl Into<SecretString>) -> Self {
        self.config.webhook_secret = Some(secret.into());
        self
    }

    common_setters!();

    /// The connector.
    ///
    /// # Errors
    /// With everything that is wrong with the settings.
    pub fn build(self) -> Result<Jobber, ConfigError> {
        let Self { config, common } = self;
        let mut problems = Problems::of(SYSTEM);
        config.check(&mut problems);
        let vendor = || config.vendor();
        let (token, app) = (config.token.clone(), config.oauth.clone());
        let credential = common.credential(token, app, vendor, &mut problems);
        // Without one there is a problem, and the client goes away again.
        let credential = credential.unwrap_or(Credential::Fixed(SecretString::default()));
        let reserve = config.http.reserve_percent;
        let points = common.budget.clone();
        let points = points.map(|shared| SharedPoints::new(shared, config.limits.points(reserve)));
        let around = common.surroundings(config.limits.all(), reserve);
        let api = Api::new(&config.base_url, config.version, credential, config.http, around);
        let api = problems.check(api.map(|api| api.sharing(points)));
        let system = problems.check(SystemName::new(SYSTEM).map_err(|error| error.to_string()));
        match (api, system) {
            (Some(api), Some(system)) if problems.is_empty() => Ok(Jobber {
                api,
                system,
                reading: Reading { page_size: config.page_size, look_back: config.look_back },
                restarts: Restarts::default(),
                edits_per_request: config.edits_per_request,
                find_lag: config.find_lag,
                catalog: Catalog::default(),
                subscribed: Subscribed::default(),
                webhooks: config.webhook_secret.map(|secret| Webhooks(Secret::new(secret))),
            }),
            _ => Err(problems.into_error()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_are_too_long_are_found_with_everything_else() {
        let long = Duration::from_millis(u64::MAX);
        let built =
            Jobber::builder().token("x").look_back(long).find_lag(long).page_size(0).build();
        let problems = built.unwrap_err();
        assert_eq!(problems.problems().len(), 3, "{problems}");
        let day = Duration::from_secs(24 * 3600);
        assert!(Jobber::builder().token("x").look_back(day).find_lag(day).build().is_ok());
    }
}
