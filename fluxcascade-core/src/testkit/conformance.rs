//! Suites that a connector or a store of one's own passes with a few lines: each rule is a sentence
//! of a trait's contract.

pub mod connector;
pub mod store;
