//! What is wrong with an adapter's settings, all of it at once. The settings themselves are the
//! adapters' own.

#[cfg(any(feature = "hubspot", feature = "jobber"))]
mod common;

use std::fmt;
use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

#[cfg(any(feature = "hubspot", feature = "jobber"))]
pub(crate) use common::{Common, common_setters};

/// Everything that is wrong with the settings of an adapter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    adapter: &'static str,
    problems: Vec<String>,
}

impl ConfigError {
    /// What is wrong, one sentence for each setting.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the settings of the {} adapter are not usable: ", self.adapter)?;
        f.write_str(&self.problems.join("; "))
    }
}

impl std::error::Error for ConfigError {}

/// Collects what is wrong while settings are looked through.
#[derive(Debug)]
#[cfg_attr(not(any(feature = "hubspot", feature = "jobber")), allow(dead_code))]
pub(crate) struct Problems {
    adapter: &'static str,
    found: Vec<String>,
}

#[cfg_attr(not(any(feature = "hubspot", feature = "jobber")), allow(dead_code))]
impl Problems {
    /// Nothing is wrong yet with this adapter's settings.
    pub(crate) fn of(adapter: &'static str) -> Self {
        Self { adapter, found: Vec::new() }
    }

    /// Notes a problem.
    pub(crate) fn add(&mut self, problem: impl Into<String>) {
        self.found.push(problem.into());
    }

    /// Takes the value of a check, or notes what it found.
    pub(crate) fn check<T>(&mut self, checked: Result<T, String>) -> Option<T> {
        checked.map_err(|problem| self.add(problem)).ok()
    }

    /// The error, which is only asked for when something is wrong.
    pub(crate) fn into_error(self) -> ConfigError {
        ConfigError { adapter: self.adapter, problems: self.found }
    }

    /// Whether nothing was found.
    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }
}

/// Reads a duration that a file has in whole milliseconds.
#[cfg_attr(not(any(feature = "hubspot", feature = "jobber")), allow(dead_code))]
pub(crate) fn millis<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    u64::deserialize(from).map(Duration::from_millis)
}

/// Reads a secret that may be missing.
#[cfg_attr(not(any(feature = "hubspot", feature = "jobber")), allow(dead_code))]
pub(crate) fn maybe_secret<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<SecretString>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.map(SecretString::from))
}
