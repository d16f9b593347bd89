//! The invented people, their offices, and the registry that approves and sends their dossiers.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use time::Date;
use tokio::sync::mpsc;

use crate::base::Clock;
use crate::base::ids::{MachineId, PersonId};
use crate::job::Fact;
use crate::line::Line;
use crate::line::admit::Intake;
use crate::line::recover::stopped_for;
use crate::sim::{dossiers, registry};

use super::super::facility::Facility;
use super::Scale;

/// Requests that are drawn ahead of admission.
const AHEAD: usize = 16;
/// Where a rehearsal keeps what its people were invented from.
const CAST: &str = "people.json";

time::serde::format_description!(day, Date, "[year]-[month]-[day]");

/// What a rehearsal's people are invented from. It stays in the folder: ages, dates and numbers follow from the day, so
/// on any other day the same seed would give other people.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(in crate::cli) struct Cast {
    /// The seed.
    pub(in crate::cli) seed: u64,
    /// The day on which the rehearsal was set up; its first cards are issued then.
    #[serde(with = "day")]
    pub(in crate::cli) day: Date,
}

impl Cast {
    /// The people of the rehearsal in this folder.
    pub(in crate::cli) fn of(dir: &Path) -> anyhow::Result<Self> {
        let file = dir.join(CAST);
        let text = std::fs::read(&file)
            .with_context(|| format!("{}: this folder is not a rehearsal's", file.display()))?;
        serde_json::from_slice(&text).with_context(|| file.display().to_string())
    }

    /// The first people of this number, and the registry that signs for them.
    pub(in crate::cli) fn invent(self, count: usize, intake: Option<[u8; 65]>) -> dossiers::Generated {
        dossiers::generate(dossiers::Plan {
            seed: self.seed,
            count,
            issued: self.day,
            intake,
        })
    }
}

/// Tells the facility its offices and the registry's root certificate.
pub(in crate::cli) fn introduce(scale: &Scale, dir: &Path, clock: Clock) -> anyhow::Result<()> {
    let cast = Cast {
        seed: scale.seed,
        day: clock.today(),
    };
    std::fs::write(dir.join(CAST), serde_json::to_vec_pretty(&cast)?)?;
    let people = cast.invent(scale.cards, None);
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
    let mut people = Cast::of(dir)?.invent(scale.cards, Some(facility.intake_key));
    if let Some(quality) = scale.portrait_quality {
        people = people.with_portrait_quality(quality);
    }
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

/// The rehearsal's supervisor has looked at every machine that stopped in the run before: nobody else would.
pub(in crate::cli) async fn resume(line: &Line, machines: &[MachineId]) -> anyhow::Result<()> {
    for machine in machines {
        if let Some(code) = stopped_for(line, machine).await? {
            println!("  the supervisor lets {machine} go on, which had stopped for {code}");
            let resumed = Fact::PositionResumed {
                machine: machine.clone(),
                by: vec![PersonId::new("rehearsal-supervisor")],
            };
            line.record(vec![resumed], Vec::new()).await?;
        }
    }
    Ok(())
}
