//! Letting go of an account.

use super::*;

/// There is nobody to tell.
#[tokio::test]
async fn an_account_whose_user_has_disconnected_the_app_is_let_go_of() {
    let left = json!({ "message": "User has disconnected this app from their account" });
    for status in [401, 403] {
        let answer = ResponseTemplate::new(status).set_body_json(&left);
        Stage::with(vec![answer]).await.jobber.disconnect().await.unwrap();
    }
    let ended = json!({ "message": "Access token expired" });
    let answer = ResponseTemplate::new(401).set_body_json(&ended);
    let error = Stage::with(vec![answer]).await.jobber.disconnect().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Auth);
}

/// The message of each sync says to disconnect it here.
#[tokio::test]
async fn an_account_that_is_not_active_can_be_let_go_of() {
    let inactive = "This account is not active";
    for status in [200, 401, 403] {
        for body in [json!({ "message": inactive }), json!({ "error": { "message": inactive } })] {
            let answer = ResponseTemplate::new(status).set_body_json(&body);
            Stage::with(vec![answer]).await.jobber.disconnect().await.unwrap();
        }
    }
}
