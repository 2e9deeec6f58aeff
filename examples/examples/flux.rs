//! The main job from a file, without code:
//!
//! ```text
//! cargo run --example flux -- check --config examples/sync.toml
//! cargo run --example flux -- plan -o plan.json
//! cargo run --example flux -- apply plan.json
//! cargo run --example flux -- sync
//! cargo run --example flux -- log --limit 5
//! cargo run --example flux -- desk contacts
//! cargo run --example flux -- connect jobber
//! ```
//!
//! What it does is in `fluxcascade_examples::flux`; what the file may say is told there, too.

#![expect(clippy::print_stderr, reason = "a program for people, who are asked something")]

use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use fluxcascade_core::SystemClock;
use fluxcascade_examples::flux::args::Args;
use fluxcascade_examples::flux::{Host, Vars, run};
use fluxcascade_examples::progress::Progress;
use futures::FutureExt as _;
use futures::future::BoxFuture;

/// Asks the person to go there, and for the address that the browser was sent back to.
fn browser(url: &str) -> BoxFuture<'static, std::io::Result<String>> {
    eprintln!("open this address, and allow it: {url}");
    eprint!("then paste the whole address that the browser was sent to: ");
    let mut line = String::new();
    let read = std::io::stdin().read_line(&mut line).map(|_| line);
    std::future::ready(read).boxed()
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let (mut out, mut err) = (std::io::stdout(), std::io::stderr());
    let host = Host {
        vars: Vars::of_process(),
        clock: Arc::new(SystemClock),
        out: &mut out,
        err: &mut err,
        browser: &mut |url| browser(&url),
        progress: Arc::new(Progress::on_stderr()),
    };
    ExitCode::from(run(&args, host).await.code())
}
