//! The doors of a hall in memory: each machine's and desk's devices, and the people at their screens.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;

use super::people::Person;
use super::slips::{Slip, Slips};
use super::{Power, locked};
use crate::base::Fault;
use crate::base::ids::{BlankId, BoxId, LotId, MachineId};
use crate::device::hall::fault::{LOST, NO_CARD, SILENT};
use crate::job::stock::SupplierList;
use crate::port::{Answer, Encoder, Instruction, Screen, Serial};
use crate::sim::chip::Chip;
use crate::sim::hall::{Card, Desk, Floor, Followed, Inventory, Plan, Scan, Station, label_spoken, spoken};
use crate::sim::printer::{Effect, What, When};
use crate::sim::scan;

/// One APDU and its answer.
const APDU: Duration = Duration::from_millis(2);
/// Bytes are given to a port.
const SEND: Duration = Duration::from_millis(1);

/// The hall. It outlives every controller that is connected to it.
#[derive(Clone)]
pub struct Hall(Arc<Inner>);

pub(super) struct Inner {
    pub(super) power: Arc<Power>,
    pub(super) floor: Arc<Floor>,
    pub(super) stations: BTreeMap<MachineId, Arc<StationSpot>>,
    desks: BTreeMap<MachineId, Arc<DeskSpot>>,
    pub(super) slips: Slips,
    /// Which machine a machine's reader looks into, where it is not its own.
    pub(super) swapped: Mutex<BTreeMap<MachineId, MachineId>>,
}

/// A machine in its place.
pub(super) struct StationSpot {
    pub(super) station: Arc<Station>,
    cable: Mutex<Cable>,
    trouble: Mutex<VecDeque<(u64, ReaderTrouble)>>,
    line: Mutex<Line>,
}

/// What came over the line to a printer.
#[derive(Default)]
struct Line {
    bytes: u64,
    /// At these bytes its power fails.
    fails_at: BTreeSet<u64>,
}

impl Line {
    /// How many of so many more bytes are heard before the power fails; all of them if it does not.
    fn hears(&mut self, more: usize) -> Option<usize> {
        let before = self.bytes;
        self.bytes += u64::try_from(more).unwrap_or(u64::MAX);
        let at = *self.fails_at.first().filter(|at| **at < self.bytes)?;
        // What else was sent at once is lost, and its power does not fail at bytes that it has not heard.
        self.fails_at.retain(|later| *later >= self.bytes);
        usize::try_from(at.saturating_sub(before)).ok()
    }
}

/// A desk in its place.
pub(super) struct DeskSpot {
    pub(super) desk: Arc<Desk>,
    cable: Mutex<Cable>,
    trouble: Mutex<VecDeque<(u64, ReaderTrouble)>>,
    /// What the scanner read last.
    pub(super) last_scan: Mutex<Option<Vec<u8>>>,
}

/// What goes wrong in a reader's field.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ReaderTrouble {
    /// The field vanishes while the command is under way.
    Tear,
    /// The command is carried out, its answer lost.
    LoseAnswer,
    /// The reader is gone: nothing reaches the chip, and its field is off.
    Vanish,
    /// The field vanishes after so many units were written.
    TearAfter(usize),
    /// The chip does nothing and says this.
    Says(u16),
    /// The answer arrives with a bit turned over.
    Bend,
    /// From this command on another chip answers, until the field is switched on again.
    Swap,
}

/// What is on its way from a device: bytes and when they arrive.
#[derive(Default)]
struct Cable {
    coming: VecDeque<(Duration, Vec<u8>)>,
    busy_until: Duration,
}

