//! The doors to devices, people and authorities, with a trap in them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use zeroize::Zeroizing;

use super::{Act, Moment, Trap};
use crate::base::ids::MachineId;
use crate::base::{Fault, Secret};
use crate::chip::diversify::{Derivation, Master};
use crate::job::Step;
use crate::port::{
    Answer, Encoder, Instruction, KeyInfo, KeyPurpose, Papers, Registry, Report, Screen, Serial, Signer,
    Statement, StopList, one_by_one,
};

/// At which place a device stands, and so which act it serves.
#[derive(Clone)]
pub struct Spot {
    trap: Arc<Trap>,
    machine: MachineId,
    /// At a desk readers and scanners serve the proof, which has no intent on record.
    desk: bool,
}

impl std::fmt::Debug for Spot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Spot({})", self.machine)
    }
}

impl Spot {
    /// A machine.
    #[must_use]
    pub fn machine(trap: &Arc<Trap>, machine: &MachineId) -> Self {
        Self {
            trap: Arc::clone(trap),
            machine: machine.clone(),
            desk: false,
        }
    }

    /// A desk.
    #[must_use]
    pub fn desk(trap: &Arc<Trap>, desk: &MachineId) -> Self {
        Self {
            desk: true,
            ..Self::machine(trap, desk)
        }
    }

    /// A reader with a trap in it.
    #[must_use]
    pub fn encoder(&self, door: Box<dyn Encoder>) -> Box<dyn Encoder> {
        let spot = self.clone();
        Box::new(Trapped { spot, door })
    }

    /// A serial line with a trap in it.
    #[must_use]
    pub fn serial(&self, door: Box<dyn Serial>) -> Box<dyn Serial> {
        let spot = self.clone();
        Box::new(Trapped { spot, door })
    }

    /// A screen with a trap in it.
    #[must_use]
    pub fn screen(&self, door: Box<dyn Screen>) -> Box<dyn Screen> {
        let spot = self.clone();
        Box::new(Trapped { spot, door })
    }

    fn act(&self) -> Option<Act> {
        if self.desk {
            return Some(Act::Step(Step::Prove));
        }
        self.trap.doing(&self.machine)
    }
}

struct Trapped<D> {
    spot: Spot,
    door: D,
}

#[async_trait]
impl Encoder for Trapped<Box<dyn Encoder>> {
    async fn power_on(&mut self) -> Result<Vec<u8>, Fault> {
        self.door.power_on().await
    }

    async fn transmit(&mut self, command: &[u8], deadline: Duration) -> Result<Vec<u8>, Fault> {
        let act = self.spot.act();
        self.spot
            .trap
            .cut(act, self.door.transmit(command, deadline))
            .await
    }

    /// Where the controller is to die in the middle of this act, what goes together is one coming, with all of it on
    /// its way, and then each command by itself is another.
    async fn transmit_all(
        &mut self,
        commands: &[Zeroizing<Vec<u8>>],
        deadline: Duration,
    ) -> Result<Vec<Vec<u8>>, Fault> {
        let Some(act) = self.spot.act().filter(|act| self.spot.trap.waits_in(*act)) else {
            return self.door.transmit_all(commands, deadline).await;
        };
        if self.spot.trap.is_last(act, Moment::MidAct) {
            return super::die_in(act, self.door.transmit_all(commands, deadline)).await;
        }
        one_by_one(self, commands, deadline).await
    }

    async fn power_off(&mut self) -> Result<(), Fault> {
        self.door.power_off().await
    }
}

#[async_trait]
impl Serial for Trapped<Box<dyn Serial>> {
    async fn send(&mut self, bytes: &[u8], deadline: Duration) -> Result<(), Fault> {
        let act = self.spot.act();
        // A frame is cut where it hurts most: the device waits for the rest of it.
        if act.is_some_and(|act| self.spot.trap.is_last(act, Moment::MidAct)) {
            let half = bytes.get(..bytes.len() / 2).unwrap_or_default();
            let _ = self.door.send(half, deadline).await;
            super::die();
        }
        self.door.send(bytes, deadline).await
    }

    async fn receive(&mut self, deadline: Duration) -> Result<Vec<u8>, Fault> {
        let act = self.spot.act();
        self.spot.trap.cut(act, self.door.receive(deadline)).await
    }
}

#[async_trait]
impl Screen for Trapped<Box<dyn Screen>> {
    async fn ask(&mut self, instruction: &Instruction) -> Result<Answer, Fault> {
        let act = match instruction {
            Instruction::LoadPack { .. } => Some(Act::LoadPack),
            Instruction::EmptyHopper { .. } => Some(Act::EmptyHopper),
            Instruction::PutInBox { .. } => Some(Act::Step(Step::Box)),
            _ => None,
        };
        // A box's intent is on record, and the ledger's door has seen its moment.
        if let Some(act @ (Act::LoadPack | Act::EmptyHopper)) = act {
            self.spot.trap.comes(act, Moment::BeforeAct);
        }
        self.spot.trap.cut(act, self.door.ask(instruction)).await
    }
}

