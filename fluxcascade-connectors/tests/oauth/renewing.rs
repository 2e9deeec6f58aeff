//! Tokens that are renewed, by one, ahead of time, and stored before they are used.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use fluxcascade_connectors::http::ConnectionState;
use fluxcascade_connectors::sim::{Effect, FaultRule, OffsetClock, SteeredClock, When};
use fluxcascade_core::connector::ErrorKind;
use fluxcascade_core::{Clock, Reader};
use futures::future::join_all;

use super::bench::{HubSpotBench, JobberBench, connect};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_token_is_renewed_ahead_of_its_end_and_no_call_meets_one_that_ended() {
    let (bench, hubspot) = HubSpotBench::connected().await;
    for _ in 0..40 {
        hubspot.account().await.unwrap();
        bench.clock.advance(5 * MINUTE);
    }
    let refused = bench.sim.requests().iter().filter(|r| r.status == Some(401)).count();
    assert_eq!(refused, 0);
    // 200 minutes, and each token is used for 25 of its 30.
    assert_eq!(hubspot.requests().of("token"), 1 + 7, "the first one is the code's");
}

/// Jobber's trap of rotation: a second refresh with the same token ends the connection.
#[tokio::test]
async fn rotation_however_many_tasks_and_processes_ask_one_of_them_renews() {
    // Who waits for another one's renewal really waits: a clock that stands still would run ahead of it.
    let (bench, first) = JobberBench::connected_with(Arc::new(OffsetClock::default())).await;
    let others: Vec<_> = (0..5).map(|_| bench.process()).collect();
    let all: Vec<_> = std::iter::once(&first).chain(&others).collect();
    for _ in 0..10 {
        bench.clock.advance(56 * MINUTE);
        let calls = all.iter().flat_map(|jobber| [jobber.account(), jobber.account()]);
        for answer in join_all(calls).await {
            answer.unwrap();
        }
    }
    assert_eq!(bench.renewals(), 10);
    assert_eq!(first.status().await.state, ConnectionState::Active);
}

/// Jobber's trap of tokens without `expires_in`: the end is in the token, by Jobber's clock.
#[tokio::test]
async fn no_expires_in_and_a_token_is_renewed_in_time_all_the_same() {
    let (bench, jobber) = JobberBench::connected().await;
    bench.clock.advance(54 * MINUTE);
    jobber.account().await.unwrap();
    assert_eq!(bench.renewals(), 0);
    bench.clock.advance(2 * MINUTE);
    jobber.account().await.unwrap();
    assert_eq!(bench.renewals(), 1);
}

/// Another process renews, and what this one has is dead at Jobber at once.
#[tokio::test]
async fn a_token_that_another_process_has_renewed_is_taken_from_the_store_and_not_renewed_again() {
    let (bench, first) = JobberBench::connected().await;
    let second = bench.process();
    bench.clock.advance(54 * MINUTE + MINUTE / 2);
    second.account().await.unwrap();
    bench.clock.advance(2 * MINUTE);
    first.account().await.unwrap();
    // The second one's clock is behind, so that it neither renews ahead of time nor looks.
    bench.clock.set(bench.clock.now() - MINUTE - MINUTE * 3 / 4);
    second.account().await.unwrap();
    assert_eq!(bench.renewals(), 1);
    let refused = bench.sim.requests().iter().filter(|r| r.status == Some(401)).count();
    assert_eq!(refused, 1, "it was used once more");
}

#[tokio::test]
async fn a_passing_401_is_met_by_one_renewal_and_the_call_goes_on() {
    let (bench, hubspot) = HubSpotBench::connected().await;
    bench.clock.advance(2 * MINUTE);
    bench.sim.expire_tokens();
    hubspot.account().await.unwrap();
    let paths: Vec<String> = bench.sim.requests().into_iter().map(|r| r.path).collect();
    let account = "/account-info/v3/details";
    assert_eq!(paths, [account, "/oauth/v3/token", account]);
}

#[tokio::test]
async fn a_401_that_stays_is_met_by_one_renewal_alone() {
    let (bench, hubspot) = HubSpotBench::connected().await;
    bench.clock.advance(2 * MINUTE);
    let always = FaultRule::new(When::Always, Effect::Status(401)).path("/account-info/*");
    bench.sim.add_fault(always);
    for _ in 0..5 {
        let error = hubspot.account().await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Auth);
    }
    assert_eq!(hubspot.requests().of("token"), 2, "the code's and one");
    assert_eq!(hubspot.requests().of("account"), 1 + 6, "as it was connected, and then");
    bench.sim.clear_faults();
    hubspot.account().await.unwrap();
    assert_eq!(hubspot.status().await.state, ConnectionState::Active);
}

#[tokio::test]
async fn a_token_endpoint_that_is_away_ends_nothing_and_is_asked_now_and_then() {
    let (bench, jobber) = JobberBench::connected().await;
    bench.sim.add_fault(FaultRule::new(When::Always, Effect::LostRequest).path("*/oauth/token"));
    bench.clock.advance(56 * MINUTE);
    for _ in 0..5 {
        jobber.account().await.unwrap();
    }
    assert_eq!(bench.renewals(), 1, "what there is still holds");
    bench.clock.advance(5 * MINUTE);
    for _ in 0..5 {
        let error = jobber.account().await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Transient, "{error}");
    }
    assert_eq!(bench.renewals(), 2);
    bench.sim.clear_faults();
    bench.clock.advance(MINUTE);
    jobber.account().await.unwrap();
}

