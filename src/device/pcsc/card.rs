//! The calls into PC/SC. They block; whoever makes them may be killed at any moment.

use std::ffi::{CStr, CString};
use std::path::Path;
use std::time::Duration;

use pcsc::{Attribute, Card, Context, Disposition, Error, Protocols, ReaderState, Scope, ShareMode, State};

use crate::base::clock::{Stopwatch, pause};
use crate::base::{Fault, limits};
use crate::port::succeeded;

use super::choose::ReaderId;
use super::frame::{Answer, RESPONSE_BYTES_MAX, Reader, Request};
use super::watch::Watch;
use super::{fault, usb};

/// How often a card or a reader that may be on its way is looked for.
const LOOK: Duration = Duration::from_millis(20);
/// pcscd looks for cards 2.5 times a second; a card that was pulled out is known to be gone after two or three looks.
const GONE_WITHIN: Duration = Duration::from_millis(1_200);

/// A reader and the session with the card in its field, if there is one.
pub(super) struct Service {
    id: ReaderId,
    context: Option<Context>,
    card: Option<(Card, CString)>,
    /// Somebody else may have left the chip with keys: it is reset before the first session.
    fresh: bool,
    watch: Watch,
    /// In exchanges, so far.
    spent: Duration,
    answer: Vec<u8>,
    /// The last exchange did.
    succeeded: bool,
}

impl Service {
    /// Nothing is opened yet.
    pub(super) fn new(id: ReaderId) -> Self {
        Self {
            id,
            context: None,
            card: None,
            fresh: true,
            watch: Watch::default(),
            spent: Duration::ZERO,
            answer: vec![0; RESPONSE_BYTES_MAX],
            succeeded: false,
        }
    }

    /// Does what the controller asks.
    pub(super) fn answer(&mut self, request: Request) -> Answer {
        let done = match request {
            Request::List { ports } => self.list(ports).map(Answer::Readers),
            Request::Watch { ports } => self.watch(ports).map(Answer::Readers),
            Request::PowerOn => self.power_on().map(Answer::Atr),
            Request::Transmit(command) => self.transmit(&command).map(Answer::Response),
            Request::Follow(command) if self.succeeded => self.transmit(&command).map(Answer::Response),
            Request::Follow(_) => Ok(Answer::NotSent),
            Request::PowerOff => self.power_off().map(|()| Answer::Done),
            Request::Spent => {
                let nanoseconds = self.spent.as_nanos();
                Ok(Answer::Time(u64::try_from(nanoseconds).unwrap_or(u64::MAX)))
            }
        };
        done.unwrap_or_else(Answer::Fault)
    }

    fn list(&mut self, ports: bool) -> Result<Vec<Reader>, Fault> {
        let context = self.context().map_err(before)?;
        let mut readers = Vec::new();
        for name in names(&context).map_err(before)? {
            let mut reader = Reader {
                name: name.to_string_lossy().into_owned(),
                ..Reader::default()
            };
            // One that was unplugged since is left out.
            let Ok(state) = state(&context, &name) else {
                continue;
            };
            reader.occupied = state.contains(State::PRESENT);
            reader.held = state.contains(State::EXCLUSIVE);
            if ports && !reader.held {
                locate(&context, &name, &mut reader);
            }
            readers.push(reader);
        }
        Ok(readers)
    }

    fn watch(&mut self, ports: bool) -> Result<Vec<Reader>, Fault> {
        let context = self.context().map_err(before)?;
        self.watch.next(&context, ports).map_err(before)
    }

    /// Waits a little for what may be on its way: a card, a reader, a session of a killed process that pcscd has still
    /// to end. Nothing has been sent to the chip meanwhile.
    fn power_on(&mut self) -> Result<Vec<u8>, Fault> {
        self.power_off()?;
        let patience = Stopwatch::start();
        loop {
            let fault = match self.begin() {
                Ok(atr) => return Ok(atr),
                Err(fault) => fault,
            };
            let passing = [
                &fault::NO_CARD,
                &fault::MUTE,
                &fault::NO_READER,
                &fault::SHARED,
                &fault::NO_SERVICE,
            ];
            if patience.elapsed() > limits::CARD_ARRIVES || !passing.contains(&fault.code) {
                return Err(fault);
            }
            pause(LOOK);
        }
    }

    fn begin(&mut self) -> Result<Vec<u8>, Fault> {
        let name = self.find()?;
        let context = self.context().map_err(before)?;
        let mut card = context
            .connect(&name, ShareMode::Exclusive, Protocols::ANY)
            .map_err(before)?;
        if self.fresh {
            card.reconnect(ShareMode::Exclusive, Protocols::ANY, Disposition::UnpowerCard)
                .map_err(before)?;
        }
        let atr = card.status2_owned().map_err(before)?.atr().to_vec();
        self.fresh = false;
        self.card = Some((card, name));
        Ok(atr)
    }

    /// The full name of the reader, which is looked for anew each time: it may have been unplugged meanwhile.
    fn find(&mut self) -> Result<CString, Fault> {
        let readers = self.list(self.id.asks_the_system())?;
        let reader = self.id.choose(&readers)?;
        CString::new(reader.name.as_str())
            .map_err(|_| Fault::new(&fault::NO_READER, "a name with a zero byte"))
    }

