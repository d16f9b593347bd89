//! The seams: every contract between the line and the world, on one page.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::base::{Fault, Secret};

/// One reader with at most one chip in its field.
#[async_trait]
pub trait Encoder: Send {
    /// Switches the field on, resets the chip and returns its answer to reset.
    async fn power_on(&mut self) -> Result<Vec<u8>, Fault>;
    /// Exchanges one APDU. Nothing is ever re-sent: past the deadline the chip is in doubt.
    async fn transmit(&mut self, command: &[u8], deadline: Duration) -> Result<Vec<u8>, Fault>;
    /// Switches the field off; the chip forgets its sessions.
    async fn power_off(&mut self) -> Result<(), Fault>;
}

/// A serial line: a printer or a hand scanner at its other end.
#[async_trait]
pub trait Serial: Send {
    /// Sends all bytes or fails.
    async fn send(&mut self, bytes: &[u8], deadline: Duration) -> Result<(), Fault>;
    /// Whatever has arrived, at least one byte, or nothing once the deadline has passed.
    async fn receive(&mut self, deadline: Duration) -> Result<Vec<u8>, Fault>;
}

/// What a key is for: one purpose each.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyPurpose {
    /// Country signing CA (rehearsal only).
    Csca,
    /// Document signer.
    DocumentSigner,
    /// Ledger checkpoints.
    Checkpoint,
    /// Box manifests.
    Manifest,
    /// Dossiers encrypted to the facility (ECDH).
    Intake,
    /// Wrapping of data keys (AES-256).
    Wrap,
    /// Keyed hashes for look-ups (HMAC-SHA-256).
    Lookup,
}

/// One key as the token lists it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct KeyInfo {
    /// The label it is found by.
    pub label: String,
    /// What it is for, as far as its usage flags tell.
    pub purpose: KeyPurpose,
    /// Uncompressed public point for EC keys (65 bytes), empty for secret keys.
    pub public: Vec<u8>,
    /// Signatures made, where the token counts them.
    pub signatures: Option<u64>,
}

/// The hardware security module. Keys never leave it; all are named by label.
#[async_trait]
pub trait Signer: Send + Sync {
    /// ECDSA P-256 over a SHA-256 digest: raw r‖s.
    async fn sign(&self, key: &str, digest: [u8; 32]) -> Result<[u8; 64], Fault>;
    /// Makes a P-256 key pair or, for `Wrap` and `Lookup`, a 256-bit secret key in the token; returns the uncompressed
    /// public point (empty for secret keys). A label that exists is refused.
    async fn generate(&self, key: &str, purpose: KeyPurpose) -> Result<Vec<u8>, Fault>;
    /// HMAC-SHA-256 under a look-up key.
    async fn hmac(&self, key: &str, data: &[u8]) -> Result<[u8; 32], Fault>;
    /// AES-256-GCM under a wrapping key: nonce (12) ‖ ciphertext ‖ tag (16).
    async fn seal(&self, key: &str, associated: &[u8], plain: &[u8]) -> Result<Vec<u8>, Fault>;
    /// Opens what `seal` made; anything else is refused.
    async fn open(&self, key: &str, associated: &[u8], sealed: &[u8]) -> Result<Secret<Vec<u8>>, Fault>;
    /// ECDH on P-256 with an intake key: the x coordinate of the shared point.
    async fn agree(&self, key: &str, peer: &[u8; 65]) -> Result<Secret<[u8; 32]>, Fault>;
    /// Random bytes from the token.
    async fn random(&self, length: usize) -> Result<Vec<u8>, Fault>;
    /// All keys of the token.
    async fn keys(&self) -> Result<Vec<KeyInfo>, Fault>;
    /// Destroys a key for good.
    async fn destroy(&self, key: &str) -> Result<(), Fault>;
}
