//! What a chip tells anybody: asked before any password.

use super::super::apdu::{Command, Status};
use super::super::conversation::Conversation;
use super::super::fault;
use super::super::link::Card;
use super::super::sm::SHORT_READ_MAX;
use super::read::{Found, read_file, read_limit};
use crate::base::Fault;
use crate::document::FileId;

/// What a chip told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Survey {
    /// Card production life cycle data, if the chip gives them to anybody: what a chip profile recognizes a kind by.
    pub cplc: Option<Vec<u8>>,
    /// Key diversification data (tag `CF`) of a card manager.
    pub diversification: Option<Vec<u8>>,
    /// Key information template (tag `E0`) of a card manager (GlobalPlatform Card Specification 2.3.1,
    /// section 11.3.3.1).
    pub keys: Option<Vec<u8>>,
    /// It has the eMRTD application.
    pub application: bool,
    /// EF.CardAccess, if it has PACE.
    pub card_access: Option<Vec<u8>>,
    /// The most that it gives in one protected answer, if it says that it takes extended length.
    pub read_max: Option<u32>,
}

/// Asks a chip what it is. Changes nothing.
#[must_use]
pub fn survey() -> Conversation<'static, Survey> {
    Conversation::new(async |mut card| {
        // The card manager's, which is selected from the start.
        let cplc = object(&mut card, [0x9F, 0x7F]).await?;
        let diversification = object(&mut card, [0x00, 0xCF]).await?;
        let keys = object(&mut card, [0x00, 0xE0]).await?;
        let read_max = read_limit(&mut card).await?;
        let limit = read_max.unwrap_or(SHORT_READ_MAX);
        let mut card_access = told(read_file(&mut card, FileId::CardAccess, limit).await)?;
        let application = match card.select_application().await {
            Ok(()) => true,
            Err(none) if none.code == &fault::NO_APPLICATION => false,
            Err(other) => return Err(other),
        };
        if card_access.is_none() && application {
            card_access = told(read_file(&mut card, FileId::CardAccess, limit).await)?;
        }
        Ok(Survey {
            cplc,
            diversification,
            keys,
            application,
            card_access,
            read_max,
        })
    })
}

/// A data object that the chip gives to anybody.
async fn object(card: &mut Card, tag: [u8; 2]) -> Result<Option<Vec<u8>>, Fault> {
    let asked = Command::new(0x80, 0xCA, tag[0], tag[1]).le(256);
    let (contents, status) = card.send(&asked).await?;
    Ok((status == Status::Success).then_some(contents))
}

/// A file that is not there or is none tells nothing; a chip that does not answer is another matter.
fn told(found: Result<Found, Fault>) -> Result<Option<Vec<u8>>, Fault> {
    match found {
        Ok(Found::File(contents)) => Ok(Some(contents)),
        Ok(Found::Refused(_)) => Ok(None),
        Err(silent) if silent.code == &fault::SILENT => Err(silent),
        Err(_) => Ok(None),
    }
}
