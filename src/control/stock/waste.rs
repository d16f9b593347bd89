//! Counting the blanks that lie with the waste and are no cards.

use serde_json::json;

use crate::base::ids::PackId;
use crate::base::{Fault, Place};
use crate::control::fault::UNKNOWN;
use crate::control::{Answer, Who, record};
use crate::job::Fact;
use crate::line::{Line, blanks};

/// A count of a pack's blanks among the waste. Those that have no name there are only a number: if fewer lie there than
/// the books say, the difference has gone back into a feeder, and the books follow. One that was written off by name
/// cannot be booked back: it must be found.
pub(super) async fn counted(line: &Line, who: &Who, pack: PackId, is: u32) -> Result<Answer, Fault> {
    if line.ports.ledger.history(pack.as_str()).await?.is_empty() {
        return Err(Fault::new(&UNKNOWN, format!("pack {pack}")));
    }
    let place = Place::Defective;
    let books = line.ports.ledger.stock_of(&pack).await?.count(&pack, &place);
    let missing = books.saturating_sub(is);
    let again = missing.min(blanks::unnamed(line, &pack).await?);
    let mut facts = vec![Fact::Counted {
        place,
        is: u64::from(is),
        books: u64::from(books),
        by: who.people(),
    }];
    if again > 0 {
        facts.extend(blanks::fed_again(line, &pack, None, again, who.people()).await?);
    }
    record(line, facts).await?;
    let data = json!({ "pack": pack, "is": is, "books": books, "fed_again": again });
    if is == books {
        return Ok(Answer::good(
            format!("Pack {pack}: {is} blanks lie with the waste, as the books say."),
            data,
        ));
    }
    if is > books {
        let text = format!(
            "Pack {pack}: {is} blanks lie with the waste, the books say {books}. Name each of them: cardwright card \
             identify --blank NUMBER; one that it calls unused: cardwright spoil NUMBER --code …"
        );
        return Ok(Answer::bad(text, data));
    }
    let mut text = format!("Pack {pack}: {is} blanks lie with the waste, the books said {books}.");
    if again > 0 {
        text += &format!(" {again} had no name there; they are booked back to the rest of their pack.");
    }
    let gone = missing - again;
    if gone > 0 {
        text += &format!(
            " {gone} that were written off by name are gone: look for them in the feeders; a machine that is fed one \
             refuses it."
        );
    }
    Ok(if gone > 0 {
        Answer::bad(text, data)
    } else {
        Answer::good(text, data)
    })
}
