//! `fluxcascade_connectors::fuzzing::jobber_webhook` says what is fuzzed here.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fluxcascade_connectors::fuzzing::jobber_webhook(input));