impl Hall {
    /// A hall as it was built: everything is empty, the packs are closed.
    ///
    /// # Errors
    /// If the plan cannot be built.
    pub fn new(power: Arc<Power>, plan: Plan) -> io::Result<Self> {
        let (stations, desks) = (plan.stations.clone(), plan.desks.clone());
        let floor = Arc::new(Floor::in_memory(plan)?);
        let stations = stations.iter().map(|name| {
            let spot = StationSpot {
                station: Station::open(&floor, name)?,
                cable: Mutex::default(),
                trouble: Mutex::default(),
                line: Mutex::default(),
            };
            Ok((MachineId::new(name), Arc::new(spot)))
        });
        let stations = stations.collect::<io::Result<_>>()?;
        let desks = desks.iter().map(|name| {
            let spot = DeskSpot {
                desk: Desk::open(&floor, name)?,
                cable: Mutex::default(),
                trouble: Mutex::default(),
                last_scan: Mutex::default(),
            };
            Ok((MachineId::new(name), Arc::new(spot)))
        });
        let desks = desks.collect::<io::Result<_>>()?;
        Ok(Self(Arc::new(Inner {
            power,
            floor,
            stations,
            desks,
            slips: Slips::default(),
            swapped: Mutex::default(),
        })))
    }

    /// What the suppliers say of the packs.
    #[must_use]
    pub fn lists(&self) -> Vec<SupplierList> {
        self.0.floor.lists()
    }

    /// Counts the hall.
    #[must_use]
    pub fn inventory(&self) -> Inventory {
        self.0.floor.inventory()
    }

    /// Looks at a card that was out of a feeder and lies somewhere now; nothing if there is none such.
    pub fn look_at<T>(&self, blank: &BlankId, eye: impl FnOnce(&Card) -> T) -> Option<T> {
        self.0.floor.look_at(blank, eye)
    }

    /// Names of the machines.
    pub fn stations(&self) -> impl Iterator<Item = &MachineId> {
        self.0.stations.keys()
    }

    /// Names of the desks.
    pub fn desks(&self) -> impl Iterator<Item = &MachineId> {
        self.0.desks.keys()
    }

    /// A machine's encoder or a desk's reader.
    #[must_use]
    pub fn encoder(&self, id: &MachineId) -> Option<Box<dyn Encoder>> {
        let own = self.0.spot(id)?;
        let (hall, id) = (Arc::clone(&self.0), id.clone());
        Some(Box::new(Reader {
            hall,
            id,
            own,
            neighbour: None,
        }))
    }

    /// A machine's printer or a desk's scanner.
    #[must_use]
    pub fn serial(&self, id: &MachineId) -> Option<Box<dyn Serial>> {
        let spot = self.0.spot(id)?;
        let power = Arc::clone(&self.0.power);
        Some(Box::new(Port { power, spot }))
    }

    /// The screen at a machine or a desk, and the person before it.
    #[must_use]
    pub fn screen(&self, id: &MachineId) -> Option<Box<dyn Screen>> {
        let spot = self.0.spot(id)?;
        Some(Box::new(Person::new(Arc::clone(&self.0), id.clone(), spot)))
    }

    /// Somebody holds a card onto a desk's reader until [`Self::put_down`]; false if it is out of reach.
    ///
    /// # Errors
    /// None in memory.
    pub fn hold(&self, desk: &MachineId, blank: &BlankId) -> io::Result<bool> {
        self.0
            .desks
            .get(desk)
            .map_or(Ok(false), |spot| spot.desk.hold(blank))
    }

    /// The card that was held onto a desk's reader goes back to where it was.
    ///
    /// # Errors
    /// None in memory.
    pub fn put_down(&self, desk: &MachineId) -> io::Result<()> {
        self.0.desks.get(desk).map_or(Ok(()), |spot| spot.desk.put_down())
    }

    /// Trouble to come for a machine's printer.
    pub fn printer_trouble(&self, id: &MachineId, when: When, what: What) {
        if let Some(spot) = self.0.stations.get(id) {
            spot.station.plan(when, what);
        }
    }

    /// The power of a machine's printer fails and comes back when it has heard so many more bytes.
    pub fn printer_power_fails(&self, id: &MachineId, after_bytes: u64) {
        if let Some(spot) = self.0.stations.get(id) {
            let mut line = locked(&spot.line);
            let at = line.bytes + after_bytes;
            line.fails_at.insert(at);
        }
    }

