//! Passive authentication (Doc 9303-11, section 5.1): is what the chip holds what the state has signed?

use std::cmp::Reverse;
use std::fmt;

use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{Date, OffsetDateTime};

use super::read::Sod;
use super::signed::SignedMessage;
use crate::base::Fault;
use crate::document::dg13::{Dg13, Item};
use crate::document::file::{CardFiles, FileId};
use crate::document::state::country;
use crate::document::tlv;
use crate::pki::fault as pki_fault;
use crate::pki::trust::{Certificate, Revocation, TrustStore};

/// How DG13 writes a day.
const DAY: &[BorrowedFormatItem<'_>] = format_description!("[day]/[month]/[year]");

/// One thing that was checked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Check {
    /// What.
    pub name: CheckName,
    /// With which outcome.
    pub verdict: Verdict,
    /// Why, empty for passed checks; free of personal data.
    pub why: String,
}

/// What passive authentication checks.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum CheckName {
    /// EF.SOD can be read and carries a signer's certificate that can be read.
    Structure,
    /// The signed attributes hold the digest of the content.
    MessageDigest,
    /// The signature over the signed attributes, by the embedded document signer.
    Signature,
    /// The file's hash is the signed one.
    DataGroup(u8),
    /// EF.COM lists the data groups that are signed, and its version fits.
    ContentsList,
    /// A trusted CSCA issued the document signer.
    Chain,
    /// Signer and CSCA are of the state that the card names, and the signer may sign documents of its kind.
    State,
    /// Both certificates are valid, now and when the card was signed, and then the signer's key was in use.
    Validity,
    /// The document signer is not revoked.
    Revocation,
    /// All of this holds for EF.CardSecurity, too.
    CardSecurity,
}

/// The outcome of a check.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Verdict {
    /// It holds.
    Passed,
    /// It can be said neither way: something is missing or unsupported. Never good enough for a card of our own.
    Undetermined,
    /// It does not hold.
    Failed,
}

/// Checks an EF.SOD and the files that were read from the same chip at time `at`.
///
/// Every data group that EF.SOD signs has a check: files that were not read (EF.DG3 before Terminal Authentication) are
/// undetermined. A file that was read but is not signed fails. If EF.SOD cannot be read, that is the only check.
#[must_use]
pub fn passive_authentication(
    sod: &[u8],
    files: &CardFiles,
    trust: &TrustStore,
    at: OffsetDateTime,
) -> Vec<Check> {
    let sod = match Sod::parse(sod) {
        Ok(sod) => sod,
        Err(fault) => return vec![failed(CheckName::Structure, fault.to_string())],
    };
    let mut checks = Vec::new();
    if !sod.declared {
        checks.push(failed(
            CheckName::Structure,
            "the content is not declared as an LDS security object".into(),
        ));
    }
    data_groups(&sod, files, &mut checks);
    if let Some(com) = files.get(&FileId::Com) {
        checks.push(contents_list(&sod, com));
    }
    checks.extend(signed_message(&sod.message, trust, at));
    checks.extend(state(&sod.message, files, trust));
    checks.extend(issued_in_use(&sod.message, files));
    // Of two that say something of the same, the worse one counts.
    checks.sort_by_key(|check| (check.name, Reverse(check.verdict)));
    checks.dedup_by(|later, first| later.name == first.name);
    checks
}

/// What holds for every message that a document signer signed: it can be read, is unchanged, and the chain leads to a
/// trusted CSCA.
pub(crate) fn signed_message(message: &SignedMessage, trust: &TrustStore, at: OffsetDateTime) -> Vec<Check> {
    let signer = message.certificate().map(Certificate::parse);
    let mut checks = vec![
        match &signer {
            Some(Ok(_)) => passed(CheckName::Structure),
            Some(Err(fault)) => failed(CheckName::Structure, fault.to_string()),
            None => undetermined(CheckName::Structure, "the signer's certificate is not embedded"),
        },
        check(
            CheckName::MessageDigest,
            message.digest.digest(&message.content) == message.message_digest,
            "the content was changed",
        ),
    ];
    if let Some(Ok(signer)) = signer {
        checks.push(outcome(
            CheckName::Signature,
            signer
                .key
                .verify(&message.algorithm, &message.signed_attributes, &message.signature),
        ));
        chain(message, &signer, trust, at, &mut checks);
    } else {
        for name in [
            CheckName::Signature,
            CheckName::Chain,
            CheckName::Validity,
            CheckName::Revocation,
        ] {
            checks.push(undetermined(name, "no signer's certificate"));
        }
    }
    checks
}

