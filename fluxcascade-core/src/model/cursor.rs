//! A place in a system's changes: connectors make and read it, stores keep it. What its text means
//! is known to its connector alone.

use serde::{Deserialize, Serialize};

/// An opaque place in a system's changes, made and read by its connector alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(String);

/// A cursor that is too large to be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a cursor of {found} bytes; at most {} are kept", Cursor::MAX_BYTES)]
pub struct CursorError {
    /// How many bytes it has.
    pub found: usize,
}

impl Cursor {
    /// The largest cursor, in bytes.
    pub const MAX_BYTES: usize = 4096;

    /// Wraps a connector's own text, which carries its format number.
    ///
    /// # Errors
    /// If it has more than 4 KiB.
    pub fn new(text: impl Into<String>) -> Result<Self, CursorError> {
        let text = text.into();
        if text.len() > Self::MAX_BYTES {
            return Err(CursorError { found: text.len() });
        }
        Ok(Self(text))
    }

    /// The connector's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_of_more_than_4_kib_is_refused() {
        assert_eq!(Cursor::new("x".repeat(4096)).unwrap().as_str().len(), 4096);
        assert_eq!(Cursor::new("x".repeat(4097)), Err(CursorError { found: 4097 }));
    }
}