    /// Bytes that a machine's printer has heard.
    #[must_use]
    pub fn printer_heard(&self, id: &MachineId) -> u64 {
        self.0.stations.get(id).map_or(0, |spot| locked(&spot.line).bytes)
    }

    /// Trouble to come in a reader's field, at the n-th command from now; 1 is the next.
    pub fn reader_trouble(&self, id: &MachineId, command: u64, what: ReaderTrouble) {
        if let Some(spot) = self.0.spot(id) {
            locked(spot.trouble()).push_back((command, what));
        }
    }

    /// A mistake to come, at the n-th occasion from now; 1 is the next.
    pub fn mistake(&self, slip: Slip, occasion: u32) {
        self.0.slips.plan(slip, occasion);
    }

    /// Mistakes that people have made, in their order.
    #[must_use]
    pub fn mistakes_made(&self) -> Vec<Slip> {
        self.0.slips.made()
    }

    /// Somebody looks after the cables: every reader is plugged in where it belongs. True if some were not.
    pub fn check_cables(&self) -> bool {
        let swapped = std::mem::take(&mut *locked(&self.0.swapped));
        self.0.lose_fields(swapped.keys());
        !swapped.is_empty()
    }

    /// A person brings a card from the quarantine tray to the tray of its lot; false if it does not lie there.
    ///
    /// # Errors
    /// None: a hall in memory has no disk.
    pub fn return_to_tray(&self, blank: &BlankId, lot: LotId) -> io::Result<bool> {
        self.0.floor.return_to_tray(blank, lot)
    }

    /// A person finds a card among the blanks of a feeder and puts it aside; false if it does not lie there.
    ///
    /// # Errors
    /// None: a hall in memory has no disk.
    pub fn sift(&self, station: &MachineId, blank: &BlankId) -> io::Result<bool> {
        self.0.floor.sift(station, blank)
    }

    /// A person puts a card from the quarantine tray into a box; false if it does not lie there or the place is taken.
    ///
    /// # Errors
    /// None: a hall in memory has no disk.
    pub fn restore_to_box(&self, blank: &BlankId, label: &BoxId, slot: u16) -> io::Result<bool> {
        self.0.floor.restore_to_box(blank, label.clone(), slot)
    }

    /// Panels each machine's printer has printed, by its own counter.
    #[must_use]
    pub fn panels(&self) -> BTreeMap<MachineId, u64> {
        let stations = self.0.stations.iter();
        stations
            .map(|(id, spot)| (id.clone(), spot.station.panels()))
            .collect()
    }
}

impl Inner {
    fn spot(&self, id: &MachineId) -> Option<Spot> {
        let station = self.stations.get(id).map(|spot| Spot::Station(Arc::clone(spot)));
        station.or_else(|| self.desks.get(id).map(|spot| Spot::Desk(Arc::clone(spot))))
    }

    /// The place a reader looks into.
    fn looks_into(&self, reader: &MachineId) -> Option<Spot> {
        let swapped = locked(&self.swapped);
        self.spot(swapped.get(reader).unwrap_or(reader))
    }

    /// Readers are plugged out and in: chips in their fields lose their power.
    pub(super) fn lose_fields<'a>(&self, machines: impl Iterator<Item = &'a MachineId>) {
        for machine in machines {
            if let Some(spot) = self.spot(machine) {
                spot.with_chip(|chip| chip.map(Chip::power_off));
            }
        }
    }
}

impl std::fmt::Debug for Hall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Hall({} machines, {} desks)",
            self.0.stations.len(),
            self.0.desks.len()
        )
    }
}

/// A place in the hall that has devices.
pub(super) enum Spot {
    Station(Arc<StationSpot>),
    Desk(Arc<DeskSpot>),
}

