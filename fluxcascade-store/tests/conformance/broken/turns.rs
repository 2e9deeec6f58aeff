//! Defects in when mappings are due, who claims them, who is woken, and in budgets.

use std::time::Duration;

use async_trait::async_trait;
use fluxcascade_core::model::{MappingKey, Timestamp};
use fluxcascade_core::store::{
    Budget, Budgets, ClaimRequest, Claimed, Draw, Drawn, Schedule, Scheduled, StoreError,
};
use fluxcascade_core::testkit::conformance::store::nouns::worker;

use super::{Broken, misuse};

/// Whole steps of ten seconds.
fn rounded(time: Timestamp) -> Timestamp {
    let step = 10_000_000;
    Timestamp::from_micros(time.micros() / step * step)
}

#[async_trait]
impl Schedule for Broken {
    async fn schedule(&self, scheduled: &Scheduled) -> Result<(), StoreError> {
        self.called();
        let mut given = scheduled.clone();
        let again = self.state().scheduled.contains_key(&scheduled.mapping);
        if self.breaks("a_scheduled_mapping_is_due_at_its_first_time") {
            given.first = rounded(given.first);
        }
        if again && self.breaks("a_mapping_that_is_scheduled_again_keeps_its_time") {
            self.inner.unschedule(&scheduled.mapping).await?;
        }
        if !again {
            self.state().scheduled.insert(scheduled.mapping.clone(), given.clone());
        }
        self.inner.schedule(&given).await
    }

    async fn unschedule(&self, mapping: &MappingKey) -> Result<(), StoreError> {
        self.called();
        if self.breaks("a_mapping_that_was_taken_off_is_not_claimed") {
            return Ok(());
        }
        self.inner.unschedule(mapping).await
    }

    async fn wake(&self, mappings: &[MappingKey]) -> Result<(), StoreError> {
        self.called();
        let unknown = mappings.iter().any(|of| !self.state().scheduled.contains_key(of));
        if unknown && self.breaks("a_mapping_that_is_woken_is_due_at_once") {
            return Ok(()); // one that is not scheduled keeps the others from it
        }
        self.note_woken(mappings);
        self.inner.wake(mappings).await
    }

    async fn claim(&self, claim: &ClaimRequest) -> Result<Claimed, StoreError> {
        self.called();
        let mut claimed = self.broken_claim(claim).await?;
        for lease in &claimed.leases {
            self.after_claim(&lease.mapping, claim.now).await?;
            self.state().claimed.insert(lease.mapping.clone(), lease.clone());
        }
        if claimed.leases.is_empty() && self.breaks("a_mapping_whose_lease_holds_is_not_claimed") {
            let state = self.state();
            let held = state.leases.iter().filter(|(of, lease)| {
                state.scheduled.contains_key(*of)
                    && !state.given_back.contains(*of)
                    && lease.until > claim.now
            });
            claimed.leases = held.map(|(_, lease)| lease.clone()).collect();
        }
        if self.breaks("a_claim_tells_when_the_next_mapping_is_due") {
            claimed.next = None;
        }
        if self.breaks("a_claimed_lease_is_like_any_other") {
            claimed.leases.iter_mut().for_each(|lease| lease.sole = false);
        }
        Ok(claimed)
    }

    async fn woken(&self) -> Result<(), StoreError> {
        let rule = "what_was_woken_since_this_store_s_last_claim_that_took_less_than_its_limit_ends_the_wait";
        if self.breaks(rule) {
            return Err(misuse());
        }
        self.inner.woken().await
    }
}

impl Broken {
    /// Which of them are claimed.
    fn note_woken(&self, mappings: &[MappingKey]) {
        let mut state = self.state();
        let claimed = mappings.iter().filter(|of| state.claimed.contains_key(*of)).cloned();
        let claimed: Vec<_> = claimed.collect();
        state.woken_late.extend(claimed);
    }

