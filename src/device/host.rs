//! The host, as Linux tells of it: `statvfs(3)`, `proc(5)` and the controllers of `cgroups(7)`, version 2.

use std::fs::read_to_string;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use procfs::process::Process;
use procfs::{Current, Meminfo, ProcError};
use rustix::process::{Resource, getrlimit};
use tokio::sync::{mpsc, oneshot};

use crate::base::Fault;
use crate::port::{Host, Left};

crate::fault_codes! {
    /// The system does not say what is left.
    UNKNOWN = "HOST-001", Operator, true,
        "the system does not say how much disk or memory is left",
        "hệ thống không cho biết còn bao nhiêu đĩa hoặc bộ nhớ",
        "See that the facility's disks are mounted and /proc can be read.",
        "Kiểm tra các đĩa của cơ sở đã được gắn và đọc được /proc.";
}

/// Machines and dossiers that ask at a time; more wait.
const QUESTIONS: usize = 16;
/// Where the controllers of control groups lie.
const CONTROL_GROUPS: &str = "/sys/fs/cgroup";

/// Who asks, and where the answer goes.
type Question = oneshot::Sender<Result<Left, Fault>>;

/// The computer that this program runs on. A thread of its own looks: a disk on a network may let it wait.
#[derive(Debug)]
pub struct LinuxHost {
    questions: mpsc::Sender<Question>,
}

impl LinuxHost {
    /// The host, whose disks are those under these folders.
    ///
    /// # Errors
    /// `HOST-001` if the system has no thread left.
    pub fn new(folders: Vec<PathBuf>) -> Result<Self, Fault> {
        let (questions, mut asked) = mpsc::channel::<Question>(QUESTIONS);
        std::thread::Builder::new()
            .name("host".to_owned())
            .spawn(move || {
                while let Some(question) = asked.blocking_recv() {
                    // Who does not wait any more needs no answer.
                    let _ = question.send(look(&folders));
                }
            })
            .map_err(|error| unknown(&error))?;
        Ok(Self { questions })
    }
}

#[async_trait]
impl Host for LinuxHost {
    async fn left(&self) -> Result<Left, Fault> {
        let (question, answer) = oneshot::channel();
        let asked = self.questions.send(question).await;
        asked.map_err(|error| unknown(&error))?;
        answer.await.map_err(|error| unknown(&error))?
    }
}

fn look(folders: &[PathBuf]) -> Result<Left, Fault> {
    let disks: Result<Vec<u64>, Fault> = folders.iter().map(|folder| disk_left(folder)).collect();
    Ok(Left {
        disk: disks?.into_iter().min().unwrap_or(u64::MAX),
        memory: memory_left().map_err(|error| unknown(&error))?,
        handles: handles_left().map_err(|error| unknown(&error))?,
    })
}

/// Bytes of the disk under a folder, or under the nearest one above it that is there, that this user may fill.
///
/// # Errors
/// `HOST-001`.
pub fn disk_left(folder: &Path) -> Result<u64, Fault> {
    let existing = folder
        .ancestors()
        .find(|path| path.exists())
        .unwrap_or_else(|| Path::new("."));
    let found = rustix::fs::statvfs(existing)
        .map_err(|error| Fault::new(&UNKNOWN, format!("{}: {error}", existing.display())))?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// What the system, the control groups and the process's own limit leave, whichever is least.
fn memory_left() -> Result<u64, ProcError> {
    let meminfo = Meminfo::current()?;
    let system = meminfo.mem_available.unwrap_or(meminfo.mem_free);
    let space = getrlimit(Resource::As).current;
    let used = Process::myself()?.stat()?.vsize;
    let own = space.map_or(u64::MAX, |most| most.saturating_sub(used));
    Ok(system.min(own).min(groups_left()?))
}

/// The least that the control groups leave in which this process is, from its own upwards.
fn groups_left() -> Result<u64, ProcError> {
    let groups = Process::myself()?.cgroups()?;
    // The one hierarchy of version 2 has number 0.
    let own = groups.into_iter().find(|group| group.hierarchy == 0);
    let path = own.map(|group| group.pathname).unwrap_or_default();
    let above = Path::new(&path).ancestors().map(|group| {
        let folder = Path::new(CONTROL_GROUPS).join(group.strip_prefix("/").unwrap_or(group));
        group_left(&folder)
    });
    Ok(above.flatten().min().unwrap_or(u64::MAX))
}

/// What one control group leaves, if it has a limit. Pages of files that nobody uses at the moment count as free: the
/// system takes them back before it refuses anything.
fn group_left(folder: &Path) -> Option<u64> {
    let number = |file: &str| read_to_string(folder.join(file)).ok()?.trim().parse::<u64>().ok();
    let (most, used) = (number("memory.max")?, number("memory.current")?);
    let stat = read_to_string(folder.join("memory.stat")).ok()?;
    let idle = stat
        .lines()
        .find_map(|line| line.strip_prefix("inactive_file "))?;
    let idle: u64 = idle.trim().parse().ok()?;
    Some(most.saturating_sub(used.saturating_sub(idle)))
}

fn handles_left() -> Result<u64, ProcError> {
    let open = u64::try_from(Process::myself()?.fd_count()?).unwrap_or(u64::MAX);
    let most = getrlimit(Resource::Nofile).current;
    Ok(most.map_or(u64::MAX, |most| most.saturating_sub(open)))
}

fn unknown(error: &dyn std::error::Error) -> Fault {
    Fault::new(&UNKNOWN, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn this_computer_tells_what_it_has_left() {
        let dir = tempfile::tempdir().unwrap();
        let host = LinuxHost::new(vec![dir.path().join("not/yet/there")]).unwrap();
        let left = host.left().await.unwrap();
        assert!(left.disk > 1 << 20 && left.disk < 1 << 60, "{left:?}");
        assert!(left.memory > 1 << 20 && left.memory < 1 << 60, "{left:?}");
        assert!(left.handles > 16, "{left:?}");
    }

    #[test]
    fn a_control_group_counts_idle_pages_of_files_as_free() {
        let dir = tempfile::tempdir().unwrap();
        let tell = |file: &str, text: &str| std::fs::write(dir.path().join(file), text).unwrap();
        tell("memory.max", "max\n");
        tell("memory.current", "900\n");
        tell(
            "memory.stat",
            "anon 200\nfile 700\ninactive_file 600\nactive_file 100\n",
        );
        assert_eq!(group_left(dir.path()), None);
        tell("memory.max", "1000\n");
        assert_eq!(group_left(dir.path()), Some(700));
        assert_eq!(group_left(&dir.path().join("none")), None);
    }
}
