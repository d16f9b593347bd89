//! What other people's counters say, put on record: the token's signatures, the printers' panels.

use std::collections::BTreeSet;

use crate::base::Fault;
use crate::base::ids::{AttemptId, MachineId};
use crate::job::fault::TOO_MANY_PRINTS;
use crate::job::{Event, Evidence, Fact, Step};
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
    let counted = line.rules.signers.iter().filter_map(|signer| {
        let key = keys.iter().find(|key| key.label == signer.label)?;
        Some(Fact::SignatureCount {
            label: signer.label.clone(),
            count: key.signatures?,
            tests: 0,
        })
    });
    Ok(counted.collect())
}

/// Records what a printer's counters say, and stops the machine if it printed more since they were read last than it
/// was told to (law 7): somebody used it while nobody watched.
///
/// # Errors
/// The ledger's.
pub async fn printer(line: &Line, machine: &MachineId, counters: &Counters) -> Result<(), Fault> {
    let mut meters = known(line, machine).await?;
    let seq = line.ports.ledger.size().await?;
    meters.read(seq, machine, counters.panels_printed);
    let fact = Fact::Counters {
        machine: machine.clone(),
        cards: counters.cards_inserted,
        panels: counters.panels_printed,
    };
    line.record(vec![fact], Vec::new()).await?;
    for (_, found) in meters.found() {
        tracing::error!(%machine, "{found}");
        if found.stops().is_some() {
            line.stop_position(machine, &Fault::new(&TOO_MANY_PRINTS, found.to_string()))
                .await?;
        }
    }
    Ok(())
}

/// The counter as the ledger knows it: read last, and moved by every job since.
async fn known(line: &Line, machine: &MachineId) -> Result<Meters, Fault> {
    let mut meters = Meters::default();
    let last = line
        .ports
        .ledger
        .history(machine.as_str())
        .await?
        .into_iter()
        .rfind(|entry| matches!(entry.fact, Fact::Counters { .. }));
    let Some(last) = last else { return Ok(meters) };
    let mut printing: BTreeSet<AttemptId> = BTreeSet::new();
    let mut after = last.seq.saturating_sub(1);
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
                Fact::Counters {
                    machine: of, panels, ..
                } if of == *machine => meters.read(entry.seq, machine, panels),
                Fact::Attempt {
                    attempt,
                    event:
                        Event::Intended {
                            step: Step::Print,
                            machine: of,
                            ..
                        },
                } if of == *machine => {
                    meters.ask(machine);
                    printing.insert(attempt);
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
                } if printing.remove(&attempt) => meters.printed(
                    entry.seq,
                    machine,
                    u64::from(panels_before),
                    u64::from(panels_after),
                ),
                _ => {}
            }
        }
    }
}
