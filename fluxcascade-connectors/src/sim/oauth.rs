//! The OAuth server in front of a simulated system: consent, codes, tokens that end, refresh tokens that
//! stay or rotate. What a vendor's answers look like is in its [`Habits`].
//!
//! Whoever comes to the authorize address has consented: there is no page.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fluxcascade_core::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::call::{Call, Reply, Vendor, encoded, form_pairs};
use super::draw::draw;
use super::lock;
use super::outbox::Outbox;

/// An app that is registered with the simulated vendor.
#[derive(Debug, Clone)]
pub struct SimApp {
    /// Its id.
    pub client_id: String,
    /// Its secret, with which webhooks are signed, too.
    pub client_secret: SecretString,
    /// Where browsers are sent back to.
    pub redirect_uri: String,
}

/// What a vendor's OAuth server does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Habits {
    pub(crate) authorize: &'static [&'static str],
    pub(crate) token: &'static [&'static str],
    pub(crate) revoke: &'static [&'static str],
    /// How long an access token lives.
    pub(crate) life: Duration,
    pub(crate) form: TokenForm,
    /// What becomes of a refresh token that was used.
    pub(crate) used: UsedRefresh,
    /// The refusal of a grant that is dead.
    pub(crate) dead: fn() -> Reply,
    /// The refusal of an app that is not known.
    pub(crate) unknown_app: fn() -> Reply,
}

/// What an access token is, and whether the answer says when it ends.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(feature = "jobber"), allow(dead_code))]
pub(crate) enum TokenForm {
    /// Opaque; the answer has `expires_in`.
    Opaque,
    /// A JWT; the answer says nothing of its end.
    Jwt,
}

/// What becomes of a refresh token that was used.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(feature = "jobber"), allow(dead_code))]
pub(crate) enum UsedRefresh {
    Stays,
    /// It is dead, and access tokens that were given with it are, too.
    Rotates,
}

/// The OAuth server of one app.
pub(super) struct OAuthServer {
    app: SimApp,
    habits: Habits,
    seed: u64,
    vendor: Arc<dyn Vendor>,
    state: Mutex<State>,
}

impl fmt::Debug for OAuthServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuthServer").field("app", &self.app).finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct State {
    drawn: u64,
    /// Codes, with the challenge that they are bound to.
    codes: BTreeMap<String, Option<String>>,
    refresh: BTreeSet<String>,
    access: BTreeMap<String, Timestamp>,
    /// Access tokens of those who let go of the app.
    let_go: BTreeSet<String>,
    denies_next: bool,
}

impl OAuthServer {
    pub(super) fn new(app: SimApp, vendor: Arc<dyn Vendor>, seed: u64) -> Self {
        Self { app, habits: vendor.habits(), seed, vendor, state: Mutex::default() }
    }

    /// The customer removes the app: who was to be told is told, and all its tokens are dead.
    pub(super) fn revoke(&self) {
        self.vendor.disconnect();
        self.forget();
    }

    /// All tokens are dead, as the account and the app have done with each other.
    fn forget(&self) {
        // It was asked for, or is done here.
        self.vendor.is_disconnected_now();
        let mut state = lock(&self.state);
        state.refresh.clear();
        let access = std::mem::take(&mut state.access);
        state.let_go.extend(access.into_keys());
    }

    /// Access tokens end now.
    pub(super) fn expire(&self) {
        lock(&self.state).access.clear();
    }

    /// The next one who is asked does not consent.
    pub(super) fn deny_next(&self) {
        lock(&self.state).denies_next = true;
    }

    fn answer(&self, call: &Call) -> Option<Reply> {
        let is = |paths: &[&str]| paths.contains(&call.path.as_str());
        match call.method {
            Method::GET if is(self.habits.authorize) => Some(self.authorize(call)),
            Method::POST if is(self.habits.token) => Some(self.token(call)),
            Method::POST if is(self.habits.revoke) => Some(self.give_back(call)),
            _ => None,
        }
    }

    /// Whether the call has a token that is good now.
    fn lets_in(&self, call: &Call) -> bool {
        let Some(token) = call.bearer() else { return false };
        lock(&self.state).access.get(token).is_some_and(|until| call.at < *until)
    }

    /// Whether the call has a token of somebody who let go of the app.
    fn has_let_go(&self, call: &Call) -> bool {
        call.bearer().is_some_and(|token| lock(&self.state).let_go.contains(token))
    }

    fn authorize(&self, call: &Call) -> Reply {
        let asked = |name: &str| call.query_value(name).unwrap_or_default();
        if asked("client_id") != self.app.client_id {
            return (self.habits.unknown_app)();
        }
        if asked("redirect_uri") != self.app.redirect_uri {
            return Reply::json(400, &json!({ "error": "the redirect_uri is not the app's" }));
        }
        let challenge = call.query_value("code_challenge");
        let back = if std::mem::take(&mut lock(&self.state).denies_next) {
            format!("{}?error=access_denied", self.app.redirect_uri)
        } else {
            let code = self.drawn("code");
            lock(&self.state).codes.insert(code.clone(), challenge);
            format!("{}?code={code}", self.app.redirect_uri)
        };
        let state = call.query_value("state").map(|state| format!("&state={}", encoded(&state)));
        Reply::empty(302).header("location", format!("{back}{}", state.unwrap_or_default()))
    }

