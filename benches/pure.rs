//! `cargo bench`: what one card costs in the rooms without I/O. The line, the HSM and their figures: `make bench`.

use std::process::ExitCode;

use cardwright::cli::bench::{Times, Verb, main as bench};

const TIMES: Times = Times {
    seconds: 2,
    json: false,
};

fn main() -> ExitCode {
    for verb in [Verb::Face(TIMES), Verb::ChipData(TIMES)] {
        if bench(verb).is_err() {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
