//! The worker processes, as the one that started them sees them.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use crate::Outcome;
use crate::worker::Order;

/// How long is waited for a word of somebody.
const PATIENCE: Duration = Duration::from_secs(90);

/// What a worker said.
#[derive(Debug, Clone)]
pub(crate) enum Said {
    /// It began a run of a city.
    Begins(String),
    /// It has synced a city.
    Synced(String),
    /// Its output ended.
    Nothing,
}

/// The processes by number. Those that are left are killed when it is dropped.
pub(crate) struct Crew {
    workers: BTreeMap<usize, Child>,
    hired: usize,
    say: Sender<(usize, Said)>,
    said: Receiver<(usize, Said)>,
    /// Cities whose runs were done, and nobody waited for.
    done: Vec<String>,
}

impl Default for Crew {
    fn default() -> Self {
        let (say, said) = channel();
        Self { workers: BTreeMap::new(), hired: 0, say, said, done: Vec::new() }
    }
}

impl Crew {
    /// Starts one more.
    pub(crate) fn hire(&mut self, order: &Order) -> Outcome<()> {
        self.hired += 1;
        let number = self.hired;
        let mut child = Command::new(std::env::current_exe()?)
            .arg("--worker")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        if let Some(input) = &mut child.stdin {
            writeln!(input, "{}", serde_json::to_string(order)?)?;
        }
        if let Some(output) = child.stdout.take() {
            let say = self.say.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    println!("worker {number}: {line}");
                    let mut words = line.splitn(3, ' ');
                    let said = match (words.next(), words.next()) {
                        (Some("begins"), Some(city)) => Said::Begins(city.to_owned()),
                        (Some("synced"), Some(city)) => Said::Synced(city.to_owned()),
                        _ => continue,
                    };
                    let _ = say.send((number, said));
                }
                let _ = say.send((number, Said::Nothing));
            });
        }
        self.workers.insert(number, child);
        Ok(())
    }

    /// SIGKILL: it has no chance to tidy up.
    pub(crate) fn kill(&mut self, number: usize) {
        if let Some(mut child) = self.workers.remove(&number) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    fn hear(&mut self) -> Outcome<(usize, Said)> {
        match self.said.recv_timeout(PATIENCE) {
            Ok((number, Said::Nothing)) if self.workers.contains_key(&number) => {
                Err(format!("worker {number} ended by itself: what it said is above").into())
            }
            Ok(said) => Ok(said),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                Err("no worker has said anything for a long time".into())
            }
        }
    }

    /// Waits until each city was synced.
    pub(crate) fn until_synced(&mut self, cities: &[&str]) -> Outcome<()> {
        let mut left: Vec<&str> = cities.to_vec();
        left.retain(|city| !self.done.iter().any(|done| done == city));
        self.done.clear();
        while !left.is_empty() {
            if let (_, Said::Synced(city)) = self.hear()? {
                left.retain(|name| *name != city);
            }
        }
        Ok(())
    }

    /// Waits until somebody begins a run: who, and of which city.
    pub(crate) fn until_one_begins(&mut self) -> Outcome<(usize, String)> {
        loop {
            match self.hear()? {
                (number, Said::Begins(city)) => return Ok((number, city)),
                (_, Said::Synced(city)) => self.done.push(city),
                (_, Said::Nothing) => {}
            }
        }
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        let numbers: Vec<usize> = self.workers.keys().copied().collect();
        for number in numbers {
            self.kill(number);
        }
    }
}
