//! The ledger itself: is it what was written, and signing its head now.

use std::fmt::Write;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::audit::Discrepancy;
use crate::base::Fault;
use crate::base::ids::BoxId;
use crate::line::Line;
use crate::line::audit::{Audited, audit};
use crate::line::checkpoint::{self, Checkpoints};
use crate::line::proof::prove;

use super::fault::UNKNOWN;
use super::{Answer, Who};

/// What can be asked about the ledger.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "do", deny_unknown_fields)]
pub enum Request {
    /// Read it from its first record and compare it with the state tables and the signed heads in it.
    Verify,
    /// Sign its head now.
    Sign,
    /// Prove that a box's manifest belongs to it.
    Prove {
        /// The box.
        #[serde(rename = "box")]
        label: BoxId,
        /// The manifest's JSON, as it was written when the box was sealed.
        manifest: String,
    },
}

/// Answers.
///
/// # Errors
/// The ledger's or the HSM's; what is wrong with the ledger is in the answer.
pub async fn act(line: &Line, _who: &Who, request: Request) -> Result<Answer, Fault> {
    match request {
        Request::Verify => {
            let key = checkpoint::point(line).await?;
            let audited = audit(&*line.ports.ledger, Some(&key), &[]).await?;
            Ok(tell(line.ports.ledger.name(), &audited, &[]))
        }
        Request::Sign => {
            let signed = Checkpoints::new(line).sign(line).await?;
            Ok(Answer::good(
                format!(
                    "The first {} records are signed: papers/{}/{:012}.txt. Keep a copy elsewhere.",
                    signed.size,
                    checkpoint::FOLDER,
                    signed.size
                ),
                json!({ "size": signed.size, "root": signed.root, "chain": signed.chain }),
            ))
        }
        Request::Prove { label, manifest } => {
            let proof = prove(line, &label, manifest.as_bytes()).await?;
            let proof = proof.ok_or_else(|| Fault::new(&UNKNOWN, format!("{label} is not sealed")))?;
            let point = checkpoint::point(line).await?;
            // Checked as a stranger will check it, before it leaves the house.
            let proven = proof.verify(manifest.as_bytes(), &point)?;
            Ok(Answer::good(
                format!(
                    "Box {label} was sealed with this manifest by record {} of the {} that are signed.",
                    proven.seq, proven.head.size
                ),
                json!(proof),
            ))
        }
    }
}

/// What an audit has found, in words; `damage` is what the database says of its own file.
#[must_use]
pub fn tell(ledger: &str, audited: &Audited, damage: &[String]) -> Answer {
    let books = &audited.books;
    let balance = books.balance();
    // What two people have declared not found is on record: a loss, but no flaw of the record.
    let (lost, discrepancies): (Vec<_>, Vec<_>) = balance
        .check()
        .into_iter()
        .partition(|found| matches!(found, Discrepancy::NotFound { .. }));
    let mut text = format!("Ledger {ledger}: {} records read\n", books.size());
    let _ = writeln!(
        text,
        "  signed heads: {} hold, up to record {}; the {} after it are chained and not signed yet",
        audited.heads,
        audited.signed,
        books.size().saturating_sub(audited.signed)
    );
    let used = audited.used;
    let _ = writeln!(
        text,
        "  attempts: {}; signatures: {} on good cards, {} on waste, {} unused, {} under way",
        used.attempts, used.good, used.waste, used.unused, used.under_way
    );
    let total = balance.total();
    let _ = writeln!(
        text,
        "  blanks: {} came in, {} are in known places",
        total.came_in(),
        total.placed()
    );
    let prints = books.meters.found();
    let signatures = books.signatures.found();
    let good = audited.flaws.is_empty()
        && damage.is_empty()
        && discrepancies.is_empty()
        && prints.is_empty()
        && signatures.is_empty();
    for lost in &lost {
        let _ = writeln!(text, "  declared: {lost}");
    }
    for flaw in &audited.flaws {
        let _ = writeln!(text, "BAD: {flaw}");
    }
    for line in damage {
        let _ = writeln!(text, "BAD: the database file: {line}");
    }
    for discrepancy in &discrepancies {
        let _ = writeln!(text, "BAD: {discrepancy}");
    }
    for (seq, found) in prints {
        let _ = writeln!(text, "BAD: record {seq}: {found}");
    }
    for (seq, signer, found) in signatures {
        let _ = writeln!(
            text,
            "BAD: record {seq}: the token's count for {signer}: {found:?}"
        );
    }
    text.push_str(if good { "sound" } else { "NOT SOUND" });
    let flaws = audited
        .flaws
        .iter()
        .map(|flaw| json!({ "code": flaw.code.id, "where": flaw.detail }));
    let data = json!({
        "ledger": ledger,
        "records": books.size(),
        "signed_up_to": audited.signed,
        "signed_heads": audited.heads,
        "flaws": flaws.collect::<Vec<_>>(),
        "damage": damage,
        "discrepancies": discrepancies.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "prints": prints.iter().map(|(seq, found)| json!({ "record": seq, "found": found.to_string() }))
            .collect::<Vec<_>>(),
        "sound": good,
    });
    Answer { text, data, good }
}
