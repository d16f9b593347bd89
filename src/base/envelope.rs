//! Sealing data at rest: AES-256-GCM under a data key that the HSM wraps (law 10).

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use zeroize::Zeroizing;

use super::entropy::Entropy;
use super::{Fault, Secret};

crate::fault_codes! {
    /// Ciphertext, key and context do not belong together.
    NOT_OPENED = "BAS-002", Key, false,
        "sealed data does not open", "không mở được dữ liệu niêm phong",
        "Check that database and token belong to the same facility.",
        "Kiểm tra cơ sở dữ liệu và token có cùng cơ sở hay không.";
}

const NONCE: usize = 12;

/// A data key: AES-256.
pub type DataKey = Secret<[u8; 32]>;

/// Nonce ‖ ciphertext ‖ tag. The context is not stored but must be the same when it is opened.
///
/// # Errors
/// When there is no randomness.
pub fn seal(entropy: &Entropy, key: &DataKey, context: &str, plain: &[u8]) -> Result<Vec<u8>, Fault> {
    let nonce: [u8; NONCE] = entropy.bytes()?;
    let cipher = Aes256Gcm::new(key.expose().into());
    let sealed = cipher
        .encrypt(
            &Nonce::from(nonce),
            Payload {
                msg: plain,
                aad: context.as_bytes(),
            },
        )
        .map_err(|_| Fault::new(&NOT_OPENED, "sealing failed"))?;
    Ok([&nonce[..], &sealed].concat())
}

/// Opens what [`seal`] made.
///
/// # Errors
/// `BAS-002` for another key, another context, or changed bytes.
pub fn open(key: &DataKey, context: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let refused = || Fault::new(&NOT_OPENED, context.to_owned());
    let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE>().ok_or_else(refused)?;
    let cipher = Aes256Gcm::new(key.expose().into());
    cipher
        .decrypt(
            &Nonce::from(*nonce),
            Payload {
                msg: ciphertext,
                aad: context.as_bytes(),
            },
        )
        .map(Zeroizing::new)
        .map_err(|_| refused())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_with_the_same_key_and_context() {
        let entropy = Entropy::seeded(1);
        let key: DataKey = entropy.secret().unwrap();
        let sealed = seal(&entropy, &key, "order 1", b"dossier").unwrap();
        assert_eq!(open(&key, "order 1", &sealed).unwrap().as_slice(), b"dossier");
        assert!(open(&key, "order 2", &sealed).is_err());
        assert!(open(&entropy.secret().unwrap(), "order 1", &sealed).is_err());
        assert!(open(&key, "order 1", &sealed[..5]).is_err());
    }
}
