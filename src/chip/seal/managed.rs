//! Sealing through a card manager: the issuer's keys take the place of the supplier's, the card becomes SECURED, and
//! the last block of data locks the application. In this order, because the application's state is what anybody can ask
//! for: a chip whose application is locked went through all of it.

use super::is_refusal;
use crate::base::Fault;
use crate::chip::apdu::{Command, Status};
use crate::chip::fault;
use crate::chip::link::Card;
use crate::chip::manager::{self, CardKeys, Credentials, KeySet};
use crate::chip::profile::Managed;
use crate::chip::scp::{DataKey, initialize_update};
use crate::chip::tlv;

/// States of the card (GlobalPlatform Card Specification 2.3.1, table 11-6).
const OP_READY: u8 = 0x01;
const INITIALIZED: u8 = 0x07;
const SECURED: u8 = 0x0F;
/// STORE DATA: the last block, of data groupings.
const LAST: u8 = 0x88;

pub(super) async fn seal(
    card: &mut Card,
    managed: &Managed,
    credentials: &Credentials<'_>,
) -> Result<(), Fault> {
    let (set, data_key) = manager::admit(card, managed, credentials).await?;
    if set == KeySet::Transport {
        put_keys(card, managed, credentials.keys, &data_key).await?;
    }
    secure(card).await?;
    manager::install_for_personalization(card).await?;
    card.expect("STORE DATA last block", &Command::new(0x80, 0xE2, LAST, 0))
        .await?;
    Ok(())
}

/// The card manager does nothing for strangers, and does not know the supplier's keys.
pub(super) async fn refuses_writes(card: &mut Card, managed: &Managed) -> Result<(), Fault> {
    let taken = |what: &str, status| Err(Fault::new(&fault::NOT_SEALED, format!("{what} {status}")));
    manager::select(card, managed).await?;
    // No data are given: an open card manager would refuse these because of their form.
    for (what, ins, p1) in [
        ("STORE DATA", 0xE2, LAST),
        ("PUT KEY", 0xD8, managed.transport_version),
    ] {
        let (_, status) = card.send(&Command::new(0x80, ins, p1, 0)).await?;
        if !is_refusal(status) {
            return taken(what, status);
        }
    }
    let supplier = initialize_update(managed.transport_version, managed.challenge(&[0; 16]));
    match card.send_ready(supplier).await? {
        (_, Status::NotFound) => Ok(()),
        (_, status) if is_refusal(status) => Ok(()),
        (_, status) => taken("INITIALIZE UPDATE with the supplier's keys", status),
    }
}

/// PUT KEY: all three at once, under another version (section 11.8).
async fn put_keys(
    card: &mut Card,
    managed: &Managed,
    keys: &CardKeys,
    data_key: &DataKey,
) -> Result<(), Fault> {
    let (fields, check_values) = keys.issuer.fields(data_key);
    let data = [&[managed.issuer_version][..], &fields].concat();
    let command = Command::new(0x80, 0xD8, managed.transport_version, 0x81);
    let answer = card.expect("PUT KEY", &command.data(&data).le(256)).await?;
    // The chip repeats the version and the check values: it has understood.
    if answer.split_first() == Some((&managed.issuer_version, &check_values[..])) {
        Ok(())
    } else {
        Err(Fault::new(&fault::INCONSISTENT, "check values of the new keys"))
    }
}

/// The card's life cycle goes to SECURED, from wherever it is.
async fn secure(card: &mut Card) -> Result<(), Fault> {
    // GET STATUS of the card manager: its name and its state (section 11.4).
    let answer = card
        .expect(
            "GET STATUS",
            &Command::new(0x80, 0xF2, 0x80, 0x02).data(&[0x4F, 0x00]).le(256),
        )
        .await?;
    let mut state = state(&answer).ok_or_else(|| Fault::new(&fault::GARBLED, "GET STATUS"))?;
    for (from, to) in [(OP_READY, INITIALIZED), (INITIALIZED, SECURED)] {
        if state == from {
            card.expect("SET STATUS", &Command::new(0x80, 0xF0, 0x80, to))
                .await?;
            state = to;
        }
    }
    match state {
        SECURED => Ok(()),
        state => Err(Fault::new(&fault::LOCKED, format!("card in state {state:02X}"))),
    }
}

/// `E3 L { 4F name, 9F70 state … }`
fn state(answer: &[u8]) -> Option<u8> {
    let entry = tlv::only(0xE3, answer)?;
    tlv::objects(entry)
        .find_map(|object| object.ok().filter(|object| object.tag == 0x9F70))
        .and_then(|object| object.value.first().copied())
}
