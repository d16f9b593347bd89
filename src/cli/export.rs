//! `cardwright export`: everything on a finished card of a rehearsal, for people with tools of their own.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use crate::base::dialogue::drive;
use crate::base::ids::BlankId;
use crate::base::{Entropy, Fault, Mode};
use crate::chip::{ChipProfile, Inspection, MrzKey, Password, Request as Inspect, inspect};
use crate::config::Config;
use crate::control::look::Request as Look;
use crate::control::{Answer, Request};
use crate::document::face::Faces;
use crate::sim::{hall, scan};

use super::ask::{self, Options};
use super::chip::{Folder, pem};
use super::facility::fault::NOT_A_REHEARSAL;

/// Arguments of `export`.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  cardwright export O0000001 --dir /tmp/card
  openssl cms -verify -inform DER -in /tmp/card/EF.SOD.cms -purpose any -partial_chain \\
      -CAfile /tmp/card/ds.pem -out /tmp/card/lds.der

The card is taken from where it lies in the simulated hall. Its MRZ is scanned off the printed face, the chip opened
with it, and every file read back. EF.SOD.cms is EF.SOD without its outer tag 77. Only in a rehearsal.")]
pub struct Arguments {
    /// The order, or the registry's request.
    order: String,
    /// The folder to write into; made if it is not there.
    #[arg(long, value_name = "FOLDER")]
    dir: PathBuf,
    #[command(flatten)]
    options: Options,
}

/// Runs the verb.
///
/// # Errors
/// When the card cannot be read or the files cannot be written.
pub fn main(arguments: &Arguments) -> anyhow::Result<bool> {
    let config = Config::load(&arguments.options.facility)?;
    if config.mode != Mode::Rehearsal {
        return Err(Fault::new(&NOT_A_REHEARSAL, config.facility).into());
    }
    let request = Request::Look(Look::Made {
        order: arguments.order.clone(),
    });
    let Some(answer) = ask::get(&arguments.options, request)? else {
        return Ok(false);
    };
    let blank: BlankId = serde_json::from_value(answer.data["blank"].clone())?;
    let card = hall::card(&config.folder.join("hall"), &blank)?;
    let faces = Faces {
        front: card.front,
        back: card.back,
    };
    let inspection = read(card.chip, &faces)?;

    let mut folder = Folder::new(&arguments.dir)?;
    folder.write_card(&inspection.files)?;
    for csca in &config.trust.cscas {
        let der = std::fs::read(config.path(csca))?;
        folder.write("csca.pem", &pem(&der)?)?;
    }
    let (front, back) = faces.png()?;
    folder.write("front.png", &front)?;
    folder.write("back.png", &back)?;

    let files = folder.into_names();
    let text = format!(
        "{} files from blank {blank}, opened by {:?}, active authentication {:?}, in {}",
        files.len(),
        inspection.access,
        inspection.active_authentication,
        arguments.dir.display()
    );
    let written = Answer::good(
        text,
        serde_json::json!({ "blank": blank, "files": files, "access": inspection.access }),
    );
    Ok(ask::show(&arguments.options, Ok(written)))
}

/// Opens the chip with what is printed on its card and reads every file.
fn read(mut chip: crate::sim::chip::Chip, faces: &Faces) -> anyhow::Result<Inspection> {
    let zone = scan::read(&faces.front, &faces.back)
        .mrz
        .context("the machine-readable zone on the card cannot be read")?;
    let profile = ChipProfile::built_in("rehearsal")?;
    let request = Inspect {
        read_max: Some(profile.apdu.read_max),
        ..Inspect::new(Password::Mrz(MrzKey::from_td1(&zone.concat())?))
    };
    chip.power_on();
    let mut conversation = inspect(request, &Entropy::system().secret()?);
    Ok(drive(&mut conversation, |command| Some(chip.transmit(command)))?)
}
