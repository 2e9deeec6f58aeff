//! Timing two things by turns, so that what slows the machine down slows both down.

use std::time::{Duration, Instant};

/// What a record costs, in microseconds, and how many times more in the store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    pub(crate) store: f64,
    pub(crate) floor: f64,
    /// The median of the rounds' ratios.
    pub(crate) ratio: f64,
}

/// How long something takes.
pub(crate) fn timed(what: impl FnOnce()) -> Duration {
    let start = Instant::now();
    what();
    start.elapsed()
}

/// Rounds of two times each, for so many records.
#[derive(Debug)]
pub(crate) struct Turns {
    records: usize,
    store: Vec<f64>,
    floor: Vec<f64>,
}

impl Turns {
    pub(crate) fn of(records: usize) -> Self {
        Self { records, store: Vec::new(), floor: Vec::new() }
    }

    /// One round: who is first changes from round to round.
    pub(crate) fn round(&mut self, store: impl FnOnce(), floor: impl FnOnce()) {
        let (store, floor) = if self.store.len().is_multiple_of(2) {
            let store = timed(store);
            (store, timed(floor))
        } else {
            let floor = timed(floor);
            (timed(store), floor)
        };
        self.add(store, floor);
    }

    pub(crate) fn add(&mut self, store: Duration, floor: Duration) {
        let per_record = |time: Duration| time.as_secs_f64() * 1e6 / count(self.records);
        self.store.push(per_record(store));
        self.floor.push(per_record(floor));
    }

    /// What a record costs that goes through all of them.
    pub(crate) fn sum<const N: usize>(parts: [&Self; N]) -> Figures {
        let mean = |times: &[f64]| times.iter().sum::<f64>() / count(times.len());
        let store: f64 = parts.iter().map(|part| mean(&part.store)).sum();
        let floor: f64 = parts.iter().map(|part| mean(&part.floor)).sum();
        Figures { store, floor, ratio: store / floor }
    }

    pub(crate) fn figures(&self) -> Figures {
        let ratios = self.store.iter().zip(&self.floor).map(|(store, floor)| store / floor);
        Figures {
            store: median(self.store.clone()),
            floor: median(self.floor.clone()),
            ratio: median(ratios.collect()),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "fewer than a million of anything")]
fn count(things: usize) -> f64 {
    things as f64
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
