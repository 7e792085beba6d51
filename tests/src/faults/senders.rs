//! The sender processes of a run, and how they are killed.

use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::Plan;
use super::dice::Dice;

/// The running sender processes. A killed one is replaced at once.
pub(super) struct Senders {
    program: PathBuf,
    spec: PathBuf,
    folder: PathBuf,
    began: Instant,
    alive: Vec<Process>,
    /// Processes that end their work after a stop.
    stopping: Vec<Process>,
    /// The names of the killed processes.
    pub(super) killed: HashSet<String>,
    /// The names of all processes, in order of their start.
    pub(super) names: Vec<String>,
    /// The time and the slot of each kill.
    pub(super) deaths: Vec<(Duration, usize)>,
}

struct Process {
    name: String,
    child: Child,
}

impl Senders {
    /// Starts the sender processes of the plan.
    pub(super) fn start(plan: &Plan, spec: &Path, folder: &Path, began: Instant) -> Result<Self, String> {
        let mut senders = Self {
            program: plan.program.clone(),
            spec: spec.to_owned(),
            folder: folder.to_owned(),
            began,
            alive: Vec::new(),
            stopping: Vec::new(),
            killed: HashSet::new(),
            names: Vec::new(),
            deaths: Vec::new(),
        };
        for slot in 0..plan.senders {
            let process = senders.spawn(slot)?;
            senders.alive.push(process);
        }
        Ok(senders)
    }

    fn spawn(&mut self, slot: usize) -> Result<Process, String> {
        // The name for EHLO, by which a relay identifies the sender of a connection.
        let name = format!("sender-{slot}-{}.faults.test", self.names.len());
        let said =
            File::create(self.folder.join(format!("{name}.log"))).map_err(|error| error.to_string())?;
        let child = Command::new(&self.program)
            .arg(&self.spec)
            .arg(&name)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(said)
            .spawn()
            .map_err(|error| format!("{}: {error}", self.program.display()))?;
        self.names.push(name.clone());
        Ok(Process { name, child })
    }

    /// Kills the sender with this name (SIGKILL), unless it is dead already.
    pub(super) fn kill_named(&mut self, name: &str) -> Result<(), String> {
        match self.alive.iter().position(|process| process.name == name) {
            Some(slot) => self.kill(slot),
            None => Ok(()),
        }
    }

    /// Kills a random sender (SIGKILL).
    pub(super) fn kill_one(&mut self, dice: &mut Dice) -> Result<(), String> {
        let slot = usize::try_from(dice.roll(self.alive.len() as u64)).unwrap_or(0);
        self.kill(slot)
    }

    /// Stops a random sender as for a new version: it begins no further mail, and another one takes its place at once.
    pub(super) fn stop_one(&mut self, dice: &mut Dice) -> Result<(), String> {
        let slot = usize::try_from(dice.roll(self.alive.len() as u64)).unwrap_or(0);
        let next = self.spawn(slot)?;
        let mut process = std::mem::replace(&mut self.alive[slot], next);
        drop(process.child.stdin.take());
        self.stopping.push(process);
        Ok(())
    }

    /// How many senders were stopped.
    pub(super) fn stopped(&self) -> usize {
        self.stopping.len()
    }

    fn kill(&mut self, slot: usize) -> Result<(), String> {
        let process = &mut self.alive[slot];
        process.child.kill().and_then(|()| process.child.wait()).map_err(|error| error.to_string())?;
        self.deaths.push((self.began.elapsed(), slot));
        self.killed.insert(process.name.clone());
        self.alive[slot] = self.spawn(slot)?;
        Ok(())
    }

    /// Lets the living senders finish their work. Returns every error of a sender: an exit by itself, or output such
    /// as a panic.
    pub(super) fn end(&mut self) -> Vec<String> {
        let mut wrong = Vec::new();
        for process in self.alive.iter_mut().chain(&mut self.stopping) {
            drop(process.child.stdin.take());
            match process.child.wait() {
                Ok(status) if status.success() => {}
                ended => wrong.push(format!("{} ended with {ended:?}", process.name)),
            }
        }
        for name in &self.names {
            let said = std::fs::read_to_string(self.folder.join(format!("{name}.log"))).unwrap_or_default();
            if !said.is_empty() {
                wrong.push(format!("{name} said: {said}"));
            }
        }
        wrong
    }
}
