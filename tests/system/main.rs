<<<<<<< HEAD
//! Tests of the whole house, in one binary.

mod house;
=======
//! System tests: the real doors, against real processes, files and libraries.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test says what failed by failing"
)]

mod hsm;
>>>>>>> h-hsm
