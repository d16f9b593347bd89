//! A token in memory: the same operations in software, drawn from one seed. For simulations only.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use async_trait::async_trait;
use des::TdesEde2;
use des::cipher::{BlockCipherEncrypt, KeyInit};
use hmac::{Hmac, Mac};
use p256::ecdsa::signature::hazmat::PrehashSigner;
use p256::ecdsa::{Signature, SigningKey};
use p256::elliptic_curve::sec1::ToSec1Point;
use p256::{PublicKey, SecretKey};
use sha2::Sha256;

use super::{Power, locked};
use crate::base::{Entropy, Fault, Secret};
use crate::chip::aes_key::AesKey;
use crate::chip::diversify::{Derivation, Master};
use crate::device::pkcs11::fault::{KEY_EXISTS, KEY_UNKNOWN, LOST, REQUEST, SEALED};
use crate::port::{KeyInfo, KeyPurpose, Signer};

/// One operation takes this long.
const OPERATION: Duration = Duration::from_millis(2);
const NONCE: usize = 12;

/// A token.
pub struct MemorySigner {
    power: Arc<Power>,
    entropy: Entropy,
    keys: Mutex<BTreeMap<String, Key>>,
    /// Operations that will fail because the line to the token is down.
    away: Mutex<u32>,
}

struct Key {
    purpose: KeyPurpose,
    secret: Secret<[u8; 32]>,
    signatures: u64,
}

impl MemorySigner {
    /// An empty token whose keys and random numbers follow from this seed.
    #[must_use]
    pub fn new(power: Arc<Power>, seed: u64) -> Self {
        Self {
            power,
            entropy: Entropy::seeded(seed),
            keys: Mutex::default(),
            away: Mutex::default(),
        }
    }

    /// The same token at another supply: same keys, and the same random numbers from here on for the same seed.
    #[must_use]
    pub fn copy(&self, power: Arc<Power>, seed: u64) -> Self {
        let keys = locked(&self.keys);
        let copied = keys.iter().map(|(label, key)| {
            let key = Key {
                purpose: key.purpose,
                secret: Secret::new(*key.secret.expose()),
                signatures: key.signatures,
            };
            (label.clone(), key)
        });
        Self {
            power,
            entropy: Entropy::seeded(seed),
            keys: Mutex::new(copied.collect()),
            away: Mutex::default(),
        }
    }

    /// Signatures made with all keys of a purpose.
    #[must_use]
    pub fn signatures(&self, purpose: KeyPurpose) -> u64 {
        let keys = locked(&self.keys);
        let of_purpose = keys.values().filter(|key| key.purpose == purpose);
        of_purpose.map(|key| key.signatures).sum()
    }

    /// The line to the token is down for so many operations.
    pub fn go_away(&self, operations: u32) {
        *locked(&self.away) = operations;
    }

    /// Does this with a key made for this.
    async fn with<T>(
        &self,
        label: &str,
        purposes: &[KeyPurpose],
        act: impl FnOnce(&mut Key) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.power
            .act(OPERATION, || {
                let mut away = locked(&self.away);
                if *away > 0 {
                    *away -= 1;
                    return Err(Fault::new(&LOST, ""));
                }
                let mut keys = locked(&self.keys);
                let key = keys.get_mut(label).filter(|key| purposes.contains(&key.purpose));
                act(key.ok_or_else(|| Fault::new(&KEY_UNKNOWN, label))?)
            })
            .await
    }

    fn make(&self, label: &str, purpose: KeyPurpose) -> Result<Vec<u8>, Fault> {
        let secret = self.entropy.secret()?;
        let public = if is_symmetric(purpose) {
            Vec::new()
        } else {
            point(&secret)?
        };
        self.put(label, purpose, secret)?;
        Ok(public)
    }

    fn put(&self, label: &str, purpose: KeyPurpose, secret: Secret<[u8; 32]>) -> Result<(), Fault> {
        let mut keys = locked(&self.keys);
        if keys.contains_key(label) {
            return Err(Fault::new(&KEY_EXISTS, label));
        }
        let key = Key {
            purpose,
            secret,
            signatures: 0,
        };
        keys.insert(label.to_owned(), key);
        Ok(())
    }
}

#[async_trait]
impl Signer for MemorySigner {
    async fn sign(&self, key: &str, digest: [u8; 32]) -> Result<[u8; 64], Fault> {
        const SIGNING: [KeyPurpose; 4] = [
            KeyPurpose::Csca,
            KeyPurpose::DocumentSigner,
            KeyPurpose::Checkpoint,
            KeyPurpose::Manifest,
        ];
        self.with(key, &SIGNING, |key| {
            let signing = SigningKey::from_slice(key.secret.expose()).map_err(|_| broken())?;
            let signature: Signature = signing.sign_prehash(&digest).map_err(|_| broken())?;
            key.signatures += 1;
            Ok(signature.to_bytes().into())
        })
        .await
    }

    async fn generate(&self, key: &str, purpose: KeyPurpose) -> Result<Vec<u8>, Fault> {
        self.power.act(OPERATION, || self.make(key, purpose)).await
    }

    async fn hmac(&self, key: &str, data: &[u8]) -> Result<[u8; 32], Fault> {
        self.with(key, &[KeyPurpose::Lookup], |key| {
            let mut mac = Hmac::<Sha256>::new_from_slice(key.secret.expose()).map_err(|_| broken())?;
            mac.update(data);
            Ok(mac.finalize().into_bytes().into())
        })
        .await
    }

