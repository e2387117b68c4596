//! No script of 1 MiB takes more than so much memory and work beyond what a usual one takes. Work is counted in instructions: a clock
//! says something else on each machine. The fuzz target `cost` looks for scripts that are worse than those of the list.

use std::process::Command;

use e2e::cost::{MORE_BYTES, MORE_WORK, unusual};

const COST: &str = env!("CARGO_BIN_EXE_cost");

fn memory(script: &str) -> i64 {
    let said = Command::new(COST).args(["memory", script]).output().expect("cost");
    assert!(said.status.success(), "{said:?}");
    String::from_utf8_lossy(&said.stdout).trim().parse().expect("a number of bytes")
}

/// Instructions of a whole run.
fn instructions(what: &str, script: &str) -> f64 {
    let said = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", COST, what, script])
        .output()
        .expect("valgrind");
    let told = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "{told}");
    let line = told.lines().find_map(|line| line.split_once("Collected : "));
    line.and_then(|(_, number)| number.trim().parse().ok()).unwrap_or_else(|| panic!("no count in {told}"))
}

fn work(script: &str) -> f64 {
    instructions("work", script) - instructions("nothing", script)
}

#[test]
fn no_script_takes_much_more_memory_than_a_usual_one() {
    let usual = memory("usual");
    let all: Vec<(i64, &str)> = unusual().into_iter().map(|(name, _)| (memory(name), name)).collect();
    let told: Vec<String> =
        all.iter().map(|(bytes, name)| format!("{:>6} KiB {name}", bytes >> 10)).collect();
    println!("{:>6} KiB usual\n{}", usual >> 10, told.join("\n"));
    let worst = all.iter().max().expect("scripts");
    assert!(worst.0 <= usual + MORE_BYTES, "{worst:?}, and a usual one takes {usual}");
}

#[test]
fn no_script_takes_much_more_work_than_a_usual_one() {
    let usual = work("usual");
    let mut worst = (0.0, "");
    for (name, _) in unusual() {
        let share = work(name) / usual;
        println!("{share:>5.2} {name}");
        if share > worst.0 {
            worst = (share, name);
        }
    }
    assert!(worst.0 <= 1.0 + MORE_WORK, "{worst:?} of {usual} instructions");
}
