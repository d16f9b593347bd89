//! Where the PKCS#11 library lies.

use std::path::{Path, PathBuf};

use super::fault;
use crate::base::Fault;

/// The name that stands for the simulated HSM.
pub const SIMULATOR: &str = "hsm-sim";
/// Its file.
const LIBRARY: &str = "libhsm_sim.so";

/// Does this setting mean the simulator, by its name or by its file? (What the token says of itself counts too.)
pub(super) fn is_simulator(module: &str) -> bool {
    module == SIMULATOR || Path::new(module).file_name().is_some_and(|name| name == LIBRARY)
}

/// The library's path. The simulator is looked for where cargo puts it (beside the program, or in `deps` when only
/// tests were built: whichever is newer) and where a package installs it.
pub(super) fn resolve(module: &str, folder: &Path) -> Result<PathBuf, Fault> {
    if module != SIMULATOR {
        return Ok(folder.join(module));
    }
    let missing = |detail: String| Fault::new(&fault::NO_SIMULATOR, detail);
    let program = std::env::current_exe().map_err(|error| missing(error.to_string()))?;
    let beside = program.parent().unwrap_or_else(|| Path::new("/"));
    let built = [LIBRARY, "deps/libhsm_sim.so"]
        .into_iter()
        .filter_map(|place| {
            let path = beside.join(place);
            let made = path.metadata().and_then(|file| file.modified()).ok()?;
            Some((made, path))
        })
        .max();
    let installed = || Some(beside.join("../lib/cardwright").join(LIBRARY)).filter(|path| path.is_file());
    built
        .map(|(_, path)| path)
        .or_else(installed)
        .ok_or_else(|| missing(beside.display().to_string()))
}
