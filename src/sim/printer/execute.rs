//! What each command does.

use std::time::Duration;

use super::{
    CLEANING_INTERVAL, CardPath, Effect, Memory, NO_RECOVERY, Outcome, POLICIES, POLICY_IGNORING_COVER,
    Position, Printer, Side,
};
use crate::base::Bitmap;
use crate::printer::{DownloadForm, Outlet, RejectBox, Station, raster};

/// The command is unknown, or makes no sense now.
const COMMAND: u8 = b'1';
/// A parameter is wrong.
const PARAMETER: u8 = b'2';
const COVER: u8 = b'C';
const FEEDER: u8 = b'F';
const RIBBON: u8 = b'R';
const MECHANICAL: u8 = b'T';

impl Printer {
    pub(super) fn execute(
        &mut self,
        words: &[&str],
        data: &[u8],
        path: &mut dyn CardPath,
        effects: &mut Vec<Effect>,
    ) -> Outcome {
        match words {
            ["Ss"] => self.begin(),
            ["Sr"] => self.turn_to(Side::Front, effects),
            ["Sv"] if self.setup.model.flip_over => self.turn_to(Side::Back, effects),
            ["Sp", "k"] => self.print_present_side(path, effects),
            ["Sp", ..] => Err(PARAMETER),
            ["Se"] => self.end(path, effects),
            ["Seb"] if self.setup.model.reject == RejectBox::UnderFeeder => self.reject(path, effects),
            ["Ser"] if self.setup.model.reject == RejectBox::UnderOutput => self.reject(path, effects),
            ["Sic"] if self.setup.model.station == Station::Contactless => {
                self.feed(Position::Station, path, effects)
            }
            ["Sis"] if self.setup.model.station == Station::Contact => {
                self.feed(Position::Station, path, effects)
            }
            ["Si"] => self.feed(Position::PrintModule, path, effects),
            ["Scs"] => {
                self.memory.error = None;
                Ok(None)
            }
            ["Srs"] => {
                self.memory = Memory::fresh(&self.state, &self.setup.model);
                Ok(None)
            }
            ["Db" | "Dbc", ..] => self.download(words, data, path, effects),
            ["Pem", policy] => self.set_policy(policy, false),
            ["Pem", policy, "s"] => self.set_policy(policy, true),
            ["Pmi", "F"] | ["Pmi", "F", "s"] => Ok(None),
            ["Pr", ribbon @ ("k" | "kb")] => {
                (*ribbon).clone_into(&mut self.memory.ribbon);
                Ok(None)
            }
            ["Pem" | "Pmi" | "Pr", ..] => Err(PARAMETER),
            _ => self.read(words),
        }
    }

    /// The command fails half-way. A printer that manages its own errors then does it all again.
    pub(super) fn break_down(
        &mut self,
        code: char,
        words: &[&str],
        data: &[u8],
        path: &mut dyn CardPath,
        effects: &mut Vec<Effect>,
    ) -> Outcome {
        let recovers = self.memory.policy & NO_RECOVERY == 0;
        if *words != ["Sp", "k"] {
            let outcome = self.execute(words, data, path, effects);
            return if recovers { outcome } else { self.fail(code) };
        }
        let side = self.memory.side;
        if self.state.card.is_some() && self.memory.sequence.is_some() {
            self.state.panels_printed += 1;
            if let Some(dots) = self.memory.plane(side) {
                path.ink(side, &first_half(dots));
            }
        }
        if !recovers {
            return self.fail(code);
        }
        // This is what the host must never let happen: the job once more, on another card.
        self.leave(Outlet::Good, path, effects);
        let printed = self.memory.sequence.clone().unwrap_or_default();
        for side in printed.into_iter().chain([side]) {
            self.print(side, path, effects)?;
        }
        Ok(None)
    }

    /// Refuses, and remembers an error that must be cleared.
    pub(super) fn fail(&mut self, code: char) -> Outcome {
        let code = u8::try_from(code).unwrap_or(MECHANICAL);
        if matches!(code, FEEDER | MECHANICAL | RIBBON) {
            self.memory.error = Some(code);
        }
        Err(code)
    }

    fn read(&self, words: &[&str]) -> Outcome {
        let said_if = |yes: bool, text: &str| if yes { text.to_owned() } else { "OK".to_owned() };
        let text = match words {
            ["Rtp"] => self.setup.name.clone(),
            ["Rsn"] => self.setup.serial.clone(),
            ["Rfv"] => self.setup.firmware.clone(),
            ["Rem"] => format!("{};{}", self.memory.policy, self.state.saved_policy),
            ["Rmi"] => "F".to_owned(),
            ["Rr"] => self.memory.ribbon.clone(),
            ["Rlr"] => self.memory.last_reply.clone(),
            ["Rlr", "p"] => said_if(self.state.card.is_none(), "NO CARD"),
            ["Rlr", "r"] => {
                let since = self.state.cards_inserted.saturating_sub(self.state.cleaned_at);
                said_if(since >= CLEANING_INTERVAL, "ERR NEED CLEANING")
            }
            ["Rco", "c"] => self.state.cards_inserted.to_string(),
            ["Rco", "p"] => self.state.panels_printed.to_string(),
            ["Rco", "l"] => self.state.ribbon_left.to_string(),
            ["Rlr" | "Rco", ..] => return Err(PARAMETER),
            _ => return Err(COMMAND),
        };
        Ok(Some(text))
    }

    fn set_policy(&mut self, policy: &str, save: bool) -> Outcome {
        match policy.parse() {
            // Keep the policy; 4 also switches acknowledgements on.
            Ok(4) => self.memory.acknowledging = true,
            Ok(5) => {}
            Ok(policy) if POLICIES.contains(&policy) => self.memory.policy = policy,
            _ => return Err(PARAMETER),
        }
        if save {
            self.state.saved_policy = self.memory.policy;
        }
        Ok(None)
    }

