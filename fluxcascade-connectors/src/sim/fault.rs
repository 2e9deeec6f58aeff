//! What goes wrong, and when: rules that are tried on every request. Doing it is
//! [`super::server`]'s.

use serde::{Deserialize, Serialize};

use super::call::Call;
use super::draw::below;
use super::glob::glob;

/// What goes wrong. The first rule that fits a request and whose turn it is decides.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FaultPlan {
    /// What [`When::Permille`] draws from.
    pub seed: u64,
    /// Tried in order.
    pub rules: Vec<FaultRule>,
}

impl FaultPlan {
    /// A plan without rules, with this seed.
    pub fn seeded(seed: u64) -> Self {
        Self { seed, rules: Vec::new() }
    }

    /// The same with one rule more.
    #[must_use]
    pub fn rule(mut self, rule: FaultRule) -> Self {
        self.rules.push(rule);
        self
    }
}

/// Which requests, when, and what happens to them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// Only this method; any if there is none.
    #[serde(default)]
    pub method: Option<String>,
    /// Only these paths, in which `*` stands for any text; any if there is none.
    #[serde(default)]
    pub path: Option<String>,
    /// Only bodies with this text: GraphQL has one path for everything.
    #[serde(default)]
    pub body: Option<String>,
    /// Which of the requests that fit.
    pub when: When,
    /// What happens to them.
    pub effect: Effect,
}

impl FaultRule {
    /// A rule for every request.
    pub fn new(when: When, effect: Effect) -> Self {
        Self { method: None, path: None, body: None, when, effect }
    }

    /// Only this method.
    #[must_use]
    pub fn method(mut self, method: impl Into<String>) -> Self {
        self.method = Some(method.into());
        self
    }

    /// Only these paths, in which `*` stands for any text.
    #[must_use]
    pub fn path(mut self, pattern: impl Into<String>) -> Self {
        self.path = Some(pattern.into());
        self
    }

    /// Only bodies with this text.
    #[must_use]
    pub fn body(mut self, part: impl Into<String>) -> Self {
        self.body = Some(part.into());
        self
    }

    fn fits(&self, call: &Call) -> bool {
        let body_has = |part: &str| String::from_utf8_lossy(&call.body).contains(part);
        self.method.as_deref().is_none_or(|m| m.eq_ignore_ascii_case(call.method.as_str()))
            && self.path.as_deref().is_none_or(|pattern| glob(pattern, &call.path))
            && self.body.as_deref().is_none_or(body_has)
    }
}

/// Which of the requests that fit a rule, counted from when the rule was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// All of them.
    Always,
    /// The first so many.
    Next(u64),
    /// Only this one; the first is 1.
    Nth(u64),
    /// Each with this chance in a thousand, drawn from the plan's seed.
    Permille(u32),
}

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Effect {
    /// Refused as over the vendor's limit; not done.
    Limit,
    /// Answered with this status in the vendor's shape; not done.
    Status(u16),
    /// Done, and answered with this status all the same.
    DoneThenStatus(u16),
    /// A proxy's page in HTML with status 502; not done.
    BadGateway,
    /// Done after this many milliseconds of real time, at most a minute.
    Delay(u64),
    /// Not done and not answered, until the client gives up (at most a minute of real time).
    Hang,
    /// Done, and not answered until the client gives up (at most a minute of real time).
    DoneThenHang,
    /// Lost on its way: not done, and the connection closes.
    LostRequest,
    /// Done, and the connection closes without an answer.
    LostAnswer,
    /// Not answered: the connection closes, and it is done this many seconds later by the simulator's
    /// clock, just before the next request.
    DoneLater(u64),
    /// Done twice, as after a proxy's own retry; the second answer is given.
    DoneTwice,
    /// Done, and answered with the first half of the body.
    CutAnswer,
    /// Done, and answered with a page for people and the same status.
    Page,
    /// Done, and the answer's texts, numbers and flags are of other types.
    WrongTypes,
    /// Done, and every id in the answer is null.
    WithoutIds,
    /// Done, and the answer says that another page follows, at the same place each time.
    EndlessPages,
    /// Done, and the answer has 50 MB.
    Huge,
    /// Not done: sent to another host, `localhost`, with status 307.
    Redirect,
}

/// A plan with how often each rule has fitted.
#[derive(Debug, Default)]
pub(super) struct Faults {
    seed: u64,
    rules: Vec<(FaultRule, u64)>,
}

impl Faults {
    pub(super) fn new(plan: FaultPlan) -> Self {
        Self { seed: plan.seed, rules: plan.rules.into_iter().map(|rule| (rule, 0)).collect() }
    }

    /// One rule more, after the others.
    pub(super) fn add(&mut self, rule: FaultRule) {
        self.rules.push((rule, 0));
    }

    /// One rule more, before the others.
    pub(super) fn add_first(&mut self, rule: FaultRule) {
        self.rules.insert(0, (rule, 0));
    }

    /// What happens to this request, if anything does.
    pub(super) fn meet(&mut self, call: &Call) -> Option<Effect> {
        let seed = self.seed;
        let mut met = None;
        for (at, (rule, fitted)) in self.rules.iter_mut().enumerate() {
            if !rule.fits(call) {
                continue;
            }
            *fitted += 1;
            let turn = match rule.when {
                When::Always => true,
                When::Next(n) => *fitted <= n,
                When::Nth(n) => *fitted == n,
                When::Permille(chance) => {
                    below(1000, seed, &[at as u64, *fitted]) < u64::from(chance)
                }
            };
            if turn {
                met = Some(rule.effect);
                break;
            }
        }
        met
    }
}