    /// Exactly once, whatever comes of it.
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, Fault> {
        let Some((card, _)) = &self.card else {
            return Err(Fault::new(&fault::FIELD_OFF, ""));
        };
        self.succeeded = false;
        let watch = Stopwatch::start();
        let answer = card.transmit(command, &mut self.answer);
        self.spent += watch.elapsed();
        match answer {
            Ok(answer @ [_, _, ..]) => {
                self.succeeded = succeeded(answer);
                Ok(answer.to_vec())
            }
            // Without a status word it is no answer. Some drivers say so of a card that is gone.
            Ok(_) => Err(self.under_way(Error::CommDataLost)),
            Err(error) => Err(self.under_way(error)),
        }
    }

    fn power_off(&mut self) -> Result<(), Fault> {
        let Some((card, _)) = self.card.take() else {
            return Ok(());
        };
        match card.disconnect(Disposition::UnpowerCard) {
            // A card that is gone has no power.
            Ok(()) | Err((_, Error::RemovedCard | Error::NoSmartcard)) => Ok(()),
            Err((card, error)) => {
                // Dropping the card would ask the same again.
                std::mem::forget(card);
                Err(before(error))
            }
        }
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    fn context(&mut self) -> Result<Context, Error> {
        let valid = self.context.take().filter(|context| context.is_valid().is_ok());
        let context = match valid {
            Some(context) => context,
            None => Context::establish(Scope::System)?,
        };
        self.context = Some(context.clone());
        Ok(context)
    }

    /// What became of a command that was under way: the chip may have carried it out.
    fn under_way(&self, error: Error) -> Fault {
        let code = match error {
            Error::RemovedCard | Error::NoSmartcard => &fault::REMOVED,
            Error::ResetCard => &fault::RESET,
            Error::NoService | Error::ServiceStopped | Error::Shutdown | Error::InvalidHandle => {
                &fault::SERVICE_LOST
            }
            Error::ReaderUnavailable | Error::UnknownReader | Error::NoReadersAvailable => &fault::UNPLUGGED,
            _ if self.is_empty_soon() => &fault::REMOVED,
            _ => &fault::READER,
        };
        Fault::new(code, format!("{error:?}"))
    }

    /// Does pcscd find within a moment that the card is gone?
    fn is_empty_soon(&self) -> bool {
        let (Some(context), Some((_, name))) = (&self.context, &self.card) else {
            return false;
        };
        let patience = Stopwatch::start();
        loop {
            match state(context, name) {
                Ok(state) if state.contains(State::EMPTY) => return true,
                Ok(_) if patience.elapsed() < GONE_WITHIN => pause(LOOK),
                _ => return false,
            }
        }
    }
}

/// What a call that sends nothing to the chip ran into.
fn before(error: Error) -> Fault {
    let code = match error {
        Error::NoSmartcard | Error::RemovedCard => &fault::NO_CARD,
        Error::UnresponsiveCard | Error::UnpoweredCard | Error::UnsupportedCard | Error::ProtoMismatch => {
            &fault::MUTE
        }
        Error::SharingViolation => &fault::SHARED,
        Error::UnknownReader | Error::ReaderUnavailable | Error::NoReadersAvailable => &fault::NO_READER,
        Error::NoService | Error::ServiceStopped | Error::Shutdown | Error::NoAccess => &fault::NO_SERVICE,
        _ => &fault::READER,
    };
    Fault::new(code, format!("{error:?}"))
}

/// What pcscd calls its readers.
pub(super) fn names(context: &Context) -> Result<Vec<CString>, Error> {
    match context.list_readers_owned() {
        Err(Error::NoReadersAvailable) => Ok(Vec::new()),
        names => names,
    }
}

/// What pcscd knows of a reader, at once and without touching it.
fn state(context: &Context, name: &CStr) -> Result<State, Error> {
    let mut states = [ReaderState::new(name, State::UNAWARE)];
    context.get_status_change(Duration::ZERO, &mut states)?;
    let [state] = &states;
    Ok(state.event_state())
}

/// Asks a reader where it is plugged in. One that another program just opened tells nothing.
pub(super) fn locate(context: &Context, name: &CStr, reader: &mut Reader) {
    let Ok(card) = context.connect(name, ShareMode::Direct, Protocols::UNDEFINED) else {
        reader.held = true;
        return;
    };
    let attribute = |which| {
        card.get_attribute_owned(which)
            .ok()
            .filter(|value| !value.is_empty())
    };
    let channel = attribute(Attribute::ChannelId)
        .and_then(|value| Some(u32::from_ne_bytes(*value.first_chunk()?)))
        .and_then(|channel| usb::port(Path::new(usb::DEVICES), channel));
    if let Some((port, serial)) = channel {
        reader.usb = Some(port);
        reader.serial = serial;
    }
    if let Some(serial) = attribute(Attribute::VendorIfdSerialNo) {
        let text = String::from_utf8_lossy(&serial);
        let text = text.trim_end_matches('\0').trim();
        if !text.is_empty() {
            reader.serial = Some(text.to_owned());
        }
    }
    // Not reset: it may not be our card.
    if let Err((card, _)) = card.disconnect(Disposition::LeaveCard) {
        std::mem::forget(card);
    }
}
