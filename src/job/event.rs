//! What happens to an attempt. Events hold no personal data, nor an unkeyed hash of any (law 10).

use serde::{Deserialize, Serialize};

use crate::base::ids::{AttemptId, BlankId, BoxId, ChipId, LotId, MachineId, PackId, PersonId, SodHash};

use super::Step;

/// One event in the life of an attempt.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// The attempt exists: it belongs to a lot on a machine.
    Planned {
        /// Its lot.
        lot: LotId,
        /// The machine that will make it.
        machine: MachineId,
        /// The attempt it replaces.
        replaces: Option<AttemptId>,
    },
    /// The bundle is durable and this digest is about to be signed (law 4).
    SignIntended {
        /// Label of the document signer's key.
        signer: String,
        /// SHA-256 of the signed attributes, hexadecimal. It covers hashes only, and the bundle's random chip key.
        digest: String,
        /// SHA-256 of the chip's own public key, hexadecimal: no two chips may ever have the same.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        chip_key: Option<String>,
    },
    /// The signature was checked by another library and EF.SOD is durable.
    Signed {
        /// SHA-256 of EF.SOD.
        sod: SodHash,
        /// The first eight bytes of the signature, hexadecimal: enough to know its nonce again, and no more than the
        /// card itself tells. Older records have none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        nonce: Option<String>,
    },
    /// The step is about to begin; nothing has left for a device yet.
    Intended {
        /// Which step.
        step: Step,
        /// Where.
        machine: MachineId,
        /// What exactly, where a step has more than one way: recovery asks the world about just this.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        aim: Option<Aim>,
    },
    /// The step is done, and this is what shows it.
    Done {
        /// What shows it.
        evidence: Evidence,
    },
    /// The step did not happen, and a probe proved it: as if never intended.
    Undone {
        /// Which step.
        step: Step,
        /// What the probe saw.
        because: String,
    },
    /// The step failed.
    Failed {
        /// Which step.
        step: Step,
        /// Fault code.
        code: String,
        /// Circumstances, free of personal data.
        detail: String,
    },
    /// The card is waste.
    Spoiled {
        /// Fault code.
        code: String,
        /// Who says so; nobody when the machine does.
        by: Vec<PersonId>,
    },
    /// The card's true state is unknown; a person must find and tap it.
    Quarantined {
        /// Fault code.
        code: String,
    },
    /// Two people looked everywhere and declare that the card is not to be found.
    NotFound {
        /// Both of them.
        by: Vec<PersonId>,
    },
    /// A quarantined card turned up in the good output and named itself: it goes to the desk like any other.
    Found {
        /// Who tapped it.
        by: Vec<PersonId>,
    },
    /// A boxed card is the order's good card no more: lost with its box, which two people must say, or waste. The
    /// registry, which counts it as good, must hear of it before another is made.
    Revoked {
        /// Fault code or reason.
        code: String,
        /// It cannot be found; otherwise it is waste.
        lost: bool,
        /// Who says so; nobody when the registry itself has stopped the order.
        by: Vec<PersonId>,
    },
    /// Called back before any blank was touched.
    Withdrawn {
        /// Fault code or reason.
        code: String,
    },
    /// The chip's private keys were erased from the bundle after they were proven on the chip.
    KeysErased,
    /// The registry has confirmed the report.
    Reported,
}

/// What shows that a step is done.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Evidence {
    /// The chip at the position named itself, and the supplier's list knows it.
    Bind {
        /// Chip identity before seal.
        chip: ChipId,
        /// The blank it sits in.
        blank: BlankId,
        /// The pack it came from.
        pack: PackId,
    },
    /// All files and keys were accepted.
    Encode {
        /// APDUs sent.
        commands: u32,
        /// Bytes of files written.
        bytes: u32,
    },
    /// The chip is locked.
    Seal,
    /// Passive and active authentication passed and the content equals the approved dossier.
    Verify {
        /// APDUs sent.
        commands: u32,
    },
    /// Both panels are on the card.
    Print {
        /// Panels printed by the printer's own counter, before the card.
        panels_before: u32,
        /// The same counter after it.
        panels_after: u32,
    },
    /// The card left the machine.
    Deliver {
        /// To which output.
        output: Output,
    },
    /// What was read off the face opened the chip, and both name this attempt.
    Prove {
        /// At which desk.
        desk: MachineId,
    },
    /// The card lies in its box: the box's label was scanned when it was put in, or its chip read where it lies.
    Box {
        /// The box.
        #[serde(rename = "box")]
        label: BoxId,
        /// Its place in the box, from 1.
        slot: u16,
    },
}

/// What exactly a step is to bring about.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Aim {
    /// Deliver to this output.
    Output(Output),
    /// Put into this box as this number.
    Slot(BoxId, u16),
}

/// A machine's outputs.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// The hopper for finished, unproven cards.
    Good,
    /// The reject box.
    Reject,
}

impl Evidence {
    /// The step it is evidence of.
    #[must_use]
    pub fn step(&self) -> Step {
        match self {
            Self::Bind { .. } => Step::Bind,
            Self::Encode { .. } => Step::Encode,
            Self::Seal => Step::Seal,
            Self::Verify { .. } => Step::Verify,
            Self::Print { .. } => Step::Print,
            Self::Deliver { .. } => Step::Deliver,
            Self::Prove { .. } => Step::Prove,
            Self::Box { .. } => Step::Box,
        }
    }
}

impl Event {
    /// A short stable name, for indexes and tables.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Planned { .. } => "planned",
            Self::SignIntended { .. } => "sign_intended",
            Self::Signed { .. } => "signed",
            Self::Intended { .. } => "intended",
            Self::Done { .. } => "done",
            Self::Undone { .. } => "undone",
            Self::Failed { .. } => "failed",
            Self::Spoiled { .. } => "spoiled",
            Self::Quarantined { .. } => "quarantined",
            Self::NotFound { .. } => "not_found",
            Self::Found { .. } => "found",
            Self::Revoked { .. } => "revoked",
            Self::Withdrawn { .. } => "withdrawn",
            Self::KeysErased => "keys_erased",
            Self::Reported => "reported",
        }
    }
}
