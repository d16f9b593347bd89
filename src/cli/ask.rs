//! How a verb gets its answer: from the running controller, or else by opening the facility itself.
//!
//! Without a controller a verb takes the ledger's lock, recovers the books, acts and leaves (law 8): what it sees and
//! does is then no less true than what a controller would.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::base::ids::PersonId;
use crate::base::{Clock, Code, Fault};
use crate::config::Config;
use crate::control::admit::Language;
use crate::control::client::Connection;
use crate::control::people::myself;
use crate::control::wire::{Call, Refusal};
use crate::control::{Answer, Control, Request, card, controller, serve};
use crate::line::{recover, tap};
use crate::store::fault::LOCKED;

use super::codes;
use super::facility::{Facility, with_environment};
use super::say;

/// Where acts that wait for their second person are kept, in the facility's folder.
pub(super) const PROPOSALS: &str = "proposals.json";
/// A controller that is just starting holds the ledger before it answers: it is asked again so often.
const STARTING: (u32, Duration) = (50, Duration::from_millis(200));

/// What every verb that asks understands.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// The facility's folder.
    #[arg(long, value_name = "FOLDER", default_value = "facility")]
    pub facility: PathBuf,
    /// Answer in JSON, for programs; refusals too.
    #[arg(long)]
    pub json: bool,
    /// In whose name, in rehearsals only: so one user can play both people of a two-person act.
    #[arg(long = "as", value_name = "NAME")]
    pub on_behalf: Option<String>,
    /// The language of codes and refusals.
    #[arg(long, value_enum, default_value = "en")]
    pub lang: Lang,
}

/// A language.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Lang {
    /// English.
    En,
    /// Tiếng Việt.
    Vi,
}

impl From<Lang> for Language {
    fn from(lang: Lang) -> Self {
        match lang {
            Lang::En => Self::En,
            Lang::Vi => Self::Vi,
        }
    }
}

/// Whoever answers.
#[derive(Debug)]
pub enum Session {
    /// The running controller.
    Controller(Connection),
    /// Ourselves.
    Own(Box<Own>),
}

/// A facility that this verb has opened.
#[derive(Debug)]
pub struct Own {
    facility: Facility,
    control: Control,
}

impl Session {
    /// Finds the controller, or opens the facility and recovers its books.
    ///
    /// # Errors
    /// The facility's, or `CTL-004` for a socket that cannot be used.
    pub async fn open(options: &Options, clock: Clock) -> Result<Self, Fault> {
        // A folder without a facility is told as that, whatever lies there.
        let config = Config::load(&options.facility)?;
        let socket = config.folder.join(serve::NAME);
        let mut tries = STARTING.0;
        loop {
            if let Some(connection) = Connection::open(&socket, clock).await? {
                return Ok(Self::Controller(connection));
            }
            with_environment(&config.folder)?;
            match Box::pin(Facility::open(&options.facility, clock)).await {
                Ok(facility) => return Box::pin(Self::own(facility, clock)).await,
                Err(fault) if fault.code.id == LOCKED.id && tries > 0 => {
                    tries -= 1;
                    clock.sleep(STARTING.1).await;
                }
                Err(fault) => return Err(fault),
            }
        }
    }

    async fn own(facility: Facility, clock: Clock) -> Result<Self, Fault> {
        let line = Arc::new(super::run::line(&facility, clock).await?);
        if let Err(fault) = Box::pin(recover::books(&line)).await {
            drop(line);
            facility.close().await?;
            return Err(fault);
        }
        let file = facility.config.folder.join(PROPOSALS);
        let control = Control::keeping(line, &file);
        Ok(Self::Own(Box::new(Own { facility, control })))
    }

    /// Asks.
    ///
    /// # Errors
    /// What is refused.
    pub async fn ask(&mut self, call: Call) -> Result<Answer, Box<Refusal>> {
        match self {
            Self::Controller(connection) => connection.ask(&call).await,
            Self::Own(own) => own.ask(call).await,
        }
    }

