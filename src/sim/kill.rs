//! Kill points: the moments of every journalled act at which a controller can be made to die.
//!
//! The list is enumerated from [`Step`] and the few acts beside the steps, and the doors of [`doors`] and [`books`]
//! know each moment when it comes: they stand between the line and its ports, see what is appended and what is sent,
//! and send the process SIGKILL when its moment has come. The line itself knows nothing of them. Without a trap no
//! door is put in place, and outside a rehearsal a trap is refused.

pub mod books;
pub mod doors;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex};

use rustix::process::{Signal, getpid, kill_process};

use super::memory::locked;
use crate::base::ids::{AttemptId, MachineId};
use crate::job::Step;

/// The environment variable that names the point and, after a colon, its how-manieth coming: `print/mid-act:3`.
pub const VARIABLE: &str = "CARDWRIGHT_KILL_AT";

/// Something the line does in the world and records.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Act {
    /// The controller begins its work: a record only.
    Start,
    /// A lot is taken from the order book.
    Claim,
    /// The HSM signs a card's data.
    Sign,
    /// A person puts a pack into a feeder.
    LoadPack,
    /// A step of a card.
    Step(Step),
    /// A person empties a hopper into its lot's tray.
    EmptyHopper,
    /// A box is opened: a record only.
    OpenBox,
    /// The registry is told of cards.
    Report,
    /// Papers are written and signed, and a person closes the box.
    SealBox,
    /// The controller ends its work: a record only.
    Stop,
    /// The ledger's head is signed.
    Checkpoint,
    /// The key of a retention epoch is destroyed.
    CloseEpoch,
}

/// A moment of an act.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Moment {
    /// The intent is about to be committed.
    BeforeIntent,
    /// The intent is durable and nothing has left for a device; or, for an act without an intent, it is about to begin.
    BeforeAct,
    /// Something has left for a device, and its answer is not known.
    MidAct,
    /// The act is over and its outcome is about to be committed.
    BeforeOutcome,
    /// The outcome is durable, and nothing was done about it.
    AfterOutcome,
}

use Moment::{AfterOutcome, BeforeAct, BeforeIntent, BeforeOutcome, MidAct};

impl Act {
    /// Acts that no day comes to: time or two people bring them about.
    const SELDOM: [Self; 1] = [Self::CloseEpoch];

    /// All acts of a day, roughly in its order.
    pub fn all() -> impl Iterator<Item = Self> {
        let before = [Self::Start, Self::Claim, Self::Sign, Self::LoadPack];
        let after = [
            Self::EmptyHopper,
            Self::OpenBox,
            Self::Report,
            Self::SealBox,
            Self::Stop,
            Self::Checkpoint,
        ];
        before
            .into_iter()
            .chain(Step::ALL.into_iter().map(Self::Step))
            .chain(after)
    }

    /// The moments it has.
    #[must_use]
    pub fn moments(self) -> &'static [Moment] {
        match self {
            // Reading changes nothing, and before the tap nobody knows whose card it is: intent and outcome are one
            // append.
            Self::Step(Step::Prove) => &[MidAct, BeforeOutcome, AfterOutcome],
            Self::Step(_) | Self::Sign | Self::CloseEpoch => {
                &[BeforeIntent, BeforeAct, MidAct, BeforeOutcome, AfterOutcome]
            }
            Self::LoadPack | Self::EmptyHopper | Self::Report | Self::SealBox | Self::Checkpoint => {
                &[BeforeAct, MidAct, BeforeOutcome, AfterOutcome]
            }
            // The order book's own commit is the act.
            Self::Start | Self::Claim | Self::OpenBox | Self::Stop => &[BeforeOutcome, AfterOutcome],
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Claim => "claim",
            Self::Sign => "sign",
            Self::LoadPack => "load-pack",
            Self::Step(step) => step.name(),
            Self::EmptyHopper => "empty-hopper",
            Self::OpenBox => "open-box",
            Self::Report => "report",
            Self::SealBox => "seal-box",
            Self::Stop => "stop",
            Self::Checkpoint => "checkpoint",
            Self::CloseEpoch => "close-epoch",
        }
    }
}

impl Moment {
    fn name(self) -> &'static str {
        match self {
            BeforeIntent => "before-intent",
            BeforeAct => "before-act",
            MidAct => "mid-act",
            BeforeOutcome => "before-outcome",
            AfterOutcome => "after-outcome",
        }
    }
}

/// One moment of one act.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Point {
    /// The act.
    pub act: Act,
    /// The moment.
    pub moment: Moment,
}

impl Point {
    /// Every point of a day.
    pub fn all() -> impl Iterator<Item = Self> {
        Act::all().flat_map(Self::of)
    }

    /// Every point that no day comes to.
    pub fn seldom() -> impl Iterator<Item = Self> {
        Act::SELDOM.into_iter().flat_map(Self::of)
    }

