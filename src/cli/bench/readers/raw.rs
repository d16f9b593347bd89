//! The least a PC/SC client can do: what a program that is not ours would need for the same commands.

use std::ffi::CString;
use std::io::{self, Write};
use std::time::Duration;

use clap::Args;
use pcsc::{Card, Context, Disposition, MAX_BUFFER_SIZE_EXTENDED, Protocols, Scope, ShareMode};

use crate::base::clock::Stopwatch;
use crate::base::hex;

/// Which reader.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Its name.
    #[arg(long)]
    reader: String,
}

/// Reads commands in hexadecimal, a line each, up to an empty line. Each further line says how many of them to exchange
/// next, and is answered with the nanoseconds that PC/SC took. A session lasts from the first command to the last.
///
/// # Errors
/// PC/SC's, and broken pipes.
#[expect(
    clippy::disallowed_methods,
    reason = "this is what our own way is compared with"
)]
pub(in crate::cli) fn main(arguments: &Arguments) -> anyhow::Result<bool> {
    let mut lines = io::stdin().lines();
    let mut commands = Vec::new();
    for line in lines.by_ref() {
        let line = line?;
        if line.is_empty() {
            break;
        }
        commands.push(hex::decode(&line).ok_or_else(|| anyhow::anyhow!("not hexadecimal"))?);
    }
    let context = Context::establish(Scope::User)?;
    let name = CString::new(arguments.reader.as_str())?;
    let mut answer = vec![0; MAX_BUFFER_SIZE_EXTENDED];
    let mut out = io::stdout().lock();
    let mut session: Option<Card> = None;
    let mut coming = commands.iter().cycle();
    let mut left = commands.len();
    for line in lines {
        let mut spent = Duration::ZERO;
        for command in coming.by_ref().take(line?.parse()?) {
            let card = match session.take() {
                Some(card) => card,
                None => context.connect(&name, ShareMode::Exclusive, Protocols::ANY)?,
            };
            let watch = Stopwatch::start();
            card.transmit(command, &mut answer)?;
            spent += watch.elapsed();
            left -= 1;
            if left > 0 {
                session = Some(card);
            } else {
                left = commands.len();
                card.disconnect(Disposition::UnpowerCard)
                    .map_err(|(_, error)| error)?;
            }
        }
        writeln!(out, "{}", spent.as_nanos())?;
        out.flush()?;
    }
    Ok(true)
}
