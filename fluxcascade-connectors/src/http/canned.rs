//! Answers out of a text instead of the network, for fuzzing: everything that an adapter does with an
//! answer is done, and nothing is sent.

use std::collections::VecDeque;
use std::sync::{LazyLock, Mutex, PoisonError};

use super::answer::Answer;

/// What parts the answers of an input; no JSON has it.
const BETWEEN: u8 = 0xff;
/// The statuses that the first byte of an answer picks from.
const STATUSES: [u16; 12] = [200, 200, 200, 201, 207, 204, 400, 401, 404, 409, 429, 500];

/// A client that is never sent with, as making one takes longer than a whole run.
pub(super) static UNUSED: LazyLock<reqwest::Client> = LazyLock::new(|| {
    super::host::install_tls();
    reqwest::Client::new()
});

/// Answers that are given one after the other.
#[derive(Debug)]
pub(super) struct Canned {
    /// Right answers to requests of these kinds, so that a run gets beyond them.
    known: Vec<(&'static str, &'static str)>,
    others: Mutex<VecDeque<Vec<u8>>>,
}

impl Canned {
    pub(super) fn new(known: &[(&'static str, &'static str)], input: &[u8]) -> Self {
        let others = input.split(|byte| *byte == BETWEEN).map(<[u8]>::to_vec).collect();
        Self { known: known.to_vec(), others: Mutex::new(others) }
    }

    /// The next answer to a request of this kind.
    pub(super) fn next(&self, kind: &str) -> Answer {
        let known = self.known.iter().find(|(of, _)| *of == kind);
        let (status, body) = match known {
            Some((_, body)) => (200, body.as_bytes().to_vec()),
            None => self.taken(),
        };
        let headers =
            [("content-type", "application/json"), ("date", "Sun, 01 Mar 2026 12:00:00 GMT")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        Answer { status, headers, body }
    }

    fn taken(&self) -> (u16, Vec<u8>) {
        let next = self.others.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        match next.as_deref() {
            Some([pick, body @ ..]) => {
                let at = usize::from(*pick) % STATUSES.len();
                (STATUSES.get(at).copied().unwrap_or(200), body.to_vec())
            }
            Some([]) | None => (404, b"{}".to_vec()),
        }
    }
}