    async fn broken_claim(&self, claim: &ClaimRequest) -> Result<Claimed, StoreError> {
        let mut claim = claim.clone();
        let all: Vec<MappingKey> = self.state().scheduled.keys().cloned().collect();
        match self.rule {
            "a_claim_takes_only_mappings_that_it_names" => {
                claim.among = claim.among.filter(|among| !among.is_empty());
            }
            "a_mapping_whose_lease_ran_out_is_due" => {
                let state = self.state();
                let ran_out = |of: &MappingKey| {
                    state.claimed.get(of).is_some_and(|lease| lease.until <= claim.now)
                };
                let among = claim.among.unwrap_or(all);
                claim.among = Some(among.into_iter().filter(|of| !ran_out(of)).collect());
            }
            "a_claim_takes_mappings_that_are_due_first_those_that_are_due_longest"
                if claim.limit == 2 =>
            {
                // In order of their names.
                let mut leases = Vec::new();
                for of in all {
                    let among = Some(vec![of]);
                    let limit = claim.limit - leases.len();
                    let one = ClaimRequest { among, limit, ..claim.clone() };
                    leases.extend(self.inner.claim(&one).await?.leases);
                }
                return Ok(Claimed { leases, next: None });
            }
            _ => {}
        }
        self.inner.claim(&claim).await
    }

    /// What was claimed late is due again as if it had been in time.
    async fn after_claim(&self, of: &MappingKey, now: Timestamp) -> Result<(), StoreError> {
        let rule = "a_claimed_mapping_is_due_again_when_its_time_after_the_claim_is_over";
        let Some(mut scheduled) = self.state().scheduled.get(of).cloned() else { return Ok(()) };
        let late = scheduled.first < now;
        scheduled.first = scheduled.first.max(now - Duration::from_secs(100)) + scheduled.every;
        if late && self.breaks(rule) {
            self.inner.unschedule(of).await?;
            self.inner.schedule(&scheduled).await?;
        }
        self.state().scheduled.insert(of.clone(), scheduled);
        Ok(())
    }

    /// Takes back that mappings were woken: they are due when they were to be.
    pub(super) async fn unwake(&self, only: Option<&MappingKey>) -> Result<(), StoreError> {
        let scheduled: Vec<_> = self.state().scheduled.values().cloned().collect();
        for one in scheduled.iter().filter(|one| only.is_none_or(|of| *of == one.mapping)) {
            self.inner.unschedule(&one.mapping).await?;
            self.inner.schedule(one).await?;
        }
        Ok(())
    }

    /// What was woken while it was claimed, and is forgotten when it is given back.
    pub(super) async fn before_release(&self, of: &MappingKey) -> Result<(), StoreError> {
        let rule = "what_wakes_a_mapping_that_is_claimed_makes_it_due_again_once_its_lease_is_over";
        self.state().claimed.remove(of);
        if self.state().woken_late.remove(of) && self.breaks(rule) {
            self.unwake(Some(of)).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Budgets for Broken {
    async fn draw(&self, draw: &Draw) -> Result<Drawn, StoreError> {
        let mut draw = draw.clone();
        match self.rule {
            "all_draws_together_grant_no_more_than_the_budget_s_requests_in_any_window"
                if draw.worker == worker("one") =>
            {
                // Its own requests count a second less.
                let window = draw.budget.window.saturating_sub(Duration::from_secs(1));
                draw.budget = Budget { window, ..draw.budget };
            }
            "a_budget_is_the_tenant_s_the_connection_s_and_the_limit_s" => {
                "requests".clone_into(&mut draw.limit);
            }
            "a_draw_is_granted_at_least_what_it_asks_for_at_least" => draw.least = 1,
            _ => {}
        }
        let mut drawn = self.inner.draw(&draw).await?;
        if drawn.granted < draw.wanted && self.breaks("a_worker_is_granted_no_more_than_its_share")
        {
            // What is left it draws under another name.
            let left = draw.wanted - drawn.granted;
            let more = Draw { worker: worker("another"), wanted: left, ..draw.clone() };
            drawn.granted += self.inner.draw(&more).await?.granted;
        }
        if self.breaks("a_draw_that_is_granted_nothing_is_told_when_to_ask_again") {
            drawn.again = draw.now;
        }
        Ok(drawn)
    }
}