/// The HSM with a trap in it.
pub struct TrappedSigner {
    /// Waits for its point.
    pub trap: Arc<Trap>,
    /// The door to the HSM.
    pub door: Arc<dyn Signer>,
    /// Label of the key that signs manifests.
    pub manifest: String,
    /// Label of the key that signs heads of the ledger.
    pub checkpoint: String,
}

impl std::fmt::Debug for TrappedSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TrappedSigner(…)")
    }
}

#[async_trait]
impl Signer for TrappedSigner {
    async fn sign(&self, key: &str, digest: [u8; 32]) -> Result<[u8; 64], Fault> {
        let act = match key {
            _ if key == self.manifest => Act::SealBox,
            _ if key == self.checkpoint => Act::Checkpoint,
            _ => Act::Sign,
        };
        // A card's intent to sign is on record, and the ledger's door has seen its moment.
        if act != Act::Sign {
            self.trap.comes(act, Moment::BeforeAct);
        }
        self.trap.cut(Some(act), self.door.sign(key, digest)).await
    }

    async fn generate(&self, key: &str, purpose: KeyPurpose) -> Result<Vec<u8>, Fault> {
        self.door.generate(key, purpose).await
    }

    async fn hmac(&self, key: &str, data: &[u8]) -> Result<[u8; 32], Fault> {
        self.door.hmac(key, data).await
    }

    async fn seal(&self, key: &str, associated: &[u8], plain: &[u8]) -> Result<Vec<u8>, Fault> {
        self.door.seal(key, associated, plain).await
    }

    async fn open(&self, key: &str, associated: &[u8], sealed: &[u8]) -> Result<Secret<Vec<u8>>, Fault> {
        self.door.open(key, associated, sealed).await
    }

    async fn agree(&self, key: &str, peer: &[u8; 65]) -> Result<Secret<[u8; 32]>, Fault> {
        self.door.agree(key, peer).await
    }

    async fn derive(&self, key: &str, wanted: &Derivation) -> Result<Secret<Vec<u8>>, Fault> {
        self.door.derive(key, wanted).await
    }

    async fn take_in(&self, key: &str, master: &Master) -> Result<(), Fault> {
        self.door.take_in(key, master).await
    }

    async fn random(&self, length: usize) -> Result<Vec<u8>, Fault> {
        self.door.random(length).await
    }

    async fn keys(&self) -> Result<Vec<KeyInfo>, Fault> {
        self.door.keys().await
    }

    async fn destroy(&self, key: &str) -> Result<(), Fault> {
        self.trap.cut(Some(Act::CloseEpoch), self.door.destroy(key)).await
    }
}

/// The registry with a trap in it.
pub struct TrappedRegistry {
    /// Waits for its point.
    pub trap: Arc<Trap>,
    /// The door to the registry.
    pub door: Arc<dyn Registry>,
}

impl std::fmt::Debug for TrappedRegistry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TrappedRegistry(…)")
    }
}

#[async_trait]
impl Registry for TrappedRegistry {
    async fn stop_list(&self) -> Result<StopList, Fault> {
        self.door.stop_list().await
    }

    async fn stopped(&self, requests: &[String]) -> Result<BTreeMap<String, String>, Fault> {
        self.door.stopped(requests).await
    }

    async fn report(&self, reports: &[Report]) -> Result<(), Fault> {
        self.trap.comes(Act::Report, Moment::BeforeAct);
        self.trap.cut(Some(Act::Report), self.door.report(reports)).await
    }

    async fn statement(&self, after: &str, limit: u32) -> Result<Vec<Statement>, Fault> {
        self.door.statement(after, limit).await
    }
}

/// The folder of papers with a trap in it: between any two papers of a box the process may die.
pub struct TrappedPapers {
    /// Waits for its point.
    pub trap: Arc<Trap>,
    /// The door to the folder.
    pub door: Arc<dyn Papers>,
}

impl std::fmt::Debug for TrappedPapers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TrappedPapers(…)")
    }
}

#[async_trait]
impl Papers for TrappedPapers {
    async fn keep(&self, folder: &str, name: &str, content: &[u8]) -> Result<(), Fault> {
        let act = (folder == "boxes").then_some(Act::SealBox);
        self.trap.cut(act, self.door.keep(folder, name, content)).await
    }

    async fn remove(&self, folder: &str, name: &str) -> Result<(), Fault> {
        self.door.remove(folder, name).await
    }
}