impl Spot {
    fn with_chip<T>(&self, act: impl FnOnce(Option<&mut Chip>) -> T) -> T {
        match self {
            Self::Station(spot) => spot.station.with_chip(act),
            Self::Desk(spot) => spot.desk.with_chip(act),
        }
    }

    fn cable(&self) -> &Mutex<Cable> {
        match self {
            Self::Station(spot) => &spot.cable,
            Self::Desk(spot) => &spot.cable,
        }
    }

    fn trouble(&self) -> &Mutex<VecDeque<(u64, ReaderTrouble)>> {
        match self {
            Self::Station(spot) => &spot.trouble,
            Self::Desk(spot) => &spot.trouble,
        }
    }

    /// Counts a command; the trouble that strikes it, if any.
    fn strike(&self) -> Option<ReaderTrouble> {
        let mut coming = locked(self.trouble());
        for (left, _) in coming.iter_mut() {
            *left = left.saturating_sub(1);
        }
        let struck = coming.iter().position(|(left, _)| *left == 0)?;
        coming.remove(struck).map(|(_, what)| what)
    }

    /// The other end of the cable gets these bytes.
    fn hears(&self, bytes: &[u8], now: Duration) -> io::Result<()> {
        let Self::Station(spot) = self else {
            // Nobody tells a scanner anything.
            return Ok(());
        };
        let heard = locked(&spot.line).hears(bytes.len());
        let effects = spot
            .station
            .input(bytes.get(..heard.unwrap_or(bytes.len())).unwrap_or(bytes))?;
        let mut cable = locked(&spot.cable);
        if heard.is_some() {
            // What it was about to say is lost as well.
            spot.station.power_fails();
            cable.coming.clear();
            return Ok(());
        }
        let mut at = cable.busy_until.max(now);
        for effect in effects {
            match effect {
                Effect::Pause(time) => at += time,
                Effect::Reply(bytes) => cable.coming.push_back((at, bytes)),
            }
        }
        cable.busy_until = at;
        Ok(())
    }

    pub(super) fn follow(&self, instruction: Instruction, now: Duration) -> io::Result<Answer> {
        match self {
            Self::Station(spot) => spot.station.follow(instruction),
            Self::Desk(spot) => match spot.desk.follow(instruction)? {
                Followed::Answer(answer) => Ok(answer),
                Followed::Scan => Ok(spot.scan(now)),
                Followed::Label(label) => {
                    spot.says(label_spoken(&label), now);
                    Ok(Answer::Done)
                }
            },
        }
    }
}

impl DeskSpot {
    /// Scans the card on the reader and sends what was read.
    fn scan(&self, now: Duration) -> Answer {
        let bytes = match self.desk.to_scan() {
            None => return Answer::Nothing,
            Some(Scan::Known(bytes)) => bytes,
            Some(Scan::Faces { front, back }) => {
                let bytes = spoken(&scan::read(&front, &back));
                self.desk.scanned(bytes.clone());
                bytes
            }
        };
        *locked(&self.last_scan) = Some(bytes.clone());
        self.says(bytes, now);
        Answer::Done
    }

    /// The scanner sends this.
    pub(super) fn says(&self, bytes: Vec<u8>, now: Duration) {
        locked(&self.cable).coming.push_back((now, bytes));
    }
}

/// A contactless reader.
struct Reader {
    hall: Arc<Inner>,
    id: MachineId,
    own: Spot,
    neighbour: Option<Chip>,
}

impl Reader {
    fn with_chip<T>(&self, act: impl FnOnce(Option<&mut Chip>) -> T) -> T {
        match self.hall.looks_into(&self.id) {
            Some(spot) => spot.with_chip(act),
            None => act(None),
        }
    }
}

impl Drop for Reader {
    /// A controller that leaves takes the field with it.
    fn drop(&mut self) {
        self.with_chip(|chip| chip.map(Chip::power_off));
    }
}

