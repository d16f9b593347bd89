//! No picture of this program's memory is left behind on a disk: it would hold people's data and keys of theirs.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

use crate::base::Mode;

/// No core files, of this process and of all that it starts. A system that refuses is told of, and not obeyed: cards
/// are made all the same, as they were before.
pub(super) fn forbid() {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    if let Err(error) = setrlimit(Resource::Core, none) {
        eprintln!("core files cannot be forbidden: {error}");
    }
}

/// In production nobody of the same user may look into this process either: not a debugger, and not a collector of
/// crashes, which the limit of core files does not bind. A rehearsal's people are invented, and its memory is searched.
pub(super) fn close(mode: Mode) {
    if mode != Mode::Production {
        return;
    }
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!("the process stays open to debuggers: {error}");
    }
}
