//! The whole engine over the real adapters while everything goes wrong that a network and a vendor can do:
//! when the weather clears, both systems agree, nothing was made twice, and a run writes nothing.

#![allow(clippy::unwrap_used, reason = "tests, and their helpers")]

mod foul_weather {
    mod endpoint;
    mod people;
    mod system;
    mod work;
}
