use proptest::prelude::*;

use super::*;

fn pack(name: &str) -> PackId {
    PackId::new(name)
}

fn machine() -> MachineId {
    MachineId::new("S01")
}

fn balanced() -> Balance {
    let mut balance = Balance::new();
    let (one, two) = (pack("P-100"), pack("P-101"));
    balance.open(&one, 200);
    balance.receive(&two, 500);
    balance.place(&one, Place::Feeder(machine()), 40);
    balance.place(&one, Place::Machine(machine()), 2);
    balance.place(&one, Place::Hopper(machine()), 8);
    balance.place(&one, Place::Boxed, 145);
    balance.place(&one, Place::Spoiled, 3);
    balance.place(&one, Place::Quarantined, 1);
    balance.place(&one, Place::Defective, 1);
    balance.place(&two, Place::Vault, 500);
    balance
}

#[test]
fn what_came_in_is_somewhere() {
    let balance = balanced();
    assert_eq!(balance.check(), []);
    let total = balance.total();
    assert_eq!((total.opening, total.received, total.placed()), (200, 500, 700));
}

#[test]
fn two_packs_mixed_up_do_not_cancel_out() {
    let mut balance = balanced();
    balance.place(&pack("P-100"), Place::Boxed, 1);
    balance
        .packs
        .get_mut(&pack("P-101"))
        .unwrap()
        .places
        .insert(Place::Vault, 499);
    assert_eq!(balance.total().came_in(), balance.total().placed());
    let words: Vec<String> = balance.check().iter().map(ToString::to_string).collect();
    assert_eq!(
        words,
        [
            "pack P-100: 1 blanks too many, 200 came in but 201 are counted",
            "pack P-101: 1 blanks missing, 500 came in, 499 are in a known place",
        ]
    );
}

#[test]
fn not_found_is_never_in_order_even_when_it_adds_up() {
    let mut balance = balanced();
    balance.open(&pack("P-100"), 1);
    balance.place(&pack("P-100"), Place::NotFound, 1);
    let found = balance.check();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].to_string(), "pack P-100: 1 blanks not found");
    assert_eq!(found[0].vi(), "gói P-100: 1 phôi không tìm thấy");
    assert_eq!(found[0].stops(), None);
}

#[test]
fn a_card_from_a_pack_that_never_came_in_is_surplus() {
    let mut balance = Balance::new();
    balance.place(&pack("P-9"), Place::Boxed, 1);
    assert!(matches!(balance.check()[..], [Discrepancy::Surplus { .. }]));
}

#[test]
fn a_print_too_many_stops_the_machine_and_nothing_else_does() {
    let meter = |after, jobs| Meter {
        machine: machine(),
        before: 1_000,
        after,
        jobs,
    };
    assert_eq!(check_meters(&[meter(1_050, 50)]), []);
    let found = check_meters(&[meter(1_051, 50), meter(1_049, 50), meter(999, 50)]);
    assert_eq!(found.len(), 3);
    assert_eq!(found[0].stops(), Some(&machine()));
    assert_eq!(
        found[0].to_string(),
        "machine S01: printed 51 times for 50 jobs; stop it"
    );
    assert_eq!((found[1].stops(), found[2].stops()), (None, None));
    assert!(matches!(found[2], Discrepancy::CounterWentBack { .. }));
}

#[test]
fn the_table_shows_packs_machines_and_the_verdict() {
    let text = balanced().table();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("Pack") && lines[1].starts_with("Gói"));
    let numbers: Vec<&str> = lines[3].split_whitespace().collect();
    assert_eq!(
        numbers,
        [
            "P-100", "200", "0", "0", "0", "40", "2", "8", "145", "3", "1", "0", "1", "0", "0", "0"
        ]
    );
    assert!(text.contains("S01            40          2        8"), "{text}");
    assert!(text.ends_with("\nBalanced. / Cân đối.\n"));

    let mut short = balanced();
    short.open(&pack("P-100"), 1);
    assert!(
        short
            .table()
            .contains("KHÔNG CÂN ĐỐI\n- pack P-100: 1 blanks missing")
    );
}

proptest! {
    /// Moving blanks about never changes the verdict; creating or losing one always does.
    #[test]
    fn only_creation_and_loss_are_discrepancies(
        moves in prop::collection::vec((0usize..12, 1u64..50), 1..20), lost in 0u64..3
    ) {
        let places = [
            Place::Vault, Place::Issued, Place::Feeder(machine()), Place::Machine(machine()),
            Place::Hopper(machine()), Place::Boxed, Place::Spoiled, Place::Quarantined, Place::Tests,
            Place::Defective, Place::Returned, Place::Destroyed,
        ];
        let mut balance = Balance::new();
        for (place, blanks) in &moves {
            balance.place(&pack("P"), places[*place].clone(), *blanks);
            balance.receive(&pack("P"), *blanks);
        }
        balance.receive(&pack("P"), lost);
        prop_assert_eq!(balance.check().is_empty(), lost == 0);
        let total = balance.total();
        prop_assert_eq!((0..PLACES).map(|column| total.in_column(column)).sum::<u128>(), total.placed());
    }
}
