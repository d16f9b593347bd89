//! `cardwright encoder-worker`: the process that owns one PC/SC reader. A controller starts it; nobody else needs it.

use clap::Args;

use crate::device::pcsc::{ReaderId, worker};

/// Arguments of `encoder-worker`.
#[derive(Args, Debug)]
pub struct Arguments {
    /// The reader's name.
    #[arg(long)]
    name: Option<String>,
    /// Its USB port.
    #[arg(long)]
    usb: Option<String>,
    /// Its serial number.
    #[arg(long)]
    serial: Option<String>,
}

/// Runs the verb.
///
/// # Errors
/// The pipe's.
pub fn main(arguments: Arguments) -> anyhow::Result<bool> {
    let Arguments { name, usb, serial } = arguments;
    worker::run(ReaderId { name, usb, serial })?;
    Ok(true)
}
