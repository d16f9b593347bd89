//! Terminal Authentication (BSI TR-03110-1, section 4.4; TR-03110-3, section B.3): the reader proves that the state
//! lets it read fingerprints. It follows chip authentication, whose keys it binds.

use std::fmt;
use std::sync::Arc;

use super::active::Verdict;
use super::apdu::{Command, Status};
use super::link::Card;
use super::{fault, tlv};
use crate::base::{Fault, Secret};
use crate::pki::{CvCertificate, CvRole, EllipticCurve};

/// A terminal: the certificates that lead to it, and its private key.
#[derive(Clone)]
pub struct Terminal {
    chain: Vec<CvCertificate>,
    curve: EllipticCurve,
    key: Arc<Secret<Vec<u8>>>,
}

impl Terminal {
    /// From its certificates in any order: links of the CVCA, the document verifier's, the terminal's; the CVCA's own
    /// is not sent, but tells the curve. The private key is a number as long as a coordinate.
    ///
    /// # Errors
    /// `CHIP-018` if they do not make one chain to one terminal, or the key is not that of the terminal.
    pub fn new(certificates: Vec<CvCertificate>, key: Secret<Vec<u8>>) -> Result<Self, Fault> {
        let refuse = |why: &str| Fault::new(&fault::TERMINAL, why);
        let curve = certificates.iter().find_map(|certificate| certificate.curve);
        let curve = curve.ok_or_else(|| refuse("no certificate of a CVCA, which names the curve"))?;
        let mut rest: Vec<_> = certificates
            .into_iter()
            .filter(|certificate| !certificate.is_self_signed())
            .collect();
        let last = rest
            .iter()
            .position(|certificate| certificate.role == CvRole::Terminal);
        let mut chain = vec![rest.swap_remove(last.ok_or_else(|| refuse("no certificate of a terminal"))?)];
        // From the terminal upwards, as far as certificates go.
        while let Some(issuer) = chain.first().and_then(|first| {
            rest.iter()
                .position(|certificate| certificate.holder == first.authority)
        }) {
            chain.insert(0, rest.swap_remove(issuer));
        }
        if !rest.is_empty() {
            return Err(refuse("certificates that lead elsewhere"));
        }
        let public = curve.public(key.expose());
        if public.is_none() || chain.last().map(|terminal| &terminal.point) != public.as_ref() {
            return Err(refuse("the private key is not the terminal's"));
        }
        Ok(Self {
            chain,
            curve,
            key: Arc::new(key),
        })
    }

    /// Signs what names chip, challenge and session.
    fn sign(&self, signed: &[u8]) -> Option<Vec<u8>> {
        let hash = self.chain.last()?.hash;
        self.curve.sign(self.key.expose(), &hash.digest(signed))
    }
}

impl fmt::Debug for Terminal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Terminal({} certificates)", self.chain.len())
    }
}

/// Runs the protocol: [`Verdict::Failed`] if the chip refuses a certificate or the signature. `identity` is how this
/// session names the chip, `session_key` the x coordinate of the reader's key in chip authentication.
pub(super) async fn run(
    card: &mut Card,
    terminal: &Terminal,
    identity: &[u8],
    session_key: &[u8],
) -> Result<Verdict, Fault> {
    for certificate in &terminal.chain {
        if set(card, 0xB6, &certificate.authority).await? != Status::Success {
            return Ok(Verdict::Failed);
        }
        let contents = certificate.contents()?;
        let verify = Command::new(0, 0x2A, 0x00, 0xBE).data(&contents);
        if card.send(&verify).await?.1 != Status::Success {
            return Ok(Verdict::Failed);
        }
    }
    let holder = terminal
        .chain
        .last()
        .map_or(&[][..], |last| last.holder.as_slice());
    if set(card, 0xA4, holder).await? != Status::Success {
        return Ok(Verdict::Failed);
    }
    let (challenge, status) = card.send(&Command::new(0, 0x84, 0, 0).le(8)).await?;
    if status != Status::Success || challenge.len() != 8 {
        return Ok(Verdict::Failed);
    }
    let signature = terminal.sign(&[identity, &challenge, session_key].concat());
    let signature = signature.ok_or_else(|| Fault::new(&fault::TERMINAL, "signature"))?;
    let (_, status) = card.send(&Command::new(0, 0x82, 0, 0).data(&signature)).await?;
    Ok(match status {
        Status::Success => Verdict::Genuine,
        _ => Verdict::Failed,
    })
}

/// MSE:Set DST (`B6`) or MSE:Set AT (`A4`) with the name of a key. The latter names no protocol: chips know it from the
/// certificate, and some refuse to be told.
async fn set(card: &mut Card, template: u8, name: &[u8]) -> Result<Status, Fault> {
    let mut data = Vec::with_capacity(18);
    tlv::push(&mut data, 0x83, name);
    let command = Command::new(0, 0x22, 0x81, template).data(&data);
    Ok(card.send(&command).await?.1)
}
