//! Something that happens once, directly before a request: edits that come between two requests
//! of a run. When it is tried is [`super::server`]'s.

use std::fmt;

use super::call::Call;
use super::glob::glob;

/// What happens, and before which request.
pub(super) struct Hook {
    path: String,
    body: String,
    happens: Box<dyn FnOnce() + Send>,
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hook(before {} with {:?})", self.path, self.body)
    }
}

impl Hook {
    pub(super) fn new(path: String, body: String, happens: impl FnOnce() + Send + 'static) -> Self {
        Self { path, body, happens: Box::new(happens) }
    }

    pub(super) fn fits(&self, call: &Call) -> bool {
        glob(&self.path, &call.path) && String::from_utf8_lossy(&call.body).contains(&self.body)
    }

    pub(super) fn happen(self) {
        (self.happens)();
    }
}
