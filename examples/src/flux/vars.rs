//! The environment variables of the process, as far as a file may name them. Their values are shown
//! nowhere.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use super::place::{Findings, meant};

/// Environment variables.
#[derive(Clone, Default)]
pub struct Vars(BTreeMap<String, String>);

/// Shows the names alone.
impl fmt::Debug for Vars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Vars {
    /// Those of this process.
    pub fn of_process() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self(std::env::vars_os().filter_map(text).collect())
    }

    /// These.
    pub fn new<const N: usize>(vars: [(&str, &str); N]) -> Self {
        Self(vars.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// The value of a variable that the file names, or a finding. A text that is no name is not shown:
    /// it may be the secret itself.
    pub(super) fn get(
        &self,
        name: &str,
        place: &Range<usize>,
        findings: &mut Findings,
    ) -> Option<String> {
        // Drawn texts have more digits than names.
        let is_name = name
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
            && name.bytes().filter(u8::is_ascii_digit).count() <= 3
            && name.len() <= 64;
        match self.0.get(name).map(|value| value.trim()) {
            Some("") => {
                findings.add(place, format!("the environment variable {name} is empty: set it"));
                None
            }
            Some(value) => Some(value.to_owned()),
            None if name.is_empty() || !is_name => {
                let message = "names no environment variable that is set: a name is written in \
                               capitals, as in \"HUBSPOT_TOKEN\", and a secret never stands in the file";
                findings.add(place, message);
                None
            }
            None => {
                let near = self.0.keys().map(String::as_str).filter(|var| like(name, var));
                let hint = match near.collect::<Vec<_>>() {
                    none if none.is_empty() => "set it".to_owned(),
                    near => meant(name, near),
                };
                let message = format!("the environment variable {name} is not set: {hint}");
                findings.add(place, message);
                None
            }
        }
    }
}

/// Names that are far from each other are not brought up.
fn like(name: &str, other: &str) -> bool {
    strsim::damerau_levenshtein(name, other) <= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(name: &str) -> (Option<String>, String) {
        let mut findings = Findings::default();
        let vars = Vars::new([("HUBSPOT_TOKEN", " s3cret\n"), ("EMPTY", "")]);
        let value = vars.get(name, &(0..1), &mut findings);
        (value, findings.told("f", "x").list.pop().map(|m| m.message).unwrap_or_default())
    }

    #[test]
    fn a_variable_is_found_by_its_name_without_the_white_space_around_its_value() {
        assert_eq!(told("HUBSPOT_TOKEN"), (Some("s3cret".to_owned()), String::new()));
    }

    #[test]
    fn one_that_is_not_there_is_told_with_the_nearest_and_what_is_no_name_is_not_shown() {
        assert!(told("HUBSPOT_TOKN").1.ends_with("did you mean `HUBSPOT_TOKEN`?"));
        assert!(told("JOBBER_TOKEN").1.ends_with("JOBBER_TOKEN is not set: set it"));
        assert!(told("EMPTY").1.contains("is empty"));
        for secret in ["pat-na1-11-22", "eyJhbGciOi.x", "AKIA0123456789"] {
            let (value, message) = told(secret);
            assert_eq!(value, None);
            assert!(message.contains("names no environment variable") && !message.contains(secret));
        }
        assert!(!format!("{:?}", Vars::new([("A", "s3cret")])).contains("s3cret"));
    }
}
