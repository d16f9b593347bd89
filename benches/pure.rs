//! `cargo bench`: what one card costs in the rooms without I/O. The line, the HSM and their figures: `make bench`.

use std::process::ExitCode;

use cardwright::cli::bench::{Times, Verb, main as bench};

const TIMES: Times = Times {
    seconds: 2,
    json: false,
};

fn main() -> ExitCode {
    let outcome = bench(Verb::Face(TIMES)).and(bench(Verb::ChipData(TIMES)));
    match outcome {
        Ok(_) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
