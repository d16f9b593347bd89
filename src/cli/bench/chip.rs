//! `cardwright bench chip`: what a chip costs in commands and bytes, and how much of what travels is the card's own.

use anyhow::bail;
use serde::Serialize;

use super::Times;
use super::people::{adults, pick};
use crate::base::dialogue::drive;
use crate::base::{Secret, cpu};
use crate::chip::aes_key::AesKey;
use crate::chip::diversify::{self, StaticKey};
use crate::chip::keys::{self, OwnKeys};
use crate::chip::profile::Managed;
use crate::chip::scp::ChipKeys;
use crate::chip::{
    ActiveSecret, CardImage, CardKeys, ChipProfile, Credentials, Identity, Inspection, MrzKey, Password,
    Request, identify, inspect, personalize, seal,
};
use crate::document::build::{self, ChipPublic, FILLER};
use crate::document::mrz::Mrz;
use crate::document::{CardFiles, FileId};
#[cfg(feature = "pcsc")]
use crate::line::talk::with_chip;
#[cfg(feature = "pcsc")]
use crate::port::Encoder;
use crate::sim::chip::{Chip, REHEARSAL_MASTER};

/// Bytes of an EF.SOD with one certificate. It stands for a signed one here: only its length counts.
const SOD_BYTES: usize = 1_900;
/// The dialects that are compared, and the share of the wire that each must reach.
const DIALECTS: [(&str, f64); 2] = [("rehearsal", 98.0), ("rehearsal-gp", 95.0)];
/// The most commands that writing and sealing may take.
const WRITE_COMMANDS_MAX: usize = 45;
/// The most commands that reading back may take.
const READ_COMMANDS_MAX: usize = 30;
/// The share of the wire that reading back must reach, in percent.
const READ_SHARE: f64 = 95.0;

/// What crossed the wire in one conversation.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Traffic {
    commands: usize,
    bytes: usize,
}

/// One chip of one kind.
#[derive(Debug, Serialize)]
struct Figures {
    profile: &'static str,
    /// Bytes of the files.
    payload: usize,
    /// Bytes that stay on the chip: files, and keys with their curves.
    kept: usize,
    /// Identify, write and seal.
    write: Traffic,
    /// The files alone.
    write_share: f64,
    /// Of all that stays: the figure with a bound.
    kept_share: f64,
    kept_share_wanted: f64,
    read: Traffic,
    /// Bytes of the files that were read.
    read_payload: usize,
    read_share: f64,
    /// Our own processor time for all of it, the simulated chip's included, in milliseconds.
    milliseconds: f64,
}

/// Runs the verb. Its exit code says whether all figures are within their bounds.
///
/// # Errors
/// Those of building.
pub(super) fn main(times: Times) -> anyhow::Result<bool> {
    let figures = DIALECTS
        .into_iter()
        .map(|(profile, share)| measure(profile, share, times))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let mut kept = true;
    for figure in &figures {
        kept &= figure.is_within();
        if !times.json {
            figure.print();
        }
    }
    if times.json {
        println!("{}", serde_json::to_string_pretty(&figures)?);
    }
    Ok(kept)
}

fn measure(profile: &'static str, wanted: f64, times: Times) -> anyhow::Result<Figures> {
    let card = Card::new(profile)?;
    let watch = crate::base::clock::Stopwatch::start();
    let before = cpu::of_thread();
    let mut count = 0_u32;
    let (write, read, read_payload) = loop {
        let made = card.make()?;
        count += 1;
        if watch.elapsed().as_secs() >= times.seconds {
            break made;
        }
    };
    let spent = cpu::of_thread().saturating_sub(before);
    let payload = card.files.values().map(Vec::len).sum();
    let kept = card.image().bytes();
    Ok(Figures {
        profile,
        payload,
        kept,
        write,
        write_share: share(payload, write.bytes),
        kept_share: share(kept, write.bytes),
        kept_share_wanted: wanted,
        read,
        read_payload,
        read_share: share(read_payload, read.bytes),
        milliseconds: spent.as_secs_f64() * 1e3 / f64::from(count),
    })
}

