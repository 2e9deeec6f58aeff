//! What every adapter's builder takes besides its own settings: clock, HTTP client, budget, tokens. The
//! setters are written once, and stand in each builder.

use std::fmt;
use std::sync::Arc;

use fluxcascade_core::clock::{Clock, SystemClock};
use secrecy::{ExposeSecret, SecretString};

use super::Problems;
use crate::http::oauth::{OAuthApp, Renewing, TokenPlace, Vendor};
use crate::http::{
    Credential, HttpClient, Limit, Meter, RequestObserver, SharedBudget, Surroundings,
};

/// What a connection is given by its host.
#[derive(Clone)]
pub(crate) struct Common {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) budget: Option<SharedBudget>,
    pub(crate) client: Option<HttpClient>,
    pub(crate) observer: Option<Arc<dyn RequestObserver>>,
    pub(crate) tokens: Option<TokenPlace>,
}

impl Default for Common {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            budget: None,
            client: None,
            observer: None,
            tokens: None,
        }
    }
}

impl fmt::Debug for Common {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Common")
            .field("budget", &self.budget)
            .field("tokens", &self.tokens)
            .finish_non_exhaustive()
    }
}

impl Common {
    /// What requests leave by, and under these limits, of which so many hundredths are left to others.
    pub(crate) fn surroundings(
        &self,
        limits: impl IntoIterator<Item = Limit>,
        reserve_percent: u8,
    ) -> Surroundings {
        Surroundings {
            meter: Meter::new(self.budget.as_ref(), limits, reserve_percent),
            clock: Arc::clone(&self.clock),
            client: self.client.clone(),
            observer: self.observer.clone(),
        }
    }

    /// The credential: a token or an app, one of both.
    pub(crate) fn credential(
        &self,
        token: Option<SecretString>,
        app: Option<OAuthApp>,
        vendor: impl FnOnce() -> Vendor,
        problems: &mut Problems,
    ) -> Option<Credential> {
        match (token, app) {
            (None, None) => {
                problems.add("`token` is missing; give an access token, or `oauth` with the app's");
                None
            }
            (Some(_), Some(_)) => {
                problems.add("there are both `token` and `oauth`; leave one of them out");
                None
            }
            (Some(token), None) => {
                let text = token.expose_secret();
                if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
                    problems
                        .add("`token` is empty, or has characters that no token has; copy it anew");
                    return None;
                }
                Some(Credential::Fixed(token))
            }
            (None, Some(app)) => {
                app.check(problems);
                let Some(place) = self.tokens.clone() else {
                    problems.add("`oauth` needs a place for the tokens; give one to the builder");
                    return None;
                };
                Some(Credential::OAuth(Arc::new(Renewing::new(app, vendor(), place))))
            }
        }
    }
}

/// The setters of [`Common`], for a builder that has it in `common` and its settings in `config`.
macro_rules! common_setters {
    () => {
        /// Connects accounts by OAuth with this app, and keeps their tokens in this place.
        pub fn oauth(
            mut self,
            app: $crate::http::oauth::OAuthApp,
            tokens: $crate::http::oauth::TokenPlace,
        ) -> Self {
            self.config.oauth = Some(app);
            self.tokens(tokens)
        }

        /// Keeps tokens in this place, where the app is in the settings.
        pub fn tokens(mut self, tokens: $crate::http::oauth::TokenPlace) -> Self {
            self.common.tokens = Some(tokens);
            self
        }

        /// Shares the account's limits with other workers: each request waits for its part of them.
        pub fn budget(mut self, budget: $crate::http::SharedBudget) -> Self {
            self.common.budget = Some(budget);
            self
        }

        /// Sends through this HTTP client, instead of one of its own.
        pub fn http_client(mut self, client: $crate::http::HttpClient) -> Self {
            self.common.client = Some(client);
            self
        }

        /// Tells this one of every request.
        pub fn observer(
            mut self,
            observer: std::sync::Arc<impl $crate::http::RequestObserver + 'static>,
        ) -> Self {
            self.common.observer = Some(observer);
            self
        }

        /// The clock for waits, for the ends of tokens and for the time after which nothing is sent, if
        /// not the machine's.
        pub fn clock(mut self, clock: std::sync::Arc<dyn fluxcascade_core::Clock>) -> Self {
            self.common.clock = clock;
            self
        }
    };
}

pub(crate) use common_setters;
