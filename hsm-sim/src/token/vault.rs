//! Keys at rest: a master key seals every private object; each PIN opens a wrapped copy of the master key.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use cryptoki_sys::{CKR_DEVICE_ERROR, CKR_FUNCTION_FAILED, CKR_PIN_INCORRECT};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::record::{Hex, PinRecord};
use crate::object::Attributes;
use crate::rv::Outcome;

/// Rounds of PBKDF2 for new PINs: some tens of milliseconds, paid once per login.
const ROUNDS: u32 = 200_000;
const NONCE: usize = 12;

/// The token's master key.
#[derive(Clone)]
pub(crate) struct Master(Zeroizing<[u8; 32]>);

impl Master {
    /// A fresh one.
    pub(crate) fn generate() -> Outcome<Self> {
        Ok(Self(Zeroizing::new(random()?)))
    }

    /// Wraps it under a new PIN.
    pub(crate) fn wrap(&self, pin: &[u8]) -> Outcome<PinRecord> {
        let salt: [u8; 16] = random()?;
        let key = stretch(pin, &salt, ROUNDS);
        Ok(PinRecord {
            salt: Hex(salt.to_vec()),
            rounds: ROUNDS,
            wrapped: Hex(seal(&key, b"master", self.0.as_slice())?),
            failures: 0,
        })
    }

    /// Opens it with a PIN.
    ///
    /// # Errors
    /// `CKR_PIN_INCORRECT`.
    pub(crate) fn unwrap(record: &PinRecord, pin: &[u8]) -> Outcome<Self> {
        let key = stretch(pin, &record.salt.0, record.rounds);
        let master = open(&key, b"master", &record.wrapped.0).ok_or(CKR_PIN_INCORRECT)?;
        let master: [u8; 32] = master.as_slice().try_into().map_err(|_| CKR_DEVICE_ERROR)?;
        Ok(Self(Zeroizing::new(master)))
    }

    /// Seals key material so that it opens only with the same number and attributes.
    pub(crate) fn seal_object(&self, id: u64, attributes: &Attributes, material: &[u8]) -> Outcome<Hex> {
        seal(&self.0, &associated(id, attributes)?, material).map(Hex)
    }

    /// The inverse of [`Self::seal_object`].
    ///
    /// # Errors
    /// `CKR_DEVICE_ERROR` if the file was changed by another hand.
    pub(crate) fn open_object(
        &self,
        id: u64,
        attributes: &Attributes,
        sealed: &Hex,
    ) -> Outcome<Zeroizing<Vec<u8>>> {
        open(&self.0, &associated(id, attributes)?, &sealed.0).ok_or(CKR_DEVICE_ERROR)
    }
}

/// Random bytes from the operating system.
pub(crate) fn random<const N: usize>() -> Outcome<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| CKR_FUNCTION_FAILED)?;
    Ok(bytes)
}

fn stretch(pin: &[u8], salt: &[u8], rounds: u32) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(pin, salt, rounds))
}

/// Without this a flag changed in the file (say, extractable) would go unnoticed.
fn associated(id: u64, attributes: &Attributes) -> Outcome<Vec<u8>> {
    serde_json::to_vec(&(id, attributes)).map_err(|_| CKR_DEVICE_ERROR)
}

fn seal(key: &[u8; 32], associated: &[u8], plain: &[u8]) -> Outcome<Vec<u8>> {
    let nonce: [u8; NONCE] = random()?;
    let payload = Payload {
        msg: plain,
        aad: associated,
    };
    let sealed = Aes256Gcm::new(key.into())
        .encrypt(&Nonce::from(nonce), payload)
        .map_err(|_| CKR_FUNCTION_FAILED)?;
    Ok([nonce.as_slice(), &sealed].concat())
}

fn open(key: &[u8; 32], associated: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE>()?;
    let payload = Payload {
        msg: sealed,
        aad: associated,
    };
    Aes256Gcm::new(key.into())
        .decrypt(&Nonce::from(*nonce), payload)
        .ok()
        .map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use cryptoki_sys::CKA_EXTRACTABLE;
    use hex_literal::hex;

    use super::*;

    /// RFC 7914 §11: PBKDF2-HMAC-SHA-256, its first 32 bytes.
    #[test]
    fn pins_are_stretched_as_published() {
        assert_eq!(
            *stretch(b"passwd", b"salt", 1),
            hex!("55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc")
        );
    }

    #[test]
    fn only_the_pin_opens_the_master_key() {
        let master = Master::generate().unwrap();
        let record = master.wrap(b"2468").unwrap();
        assert_eq!(*Master::unwrap(&record, b"2468").unwrap().0, *master.0);
        assert_eq!(Master::unwrap(&record, b"2469").err(), Some(CKR_PIN_INCORRECT));
    }

    #[test]
    fn material_is_bound_to_its_attributes() {
        let master = Master::generate().unwrap();
        let mut attributes = Attributes::default();
        let sealed = master.seal_object(7, &attributes, b"key").unwrap();
        assert_eq!(*master.open_object(7, &attributes, &sealed).unwrap(), b"key");
        assert!(master.open_object(8, &attributes, &sealed).is_err());
        attributes.set_flag(CKA_EXTRACTABLE, true);
        assert!(master.open_object(7, &attributes, &sealed).is_err());
    }
}
