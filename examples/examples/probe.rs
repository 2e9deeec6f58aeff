//! Goes through an adapter's whole life against any account, and removes what it made:
//!
//! ```text
//! cargo run --example simulator -- hubspot --port 8091 --token t
//! FLUXCASCADE_TOKEN=t cargo run --example probe -- hubspot --base-url http://127.0.0.1:8091
//! FLUXCASCADE_TOKEN=… cargo run --example probe -- jobber --object clients
//! ```
//!
//! Ctrl-C stops it between two writes; what it made by then is removed. It ends with 0 if everything
//! passed that the account can do, else with 1. What it does is in `fluxcascade_examples::probe`.

#![expect(clippy::print_stderr, reason = "a program for people")]

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use fluxcascade_connectors::{HubSpot, Jobber};
use fluxcascade_core::SystemClock;
use fluxcascade_core::connector::Connector;
use fluxcascade_core::model::ObjectType;
use fluxcascade_examples::flux::System;
use fluxcascade_examples::probe::{Report, Wanted, run};
use fluxcascade_examples::progress::Progress;
use futures::FutureExt as _;

/// Goes through an adapter's whole life against an account, and removes what it made. The token is taken
/// from the environment variable `FLUXCASCADE_TOKEN`.
#[derive(Debug, Parser)]
struct Args {
    /// The system.
    system: System,
    /// Where its API is; the real one if it is not given.
    #[arg(long)]
    base_url: Option<String>,
    /// The object type; the system's people if it is not given.
    #[arg(long)]
    object: Option<String>,
    /// A value for a field that a create needs, as FIELD=VALUE.
    #[arg(long, value_parser = field_and_value)]
    set: Vec<(String, String)>,
    /// So many pages of the account's records are read at most, to find where changes begin.
    #[arg(long, default_value_t = 200)]
    pages: usize,
}

fn field_and_value(text: &str) -> Result<(String, String), String> {
    let both = text.split_once('=').map(|(field, value)| (field.to_owned(), value.to_owned()));
    both.ok_or_else(|| "write FIELD=VALUE".to_owned())
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    match probe(args).await {
        Ok(report) if report.is_fine() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("probe: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn probe(args: Args) -> Result<Report, Box<dyn Error>> {
    let token = std::env::var("FLUXCASCADE_TOKEN")
        .map_err(|_| "put the account's token into the environment variable FLUXCASCADE_TOKEN")?;
    let (connector, people): (Arc<dyn Connector>, _) = match args.system {
        System::HubSpot => {
            let mut builder = HubSpot::builder().token(token);
            if let Some(base_url) = args.base_url {
                builder = builder.base_url(base_url);
            }
            (Arc::new(builder.build()?), "contacts")
        }
        System::Jobber => {
            let mut builder = Jobber::builder().token(token);
            if let Some(base_url) = args.base_url {
                builder = builder.base_url(base_url);
            }
            (Arc::new(builder.build()?), "clients")
        }
    };
    let wanted = Wanted {
        connector,
        object: ObjectType::new(args.object.as_deref().unwrap_or(people))?,
        given: args.set,
        most_pages: args.pages,
        clock: Arc::new(SystemClock),
        progress: Arc::new(Progress::on_stderr()),
    };
    let stop = tokio::signal::ctrl_c().map(|_| ()).boxed().shared();
    Ok(run(wanted, stop, &mut std::io::stdout()).await?)
}
