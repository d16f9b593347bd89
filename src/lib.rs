//! # cardwright: a personalization controller
//!
//! It takes approved dossiers from an authority's registry, builds and signs the data of each ID card (ICAO Doc 9303,
//! Viet Nam's profiles), writes every chip, prints every card, proves that face and chip belong together, and packs the
//! cards into boxes by office, with one ledger from which all of it can be proven afterwards.
//!
//! ## The map of the house
//!
//! Rooms stand in rings, and imports point down only: a room uses what is listed above it and never what is below
//! (`tests/system/house.rs` holds this, room by room).
//!
//! The ground:
//!
//! - [`base`]: identifiers, time, bounds, secrets, and faults that carry blame.
//!
//! The pure rooms, which do no I/O and read no clock; what they need comes in as arguments, what they want done goes
//! out as values (a [`base::Dialogue`] is asked what to send next):
//!
//! - [`dossier`]: what comes in: envelope, signature, the person's record, admission checks;
//! - [`pki`]: who signs: certificates, requests, CRLs, trust, and which key may sign which card;
//! - [`document`]: from dossier to bytes: MRZ, QR, data groups, EF.SOD, and both faces as one-bit pictures;
//! - [`chip`]: talking to a chip: APDUs, BAC, PACE, secure messaging, personalization, reading back;
//! - [`printer`]: talking to a card printer: frames, the Evolis language, rasters, dialogues for one card;
//! - [`job`]: the life of one attempt as a total function, the only retry policy, lots and stock;
//! - [`audit`]: the hash chain, checkpoints, the count equation, and the papers of a box.
//!
//! The seams:
//!
//! - [`port`]: every contract between the line and the world, on one page;
//! - [`config`]: what an operator may decide.
//!
//! What acts; none of these knows the other, but the simulation, which lays its cables to the real doors:
//!
//! - [`line`]: the hall as the controller sees it: stations, desks, recovery; only through ports;
//! - [`device`]: doors to hardware: serial lines, the HSM through PKCS#11;
//! - [`store`]: doors to databases: the ledger, the order book and the registry;
//! - [`sim`]: the outside world for rehearsals: chips, printers, scanners, the registry, people and their faults.
//!   Production rooms never import it.
//!
//! On top:
//!
//! - [`control`]: how other commands ask a running controller;
//! - [`cli`]: one file per verb, and the one place that wires rooms together.
//!
//! The HSM for rehearsals is a package of its own, `hsm-sim`: a real PKCS#11 module, loaded as a vendor's would be.

pub mod base;

pub mod dossier;

pub mod pki;

pub mod document;

pub mod chip;

pub mod printer;

pub mod job;

pub mod audit;

pub mod port;

pub mod config;

pub mod line;

pub mod device;

pub mod store;

pub mod sim;

pub mod control;

pub mod cli;
