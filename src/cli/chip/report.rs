//! What is said of a chip, in plain words and for programs.

use std::fmt;

use serde::Serialize;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::source::Trusted;
use crate::base::{Blame, Fault, hex};
use crate::chip::active::Verdict;
use crate::chip::fault::NO_PROTOCOL;
use crate::chip::manufacture::Cplc;
use crate::chip::{Access, Inspection, Manufacture, MrzKey, Survey, pace};
use crate::document::security_info::{SecurityInfo, SecurityInfos};
use crate::document::sod::{self, Check, CheckName, passive_authentication};
use crate::document::{FileId, card_security};

/// How a check ended.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Standing {
    /// The card has nothing to check here, or protects it.
    Absent,
    /// It holds.
    Passed,
    /// It can be said neither way.
    Undetermined,
    /// It does not hold.
    Failed,
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Absent => "absent",
            Self::Passed => "passed",
            Self::Undetermined => "undetermined",
            Self::Failed => "failed",
        })
    }
}

/// One check.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
struct Line {
    check: String,
    verdict: Standing,
    #[serde(skip_serializing_if = "String::is_empty")]
    why: String,
}

/// All that was checked.
#[derive(Debug)]
pub(super) struct Report {
    lines: Vec<Line>,
    notes: Vec<String>,
}

/// Whether a fault says something of the chip in the reader, and not of the reader or of us.
pub(super) fn is_of_the_chip(fault: &Fault) -> bool {
    fault.blame() == Blame::Card
}

impl Report {
    /// The judgment of a chip that was read; `key` is what it was opened with, if that was a zone.
    pub(super) fn of(seen: &Inspection, key: Option<&MrzKey>, trusted: &Trusted, at: OffsetDateTime) -> Self {
        let mut lines = vec![access(seen)];
        lines.extend(zone(seen, key));
        lines.extend(passive(seen, trusted, at));
        let proofs = [
            ("chip authentication", seen.chip_authentication),
            ("active authentication", seen.active_authentication),
        ];
        lines.extend(proofs.map(|(name, verdict)| match (&seen.broken_off, verdict) {
            (Some(_), Verdict::NotAsked) => line(
                name,
                Standing::Undetermined,
                "the conversation had broken off before",
            ),
            _ => proof(name, verdict),
        }));
        let broken = seen.broken_off.iter();
        lines.extend(broken.map(|fault| line("conversation", Standing::Failed, fault)));
        if seen.terminal_authentication != Verdict::NotAsked {
            lines.push(match seen.terminal_authentication {
                Verdict::Unsupported => line(
                    "terminal authentication",
                    Standing::Undetermined,
                    "asked for, and there was no chip authentication before it",
                ),
                Verdict::Failed => line(
                    "terminal authentication",
                    Standing::Undetermined,
                    "the chip did not let this terminal in, which says nothing against the card",
                ),
                known => proof("terminal authentication", known),
            });
        }
        lines.extend(
            seen.unread
                .iter()
                .map(|(file, fault)| line(file, Standing::Failed, fault)),
        );
        Self {
            lines,
            notes: trusted
                .passed_over
                .iter()
                .map(|file| format!("not used as trust: {file}"))
                .collect(),
        }
    }

    /// The judgment of a chip that could not be opened.
    pub(super) fn unopened(fault: &Fault) -> Self {
        Self {
            // A password that this card does not take is the reader's mistake.
            lines: vec![line(
                "access",
                if *fault.code == NO_PROTOCOL {
                    Standing::Undetermined
                } else {
                    Standing::Failed
                },
                fault,
            )],
            notes: Vec::new(),
        }
    }

    /// The worst of all.
    pub(super) fn verdict(&self) -> Standing {
        let worst = self.lines.iter().map(|line| line.verdict).max();
        worst.unwrap_or(Standing::Undetermined)
    }

    /// All checks and the verdict.
    pub(super) fn show(&self, json: bool) -> String {
        if json {
            return json!({ "verdict": self.verdict(), "checks": self.lines, "notes": self.notes })
                .to_string();
        }
        let lines = self.lines.iter().map(|Line { check, verdict, why }| {
            format!("{verdict:<13} {check:<24} {why}").trim_end().to_owned()
        });
        let mut text: Vec<String> = lines.chain(self.notes.iter().cloned()).collect();
        text.push(format!("verdict: {}", self.verdict()));
        text.join("\n")
    }
}

fn line(check: impl fmt::Display, verdict: Standing, why: impl fmt::Display) -> Line {
    Line {
        check: check.to_string(),
        verdict,
        why: harmless(&why.to_string()),
    }
}

/// The longest reason that is shown; names in certificates may be longer.
const REASON_CHARS_MAX: usize = 240;

