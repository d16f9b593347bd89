//! The process that owns a reader, from the inside: frames in on standard input, frames out on standard output.
//!
//! One thread talks to PC/SC and may hang there; another reads the pipe, so that a process whose controller is gone
//! ends even then and leaves its reader to the next one.

use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use rustix::process::{Signal, getpid, kill_process};

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
    let (requests, asked) = sync_channel(1);
    // Held until the end: its going tells the other thread that this process ends by itself.
    let (_alive, ended) = sync_channel(0);
    std::thread::Builder::new()
        .name("requests".to_owned())
        .spawn(move || read(&requests, &ended))?;
    let mut service = Service::new(id);
    let mut out = io::stdout().lock();
    for request in asked {
        out.write_all(&service.answer(request?).encode())?;
        out.flush()?;
    }
    Ok(())
}

/// Reads requests until the pipe ends; then the process does, in order or by force.
fn read(requests: &SyncSender<io::Result<Request>>, ended: &Receiver<()>) {
    let mut pipe = io::stdin().lock();
    loop {
        let request = match next(&mut pipe) {
            Ok(None) => break,
            Ok(Some(request)) => Ok(request),
            Err(error) => Err(error),
        };
        let broken = request.is_err();
        // Full while PC/SC is busy. A controller that waits for each answer never fills it.
        if requests.try_send(request).is_err() || broken {
            break;
        }
    }
    // Without requests to come the other thread ends, unless it hangs. It drops the sender when it does.
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
    use super::*;

    #[test]
    fn requests_are_read_one_by_one_and_nothing_else() {
        let asked = [
            Request::PowerOn,
            Request::Transmit(vec![0, 0x84, 0, 0, 8]),
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
