//! Rules under calls that fail: each call of each rule fails once, in each way, and the rule holds all
//! the same. What fails here is a wrapper around a store in memory; servers whose wires break and
//! disks that are full are in `tests/postgres` and `src/sqlite/tests.rs`.

use std::sync::Arc;

use async_trait::async_trait;
use fluxcascade_core::store::StoreError;
use fluxcascade_core::testkit::conformance::store::{Fixture, Parts, RULES, Rule};
use fluxcascade_core::testkit::{
    Failed, Failing, Failure, Failures, Fate, Insisting, Trouble, block_on,
};
use fluxcascade_store::MemoryStore;

use crate::broken::{A_WHOLE_COMMIT, Broken, HALF_A_COMMIT};

/// One call of the store below fails: of those that the calls above it make.
#[derive(Debug)]
struct Once {
    failures: Failures,
    above: Above,
}

/// What stands between the rule and the store that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Above {
    Nothing,
    /// A layer that may make several calls for one, the one of the same method last.
    ALayer,
}

#[async_trait]
impl Trouble for Once {
    async fn before(&self, _: &'static str) {}

    async fn after(&self, method: &'static str, _: Option<&StoreError>) -> Option<Fate> {
        let Failed { method: failed, how } = self.failures.take_failed()?;
        let whole = self.above == Above::Nothing || failed == method;
        Some(match how {
            Failure::AnswerLost if whole => Fate::Done,
            Failure::AnswerLost | Failure::Before => Fate::Undone,
        })
    }
}

/// Puts each rule to a store of which the first call fails, then the second, until there is none.
/// How many calls have failed.
fn under_each_failure(above: Above, open: impl Fn(Failures, Once) -> Parts) -> usize {
    let mut wrong = Vec::new();
    let mut failed = 0;
    for (rule, how) in
        RULES.iter().flat_map(|rule| [Failure::Before, Failure::AnswerLost].map(|how| (rule, how)))
    {
        for call in 1.. {
            let failures = Failures::new();
            failures.fail(call, how);
            let parts = open(failures.clone(), Once { failures: failures.clone(), above });
            if let Err(violation) = block_on(rule.check(&Fixture::of(parts))) {
                wrong.push(format!("call {call}, {how:?}: {violation}"));
            }
            if failures.calls() < call {
                break;
            }
            failed += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    failed
}

#[test]
fn every_rule_holds_under_each_failure_of_each_call_in_memory() {
    let failed = under_each_failure(Above::Nothing, |failures, once| {
        let store = Failing::new(MemoryStore::new(), failures);
        Parts::whole(Insisting::new(Arc::new(store), MemoryStore::new(), once))
    });
    assert!(failed > 2_000, "{failed} calls have failed");
}

#[cfg(feature = "sealed")]
#[test]
fn every_rule_holds_under_each_failure_of_each_call_below_a_layer() {
    use fluxcascade_store::sealed::{Keyring, Sealed, SealingKey};

    let failed = under_each_failure(Above::ALayer, |failures, once| {
        let store = Failing::new(MemoryStore::new(), failures);
        let store = Sealed::new(store, Keyring::new(SealingKey::new("1", &[7; 32]).unwrap()));
        let store = Arc::new(Insisting::new(Arc::new(store), MemoryStore::new(), once));
        Parts::of(&store).tokens(&store).schedule(&store).budgets(&store).upkeep(&store)
    });
    assert!(failed > 2_000, "{failed} calls have failed");
}

/// Says of each call that failed what became of it.
#[derive(Debug)]
struct Says(Fate);

#[async_trait]
impl Trouble for Says {
    async fn before(&self, _: &'static str) {}

    async fn after(&self, _: &'static str, _: Option<&StoreError>) -> Option<Fate> {
        Some(self.0)
    }
}

/// What the rules find of a store that is insisted upon.
fn found(store: impl Fn() -> Parts) -> Vec<&'static str> {
    let broken = |rule: &&Rule| block_on(rule.check(&Fixture::of(store()))).is_err();
    RULES.iter().filter(broken).map(Rule::name).collect()
}

#[test]
fn a_store_that_does_half_of_a_call_which_fails_is_found() {
    let found = found(|| {
        let store = Broken::new(Arc::new(MemoryStore::new()), HALF_A_COMMIT, 0);
        Parts::whole(Insisting::new(Arc::new(store), MemoryStore::new(), Says(Fate::Undone)))
    });
    assert!(found.contains(&"log_rows_come_newest_first_by_run_record_and_page"), "{found:?}");
}

#[test]
fn a_store_that_says_that_it_failed_and_has_done_it_is_found() {
    let found = found(|| {
        let store = Broken::new(Arc::new(MemoryStore::new()), A_WHOLE_COMMIT, 0);
        Parts::whole(Insisting::new(Arc::new(store), MemoryStore::new(), Says(Fate::Done)))
    });
    assert!(found.contains(&"a_link_is_read_as_it_was_committed"), "{found:?}");
}
