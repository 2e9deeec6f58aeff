//! Serves a simulated business system on 127.0.0.1 until Ctrl-C, filled with synthetic people.
//!
//! ```text
//! cargo run --example simulator -- hubspot --port 8091 --records 1000 --seed 7
//! cargo run --example simulator -- jobber --port 8092 --records 1000 --seed 7
//! cargo run --example simulator -- hubspot --port 8091 --token t
//! ```
//!
//! With `--token T` any other access token is refused, as the vendor refuses it: try a client's handling of
//! that out, or see that it sends the right one. Without it any token is taken.
//!
//! What the simulators do is in `fluxcascade_connectors::sim`; here they are only started.

#![expect(clippy::print_stdout, reason = "a program for people, who read its standard output")]

use std::error::Error;

use clap::{Parser, ValueEnum};
use fluxcascade_connectors::sim::SimConfig;
use fluxcascade_connectors::sim::hubspot::HubSpotSim;
use fluxcascade_connectors::sim::jobber::JobberSim;

/// Serves a simulated business system on 127.0.0.1 until Ctrl-C.
#[derive(Debug, Parser)]
struct Args {
    /// The system.
    name: System,
    /// The port; a free one if it is not given.
    #[arg(long)]
    port: Option<u16>,
    /// How many synthetic records it has.
    #[arg(long, default_value_t = 100)]
    records: u64,
    /// The same seed gives the same people in every system, and the same behaviour.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The only access token that is taken; any is if it is not given.
    #[arg(long)]
    token: Option<String>,
}

/// The systems that can be simulated.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum System {
    /// HubSpot's contacts.
    Hubspot,
    /// Jobber's clients.
    Jobber,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let config = SimConfig {
        port: args.port,
        token: args.token.map(Into::into),
        ..SimConfig::new(args.seed)
    };
    // The simulator stops when it is dropped, so each arm holds its own until the end.
    match args.name {
        System::Hubspot => {
            let sim = HubSpotSim::start(config).await?;
            sim.seed_people(args.records)?;
            until_stopped("HubSpot", &sim.base_url(), args.records).await?;
        }
        System::Jobber => {
            let sim = JobberSim::start(config).await?;
            sim.seed_people(args.records);
            until_stopped("Jobber", &sim.base_url(), args.records).await?;
        }
    }
    Ok(())
}

/// Says where the system is, and waits for Ctrl-C.
async fn until_stopped(system: &str, base_url: &str, records: u64) -> Result<(), Box<dyn Error>> {
    println!("{system} with {records} records at {base_url}");
    println!("its request log: {base_url}/__sim/requests; Ctrl-C stops it");
    tokio::signal::ctrl_c().await?;
    Ok(())
}
