//! Connections by OAuth, against the simulators' own servers: connected, renewed ahead of time and once,
//! expired and connected anew.

#![allow(clippy::unwrap_used, reason = "tests, and their helpers")]

mod oauth {
    mod bench;
    mod connecting;
    mod expiring;
    mod letting_go;
    mod renewing;
    mod simulated;
}
