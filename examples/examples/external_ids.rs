//! Each record has the id of its twin in a field of its own:
//!
//! ```text
//! cargo run --example external_ids
//! ```
//!
//! HubSpot and Jobber are servers on this machine, and everybody goes by one clock. Both ids are stored on
//! both sides; an e-mail is changed on one side, and there is still one link; the store is deleted, and
//! everybody is linked again by the ids. The program checks what it shows, and fails if it is not so.

#[path = "external_ids/story.rs"]
mod story;

#[tokio::main]
async fn main() -> story::Outcome<()> {
    story::tell(&mut std::io::stdout()).await
}
