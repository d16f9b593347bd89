//! Machines and desks: what each does, and letting a stopped one go on.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::base::Fault;
use crate::base::ids::MachineId;
use crate::job::Fact;
use crate::line::Line;
use crate::line::progress::{Activity, MachineProgress};

use super::fault::{ALREADY, BY_HAND, NO_MACHINE, NOT_RUNNING, NOT_STOPPED};
use super::{Answer, Who, record, tell};

/// What can be asked about positions.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "do", deny_unknown_fields)]
pub enum Request {
    /// All, and what each does.
    List,
    /// A person has looked: it may go on.
    Resume {
        /// Which.
        machine: MachineId,
    },
    /// It finishes the card in it and waits.
    Stop {
        /// Which.
        machine: MachineId,
    },
}

/// Answers.
///
/// # Errors
/// `CTL-011` for an unknown name, `CTL-012` and `CTL-015` if it is so already, `CTL-016` if nothing runs.
pub async fn act(line: &Line, who: &Who, request: Request) -> Result<Answer, Fault> {
    match request {
        Request::List => Ok(list(line)),
        Request::Resume { machine } => resume(line, who, &machine).await,
        Request::Stop { machine } => stop(line, who, &machine).await,
    }
}

/// All machines and desks; not good if one is stopped.
#[must_use]
pub fn list(line: &Line) -> Answer {
    let machines = line.progress.snapshot().machines;
    if machines.is_empty() {
        return Answer::good(
            "No machine runs: there is no controller.",
            json!({ "machines": {} }),
        );
    }
    let text: Vec<String> = machines.iter().map(|(id, state)| words(id, state)).collect();
    let stopped = machines.values().any(|state| state.stopped);
    let data = json!({ "machines": machines });
    Answer {
        text: text.join("\n"),
        data,
        good: !stopped,
    }
}

/// One machine in one line.
pub(super) fn words(id: &MachineId, state: &MachineProgress) -> String {
    let does = match state.activity {
        Activity::Waiting => "waits".to_owned(),
        Activity::Step(step) => tell::noun(step).to_owned(),
        // Nobody needs to let it go on, but somebody to bring the reader back.
        Activity::Stopped(_) if let Some(away) = state.reader.filter(|_| !state.waits_for_a_person()) => {
            format!(
                "STOPPED ({}: {}) until its reader is back. {}",
                away.id, away.en, away.next_en
            )
        }
        Activity::Stopped(_) if let Some(empty) = state.feeder.filter(|_| !state.waits_for_a_person()) => {
            format!(
                "STOPPED ({}: {}) until it has blanks. {}",
                empty.id, empty.en, empty.next_en
            )
        }
        Activity::Stopped(code) => {
            format!("STOPPED ({code}); let it go on with: cardwright position resume {id}")
        }
    };
    format!(
        "{:<8} {:>6} made {:>4} refused  {does}",
        id.as_str(),
        state.made,
        state.spoiled
    )
}

async fn resume(line: &Line, who: &Who, machine: &MachineId) -> Result<Answer, Fault> {
    let state = known(line, machine)?;
    if !state.waits_for_a_person() {
        let waits = state
            .reader
            .or(state.feeder)
            .map(|away| format!(": {} {}", away.id, away.en));
        return Err(Fault::new(
            &NOT_STOPPED,
            format!("{machine}{}", waits.unwrap_or_default()),
        ));
    }
    // The record first: a machine must not run again without it.
    let fact = Fact::PositionResumed {
        machine: machine.clone(),
        by: who.people(),
    };
    record(line, vec![fact]).await?;
    line.brake().resume(machine);
    line.progress.resumed(machine);
    Ok(answer(machine, "goes on", false))
}

async fn stop(line: &Line, who: &Who, machine: &MachineId) -> Result<Answer, Fault> {
    if known(line, machine)?.waits_for_a_person() {
        return Err(Fault::new(&ALREADY, machine.as_str()));
    }
    line.stop_by_hand(machine, &BY_HAND, who.people()).await?;
    Ok(answer(machine, "stops when the card in it is finished", true))
}

fn answer(machine: &MachineId, what: &str, stopped: bool) -> Answer {
    let data: Value = json!({ "machine": machine, "stopped": stopped });
    Answer::good(format!("{machine} {what}"), data)
}

fn known(line: &Line, machine: &MachineId) -> Result<MachineProgress, Fault> {
    let machines = line.progress.snapshot().machines;
    if machines.is_empty() {
        return Err(Fault::new(&NOT_RUNNING, ""));
    }
    machines
        .get(machine)
        .copied()
        .ok_or_else(|| Fault::new(&NO_MACHINE, machine.as_str()))
}
