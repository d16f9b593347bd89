//! Dossiers encrypted to the facility: JWE, compact serialization, ECDH-ES in direct key agreement on P-256, A256GCM
//! (RFC 7516, sections 3.1 and 5; RFC 7518, sections 4.6 and 5.3).
//!
//! The private key is in the HSM, so opening is cut in two: [`Sealed::parse`] gives the sender's ephemeral point, the
//! HSM multiplies it, and [`Sealed::open`] goes on with the x coordinate that comes back. The point is proven to be on
//! the curve before any HSM sees it.

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit};
use data_encoding::BASE64URL_NOPAD;
use p256::elliptic_curve::sec1::ToSec1Point;
use p256::{PublicKey, SecretKey};
use serde_json::Value;
use sha2::{Digest, Sha256};
use zeroize::Zeroize;

use super::{fault, json};
use crate::base::{Fault, Secret, limits};

/// Base64url of the largest dossier, the header and the rest.
const CHARACTERS_MAX: usize = limits::DOSSIER_BYTES_MAX / 3 * 4 + (16 << 10);
/// Header members are names, a point and two short texts.
const HEADER_CHARACTERS_MAX: usize = 4 << 10;
/// The algorithm name the key is derived for: with direct agreement that is the content encryption.
const ALGORITHM: &str = "A256GCM";

/// An encrypted dossier, read but not opened.
pub struct Sealed {
    header: String,
    peer: [u8; 65],
    key_id: Option<String>,
    producer: Vec<u8>,
    recipient: Vec<u8>,
    nonce: [u8; 12],
    ciphertext: Vec<u8>,
    tag: [u8; 16],
}

impl Sealed {
    /// Does this look like compact JWE rather than JSON?
    #[must_use]
    pub fn is_likely(bytes: &[u8]) -> bool {
        bytes.starts_with(b"eyJ")
    }

    /// Reads the compact form.
    ///
    /// # Errors
    /// Too large, another kind of JWE, or an ephemeral point that is not on the curve.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        if text.len() > CHARACTERS_MAX {
            return Err(Fault::new(&fault::TOO_LARGE, text.len().to_string()));
        }
        // In direct agreement there is no encrypted key: the second part is empty.
        let parts: Vec<&str> = text.trim_ascii_end().splitn(6, '.').collect();
        let [header, "", nonce, ciphertext, tag] = parts[..] else {
            return Err(unreadable("form"));
        };
        let (peer, key_id, producer, recipient) = read_header(header)?;
        Ok(Self {
            header: header.to_owned(),
            peer,
            key_id,
            producer,
            recipient,
            nonce: exactly(nonce).ok_or_else(|| unreadable("iv"))?,
            ciphertext: decode(ciphertext).ok_or_else(|| unreadable("ciphertext"))?,
            tag: exactly(tag).ok_or_else(|| unreadable("tag"))?,
        })
    }

    /// The sender's ephemeral public point, uncompressed (65 bytes), for the HSM's key agreement.
    #[must_use]
    pub fn peer(&self) -> &[u8; 65] {
        &self.peer
    }

    /// The key it says it is encrypted to (`kid`), if it says so.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// Opens it with the x coordinate of the shared point.
    ///
    /// # Errors
    /// Encrypted to another key, or altered.
    pub fn open(self, shared: &[u8; 32]) -> Result<Secret<Vec<u8>>, Fault> {
        let wrong = || Fault::new(&fault::ENCRYPTION_WRONG, "");
        let key = derive(shared, ALGORITHM, &self.producer, &self.recipient, 256);
        let cipher = Aes256Gcm::new_from_slice(key.expose()).map_err(|_| wrong())?;
        let mut plain = self.ciphertext;
        let outcome = cipher.decrypt_inout_detached(
            &self.nonce.into(),
            self.header.as_bytes(),
            plain.as_mut_slice().into(),
            &self.tag.into(),
        );
        if outcome.is_err() {
            plain.zeroize();
            return Err(wrong());
        }
        Ok(Secret::new(plain))
    }
}

