//! A PostgreSQL server of our own, beside the system's and without touching it: a new cluster in a folder of its own,
//! on a Unix socket and on a free port of the loopback interface. Processes die here and machines do not, so it need
//! not wait for the disk, unless that is what is to be measured.
//!
//! The server refuses to run as root; whoever is root lets it run as the user `postgres`, whom the package makes.

pub mod proxy;

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::base::clock::{Stopwatch, pause};
use crate::base::{Entropy, hex};

/// Where Debian keeps the programs, by version.
const VERSIONS: &str = "/usr/lib/postgresql";
/// Who owns the database.
const USER: &str = "cardwright";
/// Its password over TCP.
const PASSWORD: &str = "rehearsal";
/// It answers within this time, starting included; a crashed one reads its log first.
const STARTS: Duration = Duration::from_secs(30);
/// How often that is looked for.
const LOOK: Duration = Duration::from_millis(50);

/// A server; it ends, and its cluster is removed, when it is dropped.
#[derive(Debug)]
pub struct Postgres {
    folder: PathBuf,
    programs: PathBuf,
    port: u16,
    fsync: bool,
    child: Option<Child>,
}

impl Postgres {
    /// Makes a cluster and starts its server. Blocks until it answers.
    ///
    /// # Errors
    /// `NotFound` with what to install if PostgreSQL is missing, `TimedOut` if it does not start.
    pub fn start() -> io::Result<Self> {
        let mut server = Self::empty()?;
        let password = server.password_file();
        fs::write(&password, PASSWORD)?;
        fs::set_permissions(&password, fs::Permissions::from_mode(0o600))?;
        server.own(&password)?;
        let data = server.data();
        server.run("initdb", |command| {
            command
                .args([
                    "--no-sync",
                    "--encoding=UTF8",
                    "--locale=C.UTF-8",
                    "--username",
                    USER,
                ])
                .args(["--auth-local=trust", "--auth-host=scram-sha-256", "--pwfile"])
                .arg(&password)
                .arg("--pgdata")
                .arg(&data)
        })?;
        server.revive()?;
        Ok(server)
    }