    fn token(&self, call: &Call) -> Reply {
        let form = Form(form_pairs(&String::from_utf8_lossy(&call.body)));
        if !self.is_of_app(&form) {
            return (self.habits.unknown_app)();
        }
        let good = match form.value("grant_type") {
            "authorization_code" => self.takes_code(&form),
            "refresh_token" => self.takes_refresh(&form),
            other => {
                let why = format!("there is no grant_type {other:?}");
                return Reply::json(
                    400,
                    &json!({ "error": "unsupported_grant_type", "message": why }),
                );
            }
        };
        match good {
            Some(refresh) => self.tokens(call.at, &refresh),
            None => (self.habits.dead)(),
        }
    }

    fn is_of_app(&self, form: &Form) -> bool {
        form.value("client_id") == self.app.client_id
            && form.value("client_secret") == self.app.client_secret.expose_secret()
    }

    /// The refresh token for a code, which is good once.
    fn takes_code(&self, form: &Form) -> Option<String> {
        let challenge = lock(&self.state).codes.remove(form.value("code"))?;
        let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(form.value("code_verifier").as_bytes()));
        let is_bound = challenge.is_none_or(|challenge| challenge == hash);
        (is_bound && form.value("redirect_uri") == self.app.redirect_uri)
            .then(|| self.drawn("refresh"))
    }

    /// The refresh token that is good after this one was used.
    fn takes_refresh(&self, form: &Form) -> Option<String> {
        let used = form.value("refresh_token");
        let mut state = lock(&self.state);
        state.refresh.get(used)?;
        match self.habits.used {
            UsedRefresh::Stays => Some(used.to_owned()),
            UsedRefresh::Rotates => {
                state.refresh.remove(used);
                state.access.clear();
                drop(state);
                Some(self.drawn("refresh"))
            }
        }
    }

    fn tokens(&self, at: Timestamp, refresh: &str) -> Reply {
        let until = at + self.habits.life;
        let access = match self.habits.form {
            TokenForm::Opaque => self.drawn("access"),
            TokenForm::Jwt => self.jwt(until),
        };
        let mut state = lock(&self.state);
        state.refresh.insert(refresh.to_owned());
        state.access.insert(access.clone(), until);
        drop(state);
        let mut answer = json!({ "access_token": access, "refresh_token": refresh });
        if matches!(self.habits.form, TokenForm::Opaque) {
            answer["token_type"] = json!("bearer");
            answer["expires_in"] = json!(self.habits.life.as_secs());
        }
        Reply::json(200, &answer)
    }

    fn jwt(&self, until: Timestamp) -> String {
        let part = |text: String| URL_SAFE_NO_PAD.encode(text);
        let head = part(json!({ "alg": "HS256", "typ": "JWT" }).to_string());
        let exp = until.micros().div_euclid(1_000_000);
        let body = part(json!({ "sub": "sim", "jti": self.drawn("jti"), "exp": exp }).to_string());
        format!("{head}.{body}.{}", part(self.drawn("signature")))
    }

    fn give_back(&self, call: &Call) -> Reply {
        let form = Form(form_pairs(&String::from_utf8_lossy(&call.body)));
        if !self.is_of_app(&form) {
            return (self.habits.unknown_app)();
        }
        let mut state = lock(&self.state);
        state.refresh.remove(form.value("token"));
        state.access.clear();
        // RFC 7009 has no body, and HubSpot has none.
        Reply::empty(204)
    }

    /// A text that no other call gives.
    fn drawn(&self, what: &str) -> String {
        let mut state = lock(&self.state);
        state.drawn += 1;
        let (a, b) = (draw(self.seed, &[state.drawn, 1]), draw(self.seed, &[state.drawn, 2]));
        format!("sim-{what}-{a:016x}{b:016x}")
    }
}

struct Form(Vec<(String, String)>);

impl Form {
    fn value(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    }
}

/// A system behind its OAuth server: whoever has no good token is not let in.
#[derive(Debug)]
pub(super) struct Guarded {
    pub(super) vendor: Arc<dyn Vendor>,
    pub(super) oauth: Arc<OAuthServer>,
}

#[async_trait]
impl Vendor for Guarded {
    async fn perform(&self, call: &Call) -> Reply {
        if let Some(reply) = self.oauth.answer(call) {
            return reply;
        }
        if self.oauth.has_let_go(call) {
            return self.vendor.let_go(call);
        }
        if !self.oauth.lets_in(call) {
            return self.vendor.failure(call, 401);
        }
        let reply = self.vendor.perform(call).await;
        if self.vendor.is_disconnected_now() {
            self.oauth.forget();
        }
        reply
    }

    fn control(&self, call: &Call) -> Option<Reply> {
        self.vendor.control(call)
    }

    fn over_limit(&self, call: &Call) -> Reply {
        self.vendor.over_limit(call)
    }

    fn outbox(&self) -> Option<&Arc<Outbox>> {
        self.vendor.outbox()
    }

    fn habits(&self) -> Habits {
        self.oauth.habits
    }

    fn failure(&self, call: &Call, status: u16) -> Reply {
        self.vendor.failure(call, status)
    }
}