    /// Leaves.
    ///
    /// # Errors
    /// `HSM-007` if the HSM does not come back.
    pub async fn close(self) -> Result<(), Fault> {
        match self {
            Self::Controller(_) => Ok(()),
            Self::Own(own) => {
                let Own { facility, control } = *own;
                drop(control);
                facility.close().await
            }
        }
    }
}

impl Own {
    /// Asks ourselves; a card on a desk's reader is read here, because nobody else has the reader.
    async fn ask(&self, call: Call) -> Result<Answer, Box<Refusal>> {
        let line = &self.control.line;
        let reader = match &call.request {
            Request::Card(card::Request::Tap { desk })
            | Request::Controller(controller::Request::Card { tap: Some(desk), .. }) => {
                super::run::reader(&self.facility, desk, line.clock).map(|reader| (desk.clone(), reader))
            }
            _ => None,
        };
        let answering = self.control.answer(myself(), call);
        let Some((desk, reader)) = reader else {
            return Ok(answering.await?);
        };
        tokio::select! {
            biased;
            never = tap::serve(line, &desk, reader) => match never {},
            answer = answering => Ok(answer?),
        }
    }
}

/// Asks one thing and shows the answer: true if it is good.
///
/// # Errors
/// When the operating system refuses threads; whatever else goes wrong is shown and is not good.
pub fn ask(options: &Options, request: Request) -> anyhow::Result<bool> {
    super::runtime()?.block_on(async {
        let outcome = once(options, request).await;
        Ok(show(options, outcome))
    })
}

/// Asks one thing for a verb that goes on with the answer; a refusal is shown and nothing returned.
///
/// # Errors
/// When the operating system refuses threads.
pub fn get(options: &Options, request: Request) -> anyhow::Result<Option<Answer>> {
    super::runtime()?.block_on(async {
        Ok(match once(options, request).await {
            Ok(answer) => Some(answer),
            refused => {
                show(options, refused);
                None
            }
        })
    })
}

async fn once(options: &Options, request: Request) -> Result<Answer, Box<Refusal>> {
    let mut session = Session::open(options, Clock::system()).await?;
    let outcome = session.ask(call(options, request)).await;
    session.close().await?;
    outcome
}

/// A call with the options' name.
#[must_use]
pub fn call(options: &Options, request: Request) -> Call {
    Call::new(request, options.on_behalf.clone().map(PersonId))
}

/// Shows an answer or a refusal, as text with the meaning of every code in it, or as JSON.
pub fn show(options: &Options, outcome: Result<Answer, Box<Refusal>>) -> bool {
    match outcome {
        Ok(answer) => {
            if options.json {
                say(format_args!("{:#}", answer.data));
            } else {
                say(&answer.text);
                legend(options, &answer.text);
            }
            answer.good
        }
        Err(refusal) => {
            if options.json {
                say(format_args!("{:#}", serde_json::json!({ "refusal": refusal })));
            } else {
                match options.lang {
                    Lang::En => eprintln!("cardwright: {refusal}"),
                    Lang::Vi => eprintln!("cardwright: {}", refusal.vi()),
                }
            }
            false
        }
    }
}

fn legend(options: &Options, text: &str) {
    let mut shown: Vec<&Code> = Vec::new();
    for code in mentioned(text) {
        // A finding says what it means where it stands.
        let told = text.contains(code.en) || text.contains(code.vi);
        if !told && !shown.iter().any(|known| known.id == code.id) {
            shown.push(code);
        }
    }
    if !shown.is_empty() {
        say("");
    }
    for code in shown {
        let (what, next) = match options.lang {
            Lang::En => (code.en, code.next_en),
            Lang::Vi => (code.vi, code.next_vi),
        };
        say(format_args!("{}: {what}. {next}", code.id));
    }
}

/// Codes of the catalogues that a text mentions, in its order.
fn mentioned(text: &str) -> impl Iterator<Item = &'static Code> {
    text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-')
        .filter_map(codes::find)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_in_a_text_are_found() {
        let ids: Vec<&str> = mentioned("S01 STOPPED (CTL-018); then JOB-016: CTL-018, HAN-001-002 and X-1")
            .map(|code| code.id)
            .collect();
        assert_eq!(ids, ["CTL-018", "JOB-016", "CTL-018"]);
    }
}
