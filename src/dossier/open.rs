//! From the bytes of a file to a dossier whose signature has been verified.

use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::finding::Finding;
use super::osia::{self, Origin, Resolve};
use super::record::Dossier;
use super::{fault, json, jws};
use crate::base::Fault;

/// A dossier as the registry signed it.
#[derive(Debug)]
pub struct Opened {
    /// The dossier; not yet admitted.
    pub dossier: Dossier,
    /// Subject of the certificate that signed it.
    pub signer: String,
    /// The signed form (RFC 8785, without `integrity`): two documents are the same if these bytes are.
    pub canonical: Vec<u8>,
}

/// A file that is no dossier: what is wrong, and where to return it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rejected {
    /// What is wrong; at least one finding.
    pub findings: Vec<Finding>,
    /// Where it says it comes from, as far as could be read.
    pub origin: Origin,
    /// The signature was verified, so the origin is what the registry wrote.
    pub authentic: bool,
}

/// Opens a dossier in the clear (an encrypted one goes through [`super::jwe`] first).
///
/// `trust` are DER certificates of the registry's CAs, `now` the time of intake, `resolve` finds images that the
/// document names.
///
/// The document's `integrity` is one entry `{ "type": "JWS", "signature": … }`, which may name `alg` (`ES256`) and
/// `scope` (`["$"]`, the whole document) and nothing else; the signature covers the RFC 8785 form of the document
/// without `integrity`.
///
/// # Errors
/// Everything found, in the document's own terms.
pub fn open(
    bytes: &[u8],
    trust: &[Vec<u8>],
    now: OffsetDateTime,
    resolve: Resolve<'_>,
) -> Result<Opened, Box<Rejected>> {
    let document = json::parse(bytes).map_err(|fault| reject(&Value::Null, "$", fault))?;
    let Value::Object(members) = &document else {
        return Err(reject(
            &Value::Null,
            "$",
            Fault::new(&fault::JSON_UNREADABLE, "object"),
        ));
    };
    let (signer, canonical) =
        authenticate(members, trust, now).map_err(|fault| reject(&document, "integrity", fault))?;
    match osia::read(&document, resolve) {
        Ok(dossier) => Ok(Opened {
            dossier,
            signer,
            canonical,
        }),
        Err(findings) => Err(Box::new(Rejected {
            findings,
            origin: Origin::of(&document),
            authentic: true,
        })),
    }
}

fn authenticate(
    members: &Map<String, Value>,
    trust: &[Vec<u8>],
    now: OffsetDateTime,
) -> Result<(String, Vec<u8>), Fault> {
    let signature = signature_of(members).ok_or_else(|| Fault::new(&fault::INTEGRITY_MISSING, ""))?;
    let canonical = json::canonical_without(members, "integrity")?;
    let signer = jws::verify(signature, &canonical, trust, now)?;
    Ok((signer, canonical))
}

/// The signature of the one integrity entry. A claim that would not be checked (another scope, a hash, references to be
/// followed) makes the entry none.
fn signature_of(members: &Map<String, Value>) -> Option<&str> {
    let [entry] = members.get("integrity")?.as_array()?.as_slice() else {
        return None;
    };
    let known = entry
        .as_object()?
        .iter()
        .all(|(name, value)| match name.as_str() {
            "type" => value == "JWS",
            "alg" => value == "ES256",
            "scope" => value.as_array().is_some_and(|scope| scope.as_slice() == ["$"]),
            "signature" => true,
            _ => false,
        });
    (known && entry.get("type").is_some()).then_some(())?;
    entry.get("signature")?.as_str()
}

fn reject(document: &Value, field: &str, fault: Fault) -> Box<Rejected> {
    Box::new(Rejected {
        findings: vec![Finding::from_fault(fault, field)],
        origin: Origin::of(document),
        authentic: false,
    })
}

#[cfg(test)]
mod tests;
