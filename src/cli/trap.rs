//! Puts the doors of a rehearsal's kill points in place, if one is armed.

use std::sync::Arc;

use crate::base::{Fault, Mode};
use crate::config::Config;
use crate::config::fault::{CONTRADICTION, REHEARSAL_MEANS};
use crate::line::desk::Desk;
use crate::line::station::Station;
use crate::line::{Ports, Rules};
use crate::sim::kill::books::TrappedLedger;
use crate::sim::kill::doors::{Spot, TrappedPapers, TrappedRegistry, TrappedSigner};
use crate::sim::kill::{Trap, VARIABLE};

/// The trap that the environment asks for, if any.
///
/// # Errors
/// `CFG-004` in production, whatever it says; `CFG-003` if it names no kill point.
pub(super) fn armed(config: &Config) -> Result<Option<Arc<Trap>>, Fault> {
    let Some(text) = std::env::var_os(VARIABLE) else {
        return Ok(None);
    };
    if config.mode == Mode::Production {
        return Err(Fault::new(&REHEARSAL_MEANS, VARIABLE));
    }
    let trap = Trap::parse(&text.to_string_lossy())
        .map_err(|error| Fault::new(&CONTRADICTION, format!("{VARIABLE}: {error}")))?;
    Ok(Some(trap))
}

/// The line's ports, with the trap in them.
pub(super) fn ports(trap: Option<&Arc<Trap>>, ports: Ports, rules: &Rules) -> Ports {
    let Some(trap) = trap else { return ports };
    Ports {
        ledger: Arc::new(TrappedLedger {
            trap: Arc::clone(trap),
            door: ports.ledger,
        }),
        registry: Arc::new(TrappedRegistry {
            trap: Arc::clone(trap),
            door: ports.registry,
        }),
        signer: Arc::new(TrappedSigner {
            trap: Arc::clone(trap),
            door: ports.signer,
            manifest: rules.keys.manifest.clone(),
            checkpoint: rules.keys.checkpoint.clone(),
        }),
        papers: Arc::new(TrappedPapers {
            trap: Arc::clone(trap),
            door: ports.papers,
        }),
        book: ports.book,
    }
}

/// A machine, with the trap at its doors.
pub(super) fn station(trap: Option<&Arc<Trap>>, mut station: Station) -> Station {
    if let Some(trap) = trap {
        let spot = Spot::machine(trap, &station.id);
        station.encoder = spot.encoder(station.encoder);
        station.printer = spot.serial(station.printer);
        station.screen = spot.screen(station.screen);
    }
    station
}

/// A desk, with the trap at its doors.
pub(super) fn desk(trap: Option<&Arc<Trap>>, mut desk: Desk) -> Desk {
    if let Some(trap) = trap {
        let spot = Spot::desk(trap, &desk.id);
        desk.reader = spot.encoder(desk.reader);
        desk.scanner = spot.serial(desk.scanner);
        desk.screen = spot.screen(desk.screen);
    }
    desk
}
