//! The `cardwright` command.

use std::alloc::System;
use std::process::ExitCode;

use zeroizing_alloc::ZeroAlloc;

/// Whatever is let go is overwritten: people's data passes through parsers, compressors and runtimes that keep no count
/// of their copies (law 10). `tests/system/canaries.rs` searches the memory of a running controller.
#[global_allocator]
static HEAP: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    cardwright::cli::main()
}
