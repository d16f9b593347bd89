//! The invented people, their offices, and the registry that approves and sends their dossiers.

use std::path::Path;
use std::sync::Arc;

use crate::base::Clock;
use crate::line::Line;
use crate::line::admit::Intake;
use crate::sim::{dossiers, registry};

use super::super::facility::Facility;
use super::Arguments;

/// Tells the facility its offices and the registry's root certificate.
pub(super) fn introduce(arguments: &Arguments, dir: &Path, clock: Clock) -> anyhow::Result<()> {
    let people = invent(arguments, clock, None);
    std::fs::write(
        dir.join("offices.json"),
        serde_json::to_vec_pretty(&people.offices)?,
    )?;
    let trust = dir.join("dossier-trust");
    std::fs::create_dir_all(&trust)?;
    std::fs::write(trust.join("registry.der"), &people.trust_anchor_der)?;
    Ok(())
}

/// The registry approves and sends; the facility admits or returns. Once: what was admitted before is known again if
/// this is interrupted.
pub(super) async fn admit(
    arguments: &Arguments,
    dir: &Path,
    line: &Arc<Line>,
    facility: &Facility,
) -> anyhow::Result<()> {
    let mark = dir.join("admitted");
    if mark.exists() {
        return Ok(());
    }
    let people = invent(arguments, line.clock, Some(facility.intake_key));
    let authority = registry::Registry::open(&dir.join("registry.db")).await?;
    let (mut admitted, mut held, mut returned) = (0u64, 0u64, 0u64);
    let mut approved = Vec::new();
    for (number, request) in people.requests().enumerate() {
        approved.push(request.request_id.clone());
        let attachments = &request.attachments;
        let resolve = |name: &str| {
            attachments
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, bytes)| bytes.clone())
        };
        match line.admit(&request.body, &resolve).await? {
            Intake::Admitted { held: true, .. } => held += 1,
            Intake::Admitted { .. } => admitted += 1,
            Intake::Returned { .. } => returned += 1,
        }
        if (number + 1) % 250 == 0 {
            println!("  {} of {} dossiers read", number + 1, arguments.cards);
        }
    }
    authority.approve(&approved).await?;
    authority.close().await;
    std::fs::write(mark, b"")?;
    println!("Dossiers: {admitted} admitted, {held} held, {returned} returned to their offices");
    Ok(())
}

fn invent(arguments: &Arguments, clock: Clock, intake: Option<[u8; 65]>) -> dossiers::Generated {
    dossiers::generate(dossiers::Plan {
        seed: arguments.seed,
        count: arguments.cards,
        issued: clock.today(),
        intake,
    })
}
