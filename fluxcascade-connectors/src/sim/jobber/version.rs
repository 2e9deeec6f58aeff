//! The versions of the API that the simulator knows, and what asking for one of them gives.

use serde_json::{Value as Json, json};

/// A version of the API, named by its day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiVersion {
    day: String,
    state: Support,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Support {
    Supported,
    Unsupported,
    Removed,
}

impl ApiVersion {
    /// A version that is served without a warning.
    pub fn supported(day: impl Into<String>) -> Self {
        Self { day: day.into(), state: Support::Supported }
    }

    /// A version that is served with a warning.
    pub fn unsupported(day: impl Into<String>) -> Self {
        Self { day: day.into(), state: Support::Unsupported }
    }

    /// A version in whose place the oldest supported one is served, without an error.
    pub fn removed(day: impl Into<String>) -> Self {
        Self { day: day.into(), state: Support::Removed }
    }
}

/// All versions that the simulator knows.
#[derive(Debug, Clone)]
pub(super) struct Versions(pub(super) Vec<ApiVersion>);

impl Default for Versions {
    fn default() -> Self {
        let removed = ["2022-03-10", "2023-11-15"].map(ApiVersion::removed);
        let unsupported = ["2025-01-20"].map(ApiVersion::unsupported);
        let supported =
            ["2025-04-16", "2026-02-17", "2026-04-13", "2026-04-16", "2026-05-12", "2026-07-27"]
                .map(ApiVersion::supported);
        Self(removed.into_iter().chain(unsupported).chain(supported).collect())
    }
}

/// The version that a request gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Served {
    version: String,
    warning: Option<String>,
}

impl Served {
    /// As the answer's extensions have it.
    pub(super) fn to_json(&self) -> Json {
        let mut shown = json!({ "version": self.version });
        if let Some(warning) = &self.warning {
            shown["warning"] = json!(warning);
        }
        shown
    }
}

impl Versions {
    /// What is served to who asks for this version; `None` if there never was such a version.
    pub(super) fn serve(&self, asked: &str) -> Option<Served> {
        let known = self.0.iter().find(|version| version.day == asked)?;
        let warning = format!(
            "GraphQL API version {asked} is no longer supported; move to a supported version"
        );
        match known.state {
            Support::Supported => Some(Served { version: asked.to_owned(), warning: None }),
            Support::Unsupported => {
                Some(Served { version: asked.to_owned(), warning: Some(warning) })
            }
            Support::Removed => {
                let oldest = self.0.iter().filter(|version| version.state == Support::Supported);
                let oldest = oldest.min_by(|a, b| a.day.cmp(&b.day))?;
                Some(Served { version: oldest.day.clone(), warning: Some(warning) })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_removed_version_is_silently_served_by_the_oldest_supported_one() {
        let versions = Versions::default();
        let serve = |asked: &str| versions.serve(asked).map(|served| served.version);
        assert_eq!(serve("2022-03-10").as_deref(), Some("2025-04-16"));
        assert_eq!(serve("2025-01-20").as_deref(), Some("2025-01-20"));
        assert_eq!(serve("2026-05-12").as_deref(), Some("2026-05-12"));
        assert_eq!(serve("2026-01-01"), None);
        assert!(versions.serve("2026-05-12").unwrap().warning.is_none());
        assert!(versions.serve("2025-01-20").unwrap().warning.is_some());
    }
}
