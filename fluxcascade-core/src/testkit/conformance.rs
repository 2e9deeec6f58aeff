//! Suites that a connector of one's own passes with a few lines: each rule is a sentence of a
//! trait's contract.

pub mod connector;
