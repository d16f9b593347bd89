//! Passive authentication (Doc 9303-11, section 5.1): is what the chip holds what the state has signed?

use std::fmt;

use time::OffsetDateTime;

use super::read::Sod;
use super::signed::SignedMessage;
use crate::base::Fault;
use crate::document::file::{CardFiles, FileId};
use crate::pki::fault as pki_fault;
use crate::pki::trust::{Certificate, Revocation, TrustStore};

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
    checks.sort_by_key(|check| check.name);
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
    let in_use = match (message.signing_time, signer.usage_period) {
        (Some(signed_at), Some((from, until))) => from <= signed_at && signed_at <= until,
        _ => true,
    };
    checks.push(if in_use {
        outcome(CheckName::Validity, valid)
    } else {
        failed(
            CheckName::Validity,
            "signed outside the time in which the signer's key may be used".into(),
        )
    });
    checks.push(match trust.revocation(signer, csca, at) {
        Revocation::Good => passed(CheckName::Revocation),
        Revocation::Revoked { since } => failed(CheckName::Revocation, format!("revoked since {since}")),
        Revocation::Undetermined { why } => undetermined(CheckName::Revocation, &why),
    });
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
            Self::Validity => f.write_str("validity"),
            Self::Revocation => f.write_str("revocation"),
            Self::CardSecurity => f.write_str("EF.CardSecurity"),
        }
    }
}
