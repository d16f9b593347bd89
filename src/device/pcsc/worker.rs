//! The process that owns a reader, from the inside: frames in on standard input, frames out on standard output.
//!
//! The thread that reads a request also takes it to PC/SC, where it may hang: each hand-over between threads costs what
//! a whole exchange with pcscd costs. Another thread watches the other end of the pipe, so that a process whose
//! controller is gone ends even then and leaves its reader to the next one.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::sync::mpsc::{Receiver, sync_channel};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Signal, getpid, kill_process};

use crate::base::clock::Stopwatch;
use crate::base::limits;

use super::choose::ReaderId;
use super::frame::{self, LENGTH_BYTES, Request};

#[cfg(feature = "pcsc")]
use super::card::Service;

/// Serves one reader until the controller closes the pipe.
///
/// # Errors
/// When the pipe carries anything but requests, or breaks.
pub fn run(id: ReaderId) -> io::Result<()> {
    // Held until the end: its going tells the other thread that this process ends by itself.
    let (_alive, ended) = sync_channel(0);
    std::thread::Builder::new()
        .name("other end".to_owned())
        .spawn(move || outlast(&ended))?;
    let mut service = Service::new(id);
    let mut requests = BufReader::new(File::from(io::stdin().as_fd().try_clone_to_owned()?));
    // Without the line buffer of standard output: frames go in one piece, whatever is in them.
    let mut answers = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let mut unsaid = Vec::new();
    let mut held = Stopwatch::start();
    while let Some(request) = next(&mut requests)? {
        if unsaid.is_empty() {
            held = Stopwatch::start();
        }
        unsaid.append(&mut service.answer(request).encode());
        // To wake the controller between two quick exchanges would slow the second.
        if held.elapsed() >= limits::ANSWERS_HELD || !is_more_asked(&requests)? {
            answers.write_all(&unsaid)?;
            unsaid.clear();
            stay_awake(&requests)?;
        }
    }
    Ok(())
}

/// Waits a little for the next request without falling asleep.
fn stay_awake(requests: &BufReader<File>) -> io::Result<()> {
    let answered = Stopwatch::start();
    while answered.elapsed() < limits::READER_STAYS_AWAKE && !is_more_asked(requests)? {
        std::hint::spin_loop();
    }
    Ok(())
}

/// Is there a further request already?
fn is_more_asked(requests: &BufReader<File>) -> io::Result<bool> {
    let mut pipe = [PollFd::new(requests.get_ref(), PollFlags::IN)];
    Ok(!requests.buffer().is_empty() || poll(&mut pipe, Some(&Timespec::default()))? > 0)
}

/// Waits until nobody holds the other end of the pipe; then this process ends, in order or by force.
fn outlast(ended: &Receiver<()>) {
    let stdin = io::stdin();
    // No events are asked for, so only the other end's going is told.
    let mut pipe = [PollFd::new(&stdin, PollFlags::empty())];
    while matches!(poll(&mut pipe, None), Err(rustix::io::Errno::INTR)) {}
    // The first thread finds the end of the pipe, unless it hangs. It drops the sender when it ends.
    let _ = ended.recv_timeout(limits::PROCESS_ENDS);
    let _ = kill_process(getpid(), Signal::KILL);
}

/// The next request; nothing at the end of the pipe.
fn next(pipe: &mut impl Read) -> io::Result<Option<Request>> {
    let mut head = [0; LENGTH_BYTES];
    let read = pipe.read(&mut head)?;
    if read == 0 {
        return Ok(None);
    }
    pipe.read_exact(head.get_mut(read..).unwrap_or_default())?;
    let length = frame::length(head).ok_or(io::ErrorKind::InvalidData)?;
    let mut content = vec![0; length];
    pipe.read_exact(&mut content)?;
    let request = Request::parse(&content).ok_or(io::ErrorKind::InvalidData)?;
    Ok(Some(request))
}

/// What stands in for PC/SC where the program was built without.
#[cfg(not(feature = "pcsc"))]
struct Service;

#[cfg(not(feature = "pcsc"))]
impl Service {
    fn new(_id: ReaderId) -> Self {
        Self
    }

    fn answer(&mut self, _request: Request) -> frame::Answer {
        frame::Answer::Fault(crate::base::Fault::new(&super::fault::NOT_BUILT, ""))
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    #[test]
    fn requests_are_read_one_by_one_and_nothing_else() {
        let asked = [
            Request::PowerOn,
            Request::Transmit(Zeroizing::new(vec![0, 0x84, 0, 0, 8])),
            Request::PowerOff,
        ];
        let bytes: Vec<u8> = asked
            .iter()
            .flat_map(|request| request.encode().unwrap())
            .collect();
        let mut pipe = bytes.as_slice();
        for request in asked {
            assert_eq!(next(&mut pipe).unwrap(), Some(request));
        }
        assert_eq!(next(&mut pipe).unwrap(), None);
        for cut in 1..4 {
            assert!(next(&mut &bytes[..cut]).is_err(), "a length cut at {cut}");
        }
        assert!(next(&mut [0, 0, 0, 1, 0x77].as_slice()).is_err(), "no such kind");
        assert!(next(&mut [0xFF; 16].as_slice()).is_err(), "no such length");
        let answer = frame::Answer::Done.encode();
        assert!(next(&mut answer.as_slice()).is_err(), "an answer is no request");
    }
}
