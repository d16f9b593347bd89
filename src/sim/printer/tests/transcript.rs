//! Every byte of one whole card, as a person can read it: `src/printer/transcripts/one-card.txt`.

use super::bench::{Bench, faces};
use crate::printer::{Connect, Model, Outlet};

#[test]
fn one_card_byte_by_byte() {
    let (front, back) = faces();
    let mut bench = Bench::new(Model::default(), 1);
    bench.run(Connect::new(&bench.model)).unwrap();
    bench.counters().unwrap();
    bench.feed().unwrap();
    bench.print(&front, Some(&back)).unwrap();
    bench.counters().unwrap();
    bench.deliver(Outlet::Good).unwrap();
    let golden: Vec<_> = include_str!("../../../printer/transcripts/one-card.txt")
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    let said: Vec<_> = bench.log.lines().collect();
    assert!(
        said == golden,
        "the printer was told something else:\n{}",
        bench.log
    );
}
