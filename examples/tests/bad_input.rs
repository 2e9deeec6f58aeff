//! What is wrong before a run, or outside of it: each is one clear error that says what to do, and
//! nothing is written to a system, or lost from the store.

#![allow(clippy::unwrap_used, reason = "tests, and their helpers")]

#[path = "bad_input/mappings.rs"]
mod mappings;
#[path = "bad_input/servers.rs"]
mod servers;
#[path = "bad_input/stores.rs"]
mod stores;
#[path = "support/world.rs"]
mod world;

/// All of the words are in the text.
fn assert_says(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{word:?} is not in: {text}");
    }
}
