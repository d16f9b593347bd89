//! The invented people, their offices, and the registry that approves and sends their dossiers.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::base::Clock;
use crate::line::Line;
use crate::line::admit::Intake;
use crate::sim::{dossiers, registry};

use super::super::facility::Facility;
use super::Scale;

/// Requests that are drawn ahead of admission.
const AHEAD: usize = 16;

/// Tells the facility its offices and the registry's root certificate.
pub(in crate::cli) fn introduce(scale: &Scale, dir: &Path, clock: Clock) -> anyhow::Result<()> {
    let people = invent(scale, clock, None);
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
pub(in crate::cli) async fn admit(
    scale: &Scale,
    dir: &Path,
    line: &Arc<Line>,
    facility: &Facility,
) -> anyhow::Result<()> {
    let mark = dir.join("admitted");
    if mark.exists() {
        return Ok(());
    }
    let people = invent(scale, line.clock, Some(facility.intake_key));
    // Drawing people takes as long as admitting them: one goes on while the other does.
    let (send, mut requests) = mpsc::channel(AHEAD);
    let drawing = tokio::spawn(async move {
        for request in people.requests() {
            if send.send(request).await.is_err() {
                return;
            }
        }
    });
    let authority = registry::Registry::open(&dir.join("registry.db")).await?;
    let (mut admitted, mut held, mut returned) = (0u64, 0u64, 0u64);
    let mut approved = Vec::new();
    while let Some(request) = requests.recv().await {
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
        if approved.len() % 250 == 0 {
            println!("  {} of {} dossiers read", approved.len(), scale.cards);
        }
    }
    drawing.await?;
    authority.approve(&approved).await?;
    authority.close().await;
    std::fs::write(mark, b"")?;
    println!("Dossiers: {admitted} admitted, {held} held, {returned} returned to their offices");
    Ok(())
}

fn invent(scale: &Scale, clock: Clock, intake: Option<[u8; 65]>) -> dossiers::Generated {
    let people = dossiers::generate(dossiers::Plan {
        seed: scale.seed,
        count: scale.cards,
        issued: clock.today(),
        intake,
    });
    match scale.portrait_quality {
        Some(quality) => people.with_portrait_quality(quality),
        None => people,
    }
}
