//! Everybody's books side by side: the registry's order by order, the token's signatures, the printers' counters, the
//! blanks, and the ledger with its own fold. Whatever differs is named, with what to do about it.

mod registry;

use std::fmt::Write;

use serde::Serialize;
use serde_json::json;

use crate::audit::Discrepancy;
use crate::base::Fault;
use crate::job::Fact;
use crate::job::fault::TOO_MANY_PRINTS;
use crate::line::Line;
use crate::line::audit::{Audited, audit};
use crate::line::books::Judgement;
use crate::line::{checkpoint, readings};

use super::{Answer, Who, record};

/// Differences told one by one; the rest is only counted.
const TOLD_MAX: usize = 100;

/// One thing that differs.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Difference {
    /// Whose books: `registry`, `token`, `printer`, `blanks`, `ledger`.
    pub books: &'static str,
    /// What it is about.
    pub subject: String,
    /// What differs.
    pub what: String,
    /// What to do.
    pub next: &'static str,
}

/// Compares all books. What the counters say is put on record.
///
/// # Errors
/// When one of the books cannot be read.
pub async fn act(line: &Line, _who: &Who) -> Result<Answer, Fault> {
    // The token is read before and after the ledger: what comes in between explains itself.
    let before = readings::signatures(line).await?;
    let key = checkpoint::point(line).await?;
    let audited = audit(&*line.ports.ledger, Some(&key), &[]).await?;
    let after = readings::signatures(line).await?;
    let mut text = String::new();
    let mut found = Vec::new();

    let orders = registry::compare(line, &mut found).await?;
    let _ = writeln!(
        text,
        "Registry: {} requests compared, {} agree, {} wait to be told, {} went back to their offices, {} never came",
        orders.compared, orders.agree, orders.untold, orders.returned, orders.missing
    );
    if orders.missing > 0 {
        let more = if orders.missing > orders.named.len() as u64 {
            ", …"
        } else {
            ""
        };
        let _ = writeln!(
            text,
            "          approved, and not here: {}{more}; if none of them is on its way or another facility's, ask the \
             registry to send them again",
            orders.named.join(", ")
        );
    }
    let _ = writeln!(
        text,
        "Ledger:   {} records, signed up to {}",
        audited.books.size(),
        audited.signed
    );
    for flaw in &audited.flaws {
        found.push(Difference {
            books: "ledger",
            subject: flaw.code.id.to_owned(),
            what: flaw.to_string(),
            next: "stop the line, keep the files as they are, and call the auditor",
        });
    }
    let signers = token(&audited, &before, &after, &mut found);
    text.push_str(&signers);
    text.push_str(&printers(line, &audited, &mut found).await?);
    let balance = super::stock::everything(line).await?;
    let total = balance.total();
    let _ = writeln!(
        text,
        "Blanks:   {} came in, {} are in known places",
        total.came_in(),
        total.placed()
    );
    for discrepancy in balance.check() {
        // Two people have declared them, so that the books agree; the count equation names them for ever (law 7).
        if matches!(discrepancy, Discrepancy::NotFound { .. }) {
            let _ = writeln!(text, "          declared: {discrepancy}");
            continue;
        }
        found.push(Difference {
            books: "blanks",
            subject: "count".to_owned(),
            what: discrepancy.to_string(),
            next: "count by hand: cardwright stock count",
        });
    }
    record(line, after).await?;

    for difference in found.iter().take(TOLD_MAX) {
        let _ = writeln!(
            text,
            "DIFFERS  {} {}: {}. To do: {}.",
            difference.books, difference.subject, difference.what, difference.next
        );
    }
    let good = found.is_empty();
    if good {
        text.push_str("balanced");
    } else {
        let _ = write!(text, "NOT BALANCED: {} differences", found.len());
    }
    let data = json!({
        "balanced": good,
        "registry": orders,
        "records": audited.books.size(),
        "signed_up_to": audited.signed,
        "signatures": {
            "good": audited.used.good,
            "waste": audited.used.waste,
            "unused": audited.used.unused,
            "under_way": audited.used.under_way,
        },
        "count": found.len(),
        "differences": found.iter().take(TOLD_MAX).collect::<Vec<_>>(),
    });
    Ok(Answer { text, data, good })
}

/// The token's count = on chips + spoiled + unused (law 4), and tests of the key.
fn token(audited: &Audited, before: &[Fact], after: &[Fact], found: &mut Vec<Difference>) -> String {
    let mut text = String::new();
    let used = audited.used;
    let _ = writeln!(
        text,
        "Token:    {} signatures: {} on good cards, {} on waste, {} unused, {} under way",
        used.signatures(),
        used.good,
        used.waste,
        used.unused,
        used.under_way
    );
    if after.is_empty() {
        text.push_str("          this token does not count signatures: they are not compared\n");
    }
    for (before, after) in before.iter().zip(after) {
        let (
            Fact::SignatureCount {
                label, count: then, ..
            },
            Fact::SignatureCount { count: now, .. },
        ) = (before, after)
        else {
            continue;
        };
        let tally = audited
            .books
            .signatures
            .signers
            .get(label)
            .copied()
            .unwrap_or_default();
        let what = match (tally.judge(*then), tally.judge(*now)) {
            (Judgement::Unasked(more), _) => {
                format!("the token made {more} signatures that nobody here asked for")
            }
            (_, Judgement::Missing(fewer)) => {
                format!("the token counts {fewer} signatures fewer than came back")
            }
            (Judgement::Explained { beside }, _) => {
                let _ = writeln!(
                    text,
                    "          {label}: {} in bundles, {beside} beside them (tests of the key, lost answers)",
                    tally.got
                );
                continue;
            }
            (Judgement::Missing(_), _) => continue,
        };
        found.push(Difference {
            books: "token",
            subject: label.clone(),
            what,
            next: "stop signing with this key, and find out who has used the token",
        });
    }
    for (seq, signer, judgement) in audited.books.signatures.found() {
        found.push(Difference {
            books: "token",
            subject: signer.clone(),
            what: format!("record {seq}: {judgement:?} signatures"),
            next: "stop signing with this key, and find out who has used the token",
        });
    }
    text
}

/// More prints than jobs stop the machine at once (law 7).
async fn printers(line: &Line, audited: &Audited, found: &mut Vec<Difference>) -> Result<String, Fault> {
    let meters = &audited.books.meters;
    let mut text = format!("Printers: {} counters read\n", meters.machines().count());
    for (seq, discrepancy) in meters.found() {
        let _ = writeln!(text, "          record {seq}: {discrepancy}");
        found.push(Difference {
            books: "printer",
            subject: format!("record {seq}"),
            what: discrepancy.to_string(),
            next: "look at the machine and its outputs for a twin card; position stop, then position resume, says that \
                   it is explained",
        });
        if let Some(machine) = discrepancy.stops() {
            line.stop_position(machine, &Fault::new(&TOO_MANY_PRINTS, discrepancy.to_string()))
                .await?;
        }
    }
    Ok(text)
}
