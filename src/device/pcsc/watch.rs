//! Readers and fields as they change, told by pcscd, in the process that looks at them.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::time::Duration;

use pcsc::{Context, Error, PNP_NOTIFICATION, ReaderState, State};

use crate::base::limits;

use super::card::{locate, names};
use super::frame::Reader;

/// What was told last of each reader, and of readers as a whole.
#[derive(Default)]
pub(super) struct Watch {
    states: Vec<ReaderState>,
    /// Where readers are plugged in: asked when they appear, because one that is at work tells nothing.
    places: BTreeMap<CString, (Option<String>, Option<String>)>,
}

impl Watch {
    /// All readers as soon as something is not as it was told last, or after a while; the first time at once.
    pub(super) fn next(&mut self, context: &Context, ports: bool) -> Result<Vec<Reader>, Error> {
        if !self.states.is_empty() {
            self.wait(context, limits::READERS_TOLD)?;
        }
        let names = names(context)?;
        if !self.states.iter().map(ReaderState::name).eq(expected(&names)) {
            // What pcscd is asked of as unknown it tells at once.
            self.states = expected(&names)
                .map(|name| ReaderState::new(name, State::UNAWARE))
                .collect();
            self.wait(context, Duration::ZERO)?;
        }
        self.places.retain(|name, _| names.contains(name));
        let told = names.into_iter().zip(&self.states);
        // One that was unplugged since is left out.
        let there = told.filter(|(_, state)| !gone(state.event_state()));
        Ok(there
            .map(|(name, state)| {
                let mut reader = Reader {
                    name: name.to_string_lossy().into_owned(),
                    occupied: state.event_state().contains(State::PRESENT),
                    held: state.event_state().contains(State::EXCLUSIVE),
                    ..Reader::default()
                };
                if ports {
                    place(&mut self.places, context, name, &mut reader);
                }
                reader
            })
            .collect())
    }

    /// What has been told now is what later changes are counted from.
    fn wait(&mut self, context: &Context, limit: Duration) -> Result<(), Error> {
        let told = context.get_status_change(limit, &mut self.states);
        self.states.iter_mut().for_each(ReaderState::sync_current_state);
        match told {
            // A reader that went meanwhile is an answer, too.
            Ok(()) | Err(Error::Timeout | Error::UnknownReader | Error::ReaderUnavailable) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// The readers, and what stands for the coming and going of readers.
fn expected(names: &[CString]) -> impl Iterator<Item = &CStr> {
    names
        .iter()
        .map(CString::as_c_str)
        .chain(std::iter::once(PNP_NOTIFICATION()))
}

fn gone(state: State) -> bool {
    state.intersects(State::UNKNOWN | State::UNAVAILABLE)
}

/// Says where a reader is plugged in, if it ever told.
fn place(
    places: &mut BTreeMap<CString, (Option<String>, Option<String>)>,
    context: &Context,
    name: CString,
    reader: &mut Reader,
) {
    if !reader.held && !places.contains_key(&name) {
        locate(context, &name, reader);
        if !reader.held {
            places.insert(name.clone(), (reader.usb.clone(), reader.serial.clone()));
        }
    }
    if let Some((usb, serial)) = places.get(&name) {
        reader.usb.clone_from(usb);
        reader.serial.clone_from(serial);
    }
}
