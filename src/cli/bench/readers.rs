//! `cardwright bench readers`: what PC/SC costs with us and without.

pub(super) mod raw;

use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use async_trait::async_trait;
use serde::Serialize;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinSet;
use zeroize::Zeroizing;

use super::Times;
use super::chip::Card;
use crate::base::clock::Stopwatch;
use crate::base::{Clock, Fault, hex};
use crate::cli::scratch::Scratch;
use crate::device::pcsc::PcscEncoder;
use crate::port::Encoder;
use crate::sim::chip::Chip;
use crate::sim::pcscd::{Pcscd, READERS_MAX, reader_name};
use crate::sim::vpicc::{self, Field};

/// The dialect whose commands are the same each time: the one without a secure channel.
const PLAIN: &str = "rehearsal";
/// The dialect with a secure channel.
const SECURE: &str = "rehearsal-gp";
/// Time in transmit with us, at most so many times that of the minimal client that sends one command upon the other.
const OURS_TO_HEADLONG_MAX: f64 = 1.05;
/// What a chip takes for a command when all readers work.
const PACE: Duration = Duration::from_millis(10);
/// The slowest of all readers, at most so many times the fastest.
const SLOWEST_TO_FASTEST_MAX: f64 = 1.10;
/// Rounds of all readers.
const ROUNDS: usize = 3;
/// Rounds by each that are measured at least.
const ROUNDS_MIN: usize = 5;

#[derive(Debug, Serialize)]
struct Figures {
    /// Commands of one round, and rounds by each.
    commands: usize,
    rounds: usize,
    /// Medians for a command, in microseconds, within PC/SC: by the minimal client that has all commands and sends one
    /// upon the other, by the same client when it is told each at its time, and by us.
    headlong_us: f64,
    told_us: f64,
    ours_us: f64,
    /// Of ours to each of the two. The first is the bound's; the second says how much of it is the wait for each next
    /// command, in which the machine's processors fall asleep.
    ratio: f64,
    ratio_when_told: f64,
    /// On the pipe to the reader's process and back.
    pipe_us: f64,
    /// Between two exchanges: deciding what to say next, and protecting it.
    plain_us: f64,
    secure_us: f64,
    reading_us: f64,
    all: Side,
}

/// All readers side by side.
#[derive(Debug, Serialize)]
struct Side {
    readers: usize,
    fastest_ms: f64,
    slowest_ms: f64,
    ratio: f64,
}

/// Runs the verb. Its exit code says whether all figures are within their bounds.
///
/// # Errors
/// Without pcscd and its driver; those of readers and chips.
pub(super) fn main(times: Times) -> anyhow::Result<bool> {
    let figures = super::super::runtime()?.block_on(measure(times))?;
    if times.json {
        println!("{}", serde_json::to_string_pretty(&figures)?);
    } else {
        figures.print();
    }
    Ok(figures.ratio <= OURS_TO_HEADLONG_MAX && figures.all.ratio <= SLOWEST_TO_FASTEST_MAX)
}

async fn measure(times: Times) -> anyhow::Result<Figures> {
    let scratch = Scratch::new(None)?;
    let pcscd = Pcscd::start(&scratch.dir, READERS_MAX)?;
    let (plain, secure) = (Arc::new(Card::new(PLAIN)?), Card::new(SECURE)?);
    let commands = recorded(&plain).await?;

    let place = Place::lay(&pcscd, 0, Chip::blank(1, 1, &plain.profile), Duration::ZERO)?;
    let mut client = Client::start(&pcscd, &commands)?;
    let mut encoder = PcscEncoder::open(&reader_name(0), Some(pcscd.socket()), Clock::system());
    // Once unmeasured: pcscd finds the card, caches are filled.
    write(&mut encoder, &plain).await?;
    let (mut headlong, mut told, mut ours, mut pipe) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let watch = Stopwatch::start();
    while told.len() < ROUNDS_MIN || watch.elapsed().as_secs() < times.seconds {
        place.put(Chip::blank(1, 1, &plain.profile));
        headlong.push(client.exchange(commands.len()).await?);
        place.put(Chip::blank(1, 1, &plain.profile));
        let mut within = Duration::ZERO;
        for _ in &commands {
            within += client.exchange(1).await?;
        }
        told.push(within);
        place.put(Chip::blank(1, 1, &plain.profile));
        let (whole, within) = write(&mut encoder, &plain).await?;
        ours.push(within);
        pipe.push(whole.saturating_sub(within));
    }
    let count = commands.len();
    let each = |times: &mut Vec<Duration>| median(times) * 1e6 / number(count);

    place.put(Chip::blank(1, 1, &plain.profile));
    let plain_us = between(&mut encoder, async |reader| plain.write_at(reader).await).await?;
    let reading_us = between(&mut encoder, async |reader| plain.read_at(reader).await).await?;
    let other = Place::lay(&pcscd, 1, Chip::blank(2, 1, &secure.profile), Duration::ZERO)?;
    let mut second = PcscEncoder::open(&reader_name(1), Some(pcscd.socket()), Clock::system());
    let secure_us = between(&mut second, async |reader| secure.write_at(reader).await).await?;
    second.power_off().await?;
    drop((encoder, second, client, place, other));

    let (headlong_us, told_us, ours_us) = (each(&mut headlong), each(&mut told), each(&mut ours));
    Ok(Figures {
        commands: count,
        rounds: told.len(),
        headlong_us,
        told_us,
        ours_us,
        ratio: ours_us / headlong_us,
        ratio_when_told: ours_us / told_us,
        pipe_us: each(&mut pipe),
        plain_us,
        secure_us,
        reading_us,
        all: side_by_side(&pcscd, &plain).await?,
    })
}

