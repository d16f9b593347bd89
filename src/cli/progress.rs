//! Live progress: a bar for each machine's lot and one for all on a terminal, plain lines elsewhere.

use std::collections::{BTreeMap, VecDeque};
use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tokio::sync::oneshot;

use crate::job::Step;
use crate::line::Line;
use crate::line::progress::{Activity, MachineProgress, Snapshot};

/// How often progress is shown.
const TICK: Duration = Duration::from_secs(1);
/// The rate is that of so many ticks.
const WINDOW: usize = 10;

/// Shows the line until the other end is dropped, and how it stands then.
pub(super) async fn show(line: Arc<Line>, mut ended: oneshot::Receiver<()>) {
    let mut screen = std::io::stderr().is_terminal().then(Screen::new);
    let mut rate = Rate::default();
    let mut last = String::new();
    loop {
        let is_last = line.clock.within(TICK, &mut ended).await.is_some();
        let now = line.progress.snapshot();
        rate.note(&now);
        let text = rate.tell(&now);
        match &mut screen {
            Some(screen) => screen.draw(&now, text),
            // A daemon without work has nothing to say.
            None if text == last => {}
            None => {
                println!("{text}");
                last = text;
            }
        }
        if is_last {
            return;
        }
    }
}

/// Cards a second, by what was made and boxed lately.
#[derive(Default)]
struct Rate {
    recent: VecDeque<(Duration, u64, u64)>,
}

impl Rate {
    fn note(&mut self, now: &Snapshot) {
        self.recent.push_back((now.elapsed, now.made, now.boxed));
        if self.recent.len() > WINDOW {
            self.recent.pop_front();
        }
    }

    /// Cards made and cards boxed a second.
    #[expect(clippy::cast_precision_loss, reason = "shown to people")]
    fn of(&self) -> (f64, f64) {
        let (Some((from, made, boxed)), Some((to, made_now, boxed_now))) =
            (self.recent.front(), self.recent.back())
        else {
            return (0.0, 0.0);
        };
        let seconds = to.saturating_sub(*from).as_secs_f64().max(TICK.as_secs_f64());
        (
            (made_now - made) as f64 / seconds,
            (boxed_now - boxed) as f64 / seconds,
        )
    }

    fn tell(&self, now: &Snapshot) -> String {
        let (made, boxed) = self.of();
        #[expect(clippy::cast_precision_loss, reason = "shown to people")]
        let waiting = now.wanted.saturating_sub(now.boxed) as f64;
        let left = if waiting == 0.0 {
            "all boxed".to_owned()
        } else if boxed > 0.0 {
            format!("{:.0} s left", waiting / boxed)
        } else {
            "time left unknown".to_owned()
        };
        format!(
            "made {} · boxed {} of {} · {made:.1} cards/s · spoiled {} · held {} · {left}",
            now.made,
            now.boxed,
            now.wanted,
            now.spoiled.values().sum::<u64>(),
            now.held
        )
    }
}

/// A terminal.
struct Screen {
    bars: MultiProgress,
    machines: BTreeMap<String, ProgressBar>,
    all: ProgressBar,
}

impl Screen {
    fn new() -> Self {
        let bars = MultiProgress::new();
        let all = bars.add(ProgressBar::new(0));
        // A template that cannot be understood would leave the plain bar, which is no less true.
        if let Ok(style) = ProgressStyle::with_template("    all {bar:20} {msg}") {
            all.set_style(style);
        }
        Self {
            bars,
            machines: BTreeMap::new(),
            all,
        }
    }

    fn draw(&mut self, now: &Snapshot, text: String) {
        for (machine, state) in &now.machines {
            let bar = self.machines.entry(machine.to_string()).or_insert_with(|| {
                let bar = self.bars.insert_before(&self.all, ProgressBar::new(1));
                if let Ok(style) = ProgressStyle::with_template("{prefix:>7} {bar:20} {msg}") {
                    bar.set_style(style);
                }
                bar.with_prefix(machine.to_string())
            });
            if let Some(lot) = state.lot {
                bar.set_length(lot.of);
                bar.set_position(lot.done);
            }
            bar.set_message(machine_in_words(state));
        }
        self.all.set_length(now.wanted);
        self.all.set_position(now.boxed);
        self.all.set_message(text);
    }
}

fn machine_in_words(state: &MachineProgress) -> String {
    let doing = match state.activity {
        Activity::Waiting => "waiting".to_owned(),
        Activity::Step(Step::Prove) => "proving a card".to_owned(),
        Activity::Step(step) => step.name().to_owned(),
        Activity::Stopped(code) => format!("STOPPED ({code})"),
    };
    let lot = state
        .lot
        .map_or_else(String::new, |at| format!("lot {}, ", at.lot));
    format!("{:>5} cards, {} spoiled, {lot}{doing}", state.made, state.spoiled)
}
