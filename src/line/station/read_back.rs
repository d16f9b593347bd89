//! A chip read back as a border would, knowing what is printed, and compared with what was approved (law 5).

use crate::base::Fault;
use crate::chip::{Inspection, Password, Request, Verdict, Wanted, inspect};
use crate::document::sod::{self, passive_authentication};
use crate::document::{FileId, build};
use crate::job::Evidence;
use crate::job::fault::{CONTENT_DIFFERS, NOT_AUTHENTIC};
use crate::line::Line;
use crate::line::prepare::Ready;
use crate::line::talk::with_chip;
use crate::port::Encoder;

/// Reads the chip in the field and judges it. Each password has to open a card that was just laid on the reader:
/// nothing is selected, and EF.CardAccess lies where Doc 9303-10 has it.
pub(super) async fn read_back(
    encoder: &mut dyn Encoder,
    line: &Line,
    ready: &Ready,
) -> Result<Evidence, Fault> {
    let request = Request {
        allow_bac: ready.profile.chip.bac,
        read_max: Some(line.rules.chip.apdu.read_max),
        active_authentication: ready.profile.chip.active_authentication,
        terminal: line.fingerprints(&ready.profile).map(|who| who.terminal.clone()),
        ..Request::new(Password::Mrz(ready.mrz.clone()))
    };
    let inspection = read(encoder, line, request).await?;
    judge(line, ready, &inspection)?;
    let mut commands = inspection.commands;
    if let Some(can) = &ready.can {
        let request = Request {
            wanted: Wanted::Only(vec![FileId::Com]),
            ..Request::new(Password::Can(can.clone()))
        };
        commands += read(encoder, line, request).await?.commands;
    }
    Ok(Evidence::Verify {
        commands: u32::try_from(commands).unwrap_or(u32::MAX),
    })
}

async fn read(encoder: &mut dyn Encoder, line: &Line, request: Request) -> Result<Inspection, Fault> {
    encoder.power_off().await?;
    encoder.power_on().await?;
    let seed = line.entropy.secret()?;
    with_chip(encoder, inspect(request, &seed)).await
}

fn judge(line: &Line, ready: &Ready, inspection: &Inspection) -> Result<(), Fault> {
    let chip = &ready.profile.chip;
    for (what, wanted, without, seen) in [
        (
            "active authentication",
            chip.active_authentication,
            Verdict::NotAsked,
            inspection.active_authentication,
        ),
        (
            "chip authentication",
            chip.chip_authentication.is_some(),
            Verdict::Absent,
            inspection.chip_authentication,
        ),
        (
            "terminal authentication",
            line.fingerprints(&ready.profile).is_some(),
            Verdict::NotAsked,
            inspection.terminal_authentication,
        ),
    ] {
        if seen != if wanted { Verdict::Genuine } else { without } {
            return Err(Fault::new(&NOT_AUTHENTIC, format!("{what}: {seen:?}")));
        }
    }
    let signed = inspection.files.get(&FileId::Sod).map_or(&[][..], Vec::as_slice);
    let checks = passive_authentication(signed, &inspection.files, &line.rules.trust, line.clock.now());
    if sod::worst(&checks) != sod::Verdict::Passed {
        let bad = checks.iter().find(|check| check.verdict != sod::Verdict::Passed);
        return Err(Fault::new(
            &NOT_AUTHENTIC,
            format!("passive authentication: {bad:?}"),
        ));
    }
    match build::compare(&ready.dossier, &ready.profile, &inspection.files).first() {
        None => Ok(()),
        Some(difference) => Err(Fault::new(&CONTENT_DIFFERS, format!("{:?}", difference.file))),
    }
}
