//! The hall's process. It outlives a controller that dies: the next one finds it and goes on in it.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::base::Clock;
use crate::sim::hall;

/// How often the hall is asked whether it is ready, or gone.
const TICK: Duration = Duration::from_millis(20);
/// So many times.
const TICKS: u32 = 500;

/// A running hall; it ends in order when this is dropped.
pub(in crate::cli) struct Hall {
    pid: Pid,
    /// None if another controller started it.
    child: Option<Child>,
}

impl Hall {
    /// Finds the hall that is running in this folder, or starts it.
    pub(in crate::cli) async fn enter(dir: &Path, clock: Clock) -> anyhow::Result<Self> {
        if let Some(pid) = running(dir) {
            return Ok(Self { pid, child: None });
        }
        let program = std::env::current_exe()?;
        // A group of its own: Ctrl-C is for the controller, which finishes its cards in this hall first.
        let mut child = Command::new(program)
            .args(["sim", "hall"])
            .arg(dir)
            .stdin(Stdio::null())
            // It outlives us: whoever reads what we say must not wait for its end.
            .stdout(Stdio::null())
            .process_group(0)
            .spawn()
            .context("the hall's process does not start")?;
        let started = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let pid = started.context("the hall's process has no number")?;
        for _ in 0..TICKS {
            if running(dir) == Some(pid) {
                return Ok(Self {
                    pid,
                    child: Some(child),
                });
            }
            if let Some(status) = child.try_wait()? {
                bail!("the hall ended at once: {status}");
            }
            clock.sleep(TICK).await;
        }
        bail!("the hall is not ready after {} s", (TICK * TICKS).as_secs())
    }
}

impl Hall {
    /// Goes without ending it, if it was here before.
    pub(in crate::cli) fn leave(self) {
        if self.child.is_none() {
            std::mem::forget(self);
        }
    }

    /// The number of its process.
    pub(in crate::cli) fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }
}

impl Drop for Hall {
    fn drop(&mut self) {
        // SIGTERM lets it write its books; nothing more can be done here if that fails.
        let _ = kill_process(self.pid, Signal::TERM);
        if let Some(child) = &mut self.child {
            let _ = child.wait();
        }
    }
}

/// The process that runs the hall in this folder and is ready.
fn running(dir: &Path) -> Option<Pid> {
    Pid::from_raw(i32::try_from(hall::running(dir)?).ok()?)
}
