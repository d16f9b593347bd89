//! `cardwright position screen`: a machine's or desk's screen in a terminal, for the person before it.

use std::io::{self, BufRead, IsTerminal};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::mpsc;

use super::words::{Words, words};
use crate::base::ids::MachineId;
use crate::base::{Clock, Fault, limits};
use crate::cli::say;
use crate::config::Config;
use crate::control::fault::{NO_MACHINE, SCREEN_TAKEN};
use crate::control::socket::PrivateSocket;
use crate::device::screen::{Before, Greeting, hear, line};
use crate::port::{Answer, Instruction};

/// Whoever answers sooner has not read what is asked: the key was meant for the question before.
const TOO_SOON: Duration = Duration::from_millis(300);

/// Arguments of `position screen`.
#[derive(Args, Debug)]
#[command(after_help = "\
What the person at the machine or desk is asked to do is shown until it is answered: Enter for done or yes, k (không)
or n and Enter for no. It must be open while the position works; Ctrl-C closes it.

A panel of your own speaks JSON: an instruction a line on standard output (null when nothing is asked any more), an
answer a line on standard input, \"done\" or \"nothing\".

Examples:
  cardwright position screen S03
  cardwright position screen D01 --json

Exit code: 0 at the end of what is typed, 1 if the screen cannot be opened.")]
pub struct Arguments {
    /// The machine or the desk.
    position: String,
    /// The facility's folder.
    #[arg(long, value_name = "FOLDER", default_value = "facility")]
    facility: PathBuf,
    /// Instructions and answers as lines of JSON, for programs.
    #[arg(long)]
    json: bool,
}

/// Runs the verb.
///
/// # Errors
/// The configuration's, `CTL-011` for no such position, `CTL-077` if its screen is open already, the terminal's.
pub fn main(arguments: &Arguments) -> anyhow::Result<bool> {
    let config = Config::load(&arguments.facility)?;
    let id = MachineId(arguments.position.clone());
    let path = place(&config, &id).ok_or_else(|| Fault::new(&NO_MACHINE, id.as_str()))?;
    super::super::runtime()?.block_on(async {
        let socket = PrivateSocket::bind(&path)
            .await
            .map_err(|error| taken(&id, error))?;
        let mut person = Person {
            position: id,
            is_program: arguments.json,
            typed: typed(),
        };
        person.note("the screen is open");
        loop {
            let client = tokio::select! {
                client = socket.accept() => client.context("the screen's socket")?,
                () = person.leaves() => return Ok(true),
            };
            let (from, to) = client.into_split();
            if !attend(BufReader::new(from), to, &mut person).await? {
                return Ok(true);
            }
        }
    })
}

fn place(config: &Config, id: &MachineId) -> Option<PathBuf> {
    let stations = config.stations.iter().map(|one| (&one.id, &one.screen));
    let desks = config.desks.iter().map(|one| (&one.id, &one.screen));
    let (_, path) = stations.chain(desks).find(|(known, _)| *known == id)?;
    Some(config.path(path))
}

fn taken(id: &MachineId, error: io::Error) -> anyhow::Error {
    if error.kind() == io::ErrorKind::AddrInUse {
        return Fault::new(&SCREEN_TAKEN, id.as_str()).into();
    }
    anyhow::Error::new(error).context(format!("the screen of {id}"))
}

/// Lines as they are typed. A thread of its own waits for them: it may be left behind.
fn typed() -> mpsc::Receiver<String> {
    let (typed, lines) = mpsc::channel(limits::TYPED_LINES_MAX);
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if typed.blocking_send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// One controller, question after question, until it leaves; false if the person left.
async fn attend(
    mut from: impl AsyncBufRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    person: &mut Person,
) -> io::Result<bool> {
    let before = Before::Person;
    let mut said = line(&Greeting { before })?;
    while to.write_all(&said).await.is_ok() {
        let instruction: Instruction = match hear(&mut from).await {
            Ok(instruction) => instruction,
            // Closed, or no controller of ours.
            Err(_) => return Ok(true),
        };
        let answer = tokio::select! {
            answer = person.answer(&instruction) => answer,
            _ = from.fill_buf() => {
                person.taken_back();
                return Ok(true);
            }
        };
        match answer {
            Some(answer) => said = line(&answer)?,
            None => return Ok(false),
        }
    }
    Ok(true)
}

/// Who sits at the terminal, or the program that is told and tells in its place.
struct Person {
    position: MachineId,
    is_program: bool,
    typed: mpsc::Receiver<String>,
}

impl Person {
    /// Shows what is asked until it is answered; nothing once nobody types any more.
    async fn answer(&mut self, instruction: &Instruction) -> Option<Answer> {
        if self.is_program {
            say(serde_json::to_string(instruction).ok()?);
            return loop {
                let line = self.typed.recv().await?;
                match serde_json::from_str(&line) {
                    Ok(answer) => break Some(answer),
                    Err(_) => eprintln!("cardwright: the answer is \"done\" or \"nothing\""),
                }
            };
        }
        // What was typed before is no answer to this.
        while self.typed.try_recv().is_ok() {}
        let words = words(instruction);
        self.show(&words);
        let since = Clock::system();
        loop {
            let line = self.typed.recv().await?;
            if since.elapsed() < TOO_SOON {
                continue;
            }
            match line.trim().to_lowercase().as_str() {
                "" => return Some(Answer::Done),
                "k" | "n" | "không" if words.no.is_some() => return Some(Answer::Nothing),
                _ => self.show(&words),
            }
        }
    }

    /// Ends when nobody types any more. What is typed while nothing is asked is nothing.
    async fn leaves(&mut self) {
        while self.typed.recv().await.is_some() {}
    }

    fn show(&self, words: &Words) {
        let bell = if io::stdout().is_terminal() { "\u{7}" } else { "" };
        let no = words
            .no
            .map(|[vi, en]| format!("    k + Enter: {vi} · {en}"))
            .unwrap_or_default();
        let [vi, en] = words.yes;
        say(format_args!(
            "\n{bell}── {} ──\n{}\n{}\nEnter: {vi} · {en}{no}",
            self.position, words.vi, words.en
        ));
    }

    fn taken_back(&self) {
        if self.is_program {
            say("null");
        } else {
            self.note("không cần làm nữa · never mind");
        }
    }

    fn note(&self, text: &str) {
        if !self.is_program {
            say(format_args!("── {} ── {text}", self.position));
        }
    }
}

#[cfg(test)]
mod tests;