/// Encrypts to a recipient's uncompressed public point. `ephemeral` and `nonce` must be fresh random bytes.
///
/// # Errors
/// The recipient's point is not on the curve, or `ephemeral` is no scalar.
pub fn seal(
    recipient: &[u8; 65],
    key_id: Option<&str>,
    plain: &[u8],
    ephemeral: &[u8; 32],
    nonce: [u8; 12],
) -> Result<String, Fault> {
    let recipient = PublicKey::from_sec1_bytes(recipient).map_err(|_| unreadable("recipient"))?;
    let ephemeral = SecretKey::from_slice(ephemeral).map_err(|_| unreadable("epk"))?;
    let point = ephemeral.public_key().to_sec1_point(false);
    let (Some(x), Some(y)) = (point.x(), point.y()) else {
        return Err(unreadable("epk"));
    };
    let mut header = serde_json::json!({
        "alg": "ECDH-ES", "enc": ALGORITHM,
        "epk": { "kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y) },
    });
    if let (Some(key_id), Some(header)) = (key_id, header.as_object_mut()) {
        header.insert("kid".to_owned(), key_id.into());
    }
    let header = encode(header.to_string().as_bytes());
    let shared = ephemeral.diffie_hellman(&recipient);
    let key = derive(shared.raw_secret_bytes(), ALGORITHM, &[], &[], 256);
    let cipher = Aes256Gcm::new_from_slice(key.expose()).map_err(|_| unreadable("key"))?;
    let mut ciphertext = plain.to_vec();
    let tag = cipher
        .encrypt_inout_detached(&nonce.into(), header.as_bytes(), ciphertext.as_mut_slice().into())
        .map_err(|_| unreadable("plaintext"))?;
    Ok(format!(
        "{header}..{}.{}.{}",
        encode(&nonce),
        encode(&ciphertext),
        encode(&tag)
    ))
}

/// Concat KDF (NIST SP 800-56A, 5.8.1) as RFC 7518, section 4.6.2 uses it, for keys of at most 256 bits.
fn derive(shared: &[u8], algorithm: &str, producer: &[u8], recipient: &[u8], bits: u32) -> Secret<Vec<u8>> {
    debug_assert!(bits.is_multiple_of(8) && bits <= 256);
    let mut hash = Sha256::new();
    hash.update(1u32.to_be_bytes());
    hash.update(shared);
    for info in [algorithm.as_bytes(), producer, recipient] {
        // Lengths are bounded by the header's.
        hash.update(u32::try_from(info.len()).unwrap_or(u32::MAX).to_be_bytes());
        hash.update(info);
    }
    hash.update(bits.to_be_bytes());
    let mut digest: [u8; 32] = hash.finalize().into();
    let key = digest.iter().copied().take(bits as usize / 8).collect();
    digest.zeroize();
    Secret::new(key)
}

type Header = ([u8; 65], Option<String>, Vec<u8>, Vec<u8>);

fn read_header(header: &str) -> Result<Header, Fault> {
    if header.len() > HEADER_CHARACTERS_MAX {
        return Err(unreadable("header"));
    }
    let Some(Ok(Value::Object(header))) = decode(header).map(|bytes| json::parse(&bytes)) else {
        return Err(unreadable("header"));
    };
    // `zip` and `crit` among others: nothing is acted on that is not known.
    let known = ["alg", "enc", "epk", "apu", "apv", "kid", "typ", "cty"];
    if !header.keys().all(|name| known.contains(&name.as_str())) {
        return Err(unreadable("header"));
    }
    let text = |name: &str| header.get(name).and_then(Value::as_str);
    if text("alg") != Some("ECDH-ES") {
        return Err(unreadable("alg"));
    }
    if text("enc") != Some(ALGORITHM) {
        return Err(unreadable("enc"));
    }
    let peer = header
        .get("epk")
        .and_then(point_of)
        .ok_or_else(|| unreadable("epk"))?;
    let party = |name: &str| match header.get(name) {
        None => Ok(Vec::new()),
        Some(value) => value.as_str().and_then(decode).ok_or_else(|| unreadable(name)),
    };
    Ok((peer, text("kid").map(str::to_owned), party("apu")?, party("apv")?))
}

/// The uncompressed point of a JWK, proven to be on the curve.
fn point_of(key: &Value) -> Option<[u8; 65]> {
    let text = |name: &str| key.get(name).and_then(Value::as_str);
    if text("kty") != Some("EC") || text("crv") != Some("P-256") || key.get("d").is_some() {
        return None;
    }
    let (x, y): ([u8; 32], [u8; 32]) = (exactly(text("x")?)?, exactly(text("y")?)?);
    let point: [u8; 65] = [&[4][..], &x, &y].concat().try_into().ok()?;
    PublicKey::from_sec1_bytes(&point).ok().map(|_| point)
}

fn decode(text: &str) -> Option<Vec<u8>> {
    BASE64URL_NOPAD.decode(text.as_bytes()).ok()
}

fn exactly<const N: usize>(text: &str) -> Option<[u8; N]> {
    decode(text)?.try_into().ok()
}

fn encode(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}

fn unreadable(what: &str) -> Fault {
    Fault::new(&fault::ENCRYPTION_UNREADABLE, what)
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealed({} bytes)", self.ciphertext.len())
    }
}

#[cfg(test)]
mod tests;