/// All readers at a time, each with a chip that takes its time for each command.
async fn side_by_side(pcscd: &Pcscd, card: &Arc<Card>) -> anyhow::Result<Side> {
    let mut work = JoinSet::new();
    for reader in 0..READERS_MAX {
        let blank = || Chip::blank(1, 1, &card.profile);
        let place = Place::lay(pcscd, reader, blank(), PACE)?;
        let blanks: Vec<Chip> = (0..ROUNDS).map(|_| blank()).collect();
        let mut encoder = PcscEncoder::open(&reader_name(reader), Some(pcscd.socket()), Clock::system());
        let card = Arc::clone(card);
        work.spawn(async move {
            let mut spent = Duration::ZERO;
            for blank in blanks {
                place.put(blank);
                spent += write(&mut encoder, &card).await?.0;
            }
            anyhow::Ok(spent.as_secs_f64())
        });
    }
    let mut spent = Vec::new();
    while let Some(outcome) = work.join_next().await {
        spent.push(outcome??);
    }
    let fastest = spent.iter().copied().fold(f64::INFINITY, f64::min);
    let slowest = spent.iter().copied().fold(0.0, f64::max);
    let round = |time: f64| time * 1e3 / number(ROUNDS);
    Ok(Side {
        readers: spent.len(),
        fastest_ms: round(fastest),
        slowest_ms: round(slowest),
        ratio: slowest / fastest,
    })
}

/// The commands that write a card, by a chip that is at hand.
async fn recorded(card: &Card) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut chip = AtHand {
        chip: Chip::blank(1, 1, &card.profile),
        heard: Vec::new(),
    };
    chip.power_on().await?;
    card.write_at(&mut chip).await?;
    Ok(chip.heard)
}

/// Writes a chip in one session, as the line does: the time of all exchanges, and how much of it was spent within
/// PC/SC.
async fn write(encoder: &mut PcscEncoder, card: &Card) -> anyhow::Result<(Duration, Duration)> {
    encoder.power_on().await?;
    let before = encoder.in_transmit().await?;
    let mut timed = Timed::new(encoder);
    card.write_at(&mut timed).await?;
    let whole = timed.spent;
    let within = encoder.in_transmit().await?.saturating_sub(before);
    encoder.power_off().await?;
    Ok((whole, within))
}

