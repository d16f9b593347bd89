//! A network between controllers and their server that can be cut: at any moment, or exactly after a commit was sent
//! and before its answer comes back.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::base::clock::pause;

/// What a commit looks like on the wire: a simple query (PostgreSQL's manual, "Message Formats").
const COMMIT: &[u8] = b"COMMIT\0";
/// A server on the same machine has committed within this time.
const COMMITS: Duration = Duration::from_millis(100);

/// A listening port that leads to a server.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    server: AtomicU16,
    /// Nothing passes, and nobody is told.
    cut: AtomicBool,
    /// Commits whose answers are to be lost.
    lose: AtomicU32,
    lost: AtomicU32,
    over: AtomicBool,
    lines: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// Opens a port that leads to this one.
    ///
    /// # Errors
    /// The system's.
    pub fn start(server: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let state = Arc::new(State::default());
        state.server.store(server, Ordering::Relaxed);
        let shared = Arc::clone(&state);
        std::thread::Builder::new()
            .name("proxy".to_owned())
            .spawn(move || accept(&listener, &shared))?;
        Ok(Self { port, state })
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// New connections lead to this server.
    pub fn lead_to(&self, server: u16) {
        self.state.server.store(server, Ordering::Relaxed);
    }

    /// Cuts the network, or mends it: connections break, and new ones are closed at once.
    pub fn cut(&self, cut: bool) {
        self.state.cut.store(cut, Ordering::Relaxed);
        if cut {
            self.state.break_all();
        }
    }

    /// Loses the answers of this many commits from now on: each reaches the server, and then the connection breaks.
    pub fn lose_answers(&self, commits: u32) {
        self.state.lose.store(commits, Ordering::Relaxed);
    }

    /// Answers lost so far.
    #[must_use]
    pub fn lost(&self) -> u32 {
        self.state.lost.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::Relaxed);
        self.state.break_all();
        // Wakes whoever waits for the next connection.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

impl State {
    fn break_all(&self) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        for line in lines.drain(..) {
            let _ = line.shutdown(Shutdown::Both);
        }
    }

    /// Is this commit's answer to be lost?
    fn loses(&self, sent: &[u8]) -> bool {
        sent.windows(COMMIT.len()).any(|part| part == COMMIT)
            && self
                .lose
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
                .is_ok()
    }
}

fn accept(listener: &TcpListener, state: &Arc<State>) {
    for client in listener.incoming() {
        if state.over.load(Ordering::Relaxed) {
            return;
        }
        let Ok(client) = client else { continue };
        // A client that cannot be served is closed, as by a network that is down.
        let _ = serve(client, state);
    }
}

fn serve(client: TcpStream, state: &Arc<State>) -> io::Result<()> {
    if state.cut.load(Ordering::Relaxed) {
        return Ok(());
    }
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, state.server.load(Ordering::Relaxed)))?;
    let (from_client, from_server) = (client.try_clone()?, server.try_clone()?);
    {
        let mut lines = state.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.extend([client.try_clone()?, server.try_clone()?]);
    }
    let shared = Arc::clone(state);
    let hushed = Arc::new(AtomicBool::new(false));
    let hush = Arc::clone(&hushed);
    std::thread::spawn(move || there(from_client, server, &shared, &hush));
    std::thread::spawn(move || back(from_server, client, &hushed));
    Ok(())
}

/// From the client to the server.
fn there(mut client: TcpStream, mut server: TcpStream, state: &State, hush: &AtomicBool) {
    let mut buffer = [0; 16_384];
    while let Ok(length @ 1..) = client.read(&mut buffer) {
        let sent = buffer.get(..length).unwrap_or_default();
        let loses = state.loses(sent);
        if loses {
            // The answer must not slip through: the way back is closed before the commit goes there.
            hush.store(true, Ordering::SeqCst);
        }
        if server.write_all(sent).is_err() {
            break;
        }
        if loses {
            pause(COMMITS);
            state.lost.fetch_add(1, Ordering::SeqCst);
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}

/// From the server to the client; what comes once it is hushed is lost.
fn back(mut server: TcpStream, mut client: TcpStream, hushed: &AtomicBool) {
    let mut buffer = [0; 16_384];
    while let Ok(length @ 1..) = server.read(&mut buffer) {
        let answer = buffer.get(..length).unwrap_or_default();
        if hushed.load(Ordering::SeqCst) {
            return;
        }
        if client.write_all(answer).is_err() {
            break;
        }
    }
    if !hushed.load(Ordering::SeqCst) {
        let _ = client.shutdown(Shutdown::Both);
    }
}
