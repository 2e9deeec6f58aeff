//! The example of the ids of the other side tells its story to the end, and checks it on its way.

#![allow(clippy::unwrap_used, reason = "tests, and their helpers")]

#[path = "../examples/external_ids/story.rs"]
mod story;

#[tokio::test]
async fn both_ids_keep_one_link_through_a_changed_e_mail_and_a_lost_store() {
    let mut out = Vec::new();
    story::tell(&mut out).await.unwrap();
    let told = String::from_utf8(out).unwrap();
    assert!(told.ends_with("by their ids; the one e-mail was written.\n"), "{told}");
}
