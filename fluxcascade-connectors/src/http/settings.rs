//! The limits of the HTTP layer that a host may set, and the check of a base address.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::Url;
use serde::{Deserialize, Serialize};

use crate::config::Problems;

/// Limits on time, size and repeats. The defaults suit both vendors.
///
/// In a configuration file durations are whole milliseconds.
///
/// ```
/// use fluxcascade_connectors::http::HttpSettings;
/// let settings = HttpSettings { max_attempts: 2, ..HttpSettings::default() };
/// assert_eq!(settings.request_timeout.as_secs(), 30);
/// # let _ = settings;
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpSettings {
    /// How long one attempt may take, from connecting to the last byte of the answer. At most
    /// 30 s: the engine settles unanswered writes on the understanding that none takes longer.
    #[serde(with = "millis", rename = "request_timeout_ms")]
    pub request_timeout: Duration,
    /// How long connecting may take; less than `request_timeout`.
    #[serde(with = "millis", rename = "connect_timeout_ms")]
    pub connect_timeout: Duration,
    /// The largest answer that is read, in bytes after unpacking; up to 256 MiB.
    pub max_answer_bytes: usize,
    /// How often a call is sent at most, the first time included; 1 to 20.
    pub max_attempts: u32,
    /// How long one call may wait between its attempts, all waits together.
    #[serde(with = "millis", rename = "max_wait_ms")]
    pub max_wait: Duration,
    /// The hundredths of every limit of the vendor that are never spent, so that the account's other
    /// programs keep working; 0 to 90.
    pub reserve_percent: u8,
    /// After so many attempts on end that failed for the system's own reasons, nothing is sent for a
    /// while; 1 to 1000.
    pub breaker_failures: u32,
    /// For how long; then one request tries. At most one hour.
    #[serde(with = "millis", rename = "breaker_pause_ms")]
    pub breaker_pause: Duration,
}

impl HttpSettings {
    /// The longest that one attempt may take: what the engine's leases are built on.
    pub const LONGEST_REQUEST: Duration = Duration::from_secs(30);

    const LARGEST_ANSWER: usize = 256 << 20;

    /// Notes what is out of range.
    pub(crate) fn check(&self, problems: &mut Problems) {
        if self.request_timeout.is_zero() || self.request_timeout > Self::LONGEST_REQUEST {
            problems.add("`request_timeout` must be more than 0 and at most 30 s");
        }
        if self.connect_timeout.is_zero() || self.connect_timeout >= self.request_timeout {
            problems.add("`connect_timeout` must be more than 0 and less than `request_timeout`");
        }
        if self.max_answer_bytes == 0 || self.max_answer_bytes > Self::LARGEST_ANSWER {
            problems.add("`max_answer_bytes` must be 1 to 268435456");
        }
        if self.max_attempts == 0 || self.max_attempts > 20 {
            problems.add("`max_attempts` must be 1 to 20");
        }
        if self.reserve_percent > 90 {
            problems.add("`reserve_percent` must be 0 to 90");
        }
        if self.breaker_failures == 0 || self.breaker_failures > 1000 {
            problems.add("`breaker_failures` must be 1 to 1000");
        }
        if self.breaker_pause > Duration::from_secs(3600) {
            problems.add("`breaker_pause` must be at most one hour");
        }
    }
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            request_timeout: Self::LONGEST_REQUEST,
            connect_timeout: Duration::from_secs(10),
            max_answer_bytes: 16 << 20,
            max_attempts: 5,
            max_wait: Duration::from_secs(60),
            reserve_percent: 10,
            breaker_failures: 10,
            breaker_pause: Duration::from_secs(30),
        }
    }
}

/// Durations as whole milliseconds.
mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(d: &Duration, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_u64(u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Duration, D::Error> {
        u64::deserialize(d).map(Duration::from_millis)
    }
}

/// Reads a base address. A token goes to this host and no other, so it must be `https`; plain
/// `http` is for a server on this machine.
pub(crate) fn base_url(text: &str) -> Result<Url, String> {
    // The text itself is not repeated: someone may have put credentials into it.
    let url = Url::parse(text)
        .map_err(|_| "the base address is no URL; give one like https://api.example.com")?;
    let host = url.host_str().ok_or("the base address names no host")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the base address must not have credentials in it".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("the base address must not have a query or a fragment".to_owned());
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(host) => Ok(url),
        scheme => Err(format!(
            "the base address must begin with https://, not {scheme}://; plain http is only for \
             a server on this machine"
        )),
    }
}

/// Whether a host is this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
