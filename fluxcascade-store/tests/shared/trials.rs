//! Rules of the contract that are put to a store in trouble, until each method has met each sort of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use fluxcascade_core::testkit::conformance::store::{Fixture, RULES, Rule};

/// What writes.
pub(crate) const WRITING: [&str; 24] = [
    "lease",
    "renew",
    "release",
    "fingerprint_key",
    "add_revision",
    "start_run",
    "finish_run",
    "notify",
    "intake",
    "begin",
    "answer",
    "commit",
    "replace_token",
    "claim_refresh",
    "release_refresh",
    "schedule",
    "unschedule",
    "wake",
    "claim",
    "draw",
    "forget",
    "prune",
    "rewrite",
    "rewrite_credential",
];

/// How often each method has met each way to fail.
pub(crate) type Met<W> = BTreeMap<(&'static str, W), usize>;

/// What the calls of all stores have met together.
#[derive(Debug)]
pub(crate) struct Trials<W: 'static> {
    /// By turns, of the calls of one method.
    ways: &'static [W],
    noted: Arc<Mutex<Noted<W>>>,
}

#[derive(Debug)]
struct Noted<W> {
    /// How often the rules were put. The calls of a method begin with the next way each time, so that
    /// every call of a rule meets each of them in the end.
    passes: usize,
    /// How often each method was called in this pass, and which were in the rule that is under way.
    turns: BTreeMap<&'static str, usize>,
    called: BTreeSet<&'static str>,
    met: Met<W>,
}

impl<W> Clone for Trials<W> {
    fn clone(&self) -> Self {
        Self { ways: self.ways, noted: Arc::clone(&self.noted) }
    }
}

impl<W: Copy + Ord> Trials<W> {
    pub(crate) fn of(ways: &'static [W]) -> Self {
        let (turns, called, met) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
        Self { ways, noted: Arc::new(Mutex::new(Noted { passes: 0, turns, called, met })) }
    }

    /// How this call of a method fails.
    pub(crate) fn next(&self, method: &'static str) -> W {
        let mut noted = self.noted.lock().unwrap();
        noted.called.insert(method);
        let passes = noted.passes;
        let turn = noted.turns.entry(method).or_default();
        *turn += 1;
        self.ways[(passes + *turn) % self.ways.len()]
    }

    /// It did.
    pub(crate) fn met(&self, method: &'static str, way: W) {
        *self.noted.lock().unwrap().met.entry((method, way)).or_default() += 1;
    }

    /// Puts each rule to a store of its own, and again those that call a method which has something left
    /// to meet.
    pub(crate) async fn put(
        &self,
        store: impl AsyncFn(Self) -> Fixture,
        left: impl Fn(&Met<W>) -> Vec<&'static str>,
    ) -> Met<W> {
        let mut rules: Vec<&Rule> = RULES.iter().collect();
        for _ in 0..self.ways.len().max(9) {
            let mut calling = Vec::new();
            for rule in rules {
                let verdict = rule.check(&store(self.clone()).await).await;
                verdict.unwrap_or_else(|violation| panic!("{violation}"));
                calling.push((rule, std::mem::take(&mut self.noted.lock().unwrap().called)));
            }
            let mut noted = self.noted.lock().unwrap();
            noted.passes += 1;
            noted.turns.clear();
            let left = left(&noted.met);
            drop(noted);
            calling.retain(|(_, called)| left.iter().any(|method| called.contains(method)));
            rules = calling.into_iter().map(|(rule, _)| rule).collect();
        }
        self.noted.lock().unwrap().met.clone()
    }
}
