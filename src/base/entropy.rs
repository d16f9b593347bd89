//! Randomness with a replaceable source: the operating system's, or a seed that replays a rehearsal exactly.

use std::sync::Mutex;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::{Fault, Secret};

crate::fault_codes! {
    /// The operating system has no randomness.
    NO_ENTROPY = "BAS-001", Device, true,
        "the operating system gives no random numbers", "hệ điều hành không cho số ngẫu nhiên",
        "Check the machine; nothing was made.", "Kiểm tra máy; chưa có gì được tạo.";
}

/// A source of random bytes.
#[derive(Debug)]
pub struct Entropy(Option<Mutex<ChaCha20Rng>>);

impl Entropy {
    /// The operating system's.
    #[must_use]
    pub fn system() -> Self {
        Self(None)
    }

    /// The same bytes for the same seed, for simulations only.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(Some(Mutex::new(ChaCha20Rng::seed_from_u64(seed))))
    }

    /// Random bytes.
    ///
    /// # Errors
    /// `BAS-001` if there are none to be had.
    pub fn bytes<const N: usize>(&self) -> Result<[u8; N], Fault> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// Random bytes that are a secret.
    ///
    /// # Errors
    /// `BAS-001` if there are none to be had.
    pub fn secret<const N: usize>(&self) -> Result<Secret<[u8; N]>, Fault> {
        self.bytes().map(Secret::new)
    }

    fn fill(&self, bytes: &mut [u8]) -> Result<(), Fault> {
        match &self.0 {
            Some(seeded) => {
                // A panic elsewhere does not make the stream worse.
                seeded
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner)
                    .fill_bytes(bytes);
                Ok(())
            }
            None => getrandom::fill(bytes).map_err(|error| Fault::new(&NO_ENTROPY, error.to_string())),
        }
    }
}