/// Microseconds for a command that a conversation spends between exchanges.
async fn between(
    encoder: &mut PcscEncoder,
    talk: impl AsyncFnOnce(&mut dyn Encoder) -> anyhow::Result<()>,
) -> anyhow::Result<f64> {
    encoder.power_on().await?;
    let mut timed = Timed::new(encoder);
    let watch = Stopwatch::start();
    talk(&mut timed).await?;
    let own = watch.elapsed().saturating_sub(timed.spent);
    let count = timed.commands;
    encoder.power_off().await?;
    Ok(own.as_secs_f64() * 1e6 / number(count.max(1)))
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// In seconds. What else runs on the machine disturbs some rounds, not most.
fn median(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times.get(times.len() / 2).map_or(f64::NAN, Duration::as_secs_f64)
}

impl Figures {
    fn print(&self) {
        let Side {
            readers,
            fastest_ms,
            slowest_ms,
            ratio,
        } = &self.all;
        println!(
            "{} commands that write a chip, {} rounds by each in turn, medians for a command",
            self.commands, self.rounds
        );
        println!(
            "in transmit, minimal PC/SC client      {:>9.1} µs, one command upon the other",
            self.headlong_us
        );
        println!(
            "in transmit, the same client           {:>9.1} µs, each command when it is told to",
            self.told_us
        );
        println!(
            "in transmit, our reader's process      {:>9.1} µs, {:.3} times the first (at most \
             {OURS_TO_HEADLONG_MAX}), {:.3} times the second",
            self.ours_us, self.ratio, self.ratio_when_told
        );
        println!("pipe to that process and back          {:>9.1} µs", self.pipe_us);
        println!("decisions, writing in plain            {:>9.1} µs", self.plain_us);
        println!(
            "decisions and SCP03, writing           {:>9.1} µs",
            self.secure_us
        );
        println!(
            "decisions, PACE and secure messaging   {:>9.1} µs, reading back",
            self.reading_us
        );
        println!(
            "{readers} readers at a time, {} ms a command: a chip in {fastest_ms:.0} to {slowest_ms:.0} ms, slowest \
             {ratio:.3} times the fastest (at most {SLOWEST_TO_FASTEST_MAX})",
            PACE.as_millis()
        );
    }
}

/// A place with a chip, laid onto a reader until dropped.
struct Place {
    field: Arc<Lying>,
    cable: tokio::task::JoinHandle<()>,
}

struct Lying {
    chip: Mutex<Chip>,
    pace: Duration,
}

impl Place {
    fn lay(pcscd: &Pcscd, reader: usize, chip: Chip, pace: Duration) -> anyhow::Result<Self> {
        let at = pcscd.address(reader).context("no such reader")?;
        let field = Arc::new(Lying {
            chip: Mutex::new(chip),
            pace,
        });
        let lying = Arc::clone(&field);
        let cable = tokio::spawn(async move { vpicc::present(at, &*lying, Clock::system()).await });
        Ok(Self { field, cable })
    }

    /// A new chip under the old name: its reader does not notice.
    fn put(&self, chip: Chip) {
        *self.field.chip.lock().unwrap_or_else(PoisonError::into_inner) = chip;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.cable.abort();
    }
}

impl Field for Lying {
    fn with_chip<T>(&self, act: impl FnOnce(Option<&mut Chip>) -> T) -> T {
        act(Some(
            &mut *self.chip.lock().unwrap_or_else(PoisonError::into_inner),
        ))
    }

    async fn exchanged(&self, bytes: usize) {
        if bytes > 2 && !self.pace.is_zero() {
            Clock::system().sleep(self.pace).await;
        }
    }
}

/// The minimal client in a process of its own.
struct Client {
    _process: Child,
    orders: ChildStdin,
    told: Lines<BufReader<ChildStdout>>,
    commands: String,
}

impl Client {
    fn start(pcscd: &Pcscd, commands: &[Vec<u8>]) -> anyhow::Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(["bench", "raw-replay", "--reader", &reader_name(0)])
            .env("PCSCLITE_CSOCK_NAME", pcscd.socket())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let (orders, told) = (process.stdin.take(), process.stdout.take());
        let lines: Vec<String> = commands.iter().map(|command| hex::encode(command)).collect();
        Ok(Self {
            _process: process,
            orders: orders.context("no pipe")?,
            told: BufReader::new(told.context("no pipe")?).lines(),
            commands: lines.join("\n") + "\n\n",
        })
    }

    /// The next so many commands: how long PC/SC took.
    async fn exchange(&mut self, commands: usize) -> anyhow::Result<Duration> {
        let order = format!("{}{commands}\n", std::mem::take(&mut self.commands));
        self.orders.write_all(order.as_bytes()).await?;
        let told = self.told.next_line().await?.context("the minimal client ended")?;
        Ok(Duration::from_nanos(told.parse()?))
    }
}

/// A chip without a reader, and what it was told.
struct AtHand {
    chip: Chip,
    heard: Vec<Vec<u8>>,
}

#[async_trait]
impl Encoder for AtHand {
    async fn power_on(&mut self) -> Result<Vec<u8>, Fault> {
        Ok(self.chip.power_on())
    }

    async fn transmit(&mut self, command: &[u8], _deadline: Duration) -> Result<Vec<u8>, Fault> {
        self.heard.push(command.to_vec());
        Ok(self.chip.transmit(command))
    }

    async fn power_off(&mut self) -> Result<(), Fault> {
        self.chip.power_off();
        Ok(())
    }
}

/// A reader whose exchanges are timed.
struct Timed<'a> {
    encoder: &'a mut PcscEncoder,
    spent: Duration,
    commands: usize,
}

impl<'a> Timed<'a> {
    fn new(encoder: &'a mut PcscEncoder) -> Self {
        Self {
            encoder,
            spent: Duration::ZERO,
            commands: 0,
        }
    }
}

#[async_trait]
impl Encoder for Timed<'_> {
    async fn power_on(&mut self) -> Result<Vec<u8>, Fault> {
        self.encoder.power_on().await
    }

    async fn transmit(&mut self, command: &[u8], deadline: Duration) -> Result<Vec<u8>, Fault> {
        let watch = Stopwatch::start();
        let answer = self.encoder.transmit(command, deadline).await;
        self.spent += watch.elapsed();
        self.commands += 1;
        answer
    }

    async fn transmit_all(
        &mut self,
        commands: &[Zeroizing<Vec<u8>>],
        deadline: Duration,
    ) -> Result<Vec<Vec<u8>>, Fault> {
        let watch = Stopwatch::start();
        let answers = self.encoder.transmit_all(commands, deadline).await?;
        self.spent += watch.elapsed();
        self.commands += answers.len();
        Ok(answers)
    }

    async fn power_off(&mut self) -> Result<(), Fault> {
        self.encoder.power_off().await
    }
}
