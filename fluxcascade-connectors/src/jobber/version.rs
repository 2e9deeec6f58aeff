//! Which API version Jobber really serves: a version that was removed is silently answered by
//! another, and only the answer's extensions say so.

use std::sync::{Mutex, PoisonError};

use super::error::said;
use super::wire::Versioning;

/// What Jobber says about the API version that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct VersionNotice {
    /// The version that was asked for.
    pub asked: String,
    /// The version that answered, if Jobber named it.
    pub served: Option<String>,
    /// Jobber's warning, such as the day on which the version goes.
    pub warning: Option<String>,
}

impl VersionNotice {
    /// Whether another version answered than was asked for.
    pub fn is_mismatch(&self) -> bool {
        self.served.as_ref().is_some_and(|served| *served != self.asked)
    }
}

/// The last notice.
#[derive(Debug)]
pub(super) struct ServedVersion {
    asked: String,
    notice: Mutex<Option<VersionNotice>>,
}

impl ServedVersion {
    pub(super) fn new(asked: String) -> Self {
        Self { asked, notice: Mutex::new(None) }
    }

    pub(super) fn asked(&self) -> &str {
        &self.asked
    }

    pub(super) fn note(&self, versioning: &Versioning) {
        let notice = VersionNotice {
            asked: self.asked.clone(),
            served: versioning.version.as_deref().map(said),
            warning: versioning.warning.as_deref().map(said),
        };
        let worth_saying = notice.is_mismatch() || notice.warning.is_some();
        *self.notice.lock().unwrap_or_else(PoisonError::into_inner) =
            worth_saying.then_some(notice);
    }

    pub(super) fn notice(&self) -> Option<VersionNotice> {
        self.notice.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