/// What turns the direction of writing (Unicode Standard Annex 9, section 2).
const TURNING: [std::ops::RangeInclusive<char>; 3] = [
    '\u{200E}'..='\u{200F}',
    '\u{202A}'..='\u{202E}',
    '\u{2066}'..='\u{2069}',
];

/// A reason may quote what the card holds, such as the name of an unknown issuer: nothing in it moves the cursor,
/// turns the direction of writing, or fills the screen.
fn harmless(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(REASON_CHARS_MAX)
        .map(|shown| {
            if shown.is_control() || TURNING.iter().any(|range| range.contains(&shown)) {
                '\u{FFFD}'
            } else {
                shown
            }
        })
        .collect();
    if text.chars().nth(REASON_CHARS_MAX).is_some() {
        shown.push('…');
    }
    shown
}

fn access(seen: &Inspection) -> Line {
    let how = match (seen.access, &seen.pace) {
        (Access::Pace, Some(offer)) => offer.to_string(),
        (Access::Pace, None) => "PACE".to_owned(),
        (Access::Bac, _) => "basic access control, as before PACE".to_owned(),
    };
    line("access", Standing::Passed, how)
}

/// What opened the chip must stand in DG1, too: else face and chip do not belong together.
fn zone(seen: &Inspection, key: Option<&MrzKey>) -> Option<Line> {
    let (key, file) = (key?, seen.files.get(&FileId::Dg(1))?);
    let held = zone_in(file).and_then(|zone| MrzKey::from_zone(&zone).ok());
    Some(match held {
        Some(held) if held == *key => line("face and DG1", Standing::Passed, ""),
        Some(_) => line("face and DG1", Standing::Failed, "DG1 holds another zone"),
        None => line(
            "face and DG1",
            Standing::Failed,
            "DG1 holds no zone with right check digits",
        ),
    })
}

fn passive(seen: &Inspection, trusted: &Trusted, at: OffsetDateTime) -> Vec<Line> {
    let Some(sod) = seen.files.get(&FileId::Sod) else {
        return vec![line(
            "passive authentication",
            Standing::Failed,
            "EF.SOD was not read",
        )];
    };
    let mut checks = passive_authentication(sod, &seen.files, &trusted.store, at);
    if let Some(file) = seen.files.get(&FileId::CardSecurity) {
        checks.push(card_security::authenticate(file, &trusted.store, at));
    }
    checks.into_iter().map(|check| of_check(check, seen)).collect()
}

fn of_check(Check { name, verdict, why }: Check, seen: &Inspection) -> Line {
    // That strangers cannot read fingerprints is how it should be, not a doubt about the card.
    if let CheckName::DataGroup(number) = name
        && seen.protected.contains(&FileId::Dg(number))
    {
        return line(
            name,
            Standing::Absent,
            "protected: a terminal of the state may read it",
        );
    }
    let standing = match verdict {
        sod::Verdict::Passed => Standing::Passed,
        sod::Verdict::Undetermined => Standing::Undetermined,
        sod::Verdict::Failed => Standing::Failed,
    };
    line(name, standing, why)
}

fn proof(name: &str, verdict: Verdict) -> Line {
    match verdict {
        Verdict::Genuine => line(name, Standing::Passed, ""),
        Verdict::Failed => line(name, Standing::Failed, "the proof is wrong or was refused"),
        Verdict::Unsupported => line(
            name,
            Standing::Undetermined,
            "by a key or protocol that is not supported",
        ),
        Verdict::Absent => line(name, Standing::Absent, "the chip has no key for it"),
        Verdict::NotAsked => line(name, Standing::Absent, "not asked for"),
    }
}

/// What a chip tells anybody.
pub(super) fn told(atr: &[u8], made: &Manufacture, survey: &Survey, json: bool) -> String {
    let infos = survey.card_access.as_deref().map(SecurityInfos::from_card_access);
    let ways: Vec<String> = match &infos {
        None => Vec::new(),
        Some(Err(fault)) => vec![fault.to_string()],
        Some(Ok(infos)) => infos.infos().iter().map(in_words).collect(),
    };
    let atr = hex::encode(atr);
    if json {
        let told = |object: &Option<Vec<u8>>| object.as_deref().map(hex::encode);
        return json!({
            "atr": atr,
            "cplc": told(&made.cplc),
            "key_diversification_data": told(&made.diversification),
            "key_information": told(&made.keys),
            "application": survey.application,
            "card_access": ways,
            "extended_length": survey.read_max,
        })
        .to_string();
    }
    let mut text = vec![format!("answer to reset   {atr}")];
    text.extend(manufacture(made));
    text.extend([
        format!(
            "eMRTD             {}",
            if survey.application {
                "yes"
            } else {
                "no application"
            }
        ),
        match survey.read_max {
            Some(bytes) => format!("extended length   up to {bytes} bytes in an answer"),
            None => "extended length   not announced".to_owned(),
        },
    ]);
    if survey.application && survey.card_access.is_none() {
        text.push(
            "EF.CardAccess     none is read: a finished card is opened by basic access control, a blank by nothing"
                .to_owned(),
        );
    }
    text.extend(ways.iter().map(|way| format!("EF.CardAccess     {way}")));
    text.join("\n")
}

