//! What a rule of a contract is, and what comes of putting something to it, whatever that is.

use std::fmt;

use futures::future::BoxFuture;

/// What came of a rule's check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The rule is kept.
    Kept,
    /// The rule is not about what was put to it; why.
    DoesNotApply(&'static str),
}

/// A rule that is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The rule's name.
    pub rule: &'static str,
    /// What was seen instead.
    pub found: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the rule `{}` is not kept: {}", self.rule, self.found)
    }
}

impl std::error::Error for Violation {}

/// What was seen instead of what a rule says.
#[derive(Debug)]
pub(super) struct Found(pub(super) String);

impl Found {
    /// A call that had to succeed did not.
    pub(super) fn failed(error: &dyn std::error::Error) -> Self {
        Self(format!("a call failed: {error}"))
    }
}

/// How a rule is put to a fixture.
type Check<F> = for<'a> fn(&'a F) -> BoxFuture<'a, Result<Verdict, Found>>;

/// A rule of a contract, for what a fixture makes.
pub struct Rule<F: 'static> {
    name: &'static str,
    check: Check<F>,
}

impl<F> Rule<F> {
    pub(super) const fn new(name: &'static str, check: Check<F>) -> Self {
        Self { name, check }
    }

    /// Its name: its sentence, with `_` between the words.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Puts what the fixture makes to it. Each check needs a fixture of its own.
    ///
    /// # Errors
    /// If the rule is not kept.
    pub async fn check(&self, fixture: &F) -> Result<Verdict, Violation> {
        let found = (self.check)(fixture).await;
        found.map_err(|Found(found)| Violation { rule: self.name, found })
    }
}

impl<F> Clone for Rule<F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F> Copy for Rule<F> {}

impl<F> fmt::Debug for Rule<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Rule").field(&self.name).finish()
    }
}

/// Fails, as a test does, unless the rule of this name is kept; says on failure what was seen instead.
#[allow(clippy::panic, clippy::print_stderr, reason = "a test fails by it, and is told why")]
pub(super) async fn assert_keeps<F>(rules: &[Rule<F>], name: &str, fixture: &F) {
    let Some(rule) = rules.iter().find(|rule| rule.name == name) else {
        panic!("there is no rule `{name}`")
    };
    match rule.check(fixture).await {
        Ok(Verdict::Kept) => {}
        Ok(Verdict::DoesNotApply(why)) => eprintln!("`{name}` does not apply: {why}"),
        Err(violation) => panic!("{violation}"),
    }
}

/// Fails a check unless this is so.
macro_rules! ensure {
    ($holds:expr, $($found:tt)+) => {
        if !$holds {
            return Err($crate::testkit::conformance::rule::Found(format!($($found)+)));
        }
    };
}
pub(super) use ensure;
