//! What other people's counters say, put on record: the token's signatures, the printers' panels.

use std::collections::BTreeMap;

use crate::base::Fault;
use crate::base::ids::{AttemptId, MachineId};
use crate::job::fault::TOO_MANY_PRINTS;
use crate::job::{Event, Evidence, Fact, Step};
use crate::port::Entry;
use crate::printer::Counters;

use super::Line;
use super::books::Meters;
use super::fault::unreadable;

/// Records read at once.
const PAGE: u32 = 2_000;

/// The token's count for every document signer, where it counts.
///
/// # Errors
/// The HSM's.
pub async fn signatures(line: &Line) -> Result<Vec<Fact>, Fault> {
    let keys = line.ports.signer.keys().await?;
    let counted = line.signers.labels().into_iter().filter_map(|label| {
        let key = keys.iter().find(|key| key.label == label)?;
        Some(Fact::SignatureCount {
            label,
            count: key.signatures?,
            tests: 0,
        })
    });
    Ok(counted.collect())
}

/// Records what a printer's counters say.
///
/// # Errors
/// The ledger's.
pub async fn put_down(line: &Line, machine: &MachineId, counters: &Counters) -> Result<(), Fault> {
    let fact = Fact::Counters {
        machine: machine.clone(),
        cards: counters.cards_inserted,
        panels: counters.panels_printed,
    };
    line.record(vec![fact], Vec::new()).await
}

/// Records what a printer's counters say at the start, and stops the machine if it printed more since they were read
/// last than it was told to (law 7): somebody used it while nobody watched.
///
/// # Errors
/// The ledger's.
pub async fn at_start(
    line: &Line,
    known: &Meters,
    machine: &MachineId,
    counters: &Counters,
) -> Result<(), Fault> {
    let mut meters = known.only(machine);
    let seq = line.ports.ledger.size().await?;
    meters.read(seq, machine, counters.panels_printed);
    put_down(line, machine, counters).await?;
    for (_, found) in meters.found() {
        tracing::error!(%machine, "{found}");
        if found.stops().is_some() {
            line.stop_position(machine, &Fault::new(&TOO_MANY_PRINTS, found.to_string()))
                .await?;
        }
    }
    Ok(())
}

/// The counters as the ledger knows them: read last, and moved by every job since. One pass for all machines.
///
/// # Errors
/// The ledger's.
pub async fn known(line: &Line, machines: &[MachineId]) -> Result<Meters, Fault> {
    let mut meters = Meters::default();
    let mut last_read: BTreeMap<MachineId, u64> = BTreeMap::new();
    for machine in machines {
        let history = line.ports.ledger.history(machine.as_str()).await?;
        let counters = |entry: &Entry| matches!(entry.fact, Fact::Counters { .. });
        if let Some(last) = history.into_iter().rfind(counters) {
            last_read.insert(machine.clone(), last.seq);
        }
    }
    let Some(first) = last_read.values().min() else {
        return Ok(meters);
    };
    let since = |machine: &MachineId, seq: u64| last_read.get(machine).is_some_and(|last| seq >= *last);
    let mut printing: BTreeMap<AttemptId, MachineId> = BTreeMap::new();
    let mut after = first - 1;
    loop {
        let page = line.ports.ledger.entries_after(after, PAGE).await?;
        let Some(end) = page.last() else { return Ok(meters) };
        after = end.seq;
        for entry in page {
            if !["counters", "intended", "done"].contains(&entry.kind.as_str()) {
                continue;
            }
            let fact = serde_json::from_slice(&entry.body)
                .map_err(|error| unreadable(format!("record {}: {error}", entry.seq)))?;
            match fact {
                Fact::Counters { machine, panels, .. } if since(&machine, entry.seq) => {
                    meters.read(entry.seq, &machine, panels);
                }
                Fact::Attempt {
                    attempt,
                    event:
                        Event::Intended {
                            step: Step::Print,
                            machine,
                            ..
                        },
                } if since(&machine, entry.seq) => {
                    meters.ask(&machine);
                    printing.insert(attempt, machine);
                }
                Fact::Attempt {
                    attempt,
                    event:
                        Event::Done {
                            evidence:
                                Evidence::Print {
                                    panels_before,
                                    panels_after,
                                },
                        },
                } => {
                    if let Some(machine) = printing.remove(&attempt) {
                        let (before, after) = (u64::from(panels_before), u64::from(panels_after));
                        meters.printed(entry.seq, &machine, before, after);
                    }
                }
                _ => {}
            }
        }
    }
}
