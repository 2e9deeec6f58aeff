//! Grants that are dead: told once, asked for never again, and connected anew.

use std::time::Duration;

use fluxcascade_connectors::http::ConnectionState;
use fluxcascade_connectors::sim::{Effect, FaultRule, When};
use fluxcascade_core::Reader;
use fluxcascade_core::connector::ErrorKind;

use super::bench::{HubSpotBench, JobberBench, connect};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_refresh_whose_answer_was_lost_ends_as_expired_without_a_loop_and_reconnecting_mends_it()
{
    let (bench, jobber) = JobberBench::connected().await;
    bench.clock.advance(61 * MINUTE);
    let lost = FaultRule::new(When::Next(1), Effect::LostAnswer).path("*/oauth/token");
    bench.sim.add_fault(lost);
    assert_eq!(jobber.account().await.unwrap_err().kind, ErrorKind::Transient);
    bench.clock.advance(MINUTE);
    for process in [&jobber, &bench.process()] {
        for _ in 0..20 {
            let error = process.account().await.unwrap_err();
            assert_eq!(error.kind, ErrorKind::Auth);
            assert!(error.message.contains("reconnect the account"), "{error}");
            bench.clock.advance(10 * MINUTE);
        }
        let status = process.status().await;
        assert_eq!(status.state, ConnectionState::Expired);
        assert!(status.why.unwrap().contains("reconnect"));
    }
    assert_eq!(bench.renewals(), 2, "the one that was lost, and the one that was refused");

    let other = bench.process();
    connect(other.oauth().unwrap()).await;
    for process in [&jobber, &other] {
        process.account().await.unwrap();
        assert_eq!(process.status().await.state, ConnectionState::Active);
    }
}

#[tokio::test]
async fn a_revoked_grant_is_told_apart_from_a_passing_401() {
    let (bench, hubspot) = HubSpotBench::connected().await;
    bench.clock.advance(2 * MINUTE);
    bench.sim.revoke_grants();
    for _ in 0..5 {
        let error = hubspot.account().await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Auth);
        assert!(error.message.contains("does not renew this connection"), "{error}");
        bench.clock.advance(5 * MINUTE);
    }
    let asked = hubspot.requests().of("account");
    assert_eq!(asked, 1 + 1, "as it was connected, and then once: nobody asks in vain");
    assert_eq!(hubspot.status().await.state, ConnectionState::Expired);
    assert_eq!(bench.process().status().await.state, ConnectionState::Expired);
}

#[tokio::test]
async fn a_fixed_token_that_is_refused_is_expired_and_a_system_that_fails_is_an_error() {
    use fluxcascade_connectors::HubSpot;
    use fluxcascade_connectors::sim::SimConfig;
    use fluxcascade_connectors::sim::hubspot::HubSpotSim;
    let sim = HubSpotSim::start(SimConfig::new(1).token("right")).await.unwrap();
    let builder = |token: &str| HubSpot::builder().token(token.to_owned()).base_url(sim.base_url());
    let wrong = builder("wrong").build().unwrap();
    assert_eq!(wrong.status().await.state, ConnectionState::Active, "nothing is known yet");
    wrong.account().await.unwrap_err();
    assert_eq!(wrong.status().await.state, ConnectionState::Expired);

    let clock = super::bench::clock();
    let right = builder("right").clock(clock).build().unwrap();
    sim.add_fault(FaultRule::new(When::Always, Effect::Status(503)));
    for _ in 0..2 {
        assert_eq!(right.account().await.unwrap_err().kind, ErrorKind::Transient);
    }
    assert_eq!(right.status().await.state, ConnectionState::Error);
    assert_eq!(right.requests().total(), 10);
    let error = right.account().await.unwrap_err();
    assert!(error.message.contains("left in peace"), "{error}");
    assert_eq!(right.requests().total(), 10, "the breaker is open");
}

#[tokio::test]
async fn tokens_of_another_app_or_system_go_nowhere_and_stay_what_they_are() {
    let (bench, hubspot) = HubSpotBench::connected().await;
    let other = bench.process_of("app 2", "s3cret");
    bench.clock.advance(31 * MINUTE);
    for _ in 0..3 {
        let error = other.account().await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Auth);
        assert!(error.message.contains("another system, address or app"), "{error}");
    }
    let error = other.disconnect().await.unwrap_err();
    assert!(error.message.contains("another system, address or app"), "{error}");
    assert_eq!(other.requests().total(), 0);
    hubspot.account().await.unwrap();
}
