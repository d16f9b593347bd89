//! A machine: feeder, encoder, printer, two outputs, and the person who serves it.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::books::{Act, Positions};
use super::card::Card;
use super::floor::Floor;
use crate::base::Bitmap;
use crate::base::ids::{LotId, MachineId};
use crate::port::{Answer, Instruction};
use crate::printer::Outlet;
use crate::sim::chip::Chip;
use crate::sim::printer::{CardPath, Effect, Position, Printer, Setup, Side, State, What, When};

/// Panels on a new ribbon.
const RIBBON_PANELS: u64 = 1_000;
/// Panels that a card takes.
const PANELS_PER_CARD: u64 = 2;

/// One machine.
pub(in crate::sim) struct Station {
    name: MachineId,
    floor: Arc<Floor>,
    inner: Mutex<Inner>,
}

struct Inner {
    printer: Printer,
    /// The printer's state as the floor remembers it.
    saved: State,
    inside: Option<Card>,
}

impl Station {
    /// A machine as it was left.
    pub(in crate::sim) fn open(floor: &Arc<Floor>, name: &str) -> io::Result<Arc<Self>> {
        let id = MachineId::new(name);
        let mut state: State = floor.printer(&id)?.unwrap_or_default();
        let blank = floor.look(|positions| positions.machines.get(&id).cloned());
        let inside = blank.map(|blank| floor.card(&blank)).transpose()?;
        // The journal knows better whether there is a card: it is written first.
        state.card = inside.as_ref().map(|_| state.card.unwrap_or(Position::Station));
        let setup = Setup {
            serial: format!("SIM-{name}"),
            ..floor.plan.printer.clone()
        };
        Ok(Arc::new(Self {
            name: id,
            floor: Arc::clone(floor),
            inner: Mutex::new(Inner {
                printer: Printer::new(setup, state.clone()),
                saved: state,
                inside,
            }),
        }))
    }

    /// Remembers everything that is not remembered yet: the hall closes.
    pub(super) fn save(&self) -> io::Result<()> {
        let mut inner = self.inner();
        self.save_printer(&mut inner)?;
        inner.inside.as_ref().map_or(Ok(()), |card| self.floor.save(card))
    }

    /// Does this with the chip at the encoder, if there is one.
    pub(in crate::sim) fn with_chip<T>(&self, act: impl FnOnce(Option<&mut Chip>) -> T) -> T {
        let mut inner = self.inner();
        let at_encoder = inner.printer.state().card == Some(Position::Station);
        let card = inner.inside.as_mut().filter(|_| at_encoder);
        act(card.map(|card| &mut card.chip))
    }

    /// Lets the printer do what these bytes say. When its effects are known, cards and books are remembered.
    pub(in crate::sim) fn input(&self, bytes: &[u8]) -> io::Result<Vec<Effect>> {
        let mut inner = self.inner();
        let Inner { printer, inside, .. } = &mut *inner;
        let mut motors = Motors {
            station: self,
            inside,
            failure: None,
        };
        let effects = printer.input(bytes, &mut motors);
        if let Some(failure) = motors.failure {
            return Err(failure);
        }
        self.save_printer(&mut inner)?;
        Ok(effects)
    }

    /// The person at the machine does what the screen says.
    pub(in crate::sim) fn follow(&self, instruction: Instruction) -> io::Result<Answer> {
        let station = self.name.clone();
        let done = match instruction {
            Instruction::LoadPack { pack } => self.floor.act(&Act::Load { pack, station })?,
            Instruction::EmptyHopper { lot } => {
                let nothing_new = self.floor.look(|positions| {
                    positions.trays.contains_key(&lot) && !positions.hoppers.contains_key(&station)
                });
                nothing_new || self.floor.act(&Act::Empty { station, lot })?
            }
            Instruction::ClearPath => {
                self.clear_path()?;
                true
            }
            // For a desk: nothing here can be meant.
            _ => return Ok(Answer::Nothing),
        };
        self.look_after()?;
        Ok(if done { Answer::Done } else { Answer::Nothing })
    }

    /// A mistake: the card inside is taken out and laid onto the blanks in the feeder; false if there is none.
    pub(in crate::sim) fn refeed(&self) -> io::Result<bool> {
        let station = self.name.clone();
        let was_inside = self.take_out(&Act::Refeed { station })?;
        self.look_after()?;
        Ok(was_inside)
    }

    /// A mistake: the last card of the reject box is laid onto the blanks in the feeder; false if there is none.
    pub(in crate::sim) fn reload(&self) -> io::Result<bool> {
        let station = self.name.clone();
        self.floor.act(&Act::Reload { station })
    }

