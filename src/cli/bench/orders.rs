//! A full order book: orders that wait behind those to be made.

use crate::base::ids::OfficeCode;
use crate::line::Line;
use crate::port::NewOrder;
use crate::sim::dossiers;

/// Enters this many small orders of the lowest priority, each sealed under its own key as any other. They lack a
/// portrait, since nobody will make them.
pub(super) async fn fill(line: &Line, count: usize) -> anyhow::Result<()> {
    if count == 0 {
        return Ok(());
    }
    let people = dossiers::generate(dossiers::Plan {
        seed: 1,
        count: 1,
        issued: line.clock.today(),
        intake: None,
    });
    let mut dossier = people.truth(0);
    dossier.portrait = None;
    dossier.fingers.clear();
    for number in 0..count {
        dossier.request = format!("BENCH-{number:08}");
        let at_rest = line.seal_dossier(&dossier).await?;
        let order = NewOrder {
            request: dossier.request.clone(),
            version: 1,
            person: format!("bench-{number}"),
            content: String::new(),
            office: OfficeCode::new(format!("BENCH-{:03}", number % 700)),
            profile: dossier.profile.clone(),
            priority: 0,
            place: format!("{number:08}"),
            received: dossier.received,
            admitted: dossier.received,
            due: dossier.received,
            hold: None,
            flags: None,
            epoch: at_rest.epoch,
            wrapped_key: at_rest.wrapped_key,
            sealed: at_rest.sealed,
        };
        line.ports.book.admit(order).await?;
    }
    Ok(())
}