#[tokio::test]
async fn a_new_pair_that_the_store_did_not_take_is_stored_later_and_not_lost() {
    let (bench, jobber) = JobberBench::connected().await;
    bench.clock.advance(61 * MINUTE);
    bench.tokens.failing.store(3, Ordering::SeqCst);
    jobber.account().await.unwrap();
    assert_eq!(bench.renewals(), 1, "a store that is away for a moment is waited for");

    bench.sim.clear_requests();
    let before = jobber.requests().of("account");
    bench.clock.advance(61 * MINUTE);
    bench.tokens.failing.store(u32::MAX, Ordering::SeqCst);
    let error = jobber.account().await.unwrap_err();
    assert!(error.message.contains("the disk is full"), "{error}");
    assert_eq!(jobber.requests().of("account"), before, "nothing is used before it is stored");
    bench.tokens.failing.store(0, Ordering::SeqCst);
    bench.clock.advance(MINUTE);
    jobber.account().await.unwrap();
    assert_eq!(bench.renewals(), 1, "what was answered is not asked for again");
}

#[tokio::test]
async fn an_app_that_is_not_known_does_not_end_the_connection() {
    let (bench, hubspot) = HubSpotBench::connected().await;
    let wrong = bench.process_of("app 1", "another secret");
    bench.clock.advance(31 * MINUTE);
    let error = wrong.account().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Permanent);
    assert!(error.message.contains("`oauth.client_secret`"), "{error}");
    hubspot.account().await.unwrap();
}

/// Whoever asked may be gone (a timeout around it, a server that shuts down), and what the vendor answers is
/// answered once.
#[tokio::test]
async fn a_renewal_comes_to_its_end_though_whoever_asked_for_it_has_gone() {
    let (bench, jobber) = JobberBench::connected_with(Arc::new(OffsetClock::default())).await;
    bench.clock.advance(61 * MINUTE);
    let slow = FaultRule::new(When::Next(1), Effect::Delay(200)).path("*/oauth/token");
    bench.sim.add_fault(slow);
    bench.given_up(jobber.account()).await;
    bench.process().account().await.unwrap();
    assert_eq!(bench.renewals(), 1);
    jobber.account().await.unwrap();
}

/// One that stood still between its claim and its request must not ask with what another has used.
#[tokio::test]
async fn a_process_that_stood_still_does_not_use_a_refresh_token_a_second_time() {
    let (bench, late) = JobberBench::connected().await;
    bench.clock.advance(61 * MINUTE);
    let other = bench.process();
    *bench.tokens.standing_still.lock().unwrap() = Some(Arc::clone(&bench.clock));
    let error = late.account().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Transient, "{error}");
    assert_eq!(bench.renewals(), 0, "its request did not leave");
    other.account().await.unwrap();
    bench.clock.advance(MINUTE);
    late.account().await.unwrap();
    assert_eq!(bench.renewals(), 1);
}

#[tokio::test]
async fn a_new_token_that_was_refused_is_looked_up_as_another_process_may_have_a_newer_one() {
    let (bench, jobber) = JobberBench::connected().await;
    jobber.account().await.unwrap();
    connect(bench.process().oauth().unwrap()).await;
    bench.sim.clear_requests();
    let refused = FaultRule::new(When::Next(1), Effect::Status(401)).path("*/graphql");
    bench.sim.add_fault(refused);
    jobber.account().await.unwrap();
    assert_eq!(bench.renewals(), 0);
}

#[tokio::test]
async fn a_store_that_is_away_ends_nothing_while_the_token_holds() {
    let (bench, jobber) = JobberBench::connected().await;
    jobber.account().await.unwrap();
    bench.clock.advance(2 * MINUTE);
    bench.tokens.unreadable.store(true, Ordering::SeqCst);
    jobber.account().await.unwrap();
    bench.clock.advance(60 * MINUTE);
    let error = jobber.account().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Transient, "{error}");
    assert!(error.message.contains("could not be read"), "{error}");
}

/// The time that a clock lost is not waited for.
#[tokio::test]
async fn a_clock_that_was_set_back_does_not_prolong_a_rest() {
    let (bench, hubspot) = HubSpotBench::connected().await;
    bench.clock.advance(2 * MINUTE);
    bench.sim.expire_tokens();
    bench.sim.add_fault(FaultRule::new(When::Next(1), Effect::LostRequest).path("/oauth/*"));
    hubspot.account().await.unwrap_err();
    bench.clock.set(bench.clock.now() - 60 * MINUTE);
    hubspot.account().await.unwrap();
}

/// It may have died over it.
#[tokio::test]
async fn nobody_waits_for_another_ones_renewal_while_the_token_holds() {
    let (bench, jobber) = JobberBench::connected().await;
    bench.clock.advance(56 * MINUTE);
    bench.claimed_by_one_who_died().await;
    let began = bench.clock.now();
    jobber.account().await.unwrap();
    assert_eq!((bench.clock.now(), bench.renewals()), (began, 0));
    // Then somebody has to renew it, who waits until the claim is over.
    bench.clock.advance(4 * MINUTE);
    jobber.account().await.unwrap();
    assert_eq!(bench.renewals(), 1);
}

#[tokio::test]
async fn nobody_waits_for_another_task_that_renews_while_the_token_holds() {
    let (bench, jobber) = JobberBench::connected_with(Arc::new(OffsetClock::default())).await;
    bench.clock.advance(56 * MINUTE);
    let slow = FaultRule::new(When::Next(1), Effect::Delay(3_000)).path("*/oauth/token");
    bench.sim.add_fault(slow);
    bench.given_up(jobber.account()).await;
    jobber.account().await.unwrap();
    let requests = bench.sim.requests();
    let renewal = requests.iter().find(|request| request.path == "/api/oauth/token").unwrap();
    assert_eq!(renewal.status, None, "it was not waited for");
}
