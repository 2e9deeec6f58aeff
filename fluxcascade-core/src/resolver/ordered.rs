//! Strategies in order: each that declines hands on to the next, and the last one to a person.

use std::fmt::{self, Debug};

use serde::{Deserialize, Serialize};

use super::{ConflictCase, Resolution, Strategy};

/// One strategy or several in order.
///
/// ```
/// use fluxcascade_core::resolver::{Strategies, Strategy};
/// let one: Strategies = Strategy::SourceWins.into();
/// let several: Strategies = [Strategy::NonBlankWins, Strategy::Longest].into();
/// assert_eq!(serde_json::to_string(&one)?, r#""source_wins""#);
/// assert_eq!(serde_json::to_string(&several)?, r#"["non_blank_wins","longest"]"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "OneOrMany", into = "OneOrMany")]
pub struct Strategies(Vec<Strategy>);

#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(Strategy),
    Many(Vec<Strategy>),
}

impl From<OneOrMany> for Strategies {
    fn from(written: OneOrMany) -> Self {
        match written {
            OneOrMany::One(strategy) => Self(vec![strategy]),
            OneOrMany::Many(strategies) => Self(strategies),
        }
    }
}

impl From<Strategies> for OneOrMany {
    fn from(strategies: Strategies) -> Self {
        match <[Strategy; 1]>::try_from(strategies.0) {
            Ok([one]) => OneOrMany::One(one),
            Err(many) => OneOrMany::Many(many),
        }
    }
}

impl From<Strategy> for Strategies {
    fn from(strategy: Strategy) -> Self {
        Self(vec![strategy])
    }
}

impl<const N: usize> From<[Strategy; N]> for Strategies {
    fn from(strategies: [Strategy; N]) -> Self {
        Self(strategies.into())
    }
}

impl From<Vec<Strategy>> for Strategies {
    fn from(strategies: Vec<Strategy>) -> Self {
        Self(strategies)
    }
}

/// The default strategy alone.
impl Default for Strategies {
    fn default() -> Self {
        Strategy::default().into()
    }
}

impl Debug for Strategies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

impl Strategies {
    /// The strategies in order.
    pub fn iter(&self) -> impl Iterator<Item = &Strategy> {
        self.0.iter()
    }

    /// Their names in order, for conflict rows.
    pub fn name(&self) -> String {
        self.0.iter().map(Strategy::name).collect::<Vec<_>>().join(", ")
    }

    /// Whether one of them goes by time.
    pub fn go_by_time(&self) -> bool {
        self.iter().any(Strategy::goes_by_time)
    }

    /// Whether one of them makes a set of both sides'.
    pub fn unite(&self) -> bool {
        self.iter().any(Strategy::unites)
    }

    /// What the first strategy says that does not decline; after the last one a person is asked.
    pub fn resolve(&self, case: &ConflictCase<'_>) -> Resolution {
        let mut reasons: Vec<String> = Vec::new();
        for strategy in &self.0 {
            match strategy.resolve(case) {
                Resolution::Declines(why) => reasons.push(why),
                said @ (Resolution::Wins(..)
                | Resolution::Merges(..)
                | Resolution::Leaves(_)
                | Resolution::AsksPerson(_)
                | Resolution::HoldsRecord(_)) => return said,
            }
        }
        Resolution::AsksPerson(reasons.join("; "))
    }
}