    async fn seal(&self, key: &str, associated: &[u8], plain: &[u8]) -> Result<Vec<u8>, Fault> {
        self.with(key, &[KeyPurpose::Wrap], |key| {
            let nonce: [u8; NONCE] = self.entropy.bytes()?;
            let payload = Payload {
                msg: plain,
                aad: associated,
            };
            let sealed = Aes256Gcm::new(key.secret.expose().into())
                .encrypt(&Nonce::from(nonce), payload)
                .map_err(|_| broken())?;
            Ok([&nonce[..], &sealed].concat())
        })
        .await
    }

    async fn open(&self, key: &str, associated: &[u8], sealed: &[u8]) -> Result<Secret<Vec<u8>>, Fault> {
        self.with(key, &[KeyPurpose::Wrap], |key| {
            let refused = || Fault::new(&SEALED, "");
            let (nonce, msg) = sealed.split_first_chunk::<NONCE>().ok_or_else(refused)?;
            let payload = Payload { msg, aad: associated };
            let plain = Aes256Gcm::new(key.secret.expose().into()).decrypt(&Nonce::from(*nonce), payload);
            plain.map(Secret::new).map_err(|_| refused())
        })
        .await
    }

    async fn agree(&self, key: &str, peer: &[u8; 65]) -> Result<Secret<[u8; 32]>, Fault> {
        self.with(key, &[KeyPurpose::Intake], |key| {
            let secret = SecretKey::from_slice(key.secret.expose()).map_err(|_| broken())?;
            let peer = PublicKey::from_sec1_bytes(peer).map_err(|_| Fault::new(&REQUEST, "not a point"))?;
            let shared = secret.diffie_hellman(&peer);
            Ok(Secret::new((*shared.raw_secret_bytes()).into()))
        })
        .await
    }

    async fn derive(&self, key: &str, wanted: &Derivation) -> Result<Secret<Vec<u8>>, Fault> {
        let purpose = KeyPurpose::of_masters(wanted.scheme);
        self.with(key, &[purpose], |key| {
            let blocks = wanted.blocks().ok_or_else(broken)?;
            let mut derived: Vec<u8> = if wanted.scheme.is_triple_des() {
                encrypted(&key.secret, blocks)?
            } else {
                let master = AesKey::new(key.secret.expose()).ok_or_else(broken)?;
                blocks.iter().flat_map(|block| master.cmac(&[block])).collect()
            };
            derived.truncate(wanted.bits / 8);
            Ok(Secret::new(derived))
        })
        .await
    }

    async fn take_in(&self, key: &str, master: &Master) -> Result<(), Fault> {
        let put = || match master {
            Master::Aes(value) => self.put(key, KeyPurpose::ChipMaster, Secret::new(*value.expose())),
            Master::TripleDes(value) => {
                let mut kept = [0; 32];
                kept[..TRIPLE_DES].copy_from_slice(value.expose());
                self.put(key, KeyPurpose::ChipMasterTripleDes, Secret::new(kept))
            }
        };
        self.power.act(OPERATION, put).await
    }

    async fn random(&self, length: usize) -> Result<Vec<u8>, Fault> {
        self.power
            .act(OPERATION, || {
                let byte = |_| self.entropy.bytes::<1>().map(|[byte]| byte);
                (0..length).map(byte).collect()
            })
            .await
    }

    async fn keys(&self) -> Result<Vec<KeyInfo>, Fault> {
        self.power.alive().await;
        let info = |(label, key): (&String, &Key)| {
            Ok(KeyInfo {
                label: label.clone(),
                purpose: key.purpose,
                public: if is_symmetric(key.purpose) {
                    Vec::new()
                } else {
                    point(&key.secret)?
                },
                signatures: Some(key.signatures),
            })
        };
        locked(&self.keys).iter().map(info).collect()
    }

    async fn destroy(&self, key: &str) -> Result<(), Fault> {
        let removed = self.power.act(OPERATION, || locked(&self.keys).remove(key)).await;
        removed.map(|_| ()).ok_or_else(|| Fault::new(&KEY_UNKNOWN, key))
    }
}

/// Bytes of a 3DES key of two parts, which begins a secret.
const TRIPLE_DES: usize = 16;

/// 3DES-ECB of these blocks, joined.
fn encrypted(key: &Secret<[u8; 32]>, mut blocks: Vec<[u8; 16]>) -> Result<Vec<u8>, Fault> {
    let cipher = TdesEde2::new_from_slice(&key.expose()[..TRIPLE_DES]).map_err(|_| broken())?;
    for block in blocks.as_flattened_mut().as_chunks_mut::<8>().0 {
        cipher.encrypt_block(block.into());
    }
    Ok(blocks.into_flattened())
}

fn is_symmetric(purpose: KeyPurpose) -> bool {
    matches!(
        purpose,
        KeyPurpose::Wrap | KeyPurpose::Lookup | KeyPurpose::ChipMaster | KeyPurpose::ChipMasterTripleDes
    )
}

/// The uncompressed public point; one seed in 2^32 has none.
fn point(secret: &Secret<[u8; 32]>) -> Result<Vec<u8>, Fault> {
    let key = SecretKey::from_slice(secret.expose()).map_err(|_| broken())?;
    Ok(key.public_key().to_sec1_point(false).as_bytes().to_vec())
}

fn broken() -> Fault {
    Fault::new(&REQUEST, "the simulated token")
}

impl std::fmt::Debug for MemorySigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MemorySigner({} keys)", locked(&self.keys).len())
    }
}
