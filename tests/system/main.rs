//! System tests: the real doors, against real processes, files and libraries.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test says what failed by failing"
)]

mod hsm;