    /// As [`Self::start`], of a server whose commits wait for the disk, as in production.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_durable() -> io::Result<Self> {
        let mut server = Self::start()?;
        server.kill()?;
        server.fsync = true;
        server.revive()?;
        Ok(server)
    }

    /// A standby that follows this server, as far behind as its network lets it be.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn standby(&self) -> io::Result<Self> {
        let mut standby = Self::empty()?;
        let (from, data) = (self.folder.clone(), standby.data());
        let port = self.port.to_string();
        standby.run("pg_basebackup", |command| {
            command
                .args([
                    "--no-sync",
                    "--checkpoint=fast",
                    "--wal-method=stream",
                    "--write-recovery-conf",
                ])
                .args(["--username", USER, "--port", &port, "--host"])
                .arg(&from)
                .arg("--pgdata")
                .arg(&data)
        })?;
        standby.revive()?;
        Ok(standby)
    }

    /// Where controllers find it; the password is [`Self::password_file`]'s.
    #[must_use]
    pub fn url(&self) -> String {
        url(self.port)
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The file that holds the password over TCP.
    #[must_use]
    pub fn password_file(&self) -> PathBuf {
        self.folder.join("password")
    }

    /// The password over TCP.
    #[must_use]
    pub fn password(&self) -> &'static str {
        PASSWORD
    }

    /// What it answers to a statement, unaligned: asked over its own socket, whatever lies in between for others.
    ///
    /// # Errors
    /// What the server says.
    pub fn ask(&self, statement: &str) -> io::Result<String> {
        let port = self.port.to_string();
        self.run("psql", |command| {
            command
                .args([
                    "--no-psqlrc",
                    "--tuples-only",
                    "--no-align",
                    "--username",
                    USER,
                    "--port",
                    &port,
                ])
                .args(["--dbname", "postgres", "--command", statement, "--host"])
                .arg(&self.folder)
        })
        .map(|told| String::from_utf8_lossy(&told.stdout).trim().to_owned())
    }

    /// Kills it, as a crash would.
    ///
    /// # Errors
    /// The system's.
    pub fn kill(&mut self) -> io::Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Starts it again, on the same port. Blocks until it answers.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn revive(&mut self) -> io::Result<()> {
        let patience = Stopwatch::start();
        loop {
            let mut child = self.spawn()?;
            while patience.elapsed() < STARTS && child.try_wait()?.is_none() {
                if self.answers() {
                    self.child = Some(child);
                    return Ok(());
                }
                pause(LOOK);
            }
            // Of one that was killed, the last processes may hold the memory for a moment.
            let _ = child.kill();
            child.wait()?;
            if patience.elapsed() >= STARTS {
                let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                let last: Vec<&str> = log.lines().rev().take(5).collect();
                return Err(io::Error::new(io::ErrorKind::TimedOut, last.join(" / ")));
            }
            pause(LOOK);
        }
    }

    /// Makes a standby the server.
    ///
    /// # Errors
    /// What `pg_ctl` says.
    pub fn promote(&self) -> io::Result<()> {
        let data = self.data();
        self.run("pg_ctl", |command| {
            command.args(["promote", "--wait", "--pgdata"]).arg(&data)
        })
        .map(drop)
    }

    /// From now on a commit is confirmed only when a standby has it on its disk, too.
    ///
    /// # Errors
    /// What it says; `TimedOut` if no standby follows.
    pub fn wait_for_standby(&self) -> io::Result<()> {
        self.ask("ALTER SYSTEM SET synchronous_standby_names = '*'")?;
        self.reload_until("SELECT count(*) > 0 FROM pg_stat_replication WHERE sync_state = 'sync'")
    }

    /// From now on it offers TLS under this certificate (PEM).
    ///
    /// # Errors
    /// What it says; `TimedOut` if it does not take it.
    pub fn offer_tls(&self, certificate: &str, key: &str) -> io::Result<()> {
        for (setting, content) in [("ssl_cert_file", certificate), ("ssl_key_file", key)] {
            let file = self.folder.join(setting);
            fs::write(&file, content)?;
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
            self.own(&file)?;
            self.ask(&format!("ALTER SYSTEM SET {setting} = '{}'", file.display()))?;
        }
        self.ask("ALTER SYSTEM SET ssl = on")?;
        self.reload_until("SELECT current_setting('ssl') = 'on'")
    }

    /// This standby is told nothing more: whatever is confirmed from now on, it does not know.
    ///
    /// # Errors
    /// What it says; `TimedOut` if it goes on following.
    pub fn fall_behind(&self) -> io::Result<()> {
        self.ask("ALTER SYSTEM SET primary_conninfo = ''")?;
        self.reload_until("SELECT count(*) = 0 FROM pg_stat_wal_receiver")
    }

    /// Reads its settings again, and waits until they show.
    fn reload_until(&self, question: &str) -> io::Result<()> {
        self.ask("SELECT pg_reload_conf()")?;
        let patience = Stopwatch::start();
        while self.ask(question)? != "t" {
            if patience.elapsed() >= STARTS {
                return Err(io::ErrorKind::TimedOut.into());
            }
            pause(LOOK);
        }
        Ok(())
    }

    fn empty() -> io::Result<Self> {
        let programs = programs()?;
        let name: [u8; 8] = Entropy::system().bytes().map_err(io::Error::other)?;
        let folder = std::env::temp_dir().join(format!("cardwright-postgres-{}", hex::encode(&name)));
        fs::create_dir(&folder)?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let server = Self {
            folder,
            programs,
            port,
            fsync: false,
            child: None,
        };
        server.own(&server.folder)?;
        Ok(server)
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn own(&self, path: &Path) -> io::Result<()> {
        match server_user()? {
            Some((user, group)) => chown(path, Some(user), Some(group)),
            None => Ok(()),
        }
    }

    fn command(&self, program: &str) -> io::Result<Command> {
        let mut command = Command::new(self.programs.join(program));
        if let Some((user, group)) = server_user()? {
            command.uid(user).gid(group);
        }
        command.current_dir(&self.folder).stdin(Stdio::null());
        Ok(command)
    }

    fn run(&self, program: &str, arguments: impl FnOnce(&mut Command) -> &mut Command) -> io::Result<Output> {
        let told = arguments(&mut self.command(program)?).output()?;
        if told.status.success() {
            return Ok(told);
        }
        let why = String::from_utf8_lossy(&told.stderr).trim().to_owned();
        Err(io::Error::other(format!("{program}: {why}")))
    }

    fn spawn(&self) -> io::Result<Child> {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.join("log"))?;
        self.command("postgres")?
            .arg("-D")
            .arg(self.data())
            .args(["-c", "listen_addresses=127.0.0.1"])
            .args(["-c", &format!("fsync={}", self.fsync)])
            .args(["-c", &format!("port={}", self.port)])
            .args([
                "-c",
                &format!("unix_socket_directories={}", self.folder.display()),
            ])
            .stdout(Stdio::from(log.try_clone()?))
            .stderr(Stdio::from(log))
            .spawn()
    }

    fn answers(&self) -> bool {
        self.ask("SELECT 1").is_ok()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // SIGQUIT ends it and all its processes at once (its manual, "Shutting Down the Server").
            let process = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
            let asked = process.is_some_and(|process| kill_process(process, Signal::QUIT).is_ok());
            let patience = Stopwatch::start();
            while asked && matches!(child.try_wait(), Ok(None)) && patience.elapsed() < STARTS {
                pause(LOOK);
            }
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Where controllers find a server on this port.
#[must_use]
pub fn url(port: u16) -> String {
    format!("postgres://{USER}@127.0.0.1:{port}/postgres?sslmode=disable")
}

/// The newest version's programs.
fn programs() -> io::Result<PathBuf> {
    let missing = || io::Error::new(io::ErrorKind::NotFound, "apt-get install postgresql");
    let versions = fs::read_dir(VERSIONS).map_err(|_| missing())?;
    let version = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    versions
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join("bin/initdb").exists())
        .max_by_key(|path| version(path))
        .map(|path| path.join("bin"))
        .ok_or_else(missing)
}

/// Whom the server runs as, if that is somebody else.
fn server_user() -> io::Result<Option<(u32, u32)>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd")?;
    let ids = users.lines().find_map(|line| {
        let mut fields = line.strip_prefix("postgres:")?.split(':').skip(1);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    });
    let missing = || io::Error::new(io::ErrorKind::NotFound, "there is no user postgres");
    ids.map(Some).ok_or_else(missing)
}

#[cfg(test)]
mod tests;
