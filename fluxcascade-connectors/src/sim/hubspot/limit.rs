//! HubSpot's limits on requests, by the simulator's clock.

use std::collections::VecDeque;
use std::time::Duration;

use fluxcascade_core::Timestamp;
use serde_json::json;

use super::Limits;
use crate::sim::call::Reply;

const TEN_SECONDS: Duration = Duration::from_secs(10);
const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Which limit a request falls under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// Searches.
    Search,
    /// Everything else.
    Other,
}

/// Which limit was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Met {
    TenSecondly,
    SearchSecondly,
    Daily,
}

/// What has been spent.
#[derive(Debug)]
pub(super) struct Budget {
    limits: Limits,
    requests: VecDeque<Timestamp>,
    searches: VecDeque<Timestamp>,
    day: Timestamp,
    today: u64,
}

impl Budget {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            requests: VecDeque::new(),
            searches: VecDeque::new(),
            day: Timestamp::default(),
            today: 0,
        }
    }

    /// Counts a request, or says which limit refuses it; a refused one does not count.
    pub(super) fn spend(&mut self, lane: Lane, at: Timestamp) -> Result<(), Met> {
        let Limits::On { ten_secondly, search_secondly, daily } = self.limits else {
            return Ok(());
        };
        match lane {
            Lane::Search => {
                forget_before(&mut self.searches, at, SECOND);
                if self.searches.len() >= search_secondly {
                    return Err(Met::SearchSecondly);
                }
                self.searches.push_back(at);
            }
            Lane::Other => {
                forget_before(&mut self.requests, at, TEN_SECONDS);
                if self.day != at.floor_to(DAY) {
                    (self.day, self.today) = (at.floor_to(DAY), 0);
                }
                if self.today >= daily {
                    return Err(Met::Daily);
                }
                if self.requests.len() >= ten_secondly {
                    return Err(Met::TenSecondly);
                }
                self.requests.push_back(at);
                self.today += 1;
            }
        }
        Ok(())
    }

    /// The answer with the headers that say what is left. Searches have none.
    pub(super) fn headed(&self, lane: Lane, reply: Reply) -> Reply {
        let left = match self.limits {
            Limits::On { ten_secondly, .. } => ten_secondly.saturating_sub(self.requests.len()),
            Limits::Off => 0,
        };
        self.headed_with(lane, left, reply)
    }

    /// The answer to a request that met a limit.
    pub(super) fn refusal(&self, met: Met, correlation: &str) -> Reply {
        let (lane, words, policy) = match met {
            Met::TenSecondly => (Lane::Other, "ten_secondly_rolling", "TEN_SECONDLY_ROLLING"),
            Met::SearchSecondly => (Lane::Search, "secondly", "SECONDLY"),
            Met::Daily => (Lane::Other, "daily", "DAILY"),
        };
        let body = json!({
            "status": "error",
            "message": format!("You have reached your {words} limit."),
            "errorType": "RATE_LIMIT",
            "correlationId": correlation,
            "policyName": policy,
        });
        self.headed_with(lane, 0, Reply::json(429, &body))
    }

    fn headed_with(&self, lane: Lane, left: usize, reply: Reply) -> Reply {
        match (self.limits, lane) {
            (Limits::Off, _) | (_, Lane::Search) => reply,
            (Limits::On { ten_secondly, daily, .. }, Lane::Other) => reply
                .header("x-hubspot-ratelimit-max", ten_secondly.to_string())
                .header("x-hubspot-ratelimit-remaining", left.to_string())
                .header("x-hubspot-ratelimit-interval-milliseconds", "10000")
                .header("x-hubspot-ratelimit-daily", daily.to_string())
                .header(
                    "x-hubspot-ratelimit-daily-remaining",
                    daily.saturating_sub(self.today).to_string(),
                ),
        }
    }
}

/// Forgets what lies outside of the window, and what a clock that was set back left ahead of it.
fn forget_before(spent: &mut VecDeque<Timestamp>, now: Timestamp, window: Duration) {
    spent.retain(|at| *at <= now && now.since(*at) < window);
}
