//! Readers of the configuration, as doors.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::base::{Clock, Fault};
use crate::config::{Config, PcscReader, Reader};
use crate::device::hall::HallEncoder;
use crate::device::pcsc::{self, PcscEncoder, PcscFields, ReaderId, Watched};
use crate::port::{Encoder, Fields};

/// A door to this reader. Nothing is opened yet.
pub(super) fn open(config: &Config, reader: &Reader, clock: Clock) -> Box<dyn Encoder> {
    match reader {
        Reader::Hall(socket) => Box::new(HallEncoder::new(config.path(socket), clock)),
        Reader::Pcsc(reader) => Box::new(PcscEncoder::new(id(reader), socket(config, reader), clock)),
    }
}

/// The eyes of all machines and desks that are read with PC/SC; nothing if there is none.
pub(super) fn fields(config: &Config, clock: Clock) -> Option<Arc<dyn Fields>> {
    let stations = config.stations.iter().map(|place| (&place.id, &place.encoder));
    let desks = config.desks.iter().map(|place| (&place.id, &place.reader));
    let watched = stations
        .chain(desks)
        .filter_map(|(machine, reader)| match reader {
            Reader::Pcsc(reader) => Some(Watched {
                machine: machine.clone(),
                reader: id(reader),
                socket: socket(config, reader),
            }),
            Reader::Hall(_) => None,
        });
    let watched: Vec<_> = watched.collect();
    (!watched.is_empty()).then(|| Arc::new(PcscFields::new(watched, clock)) as Arc<dyn Fields>)
}

/// What is to be said of the readers on this machine: for each machine and desk, or of all there are, whether it is as
/// it should be and in which words.
pub(super) async fn inspect(config: &Config, clock: Clock) -> Vec<(String, Result<String, String>)> {
    let mut told = Vec::new();
    let mut services: BTreeMap<Option<PathBuf>, Result<Vec<pcsc::Reader>, Fault>> = BTreeMap::new();
    let stations = config
        .stations
        .iter()
        .map(|station| (&station.id, &station.encoder));
    let desks = config.desks.iter().map(|desk| (&desk.id, &desk.reader));
    for (machine, reader) in stations.chain(desks) {
        let Reader::Pcsc(reader) = reader else { continue };
        let socket = socket(config, reader);
        if !services.contains_key(&socket) {
            services.insert(socket.clone(), pcsc::readers(socket.as_deref(), clock).await);
        }
        let found = match services.get(&socket) {
            Some(Ok(readers)) => match id(reader).choose(readers) {
                Ok(reader) => Ok(words(reader)),
                // The controller itself holds them while it works.
                Err(fault) if *fault.code == pcsc::fault::SHARED => Ok(format!("{} is in use", fault.detail)),
                Err(fault) => Err(format!("{fault} Found: {}", list(readers))),
            },
            Some(Err(fault)) => Err(fault.to_string()),
            None => continue,
        };
        told.push((format!("{machine} reader"), found));
    }
    if services.is_empty() {
        let found = format!("no machine is read with PC/SC; {}", at_hand(clock).await);
        told.push(("readers".to_owned(), Ok(found)));
    }
    told
}

/// The readers that the system's own pcscd serves, for whoever has no facility yet.
pub(super) async fn at_hand(clock: Clock) -> String {
    match pcsc::readers(None, clock).await {
        Ok(readers) => format!("there is {}", list(&readers)),
        Err(fault) => fault.to_string(),
    }
}

fn list(readers: &[pcsc::Reader]) -> String {
    if readers.is_empty() {
        return "no reader".to_owned();
    }
    readers.iter().map(words).collect::<Vec<_>>().join("; ")
}

fn words(reader: &pcsc::Reader) -> String {
    let mut text = format!("{:?}", reader.name);
    for (what, value) in [("USB port", &reader.usb), ("serial number", &reader.serial)] {
        if let Some(value) = value {
            text += &format!(", {what} {value}");
        }
    }
    text + if reader.occupied {
        ", a card in its field"
    } else {
        ""
    }
}

fn id(reader: &PcscReader) -> ReaderId {
    ReaderId {
        name: reader.name.clone(),
        usb: reader.usb.clone(),
        serial: reader.serial.clone(),
    }
}

fn socket(config: &Config, reader: &PcscReader) -> Option<PathBuf> {
    reader.socket.as_ref().map(|socket| config.path(socket))
}
