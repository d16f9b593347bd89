//! `cardwright bench sod`.

use std::collections::BTreeMap;

use anyhow::Context;

use super::{Rate, Times, print};
use crate::base::Clock;
use crate::base::clock::Stopwatch;
use crate::base::cpu;
use crate::cli::facility::{Facility, with_environment};
use crate::cli::rehearse::{Scale, setup};
use crate::cli::scratch::Scratch;
use crate::document::sod::{LdsVersion, SodDraft};
use crate::port::Signer;

/// Signatures asked for at a time: both sessions of the HSM are kept busy.
const AT_A_TIME: usize = 16;

/// Runs the verb.
///
/// # Errors
/// Those of setting up a token, and of signing.
pub(super) fn main(times: Times) -> anyhow::Result<bool> {
    let scratch = Scratch::new(None)?;
    with_environment(&scratch.dir)?;
    crate::cli::runtime()?.block_on(async {
        let clock = Clock::system();
        setup::facility(&Scale::default(), &scratch.dir, &setup::Sharing::default(), clock).await?;
        let facility = Facility::open(&scratch.dir, clock).await?;
        let rates = measure(&facility, times).await;
        facility.close().await?;
        print(&rates?, times)
    })
}

async fn measure(facility: &Facility, times: Times) -> anyhow::Result<Vec<Rate>> {
    let signer = facility.signers.first().context("a facility without a signer")?;
    let point = signer
        .certificate
        .key
        .p256_point()
        .context("a signer on another curve")?;
    let hashes: BTreeMap<u8, [u8; 32]> = [1, 2, 13, 14, 15].map(|group| (group, [group; 32])).into();
    let signing_time = facility.clock.now();
    let (watch, used) = (Stopwatch::start(), cpu::of_process());
    let mut count = 0_u32;
    while watch.elapsed().as_secs() < times.seconds.max(1) {
        let mut waiting = Vec::with_capacity(AT_A_TIME);
        for _ in 0..AT_A_TIME {
            let (hsm, label) = (facility.hsm.clone(), signer.label.clone());
            let draft = SodDraft::new(&hashes, LdsVersion::V1, Some(signing_time))?;
            waiting.push(tokio::spawn(async move {
                let signature = hsm.sign(&label, draft.digest).await;
                (draft, signature)
            }));
        }
        for signed in waiting {
            let (draft, signature) = signed.await?;
            let signature = signature?;
            draft.verify(point, &signature)?;
            std::hint::black_box(draft.finish(&signer.certificate.der, &signature)?);
            count += 1;
        }
    }
    let (elapsed, used) = (watch.elapsed(), cpu::of_process().saturating_sub(used));
    let rate = |what, seconds: f64| Rate {
        what,
        times: count.into(),
        seconds,
        per_second: f64::from(count) / seconds,
        microseconds: seconds * 1e6 / f64::from(count),
    };
    Ok(vec![
        rate("EF.SOD built, signed, verified (elapsed)", elapsed.as_secs_f64()),
        rate(
            "EF.SOD per core (processor time, HSM included)",
            used.as_secs_f64(),
        ),
    ])
}
