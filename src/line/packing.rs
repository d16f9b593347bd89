//! Sealing a box: counted, asked about at the registry, closed with a signed manifest.

use serde::Deserialize;

use crate::audit::manifest::{Manifest, ManifestLine, Office};
use crate::audit::{paper, proof};
use crate::base::ids::{BoxId, OfficeCode};
use crate::base::{Fault, hex};
use crate::dossier::Place;
use crate::job::fault::{BOX_MISCOUNT, STOPPED_BY_REGISTRY};
use crate::job::{Event, Fact};
use crate::port::{Answer, Attempts, Instruction, OrderState, Screen, Standing};

use super::Line;

/// The folder of a box's papers.
const FOLDER: &str = "boxes";
/// The public key that the labels of boxes are checked with: 65 bytes in hexadecimal.
const KEY_FILE: &str = "public-key.hex";
/// How the papers of a box end. All of them name people.
const PAPERS: [&str; 5] = ["json", "qr.txt", "csv", "manifest.pdf", "sign-off.pdf"];

/// Removes the facility's own prints of a box's papers: those that count left with the box.
///
/// # Errors
/// The papers'.
pub(super) async fn forget(line: &Line, label: &BoxId) -> Result<(), Fault> {
    for ending in PAPERS {
        let name = format!("{label}.{ending}");
        line.ports.papers.remove(FOLDER, &name).await?;
    }
    Ok(())
}

/// What a manifest says of a dossier.
#[derive(Deserialize)]
struct Listed {
    place: Place,
    person: Named,
}

#[derive(Deserialize)]
struct Named {
    name: String,
    number: String,
}

/// Closes a box: a fresh answer of the registry (law 9), papers, signature, record.
///
/// # Errors
/// The registry's, the HSM's, the ledger's.
pub async fn seal(
    line: &Line,
    screen: &mut dyn Screen,
    label: &BoxId,
    office: &OfficeCode,
) -> Result<(), Fault> {
    take_out_stopped(line, screen, label).await?;
    let manifest = manifest(line, label, office).await?;
    let cards = u16::try_from(manifest.lines.len()).unwrap_or(u16::MAX);
    let count = Instruction::CountBox {
        label: label.clone(),
        cards,
    };
    if screen.ask(&count).await? == Answer::Nothing {
        return Err(Fault::new(
            &BOX_MISCOUNT,
            format!("{label}: {cards} cards by the books"),
        ));
    }
    if manifest.lines.is_empty() {
        return Ok(());
    }
    let json = manifest.canonical()?;
    let signature = line
        .ports
        .signer
        .sign(&line.rules.keys.manifest, manifest.signing_digest()?)
        .await?;
    let qr = manifest.qr_text(&signature)?;
    // Checked as the office will check it, before it leaves the house.
    let proven = std::str::from_utf8(&json)
        .map_err(|_| super::fault::unreadable("manifest"))
        .and_then(|_| crate::audit::verify_qr(&qr, &json, &line.rules.manifest_key))?;
    debug_assert_eq!(proven.lines.len(), manifest.lines.len());
    let csv = manifest.csv()?;
    let (list, sheet) = (paper::manifest(&manifest, &qr)?, paper::sign_off(&manifest)?);
    let contents: [&[u8]; 5] = [&json, qr.as_bytes(), csv.as_ref(), &list, &sheet];
    for (ending, content) in PAPERS.into_iter().zip(contents) {
        let name = format!("{label}.{ending}");
        line.ports.papers.keep(FOLDER, &name, content).await?;
    }
    let key = hex::encode(&line.rules.manifest_key);
    line.ports.papers.keep(FOLDER, KEY_FILE, key.as_bytes()).await?;
    let keyed = line.ports.signer.hmac(&line.rules.keys.lookup, &json).await?;
    screen
        .ask(&Instruction::CloseBox { label: label.clone() })
        .await?;
    let cards = u32::try_from(manifest.lines.len()).unwrap_or(u32::MAX);
    let sealed = Fact::BoxSealed {
        label: label.clone(),
        cards,
        manifest: hex::encode(&proof::commitment(&keyed, &json).0),
    };
    line.record(vec![sealed], Vec::new()).await?;
    line.floor.settle();
    Ok(())
}

async fn take_out_stopped(line: &Line, screen: &mut dyn Screen, label: &BoxId) -> Result<(), Fault> {
    let mut requests = Vec::new();
    let attempts = line.ports.ledger.attempts(Attempts::InBox(label.clone())).await?;
    for attempt in &attempts {
        let order = line.ports.book.order(attempt.id.order).await?;
        requests.push(order.map(|order| order.request).unwrap_or_default());
    }
    let stopped = line.ports.registry.stopped(&requests).await?;
    for (attempt, request) in attempts.iter().zip(&requests) {
        let (true, Some((_, slot))) = (stopped.contains_key(request) && attempt.is_good(), &attempt.boxed)
        else {
            continue;
        };
        let revoked = Event::Revoked {
            code: STOPPED_BY_REGISTRY.id.to_owned(),
            lost: false,
            by: Vec::new(),
        };
        screen
            .ask(&Instruction::TakeOut {
                label: label.clone(),
                slot: *slot,
            })
            .await?;
        // Cancelled first: an order whose card is revoked is made again.
        line.ports
            .book
            .set_state(Standing {
                lot: attempt.lot,
                order: attempt.id.order,
                state: OrderState::Cancelled,
                remake: false,
            })
            .await?;
        let _told = line.telling.lock().await;
        line.event(attempt.id, revoked).await?;
    }
    Ok(())
}

async fn manifest(line: &Line, label: &BoxId, office: &OfficeCode) -> Result<Manifest, Fault> {
    let mut lines = Vec::new();
    let mut lots = Vec::new();
    for attempt in line.ports.ledger.attempts(Attempts::InBox(label.clone())).await? {
        let (true, Some((_, slot)), Some(sod)) = (attempt.is_good(), &attempt.boxed, &attempt.sod) else {
            continue;
        };
        let listed: Listed = line.of_dossier(attempt.id.order).await?;
        if !lots.contains(&attempt.lot) {
            lots.push(attempt.lot);
        }
        lines.push(ManifestLine {
            slot: *slot,
            attempt: attempt.id,
            sod: sod.clone(),
            village: listed.place.village,
            team: listed.place.team,
            sequence: listed.place.sequence,
            name: listed.person.name,
            number: listed.person.number,
            remake: attempt.replaces.is_some(),
        });
    }
    let name = line
        .rules
        .offices
        .get(office)
        .map(|office| office.name.clone())
        .unwrap_or_default();
    Ok(Manifest {
        facility: line.rules.facility.clone(),
        mode: line.rules.mode,
        box_id: label.clone(),
        office: Office {
            code: office.clone(),
            name,
        },
        lots,
        sealed_at: line.clock.now(),
        lines,
    })
}