    /// A mistake: this hopper's cards go into the tray of a lot of another machine; false if it is empty.
    pub(in crate::sim) fn empty_into(&self, lot: LotId) -> io::Result<bool> {
        let station = self.name.clone();
        let lies = |positions: &Positions| {
            positions
                .hoppers
                .get(&station)
                .is_some_and(|cards| !cards.is_empty())
        };
        if !self.floor.look(lies) {
            return Ok(false);
        }
        self.floor.act(&Act::Empty { station, lot })
    }

    /// A mistake: a lot's tray arrives the wrong way round.
    pub(in crate::sim) fn turn_tray(&self, lot: LotId) -> io::Result<bool> {
        self.floor.act(&Act::Turn { lot })
    }

    /// Panels that its printer has printed, by the printer's own counter.
    pub(in crate::sim) fn panels(&self) -> u64 {
        self.inner().printer.state().panels_printed
    }

    /// The printer's power fails and comes back; the card inside stays where it is.
    pub(in crate::sim) fn power_fails(&self) {
        let mut inner = self.inner();
        inner.printer.power_cycle();
        if let Some(card) = inner.inside.as_mut() {
            card.chip.power_off();
        }
    }

    /// Trouble to come for the printer.
    pub(in crate::sim) fn plan(&self, when: When, what: What) {
        self.inner().printer.plan(when, what);
    }

    fn save_printer(&self, inner: &mut Inner) -> io::Result<()> {
        if inner.printer.state() != &inner.saved {
            inner.saved = inner.printer.state().clone();
            self.floor.save_printer(&self.name, &inner.saved)?;
        }
        Ok(())
    }

    fn clear_path(&self) -> io::Result<bool> {
        let station = self.name.clone();
        self.take_out(&Act::Clear { station })
    }

    /// Takes the card inside out by hand and does this with it; false if there is none.
    fn take_out(&self, act: &Act) -> io::Result<bool> {
        let mut inner = self.inner();
        inner.printer.take_card_out();
        let Some(mut card) = inner.inside.take() else {
            return Ok(false);
        };
        card.chip.power_off();
        self.floor.save(&card)?;
        self.floor.act(act)?;
        self.floor.lay_down(card);
        Ok(true)
    }

    /// Whoever comes to a machine also looks after it: cover closed, clean, ribbon enough for what is in the feeder.
    fn look_after(&self) -> io::Result<()> {
        let waiting = |cards: usize| u64::try_from(cards).unwrap_or(u64::MAX);
        let blanks = self.floor.look(|positions| {
            positions
                .feeders
                .get(&self.name)
                .map_or(0, |feeder| waiting(feeder.len()))
        });
        let needed = (blanks + 1).saturating_mul(PANELS_PER_CARD);
        let mut inner = self.inner();
        inner.printer.set_cover(false);
        inner.printer.clean();
        if inner.printer.state().ribbon_left < needed {
            inner.printer.set_ribbon(needed.max(RIBBON_PANELS));
        }
        self.save_printer(&mut inner)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the printer moves and inks. The printer cannot be told of a failing disk, so the first failure is kept
/// for the hall.
struct Motors<'a> {
    station: &'a Station,
    inside: &'a mut Option<Card>,
    failure: Option<io::Error>,
}

impl Motors<'_> {
    fn try_feed(&self) -> io::Result<Option<Card>> {
        let (floor, station) = (&self.station.floor, &self.station.name);
        let act = Act::Feed {
            station: station.clone(),
        };
        if !floor.act(&act)? {
            return Ok(None);
        }
        let blank = floor.look(|positions| positions.machines.get(station).cloned());
        blank.map(|blank| floor.card(&blank)).transpose()
    }

    fn try_eject(&mut self, to: Outlet) -> io::Result<()> {
        let Some(mut card) = self.inside.take() else {
            return Ok(());
        };
        let floor = &self.station.floor;
        card.chip.power_off();
        floor.save(&card)?;
        let station = self.station.name.clone();
        floor.act(&Act::Eject { station, to })?;
        floor.lay_down(card);
        Ok(())
    }
}

impl CardPath for Motors<'_> {
    fn feed(&mut self) -> bool {
        match self.try_feed() {
            Ok(Some(card)) => {
                *self.inside = Some(card);
                true
            }
            Ok(None) => false,
            Err(error) => {
                self.failure.get_or_insert(error);
                false
            }
        }
    }

    fn place(&mut self, at: Position) {
        if let (Position::PrintModule, Some(card)) = (at, self.inside.as_mut()) {
            // Out of the encoder's field.
            card.chip.power_off();
        }
    }

    fn ink(&mut self, side: Side, dots: &Bitmap) {
        if let Some(card) = self.inside.as_mut() {
            match side {
                Side::Front => card.front.overlay(dots),
                Side::Back => card.back.overlay(dots),
            }
        }
    }

    fn eject(&mut self, to: Outlet) {
        if let Err(error) = self.try_eject(to) {
            self.failure.get_or_insert(error);
        }
    }
}