/// The worst verdict of all; undetermined if nothing was checked.
#[must_use]
pub fn worst(checks: &[Check]) -> Verdict {
    checks
        .iter()
        .map(|check| check.verdict)
        .max()
        .unwrap_or(Verdict::Undetermined)
}

fn data_groups(sod: &Sod, files: &CardFiles, checks: &mut Vec<Check>) {
    for (number, signed) in sod.hashes() {
        let name = CheckName::DataGroup(*number);
        checks.push(match files.get(&FileId::Dg(*number)) {
            Some(file) => check(name, sod.hash.digest(file) == *signed, "the file was changed"),
            None => undetermined(name, "not read"),
        });
    }
    for file in files.keys() {
        if let FileId::Dg(number) = file
            && !sod.hashes().contains_key(number)
        {
            checks.push(failed(
                CheckName::DataGroup(*number),
                "the file is not signed".into(),
            ));
        }
    }
}

/// EF.COM is not signed, so it must not say anything else than EF.SOD.
fn contents_list(sod: &Sod, com: &[u8]) -> Check {
    let name = CheckName::ContentsList;
    let Some((version, tags)) = read_com(com) else {
        return failed(name, "EF.COM cannot be read".into());
    };
    let mut listed: Vec<Option<FileId>> = tags.iter().map(|tag| FileId::from_tag(*tag)).collect();
    let mut signed: Vec<Option<FileId>> = sod
        .hashes()
        .keys()
        .map(|number| Some(FileId::Dg(*number)))
        .collect();
    listed.sort();
    signed.sort();
    if listed != signed {
        return failed(name, "EF.COM lists other data groups than EF.SOD signs".into());
    }
    let same_version = match &sod.lds_version {
        Some(signed) => version == signed.as_bytes(),
        None => version != b"0108",
    };
    check(
        name,
        same_version,
        "EF.COM and EF.SOD are of different LDS versions",
    )
}

/// LDS version and tag list of EF.COM (Doc 9303-10, section 4.6.1): 60 L { 5F01 04 …, 5F36 06 …, 5C n … }.
fn read_com(com: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = com.strip_prefix(&[0x60])?.split_first()?;
    if usize::from(*length) != rest.len() || *length >= 0x80 {
        return None;
    }
    let (version, rest) = rest.strip_prefix(&[0x5F, 0x01, 4])?.split_at_checked(4)?;
    let (_unicode, rest) = rest.strip_prefix(&[0x5F, 0x36, 6])?.split_at_checked(6)?;
    let (count, tags) = rest.strip_prefix(&[0x5C])?.split_first()?;
    (usize::from(*count) == tags.len()).then_some((version, tags))
}

fn chain(
    message: &SignedMessage,
    signer: &Certificate,
    trust: &TrustStore,
    at: OffsetDateTime,
    checks: &mut Vec<Check>,
) {
    let csca = match trust.issuer_of(signer) {
        Ok(csca) => csca,
        Err(fault) => {
            checks.push(outcome(CheckName::Chain, Err(fault)));
            for name in [CheckName::Validity, CheckName::Revocation] {
                checks.push(undetermined(name, "no chain to a trusted CSCA"));
            }
            return;
        }
    };
    checks.push(passed(CheckName::Chain));
    let valid = [signer, csca].into_iter().try_for_each(|certificate| {
        certificate.check_valid_at(at)?;
        message
            .signing_time
            .map_or(Ok(()), |signed_at| certificate.check_valid_at(signed_at))
    });
    let late = match (message.signing_time, signer.usage_period, csca.usage_period) {
        (Some(signed_at), Some((from, until)), _) if signed_at < from || until < signed_at => {
            Some("signed outside the time in which the signer's key may be used")
        }
        (_, Some((from, _)), _) if at < from => {
            Some("the time in which the signer's key may be used is to come")
        }
        (_, _, Some((_, until))) if until < signer.not_before => {
            Some("the signer was certified after the time in which the CSCA's key may be used")
        }
        _ => None,
    };
    checks.push(match late {
        None => outcome(CheckName::Validity, valid),
        Some(why) => failed(CheckName::Validity, why.into()),
    });
    checks.push(match trust.revocation(signer, csca, at) {
        Revocation::Good => passed(CheckName::Revocation),
        Revocation::Revoked { since } => failed(CheckName::Revocation, format!("revoked since {since}")),
        Revocation::Undetermined { why } => undetermined(CheckName::Revocation, &why),
    });
}

