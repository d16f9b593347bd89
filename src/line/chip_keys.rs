//! Keys for chips that are written through a card manager: each chip's own, computed in the HSM from what the chip says
//! of itself. They exist here only between bind and seal of one card.

use super::Line;
use crate::base::Fault;
use crate::base::limits::AUTHENTICATIONS_IN_DOUBT_MAX;
use crate::chip::diversify::{Derivation, Scheme, StaticKey};
use crate::chip::fault::NO_MORE_TRIES;
use crate::chip::profile::Managed;
use crate::chip::scp::{ChipKeys, DIVERSIFICATION};
use crate::chip::{CardKeys, Credentials, Identity};
use crate::job::Attempt;

use super::fault::NO_MASTERS;

impl Line {
    /// The keys of this chip, or nothing if its kind has none.
    ///
    /// # Errors
    /// The HSM's, or `LIN-…` if the facility has no masters for them.
    pub async fn chip_keys(&self, identity: &Identity) -> Result<Option<CardKeys>, Fault> {
        let (Some(managed), Some(introduced)) = (self.rules.chip.managed(), &identity.manager) else {
            return Ok(None);
        };
        let masters = self.rules.keys.chips.as_ref();
        let masters = masters.ok_or_else(|| Fault::new(&NO_MASTERS, self.rules.chip.id.as_str()))?;
        let chip = introduced.diversification;
        let transport = managed.diversification;
        Ok(Some(CardKeys {
            diversification: chip,
            transport: self.derive(&masters.transport, transport, chip, managed).await?,
            // Our own master is made in the HSM, and so of the newer kind.
            issuer: self
                .derive(&masters.issuer, Scheme::CounterMode, chip, managed)
                .await?,
        }))
    }

    /// What a writer proves itself with, freshly.
    ///
    /// # Errors
    /// The host has no randomness.
    pub fn credentials<'k>(&self, keys: Option<&'k CardKeys>) -> Result<Option<Credentials<'k>>, Fault> {
        let Some(keys) = keys else { return Ok(None) };
        let challenge = self.entropy.bytes()?;
        Ok(Some(Credentials { keys, challenge }))
    }

    /// A chip counts failed authentications, so one that may have refused twice is not asked a third time. The ledger
    /// counts, because a crash must not forget.
    ///
    /// # Errors
    /// `CHIP-034`.
    pub fn may_authenticate(&self, attempt: &Attempt) -> Result<(), Fault> {
        // The try that is about to begin is counted already: its intent is durable.
        if self.rules.chip.managed().is_some() && attempt.unproven > AUTHENTICATIONS_IN_DOUBT_MAX {
            return Err(Fault::new(
                &NO_MORE_TRIES,
                format!("{} begun", attempt.unproven - 1),
            ));
        }
        Ok(())
    }

    async fn derive(
        &self,
        master: &str,
        scheme: Scheme,
        chip: [u8; DIVERSIFICATION],
        managed: &Managed,
    ) -> Result<ChipKeys, Fault> {
        let signer = &self.ports.signer;
        let wanted = |key| Derivation {
            scheme,
            key,
            chip,
            bits: managed.key_bits,
        };
        let encrypt = signer.derive(master, &wanted(StaticKey::Encrypt)).await?;
        let mac = signer.derive(master, &wanted(StaticKey::Mac)).await?;
        let data = signer.derive(master, &wanted(StaticKey::Data)).await?;
        ChipKeys::new(managed.protocol, [encrypt.expose(), mac.expose(), data.expose()])
    }
}