    fn of(act: Act) -> impl Iterator<Item = Self> {
        let moments = act.moments().iter();
        moments.map(move |moment| Self { act, moment: *moment })
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.act.name(), self.moment.name())
    }
}

/// It names no kill point.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0} is no kill point; cardwright sim kill-points lists them")]
pub struct NoSuchPoint(String);

impl FromStr for Point {
    type Err = NoSuchPoint;

    fn from_str(text: &str) -> Result<Self, NoSuchPoint> {
        Self::all()
            .chain(Self::seldom())
            .find(|point| point.to_string() == text)
            .ok_or_else(|| NoSuchPoint(text.to_owned()))
    }
}

/// Waits for its point and then kills the process.
#[derive(Debug)]
pub struct Trap {
    point: Point,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// So many comings are let pass.
    spared: u32,
    /// The card and the step that each machine has in hand.
    doing: BTreeMap<MachineId, (AttemptId, Step)>,
}

impl Trap {
    /// Kills at the `nth` coming of a point, counted from 1; at a moment in the middle of an act every exchange with
    /// the device is a coming.
    #[must_use]
    pub fn new(point: Point, nth: u32) -> Arc<Self> {
        let state = State {
            spared: nth.saturating_sub(1),
            doing: BTreeMap::new(),
        };
        Arc::new(Self {
            point,
            state: Mutex::new(state),
        })
    }

    /// The trap that an environment variable's text describes.
    ///
    /// # Errors
    /// [`NoSuchPoint`].
    pub fn parse(text: &str) -> Result<Arc<Self>, NoSuchPoint> {
        let (point, nth) = text.split_once(':').unwrap_or((text, "1"));
        let nth = nth.parse().map_err(|_| NoSuchPoint(text.to_owned()))?;
        Ok(Self::new(point.parse()?, nth))
    }

    /// Is it this moment's turn to be the last?
    fn is_last(&self, act: Act, moment: Moment) -> bool {
        if self.point != (Point { act, moment }) {
            return false;
        }
        let mut state = locked(&self.state);
        let last = state.spared == 0;
        state.spared = state.spared.saturating_sub(1);
        last
    }

    /// A moment comes; it may be the last.
    fn comes(&self, act: Act, moment: Moment) {
        if self.is_last(act, moment) {
            die();
        }
    }

    /// Does an act at a door; if it is to be cut in the middle, the process dies after the act was begun: a request
    /// that can go out at once has gone out, and its answer is not known.
    async fn cut<F: Future>(&self, act: Option<Act>, doing: F) -> F::Output {
        match act.filter(|act| self.is_last(*act, MidAct)) {
            Some(act) => die_in(act, doing).await,
            None => doing.await,
        }
    }

    /// Is it in the middle of this act that the process is to die?
    fn waits_in(&self, act: Act) -> bool {
        self.point == (Point { act, moment: MidAct })
    }

    fn begins(&self, machine: &MachineId, attempt: AttemptId, step: Step) {
        let mut state = locked(&self.state);
        state.doing.insert(machine.clone(), (attempt, step));
    }

    fn ends(&self, attempt: AttemptId) {
        let mut state = locked(&self.state);
        state.doing.retain(|_, (doing, _)| *doing != attempt);
    }

    fn doing(&self, machine: &MachineId) -> Option<Act> {
        let state = locked(&self.state);
        state.doing.get(machine).map(|(_, step)| Act::Step(*step))
    }
}

/// Dies when this was begun.
async fn die_in<T>(act: Act, doing: impl Future) -> T {
    let mut doing = std::pin::pin!(doing);
    std::future::poll_fn(|context| {
        let _begun = doing.as_mut().poll(context);
        std::task::Poll::Ready(())
    })
    .await;
    tracing::warn!(act = act.name(), "the controller dies in the middle");
    die()
}

/// No destructor runs, nothing is flushed, nobody is told.
fn die() -> ! {
    let _ = kill_process(getpid(), Signal::KILL);
    loop {
        // The signal cannot be held off; this thread has nothing more to do.
        std::thread::park();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_has_its_moments_and_every_point_its_name() {
        let points: Vec<Point> = Point::all().collect();
        for step in Step::ALL {
            let moments = points.iter().filter(|point| point.act == Act::Step(step)).count();
            // Reading has no intent of its own.
            assert_eq!(moments, if step == Step::Prove { 3 } else { 5 }, "{step}");
        }
        for point in points.into_iter().chain(Point::seldom()) {
            assert_eq!(point.to_string().parse(), Ok(point));
        }
        assert!("print/at-noon".parse::<Point>().is_err());
        assert!(Trap::parse("print/mid-act:x").is_err());
    }

    #[test]
    fn the_named_coming_is_the_last_and_no_other() {
        let trap = Trap::parse("seal/before-act:3").unwrap();
        let comes = || trap.is_last(Act::Step(Step::Seal), BeforeAct);
        assert!(!trap.is_last(Act::Step(Step::Seal), MidAct));
        assert_eq!([comes(), comes(), comes()], [false, false, true]);
    }
}