/// Where the chip comes from and whose keys it has: what a chip profile (`src/chip/profiles`) recognizes its kind by.
fn manufacture(made: &Manufacture) -> Vec<String> {
    let mut text = Vec::new();
    match (&made.cplc, made.cplc.as_deref().and_then(Cplc::parse)) {
        (_, Some(cplc)) => {
            text.push(format!(
                "CPLC data         fabricator {}, type {}, batch {}",
                cplc.fabricator(),
                cplc.r#type(),
                cplc.batch()
            ));
            text.push(format!("                  {}", hex::encode(cplc.bytes())));
        }
        (Some(other), None) => text.push(format!("CPLC data         not 42 bytes: {}", hex::encode(other))),
        (None, None) => text.push("CPLC data         not told".to_owned()),
    }
    for (name, object) in [
        ("diversification", &made.diversification),
        ("key information", &made.keys),
    ] {
        text.extend(
            object
                .iter()
                .map(|object| format!("{name:<18}{}", hex::encode(object))),
        );
    }
    text
}

fn in_words(info: &SecurityInfo) -> String {
    match info {
        SecurityInfo::Pace {
            protocol,
            parameter_id,
        } => {
            let alone = SecurityInfos::new(vec![info.clone()]).card_access();
            match pace::offers(&alone).as_deref() {
                Some([offer]) => offer.to_string(),
                _ => format!("PACE {protocol}, parameters {parameter_id:?}: not supported here"),
            }
        }
        SecurityInfo::ActiveAuthentication { algorithm } => format!("active authentication, {algorithm}"),
        SecurityInfo::ChipAuthentication { protocol, .. } => format!("chip authentication, {protocol}"),
        SecurityInfo::ChipAuthenticationPublicKey { protocol, .. } => format!("key of the chip, {protocol}"),
        SecurityInfo::Other(_) => "something that is not known here".to_owned(),
    }
}

/// What was read.
pub(super) fn contents(seen: &Inspection, written: &[String], json: bool) -> String {
    let zone = seen.files.get(&FileId::Dg(1)).and_then(|file| zone_in(file));
    let access = access(seen).why;
    if json {
        let files: Vec<Value> = seen
            .files
            .iter()
            .map(|(file, bytes)| json!({ "file": file.to_string(), "bytes": bytes.len() }))
            .collect();
        let names = |files: &[FileId]| files.iter().map(FileId::to_string).collect::<Vec<_>>();
        let unread: Vec<Value> = seen
            .unread
            .iter()
            .map(|(file, fault)| json!({ "file": file.to_string(), "why": fault.to_string() }))
            .collect();
        return json!({
            "access": access,
            "broken_off": seen.broken_off.as_ref().map(|fault| harmless(&fault.to_string())),
            "commands": seen.commands,
            "zone": zone.as_deref(),
            "files": files,
            "protected": names(&seen.protected),
            "unread": unread,
            "written": written,
        })
        .to_string();
    }
    let mut text = vec![format!(
        "opened by {access}, read with {} commands",
        seen.commands
    )];
    text.extend(zone.as_deref().map(lines));
    for (file, bytes) in &seen.files {
        text.push(format!("{:<16} {:>6} bytes", file.to_string(), bytes.len()));
    }
    for file in &seen.protected {
        text.push(format!("{:<16} protected", file.to_string()));
    }
    for (file, fault) in &seen.unread {
        let why = harmless(&fault.to_string());
        text.push(format!("{:<16} not read: {why}", file.to_string()));
    }
    let broken = seen.broken_off.iter();
    text.extend(broken.map(|fault| format!("broken off: {}", harmless(&fault.to_string()))));
    text.extend(written.iter().map(|name| format!("wrote {name}")));
    text.join("\n")
}

/// The zone in DG1, whatever its form.
fn zone_in(dg1: &[u8]) -> Option<String> {
    use crate::chip::tlv;
    let zone = tlv::only(0x5F1F, tlv::only(0x61, dg1)?)?;
    let known = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'<';
    zone.iter()
        .all(known)
        .then(|| zone.iter().map(|byte| char::from(*byte)).collect())
}

/// A zone in its lines.
fn lines(zone: &str) -> String {
    let width = match zone.len() {
        90 => 30,
        72 => 36,
        _ => 44,
    };
    let characters: Vec<char> = zone.chars().collect();
    let lines: Vec<String> = characters
        .chunks(width)
        .map(|line| line.iter().collect())
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests;
