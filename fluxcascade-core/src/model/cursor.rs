//! A place in a system's changes: connectors make and read it, stores keep it. What its text means
//! is known to its connector alone.

use serde::{Deserialize, Serialize};

/// An opaque place in a system's changes, made and read by its connector alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(String);

/// A cursor that cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CursorError {
    /// It is too large.
    #[error("a cursor of {found} bytes; at most {} are kept", Cursor::MAX_BYTES)]
    TooLarge {
        /// How many bytes it has.
        found: usize,
    },
    /// Some databases keep no such text.
    #[error("a cursor with a zero character, which databases do not keep: encode it")]
    ZeroCharacter,
}

impl Cursor {
    /// The largest cursor, in bytes.
    pub const MAX_BYTES: usize = 4096;

    /// Wraps a connector's own text, which carries its format number.
    ///
    /// # Errors
    /// If it has more than 4 KiB, or a zero character.
    pub fn new(text: impl Into<String>) -> Result<Self, CursorError> {
        let text = text.into();
        if text.len() > Self::MAX_BYTES {
            return Err(CursorError::TooLarge { found: text.len() });
        }
        if text.contains('\0') {
            return Err(CursorError::ZeroCharacter);
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
    fn a_cursor_of_more_than_4_kib_or_with_a_zero_character_is_refused() {
        assert_eq!(Cursor::new("x".repeat(4096)).unwrap().as_str().len(), 4096);
        assert_eq!(Cursor::new("x".repeat(4097)), Err(CursorError::TooLarge { found: 4097 }));
        assert_eq!(Cursor::new("a\0b"), Err(CursorError::ZeroCharacter));
    }
}
