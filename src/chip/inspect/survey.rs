//! What a chip tells anybody: asked before any password.

use super::super::conversation::Conversation;
use super::super::fault;
use super::super::sm::SHORT_READ_MAX;
use super::read::{Found, read_file, read_limit};
use crate::base::Fault;
use crate::document::FileId;

/// What a chip told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Survey {
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
            application,
            card_access,
            read_max,
        })
    })
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
