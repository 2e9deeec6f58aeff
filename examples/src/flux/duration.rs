//! Durations as people write them: `90s`, `5 min`, `24h`, `30d`.

use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// A unit's names, and its length in milliseconds.
const UNITS: [(&[&str], u64); 5] = [
    (&["ms"], 1),
    (&["s", "sec"], 1_000),
    (&["m", "min"], 60_000),
    (&["h"], 3_600_000),
    (&["d"], 86_400_000),
];

/// Reads a duration.
///
/// # Errors
/// In words that follow the name of what it is the duration of.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim();
    let length = UNITS.iter().find(|(names, _)| names.contains(&unit)).map(|(_, length)| *length);
    let time = number.parse::<u64>().ok().zip(length).and_then(|(n, each)| n.checked_mul(each));
    match time {
        Some(time) => Ok(Duration::from_millis(time)),
        None => {
            Err("is no duration: write a whole number and ms, s, min, h or d, as in 90s".into())
        }
    }
}

/// A duration that a table of the file may have.
pub(super) fn maybe<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    text.map(|text| parse(&text).map_err(D::Error::custom)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_their_units_and_nothing_else_is() {
        for (text, seconds) in
            [("90s", 90), ("5 min", 300), ("2m", 120), ("24h", 86_400), ("1d", 86_400)]
        {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "5", "m", "1.5h", "-3s", "3 weeks", "99999999999999999999d"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
