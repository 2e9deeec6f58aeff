//! What the stores cost beside the least that the same rows cost: the *floor*.
//!
//! The floor is the bare driver: the same rows, encoded beforehand, by the same statements, prepared,
//! in transactions as durable as the store's. Both are timed by turns, and what both have stored is
//! compared afterwards. `benches/README.md` says what the figures mean.

#![expect(clippy::print_stdout, reason = "the figures are this program's output")]
#![expect(clippy::unwrap_used, reason = "a bench ends where its setting fails")]

mod batch;
mod postgres;
#[allow(dead_code, reason = "tests skip where a bench says so itself")]
#[path = "../../../fluxcascade-store/tests/shared/server.rs"]
mod server;
mod sqlite;
mod turns;

use crate::turns::Figures;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    /// Commits of each sort that are timed.
    rounds: usize,
    /// Linked pairs that are there before anything is timed.
    before: usize,
    /// Linked pairs of the run.
    run: usize,
}

const WHOLE: Scale = Scale { rounds: 25, before: 20_000, run: 100_000 };
const QUICK: Scale = Scale { rounds: 3, before: 1_000, run: 2_000 };

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| arguments.iter().any(|argument| argument == word);
    // `cargo test` builds and runs benches, too: small.
    let scale = if has("--bench") && !has("--quick") { WHOLE } else { QUICK };
    let words = arguments.iter().filter(|argument| !argument.starts_with("--"));
    let words: Vec<&str> = words.map(String::as_str).collect();
    let parts = [
        ("sqlite commits", sqlite::commits as fn(Scale)),
        ("sqlite takes", sqlite::takes),
        ("sqlite run", sqlite::run),
        ("sqlite size", sqlite::size_of_links),
        ("postgres commits", postgres::commits),
        ("postgres takes", postgres::takes),
        ("postgres run", postgres::run),
    ];
    for (name, measure) in parts {
        if words.is_empty() || words.iter().any(|word| name.contains(word)) {
            measure(scale);
        }
    }
}

/// Prints what was measured.
pub(crate) fn report(what: &str, figures: &Figures) {
    println!(
        "{what:<58} store {:>9.2} us, floor {:>9.2} us per record, ratio {:.2}",
        figures.store, figures.floor, figures.ratio
    );
}
