//! Suites that a connector or a store of one's own passes with a few lines: each rule is a sentence
//! of a trait's contract.

pub mod connector;
mod rule;
pub mod store;

/// The test of a rule: with a runtime, or without one.
#[doc(hidden)]
#[macro_export]
macro_rules! __rule_test {
    ((async #[$test:meta] $fixture:path) $keeps:path, $name:ident) => {
        #[$test]
        async fn $name() {
            let fixture = $fixture().await;
            $keeps(::std::stringify!($name), &fixture).await;
        }
    };
    ((block $fixture:path) $keeps:path, $name:ident) => {
        #[test]
        fn $name() {
            $crate::testkit::block_on(async {
                let fixture = $fixture().await;
                $keeps(::std::stringify!($name), &fixture).await;
            });
        }
    };
}
