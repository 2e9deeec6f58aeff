//! Webhooks on their way to the endpoints that were subscribed: sent one after the other, again if an
//! endpoint does not take them. What is in them, and how it is signed, is the vendor's.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fluxcascade_core::Timestamp;
use fluxcascade_core::clock::Clock;
use tokio::sync::Notify;

use super::lock;
use crate::http::Poster;

/// How long an endpoint may take to answer, in real time.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many deliveries wait at most; an endpoint that takes none must not fill the memory.
const MOST: usize = 100_000;

/// One delivery that is to be made.
pub(crate) struct Letter {
    /// Where it goes: an address on this machine.
    pub(crate) url: String,
    /// How long to wait before it is sent again after each attempt that failed; given up after the last.
    pub(crate) again: &'static [Duration],
    /// What is sent, made anew for each attempt: signatures and bodies may name it.
    pub(crate) write: Box<dyn Fn(Attempt) -> Parcel + Send + Sync>,
}

impl fmt::Debug for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Letter(to {})", self.url)
    }
}

/// An attempt to deliver.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempt {
    /// 0 for the first.
    pub(crate) number: u32,
    /// When it is made, by the simulator's clock.
    pub(crate) at: Timestamp,
}

/// What is posted.
#[derive(Debug)]
pub(crate) struct Parcel {
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

/// What goes wrong with deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mishap {
    /// It is never sent.
    Drop,
    /// It is sent twice.
    Repeat,
    /// It is sent after the one that follows it.
    Overtaken,
}

#[derive(Debug)]
struct Waiting {
    letter: Arc<Letter>,
    attempt: u32,
    due: Timestamp,
}

/// What a simulator has to deliver.
#[derive(Debug)]
pub(crate) struct Outbox {
    clock: Arc<dyn Clock>,
    poster: Result<Poster, String>,
    waiting: Mutex<VecDeque<Waiting>>,
    mishaps: Mutex<VecDeque<Mishap>>,
    /// Held back until another one has passed.
    overtaken: Mutex<Vec<Arc<Letter>>>,
    bell: Notify,
    /// Whoever sends holds it, so that deliveries come one after the other.
    sending: tokio::sync::Mutex<()>,
}

impl Outbox {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            poster: Poster::new(PATIENCE),
            waiting: Mutex::default(),
            mishaps: Mutex::default(),
            overtaken: Mutex::default(),
            bell: Notify::new(),
            sending: tokio::sync::Mutex::default(),
        }
    }

    /// Takes something that is to be delivered. It is sent soon, by the server's own task.
    pub(crate) fn post(&self, letter: Letter) {
        let letter = Arc::new(letter);
        let mishap = lock(&self.mishaps).pop_front();
        match mishap {
            Some(Mishap::Drop) => return,
            Some(Mishap::Overtaken) => {
                lock(&self.overtaken).push(letter);
                return;
            }
            Some(Mishap::Repeat) => self.queue(Arc::clone(&letter)),
            None => {}
        }
        self.queue(letter);
        for late in std::mem::take(&mut *lock(&self.overtaken)) {
            self.queue(late);
        }
        self.bell.notify_one();
    }

    fn queue(&self, letter: Arc<Letter>) {
        let mut waiting = lock(&self.waiting);
        if waiting.len() < MOST {
            waiting.push_back(Waiting { letter, attempt: 0, due: self.clock.now() });
        }
    }

    /// What happens to the next deliveries that are posted, one each.
    pub(crate) fn mishaps(&self, mishaps: impl IntoIterator<Item = Mishap>) {
        lock(&self.mishaps).extend(mishaps);
    }

    /// Looks for what is due once more: time may have passed.
    pub(crate) fn ring(&self) {
        self.bell.notify_one();
    }

    /// Sends whatever comes, for ever.
    pub(crate) async fn run(&self) {
        loop {
            self.bell.notified().await;
            self.settle().await;
        }
    }

    /// Sends all that is due, and says how many deliveries were taken.
    pub(crate) async fn settle(&self) -> usize {
        let _turn = self.sending.lock().await;
        let mut taken = 0;
        while let Some(waiting) = self.next() {
            if self.send(&waiting).await {
                taken += 1;
            } else {
                self.put_off(waiting);
            }
        }
        taken
    }

    fn next(&self) -> Option<Waiting> {
        let now = self.clock.now();
        let mut waiting = lock(&self.waiting);
        let at = waiting.iter().position(|waiting| waiting.due <= now)?;
        waiting.remove(at)
    }

    async fn send(&self, waiting: &Waiting) -> bool {
        let Ok(poster) = &self.poster else { return false };
        let letter = &waiting.letter;
        let attempt = Attempt { number: waiting.attempt, at: self.clock.now() };
        let Parcel { headers, body } = (letter.write)(attempt);
        let status = poster.post(&letter.url, &headers, body).await;
        status.is_some_and(|status| (200..300).contains(&status))
    }

    fn put_off(&self, failed: Waiting) {
        let Some(again) = failed.letter.again.get(failed.attempt as usize) else { return };
        // Never at once: what is due now is being sent.
        let due = self.clock.now() + (*again).max(Duration::from_millis(1));
        let attempt = failed.attempt + 1;
        lock(&self.waiting).push_back(Waiting { attempt, due, ..failed });
    }
}

#[cfg(test)]
mod tests;