#[async_trait]
impl Encoder for Reader {
    async fn power_on(&mut self) -> Result<Vec<u8>, Fault> {
        self.neighbour = None;
        let on = || self.with_chip(|chip| chip.map(Chip::power_on));
        let answer = self.hall.power.act(APDU, on).await;
        answer.ok_or_else(|| Fault::new(&NO_CARD, ""))
    }

    async fn transmit(&mut self, command: &[u8], deadline: Duration) -> Result<Vec<u8>, Fault> {
        let strike = self.own.strike();
        if strike == Some(ReaderTrouble::Swap) {
            self.neighbour = self.with_chip(|chip| {
                let chip = chip?;
                let mut neighbour = chip.neighbour();
                neighbour.power_on();
                chip.power_off();
                Some(neighbour)
            });
        }
        if let Some(neighbour) = &mut self.neighbour {
            return Ok(self.hall.power.act(APDU, || neighbour.transmit(command)).await);
        }
        let answer = self.hall.power.act(APDU, || {
            self.with_chip(|chip| {
                let chip = chip?;
                match strike {
                    None | Some(ReaderTrouble::Swap) => Some(chip.transmit(command)),
                    Some(ReaderTrouble::LoseAnswer) => {
                        chip.transmit(command);
                        None
                    }
                    Some(ReaderTrouble::Tear) => {
                        chip.tear(command);
                        None
                    }
                    Some(ReaderTrouble::TearAfter(units)) => {
                        chip.tear_after(command, units);
                        None
                    }
                    Some(ReaderTrouble::Says(word)) => Some(word.to_be_bytes().to_vec()),
                    Some(ReaderTrouble::Bend) => {
                        let mut answer = chip.transmit(command);
                        if let Some(first) = answer.first_mut() {
                            *first ^= 1;
                        }
                        Some(answer)
                    }
                    Some(ReaderTrouble::Vanish) => {
                        chip.power_off();
                        None
                    }
                }
            })
        });
        let answer = answer.await.filter(|answer| !answer.is_empty());
        if answer.is_none() && strike != Some(ReaderTrouble::Vanish) {
            self.hall.power.clock().sleep(deadline).await;
        }
        let code = if strike == Some(ReaderTrouble::Vanish) {
            &LOST
        } else {
            &SILENT
        };
        answer.ok_or_else(|| Fault::new(code, ""))
    }

    async fn power_off(&mut self) -> Result<(), Fault> {
        let off = || self.with_chip(|chip| chip.map(Chip::power_off));
        self.hall.power.act(APDU, off).await;
        Ok(())
    }
}

/// The controller's end of a cable. What came for a controller that is gone, the next one finds.
struct Port {
    power: Arc<Power>,
    spot: Spot,
}

#[async_trait]
impl Serial for Port {
    async fn send(&mut self, bytes: &[u8], _deadline: Duration) -> Result<(), Fault> {
        let clock = self.power.clock();
        let sent = self.power.act(SEND, || self.spot.hears(bytes, clock.elapsed()));
        sent.await.map_err(|error| Fault::new(&LOST, error.to_string()))
    }

    async fn receive(&mut self, deadline: Duration) -> Result<Vec<u8>, Fault> {
        let clock = self.power.clock();
        self.power.alive().await;
        let until = clock.elapsed() + deadline;
        loop {
            let now = clock.elapsed();
            let (bytes, next) = locked(self.spot.cable()).arrived(now);
            if !bytes.is_empty() || now >= until {
                return Ok(bytes);
            }
            // Nothing is put on the cable while its only listener waits here.
            let wake = next.map_or(until, |next| next.min(until));
            clock.sleep(wake - now).await;
            self.power.alive().await;
        }
    }
}

impl Cable {
    /// What has arrived by now, and when the next bytes do.
    fn arrived(&mut self, now: Duration) -> (Vec<u8>, Option<Duration>) {
        let mut bytes = Vec::new();
        while let Some((_, more)) = self.coming.pop_front_if(|(at, _)| *at <= now) {
            bytes.extend(more);
        }
        (bytes, self.coming.front().map(|(at, _)| *at))
    }
}
