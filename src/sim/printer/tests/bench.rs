//! A printer, its card path and the dialogues' driver, in one process and without time.

use std::collections::VecDeque;
use std::fmt::Write;

use crate::base::{Bitmap, Dialogue, Fault, Reply, Step};
use crate::printer::{Counters, Deliver, Feed, Model, Outlet, Print, ReadCounters, raster};
use crate::sim::printer::{Effect, PlainCard, Printer, Setup, State, Tray};

pub(super) struct Bench {
    pub(super) printer: Printer,
    pub(super) tray: Tray,
    pub(super) model: Model,
    /// Answers on their way to the controller.
    pub(super) line: VecDeque<Vec<u8>>,
    /// Everything said, one frame a line.
    pub(super) log: String,
    /// What happens to bytes on the line.
    pub(super) noise: Option<Noise>,
}

/// Changes, drops and invents bytes, the same ones for the same seed.
pub(super) struct Noise {
    state: u64,
    one_in: u64,
}

impl Noise {
    pub(super) fn new(seed: u64, one_in: u64) -> Self {
        Self { state: seed, one_in }
    }

    /// SplitMix64 (G. Steele and others, 2014).
    fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn pass(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut passed = Vec::with_capacity(bytes.len());
        for &byte in bytes {
            if !self.draw().is_multiple_of(self.one_in) {
                passed.push(byte);
                continue;
            }
            let [kind, random, ..] = self.draw().to_be_bytes();
            match kind % 4 {
                0 => {}
                1 => passed.extend([byte, byte]),
                2 => passed.extend([random, byte]),
                _ => passed.push(random),
            }
        }
        passed
    }
}

impl Bench {
    pub(super) fn new(model: Model, blanks: u32) -> Self {
        let setup = Setup {
            model: model.clone(),
            ..Setup::default()
        };
        Self {
            printer: Printer::new(setup, State::default()),
            tray: Tray::with_blanks(blanks),
            model,
            line: VecDeque::new(),
            log: String::new(),
            noise: None,
        }
    }

    pub(super) fn say(&mut self, bytes: &[u8]) {
        let _ = writeln!(self.log, "> {}", readable(bytes));
        let heard = self
            .noise
            .as_mut()
            .map_or_else(|| bytes.to_vec(), |noise| noise.pass(bytes));
        for effect in self.printer.input(&heard, &mut self.tray) {
            if let Effect::Reply(bytes) = effect {
                let bytes = self
                    .noise
                    .as_mut()
                    .map_or_else(|| bytes.clone(), |noise| noise.pass(&bytes));
                let _ = writeln!(self.log, "< {}", readable(&bytes));
                self.line.push_back(bytes);
            }
        }
    }

    /// Runs a dialogue; each answer arrives by itself, so that a doubled one comes in the middle of the next command.
    pub(super) fn run<D: Dialogue>(&mut self, mut dialogue: D) -> Result<D::Evidence, Fault> {
        let mut step = dialogue.next(Reply::Start)?;
        for _ in 0..100_000 {
            match step {
                Step::Send(bytes, _) => self.say(&bytes),
                Step::Wait(_) => {}
                Step::Done(evidence) => return Ok(evidence),
            }
            let piece = self.line.pop_front();
            step = dialogue.next(piece.as_deref().map_or(Reply::Elapsed, Reply::Bytes))?;
        }
        panic!("the dialogue never ends");
    }

    pub(super) fn feed(&mut self) -> Result<(), Fault> {
        self.run(Feed::new(&self.model)).map(|_| ())
    }

    pub(super) fn print(&mut self, front: &Bitmap, back: Option<&Bitmap>) -> Result<(), Fault> {
        self.run(Print::new(&self.model, front, back)?).map(|_| ())
    }

    pub(super) fn deliver(&mut self, to: Outlet) -> Result<(), Fault> {
        self.run(Deliver::new(&self.model, to)).map(|_| ())
    }

    pub(super) fn counters(&mut self) -> Result<Counters, Fault> {
        self.run(ReadCounters::new(&self.model))
    }

    /// Every card of the path, wherever it is now.
    pub(super) fn cards(&self) -> Vec<&PlainCard> {
        let Tray {
            feeder,
            inside,
            good,
            rejected,
            ..
        } = &self.tray;
        feeder.iter().chain(inside).chain(good).chain(rejected).collect()
    }
}

/// Two faces that are easily told apart.
pub(super) fn faces() -> (Bitmap, Bitmap) {
    let mut front = Bitmap::new(raster::FACE_WIDTH, raster::FACE_HEIGHT);
    front.fill(100, 50, 3, 20);
    front.set(1015, 647);
    let mut back = Bitmap::new(raster::FACE_WIDTH, raster::FACE_HEIGHT);
    back.fill(600, 0, 1, raster::FACE_HEIGHT);
    back.fill(0, 600, 2, 40);
    (front, back)
}

/// Bytes as a person reads them: words plain, the rest in hexadecimal, runs counted.
fn readable(bytes: &[u8]) -> String {
    let mut text = String::new();
    let mut plain = false;
    for run in bytes.chunk_by(|one, next| one == next) {
        let byte = run[0];
        if byte.is_ascii_graphic() && run.len() < 8 {
            if !plain && !text.is_empty() {
                text.push(' ');
            }
            (0..run.len()).for_each(|_| text.push(char::from(byte)));
            plain = true;
            continue;
        }
        if !text.is_empty() {
            text.push(' ');
        }
        plain = false;
        match byte {
            0x06 => text.push_str("<ACK>"),
            0x0D => text.push_str("<CR>"),
            0x15 => text.push_str("<NACK>"),
            0x1B => text.push_str("<ESC>"),
            b' ' => text.push_str("<SP>"),
            other => {
                let _ = write!(text, "<{other:02X}>");
            }
        }
        if run.len() > 1 {
            let _ = write!(text, "×{}", run.len());
        }
    }
    text
}