/// Are the certificates of the state that DG1 names, for documents of its kind (Doc 9303-12, sections 7.1.1 and
/// 7.1.1.6)? Another state's trusted CSCA vouches for nothing here.
fn state(message: &SignedMessage, files: &CardFiles, trust: &TrustStore) -> Option<Check> {
    let name = CheckName::State;
    let signer = Certificate::parse(message.certificate()?).ok()?;
    let csca = trust.issuer_of(&signer).ok()?;
    let country_of =
        |certificate: &Certificate| certificate.subject.country().unwrap_or_default().to_uppercase();
    let (own, issuers) = (country_of(&signer), country_of(csca));
    if own != issuers {
        return Some(failed(
            name,
            format!("the signer is of {own}, its CSCA of {issuers}"),
        ));
    }
    let Some((kind, code)) = files.get(&FileId::Dg(1)).and_then(|dg1| kind_and_state(dg1)) else {
        return Some(undetermined(name, "DG1 was not read or holds no zone"));
    };
    let Some(named) = country(code) else {
        return Some(undetermined(name, "nobody knows the state that DG1 names"));
    };
    if named != own {
        return Some(failed(
            name,
            format!("the card is of {named}, its signer of {own}"),
        ));
    }
    // One letter stands for all codes that begin with it.
    let covers = |one: &String| one == kind || one.len() == 1 && kind.starts_with(one.as_str());
    let may_sign = signer.document_types.is_empty() || signer.document_types.iter().any(covers);
    Some(check(
        name,
        may_sign,
        "the signer may not sign documents of this kind",
    ))
}

/// Document code and issuing state, which stand first in the zone of every size (Doc 9303-4 to -6), without fillers.
fn kind_and_state(dg1: &[u8]) -> Option<(&str, &str)> {
    let zone = tlv::only(tlv::only(dg1, 0x61).ok()?, 0x5F1F).ok()?;
    let zone = std::str::from_utf8(zone.get(..5)?).ok()?;
    let (kind, state) = zone.split_at_checked(2)?;
    Some((kind.trim_end_matches('<'), state.trim_end_matches('<')))
}

/// Where nobody signed when it was signed, the date of issue tells: DG13 of this state's cards has it. The signer's key
/// was in use on that day.
fn issued_in_use(message: &SignedMessage, files: &CardFiles) -> Option<Check> {
    if message.signing_time.is_some() {
        return None;
    }
    let (from, until) = Certificate::parse(message.certificate()?).ok()?.usage_period?;
    let dg13 = Dg13::decode(files.get(&FileId::Dg(13))?).ok()?;
    let issued = Date::parse(dg13.get(Item::Issued)?, DAY).ok()?;
    let in_use = from.date() <= issued && issued <= until.date();
    (!in_use).then(|| {
        let why = "issued outside the time in which the signer's key may be used";
        failed(CheckName::Validity, why.into())
    })
}

fn passed(name: CheckName) -> Check {
    Check {
        name,
        verdict: Verdict::Passed,
        why: String::new(),
    }
}

fn failed(name: CheckName, why: String) -> Check {
    Check {
        name,
        verdict: Verdict::Failed,
        why,
    }
}

fn undetermined(name: CheckName, why: &str) -> Check {
    Check {
        name,
        verdict: Verdict::Undetermined,
        why: why.into(),
    }
}

fn check(name: CheckName, holds: bool, otherwise: &str) -> Check {
    if holds {
        passed(name)
    } else {
        failed(name, otherwise.into())
    }
}

/// What cannot be verified here, or has no trusted issuer, is undetermined; every other fault is a failure.
fn outcome(name: CheckName, result: Result<(), Fault>) -> Check {
    match result {
        Ok(()) => passed(name),
        Err(fault)
            if fault.code == &pki_fault::ALGORITHM_UNSUPPORTED
                || fault.code == &pki_fault::ISSUER_UNKNOWN =>
        {
            undetermined(name, &fault.to_string())
        }
        Err(fault) => failed(name, fault.to_string()),
    }
}

impl fmt::Display for CheckName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Structure => f.write_str("structure"),
            Self::MessageDigest => f.write_str("message digest"),
            Self::Signature => f.write_str("signature"),
            Self::DataGroup(number) => write!(f, "data group {number}"),
            Self::ContentsList => f.write_str("EF.COM"),
            Self::Chain => f.write_str("chain"),
            Self::State => f.write_str("state and kind"),
            Self::Validity => f.write_str("validity"),
            Self::Revocation => f.write_str("revocation"),
            Self::CardSecurity => f.write_str("EF.CardSecurity"),
        }
    }
}