    fn begin(&mut self) -> Outcome {
        self.ready()?;
        self.memory.sequence = Some(Vec::new());
        self.memory.pending = None;
        self.memory.side = Side::Front;
        Ok(None)
    }

    fn turn_to(&mut self, side: Side, effects: &mut Vec<Effect>) -> Outcome {
        if self.memory.side != side {
            if self.state.card.is_some() {
                self.ready()?;
                pause(effects, self.setup.flip_ms);
            }
            self.memory.side = side;
        }
        Ok(None)
    }

    fn download(
        &mut self,
        words: &[&str],
        data: &[u8],
        path: &mut dyn CardPath,
        effects: &mut Vec<Effect>,
    ) -> Outcome {
        let size = self.setup.model.raster;
        let compressed = match (words, self.setup.model.download) {
            (["Db", "k", "2"], _) => false,
            (["Dbc", "k", "2", _], DownloadForm::Compressed | DownloadForm::Plain) => true,
            (["Dbc", "k", "2", "0", _], DownloadForm::CompressedFromLine) => true,
            _ => return Err(PARAMETER),
        };
        let unpacked = if compressed {
            raster::decompress(data, size)
        } else {
            Some(data.to_vec())
        };
        let dots = unpacked
            .and_then(|raster| raster::to_face(&raster, size))
            .ok_or(PARAMETER)?;
        if let Some(former) = self.memory.pending.take() {
            // The next download starts the printing of the one before.
            self.print(former, path, effects)?;
        }
        let side = self.memory.side;
        match side {
            Side::Front => self.memory.front = Some(dots),
            Side::Back => self.memory.back = Some(dots),
        }
        self.memory.pending = self.memory.sequence.is_some().then_some(side);
        Ok(None)
    }

    fn print_present_side(&mut self, path: &mut dyn CardPath, effects: &mut Vec<Effect>) -> Outcome {
        if self.memory.sequence.is_none() {
            return Err(COMMAND);
        }
        self.memory.pending = None;
        self.print(self.memory.side, path, effects)
    }

    /// Prints what is in memory for this side, be it this card's picture or a former one's.
    fn print(&mut self, side: Side, path: &mut dyn CardPath, effects: &mut Vec<Effect>) -> Outcome {
        self.ready()?;
        if self.state.ribbon_left == 0 {
            return self.fail('R');
        }
        match self.state.card {
            None => {
                self.feed(Position::PrintModule, path, effects)?;
            }
            Some(Position::PrintModule) => {}
            Some(Position::Station) => self.move_to(Position::PrintModule, path),
        }
        pause(effects, self.setup.panel_ms);
        self.state.ribbon_left -= 1;
        self.state.panels_printed += 1;
        if let Some(dots) = self.memory.plane(side) {
            path.ink(side, dots);
        }
        if let Some(printed) = &mut self.memory.sequence {
            // A host may print one side again and again: what a recovery repeats stays bounded.
            if printed.len() < 2 {
                printed.push(side);
            }
        }
        Ok(None)
    }

    fn end(&mut self, path: &mut dyn CardPath, effects: &mut Vec<Effect>) -> Outcome {
        self.ready()?;
        if self.memory.sequence.is_none() && self.state.card.is_none() {
            return Err(COMMAND);
        }
        if let Some(side) = self.memory.pending.take() {
            self.print(side, path, effects)?;
        }
        self.memory.sequence = None;
        self.leave(Outlet::Good, path, effects);
        Ok(None)
    }

    fn reject(&mut self, path: &mut dyn CardPath, effects: &mut Vec<Effect>) -> Outcome {
        self.ready()?;
        if self.state.card.is_none() {
            return Err(COMMAND);
        }
        self.memory.sequence = None;
        self.memory.pending = None;
        self.leave(Outlet::Reject, path, effects);
        Ok(None)
    }

    fn feed(&mut self, to: Position, path: &mut dyn CardPath, effects: &mut Vec<Effect>) -> Outcome {
        self.ready()?;
        if self.state.card.is_some() {
            return self.fail('T');
        }
        pause(effects, self.setup.feed_ms);
        if !path.feed() {
            return self.fail('F');
        }
        self.state.cards_inserted += 1;
        self.move_to(to, path);
        Ok(None)
    }

    fn move_to(&mut self, to: Position, path: &mut dyn CardPath) {
        self.state.card = Some(to);
        path.place(to);
    }

    fn leave(&mut self, to: Outlet, path: &mut dyn CardPath, effects: &mut Vec<Effect>) {
        if self.state.card.take().is_some() {
            pause(effects, self.setup.eject_ms);
            path.eject(to);
        }
    }

    /// May the motors run?
    fn ready(&self) -> Result<(), u8> {
        if self.state.cover_open && self.memory.policy != POLICY_IGNORING_COVER {
            return Err(COVER);
        }
        self.memory.error.map_or(Ok(()), Err)
    }
}

fn pause(effects: &mut Vec<Effect>, milliseconds: u64) {
    if milliseconds > 0 {
        effects.push(Effect::Pause(Duration::from_millis(milliseconds)));
    }
}

/// The part of a picture that is on the card when the ribbon breaks in the middle.
fn first_half(dots: &Bitmap) -> Bitmap {
    let mut rows = dots.rows().to_vec();
    let stride = dots.stride().max(1);
    for row in rows.chunks_exact_mut(stride) {
        row[stride / 2..].fill(0);
    }
    Bitmap::from_rows(dots.width(), dots.height(), rows)
        .unwrap_or_else(|| Bitmap::new(dots.width(), dots.height()))
}