/// Percent of the bytes on the wire, in both directions, that are the card's own.
fn share(payload: usize, wire: usize) -> f64 {
    let number = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    100.0 * number(payload) / number(wire.max(1))
}

/// What goes on the chip, and what opens it.
pub(super) struct Card {
    pub(super) profile: ChipProfile,
    files: CardFiles,
    mrz: MrzKey,
    keys: OwnKeys,
}

impl Card {
    pub(super) fn new(profile: &str) -> anyhow::Result<Self> {
        let (dossiers, card_profile) = adults()?;
        let dossier = pick(&dossiers, 0)?;
        let (signing, signing_point) = keys::pair(&Secret::new([7; 32]))?;
        let (agreement, agreement_point) = keys::pair(&Secret::new([8; 32]))?;
        let public = ChipPublic {
            active_authentication: Some(signing_point),
            chip_authentication: Some(agreement_point),
        };
        let mut files = build::files(dossier, &card_profile, &public, "0123456789ABCDEF", [0; FILLER])?;
        let mut sod = vec![0x77, 0x82];
        let [.., high, low] = (SOD_BYTES - 4).to_be_bytes();
        sod.extend([high, low]);
        sod.resize(SOD_BYTES, 0x5A);
        files.insert(FileId::Sod, sod);
        let mrz = Mrz::compose(dossier, &card_profile)?;
        Ok(Self {
            profile: ChipProfile::built_in(profile)?,
            files,
            mrz: MrzKey::new(&mrz.document_number(), mrz.birth(), mrz.expiry())?,
            keys: OwnKeys {
                active_authentication: Some(signing),
                chip_authentication: Some(agreement),
            },
        })
    }

    /// One chip from blank to read back: the traffic of writing, that of reading, and the bytes of files read.
    fn make(&self) -> anyhow::Result<(Traffic, Traffic, usize)> {
        let mut chip = Chip::blank(1, 1, &self.profile);
        chip.power_on();
        let mut write = Traffic::default();
        let identity = drive(&mut identify(&self.profile), |command| {
            write.say(&mut chip, command)
        })?;
        let keys = self.keys(&identity)?;
        let credentials = || {
            keys.as_ref().map(|keys| Credentials {
                keys,
                challenge: [3; 16],
            })
        };
        drive(
            &mut personalize(&self.profile, self.image(), credentials())?,
            |command| write.say(&mut chip, command),
        )?;
        drive(&mut seal(&self.profile, credentials())?, |command| {
            write.say(&mut chip, command)
        })?;
        let request = self.request();
        let mut read = Traffic::default();
        chip.power_on();
        let inspection = drive(&mut inspect(request, &Secret::new([9; 32])), |command| {
            read.say(&mut chip, command)
        })?;
        self.must_be_on(&inspection)?;
        Ok((write, read, inspection.files.values().map(Vec::len).sum()))
    }

    /// Writes and seals the blank in a reader's field.
    #[cfg(feature = "pcsc")]
    pub(super) async fn write_at(&self, reader: &mut dyn Encoder) -> anyhow::Result<()> {
        let identity = with_chip(reader, identify(&self.profile)).await?;
        let keys = self.keys(&identity)?;
        let credentials = || {
            keys.as_ref().map(|keys| Credentials {
                keys,
                challenge: [3; 16],
            })
        };
        with_chip(reader, personalize(&self.profile, self.image(), credentials())?).await?;
        with_chip(reader, seal(&self.profile, credentials())?).await?;
        Ok(())
    }

    /// Reads the card in a reader's field back.
    #[cfg(feature = "pcsc")]
    pub(super) async fn read_at(&self, reader: &mut dyn Encoder) -> anyhow::Result<()> {
        let inspection = with_chip(reader, inspect(self.request(), &Secret::new([9; 32]))).await?;
        self.must_be_on(&inspection)
    }

