//! Readers that go and come while the line runs.
//!
//! A machine or desk whose reader is unplugged, or whose smart card service is dead or hangs, stands at once, not first
//! at its next card, and goes on by itself when the reader is back: nothing was begun that a person would have to look
//! at. What it was in the middle of fails by itself and has its own consequence. A reader that comes back may be
//! another one under the same name, so its machine's pairing is proven anew.

use std::collections::BTreeSet;

use super::Line;
use crate::base::Fault;
use crate::port::Seen;

/// Follows all readers until the line stops.
pub(super) async fn readers(line: &Line) {
    let Some(fields) = line.pairing.fields() else {
        return;
    };
    let mut known = Seen::new();
    loop {
        let seen = tokio::select! {
            biased;
            () = line.stopped() => return,
            seen = fields.other_than(&known) => seen,
        };
        let machines: BTreeSet<_> = known.keys().chain(seen.keys()).collect();
        for machine in machines {
            // One that is held by a program, ours perhaps, tells nothing, but it is there.
            let fault = |seen: &'_ Seen| seen.get(machine)?.clone().err();
            let (before, away) = (fault(&known), fault(&seen));
            match (&before, &away) {
                (None, Some(fault)) => {
                    tracing::error!(%machine, code = fault.code.id, "stands until its reader is back: {fault}");
                    line.pairing.withdraw(machine);
                }
                (Some(_), None) => tracing::info!(%machine, "its reader is back"),
                _ => {}
            }
            let code = |fault: Option<Fault>| fault.map(|fault| fault.code);
            let (before, away) = (code(before), code(away));
            if before != away {
                line.progress.reader(machine, away);
            }
        }
        known = seen;
    }
}
