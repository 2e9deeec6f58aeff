//! Tokens as vendors answer them, and as they are stored.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::NaiveDateTime;
use fluxcascade_core::connector::{ConnectorError, ErrorKind};
use fluxcascade_core::model::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value as Json;

use crate::http::{Answer, Verdict};

/// The largest token that is taken, in bytes.
const LARGEST: usize = 16 * 1024;
/// No vendor's access token lives longer than this.
const LONGEST: Duration = Duration::from_secs(400 * 24 * 3600);

/// A vendor's answer at its token endpoint.
#[derive(Deserialize)]
pub(crate) struct TokenAnswer {
    pub(crate) access_token: SecretText,
    pub(crate) refresh_token: Option<SecretText>,
    /// Seconds.
    #[serde(default, deserialize_with = "seconds")]
    pub(crate) expires_in: Option<u64>,
    /// `2024-04-09 21:04:31 UTC`, or RFC 3339.
    #[serde(default, deserialize_with = "text")]
    pub(crate) expires_at: Option<String>,
}

/// A number however it is written, or nothing: a pair that is answered once must not be lost over when it
/// ends.
fn seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    let told = Json::deserialize(from)?;
    let digits = told.as_str().map_or_else(|| told.to_string(), |text| text.trim().to_owned());
    // A part of a second is none.
    Ok(digits.split('.').next().and_then(|whole| whole.parse().ok()))
}

/// A text, or nothing.
fn text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(Json::deserialize(from)?.as_str().map(str::to_owned))
}

/// A text that is never shown.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct SecretText(String);

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl SecretText {
    pub(super) fn secret(&self) -> SecretString {
        SecretString::from(self.0.clone())
    }
}

impl From<&SecretString> for SecretText {
    fn from(secret: &SecretString) -> Self {
        Self(secret.expose_secret().to_owned())
    }
}

/// How long a vendor's access tokens live.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Life {
    /// If the answer does not say.
    pub(crate) unless_told: Duration,
}

impl Life {
    /// How long a token is good: as the answer says, else as the token itself says (a JWT), else as the
    /// vendor's documentation says. Times are the vendor's, so they are told from the vendor's clock.
    pub(super) fn of(self, token: &TokenAnswer, vendors_now: Timestamp) -> Duration {
        let told = token.expires_in.map(Duration::from_secs);
        let dated = || Some(moment(token.expires_at.as_deref()?)?.since(vendors_now));
        let own = || Some(jwt_end(&token.access_token.0)?.since(vendors_now));
        told.or_else(dated).or_else(own).unwrap_or(self.unless_told).min(LONGEST)
    }
}

fn moment(text: &str) -> Option<Timestamp> {
    let plain = text.trim().trim_end_matches("UTC").trim();
    let naive = NaiveDateTime::parse_from_str(plain, "%Y-%m-%d %H:%M:%S").ok();
    naive.map(|at| at.and_utc().into()).or_else(|| text.parse().ok())
}

/// The end that a JWT names. Its signature is not looked at: it is the vendor's word to itself.
fn jwt_end(token: &str) -> Option<Timestamp> {
    #[derive(Deserialize)]
    struct Claims {
        exp: i64,
    }
    let payload = token.split('.').nth(1)?;
    let payload = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    let claims: Claims = serde_json::from_slice(&payload).ok()?;
    // What could not be reckoned with is no time.
    (0..=i64::from(u32::MAX) * 2).contains(&claims.exp).then(|| Timestamp::from_secs(claims.exp))
}

/// Reads an answer at the token endpoint.
pub(super) fn read(answer: &Answer) -> Result<TokenAnswer, ConnectorError> {
    let token: TokenAnswer = answer.json()?;
    let texts = std::iter::once(&token.access_token).chain(&token.refresh_token);
    let is_token = |text: &SecretText| {
        let text = &text.0;
        !text.is_empty()
            && text.len() <= LARGEST
            && text.bytes().all(|byte| byte.is_ascii_graphic())
    };
    if texts.into_iter().all(is_token) {
        Ok(token)
    } else {
        Err(ConnectorError::new(
            ErrorKind::Protocol,
            "the vendor's answer has no token that is one",
        ))
    }
}

/// What an answer of a token endpoint means: all vendors follow RFC 6749, 5, more or less.
pub(in crate::http) fn judge(answer: &Answer) -> Verdict {
    let error = |kind, what: &str| {
        let said = said(answer);
        ConnectorError::new(kind, if said.is_empty() { what.to_owned() } else { said })
    };
    match answer.status {
        200..300 if answer.is_json() => Verdict::Accepted,
        200..300 => Verdict::Unclear(answer.unexpected("is no JSON, so it has no token")),
        429 => Verdict::Later(error(ErrorKind::RateLimited, "too many tokens were asked for")),
        408 | 500.. => Verdict::Unclear(error(ErrorKind::Transient, "no token could be given now")),
        401 | 403 => {
            Verdict::Refused(error(ErrorKind::Auth, "the request for a token was refused"))
        }
        _ => Verdict::Refused(error(ErrorKind::Permanent, "the request for a token was refused")),
    }
}

/// The vendor's words, cut short.
fn said(answer: &Answer) -> String {
    #[derive(Default, Deserialize)]
    struct Words {
        error_description: Option<String>,
        message: Option<String>,
        error: Option<String>,
    }
    let words: Words = answer.json().unwrap_or_default();
    let said = words.error_description.or(words.message).or(words.error).unwrap_or_default();
    said.chars().filter(|c| !c.is_control()).take(200).collect()
}

/// What is stored of a connection.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(super) enum Stored {
    /// Its tokens.
    Active(Tokens),
    /// It has to be connected anew.
    Expired {
        /// Why, for people.
        why: String,
        /// The account that it was of, if there was one.
        account: Option<String>,
    },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Tokens {
    pub(super) access: SecretText,
    pub(super) refresh: Option<SecretText>,
    /// Whom they are of, and for which app.
    pub(super) issuer: String,
    /// The account that they are for.
    pub(super) account: String,
    /// When the access token was given, in microseconds since 1970 by the clock of whoever asked for it.
    pub(super) since: i64,
    /// When it ends, likewise.
    pub(super) until: i64,
}

impl Tokens {
    pub(super) fn since(&self) -> Timestamp {
        Timestamp::from_micros(self.since)
    }

    pub(super) fn until(&self) -> Timestamp {
        Timestamp::from_micros(self.until)
    }

    /// When it is to be renewed: a sixth of its life before its end, five minutes at most.
    pub(super) fn renew_at(&self) -> Timestamp {
        let life = self.until().since(self.since());
        self.until() - (life / 6).min(Duration::from_secs(300))
    }
}

impl Stored {
    /// The account that was connected last.
    pub(super) fn account(self) -> Option<String> {
        match self {
            Stored::Active(tokens) => Some(tokens.account),
            Stored::Expired { account, .. } => account,
        }
    }

    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, ConnectorError> {
        serde_json::to_vec(self).map_err(|_| unreadable())
    }

    /// Reads what is stored. The error has nothing of it.
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, ConnectorError> {
        serde_json::from_slice(bytes).map_err(|_| unreadable())
    }
}

fn unreadable() -> ConnectorError {
    ConnectorError::new(
        ErrorKind::Auth,
        "the stored credential of this connection cannot be read by this version; connect the account \
         anew",
    )
}