    fn keys(&self, identity: &Identity) -> anyhow::Result<Option<CardKeys>> {
        let (Some(managed), Some(introduced)) = (self.profile.managed(), &identity.manager) else {
            return Ok(None);
        };
        let chip = introduced.diversification;
        Ok(Some(CardKeys {
            diversification: chip,
            transport: static_keys(&REHEARSAL_MASTER, &chip, managed)?,
            issuer: static_keys(&[7; 32], &chip, managed)?,
        }))
    }

    fn image(&self) -> CardImage<'_> {
        CardImage {
            active_authentication: self
                .keys
                .active_authentication
                .as_ref()
                .map(ActiveSecret::Elliptic),
            chip_authentication: self.keys.chip_authentication.as_ref(),
            ..CardImage::new(&self.files, &self.mrz)
        }
    }

    fn request(&self) -> Request {
        Request {
            read_max: Some(self.profile.apdu.read_max),
            active_authentication: true,
            ..Request::new(Password::Mrz(self.mrz.clone()))
        }
    }

    fn must_be_on(&self, inspection: &Inspection) -> anyhow::Result<()> {
        for (file, contents) in &inspection.files {
            if self.files.get(file) != Some(contents) {
                bail!("{file} was read back otherwise than it was written");
            }
        }
        Ok(())
    }
}

impl Traffic {
    fn say(&mut self, chip: &mut Chip, command: &[u8]) -> Option<Vec<u8>> {
        let answer = chip.transmit(command);
        self.commands += 1;
        self.bytes += command.len() + answer.len();
        Some(answer)
    }
}

impl Figures {
    fn is_within(&self) -> bool {
        self.write.commands <= WRITE_COMMANDS_MAX
            && self.read.commands <= READ_COMMANDS_MAX
            && self.kept_share >= self.kept_share_wanted
            && self.read_share >= READ_SHARE
    }

    fn print(&self) {
        let line = |what: &str, traffic: Traffic, most: usize, share: f64, wanted: f64| {
            println!(
                "{:<14} {what:<22} {:>3} commands (at most {most}), {:>6} bytes, {share:.1} % payload (at least \
                 {wanted:.0} %)",
                self.profile, traffic.commands, traffic.bytes
            );
        };
        println!(
            "{:<14} {} bytes stay on the chip, {} of them in files, which alone are {:.1} % of what is written",
            self.profile, self.kept, self.payload, self.write_share
        );
        line(
            "identify, write, seal",
            self.write,
            WRITE_COMMANDS_MAX,
            self.kept_share,
            self.kept_share_wanted,
        );
        line(
            "read back",
            self.read,
            READ_COMMANDS_MAX,
            self.read_share,
            READ_SHARE,
        );
        println!(
            "{:<14} {:.1} ms of our own time, the simulated chip's included",
            self.profile, self.milliseconds
        );
    }
}

fn static_keys(master: &[u8; 32], chip: &[u8; 10], managed: &Managed) -> anyhow::Result<ChipKeys> {
    let Some(master) = AesKey::new(master) else {
        bail!("no key of 256 bits");
    };
    let key = |which| -> Vec<u8> {
        let blocks = diversify::blocks(which, chip, managed.key_bits);
        let bytes = blocks.iter().flat_map(|block| master.cmac(&[block]));
        bytes.take(managed.key_bits / 8).collect()
    };
    let [encrypt, mac, data] = StaticKey::ALL.map(key);
    Ok(ChipKeys::new(managed.protocol, [&encrypt, &mac, &data])?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What depends on no machine: commands, and bytes on the wire. Keys and their curves stay on the chip as files do.
    #[test]
    fn a_chip_costs_no_more_commands_and_bytes_than_it_may() {
        let once = Times {
            seconds: 0,
            json: false,
        };
        for (profile, wanted) in DIALECTS {
            let figures = measure(profile, wanted, once).unwrap();
            assert!(figures.write.commands <= WRITE_COMMANDS_MAX, "{figures:?}");
            assert!(figures.read.commands <= READ_COMMANDS_MAX, "{figures:?}");
            assert!(figures.payload > 30_000, "{figures:?}");
            assert!(figures.is_within(), "{figures:?}");
            assert!(figures.write_share > 95.0, "{figures:?}");
        }
    }
}
