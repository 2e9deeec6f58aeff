//! What tokens say of their ends, and what a browser comes back with. The whole way, against simulators, is
//! in `tests/oauth.rs`.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fluxcascade_core::connector::ErrorKind;
use fluxcascade_core::model::Timestamp;
use secrecy::ExposeSecret;
use serde_json::json;

use super::PendingAuthorization;
use super::flow::{MayBe, code};
use super::token::{Life, TokenAnswer};

const NOON: Timestamp = Timestamp::from_secs(1_772_366_400);
const HOUR: Duration = Duration::from_secs(3600);

fn life(answer: &serde_json::Value) -> u64 {
    let answer: TokenAnswer = serde_json::from_value(answer.clone()).unwrap();
    Life { unless_told: HOUR }.of(&answer, NOON).as_secs()
}

fn jwt(claims: &serde_json::Value) -> String {
    format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

#[test]
fn no_expires_in_is_needed_where_the_token_says_when_it_ends() {
    let exp = NOON.micros() / 1_000_000 + 900;
    assert_eq!(life(&json!({ "access_token": jwt(&json!({ "exp": exp })) })), 900);
    assert_eq!(life(&json!({ "access_token": "opaque", "expires_in": 1800 })), 1800);
    let dated = json!({ "access_token": "opaque", "expires_at": "2026-03-01 12:10:00 UTC" });
    assert_eq!(life(&dated), 600);
    let dated = json!({ "access_token": "opaque", "expires_at": "2026-03-01T12:10:00Z" });
    assert_eq!(life(&dated), 600);
    assert_eq!(life(&json!({ "access_token": "opaque" })), 3600);
}

/// A rotated pair is answered once.
#[test]
fn an_end_that_is_written_in_another_way_loses_no_tokens() {
    for (told, seconds) in [
        (json!("1800"), 1800),
        (json!(1800.5), 1800),
        (json!(null), 3600),
        (json!([]), 3600),
        (json!("soon"), 3600),
        (json!(-1), 3600),
    ] {
        let answer =
            json!({ "access_token": "a", "expires_in": told, "expires_at": 1_772_370_000 });
        assert_eq!(life(&answer), seconds, "{told}");
    }
}

#[test]
fn an_end_that_is_none_is_not_believed() {
    for exp in [json!(-1), json!(i64::MAX), json!("soon"), json!(null)] {
        let token = jwt(&json!({ "exp": exp }));
        assert_eq!(life(&json!({ "access_token": token })), 3600, "{exp}");
    }
    assert_eq!(life(&json!({ "access_token": "a..b", "expires_at": "tomorrow" })), 3600);
    let longest = life(&json!({ "access_token": "a", "expires_in": u64::MAX }));
    assert_eq!(longest, 400 * 24 * 3600);
}

fn pending() -> PendingAuthorization {
    PendingAuthorization { state: "s+t/a=te".to_owned(), verifier: None, account: MayBe::TheSame }
}

fn refused(callback: &str) -> String {
    let error = code(&pending(), callback, "Jobber").unwrap_err();
    assert_eq!(error.kind, ErrorKind::Auth);
    error.message
}

#[test]
fn a_browser_that_comes_back_from_what_was_begun_has_the_code() {
    let callback = "https://acme.example/connected?code=a%2Fb%2Bc&state=s%2Bt%2Fa%3Dte#_";
    assert_eq!(code(&pending(), callback, "Jobber").unwrap().expose_secret(), "a/b+c");
}

#[test]
fn a_browser_that_comes_from_elsewhere_has_none() {
    let back = |query: &str| format!("https://acme.example/connected?{query}");
    assert!(refused(&back("code=c")).contains("`begin`"), "a start from the vendor's pages");
    assert!(refused(&back("code=c&state=other")).contains("another state"));
    assert!(refused(&back("code=c&state=")).contains("another state"));
    assert!(refused(&back("state=s%2Bt%2Fa%3Dte")).contains("not allowed"));
    assert!(refused("https://acme.example/connected").contains("not allowed"));
    let denied = back("error=access_denied%0Aann@x.io&state=s%2Bt%2Fa%3Dte");
    assert!(refused(&denied).ends_with("access_deniedann@x.io"), "no line of its own");
    assert!(refused(&back(&"x".repeat(20_000))).contains("that long"));
}

#[test]
fn what_is_kept_in_the_session_comes_back_whole_and_is_not_shown() {
    let kept = serde_json::to_string(&pending()).unwrap();
    let back: PendingAuthorization = serde_json::from_str(&kept).unwrap();
    assert_eq!(back, pending());
    assert!(!format!("{back:?}").contains("s+t"));
}
