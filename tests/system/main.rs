//! System tests: the real doors, against real processes, files and libraries.

mod hsm;
