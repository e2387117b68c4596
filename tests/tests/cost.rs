//! No script takes more than so much memory and work beyond what a usual one takes. Work is counted in instructions: a clock
//! says something else on each machine, and the counting takes fifty times as long as the work: scripts of 1 MiB are for the long form
//! (`cargo xtask test cost`), and in the ordinary run they are an eighth of that. The fuzz target `cost` looks for scripts that are worse than those of the list.

use std::process::Command;

use e2e::cost::{MAX, MORE_BYTES, MORE_WORK, unusual};

const COST: &str = env!("CARGO_BIN_EXE_cost-of");

fn memory(script: &str) -> i64 {
    let said = Command::new(COST).args(["memory", &MAX.to_string(), script]).output().expect("cost-of");
    assert!(said.status.success(), "{said:?}");
    String::from_utf8_lossy(&said.stdout).trim().parse().expect("a number of bytes")
}

/// Instructions that it takes to look through a script of so many bytes.
fn work(bytes: usize, script: &str) -> f64 {
    let said = Command::new("valgrind")
        .args([
            "--tool=callgrind",
            "--callgrind-out-file=/dev/null",
            "--toggle-collect=e2e::cost::look_through",
        ])
        .args([COST, "work", &bytes.to_string(), script])
        .output()
        .expect("valgrind");
    let told = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "{told}");
    let line = told.lines().find_map(|line| line.split_once("Collected : "));
    let count = line.and_then(|(_, number)| number.trim().parse().ok()).filter(|count| *count > 0.0);
    count.unwrap_or_else(|| panic!("no count in {told}"))
}

#[test]
fn no_script_takes_much_more_memory_than_a_usual_one() {
    let usual = memory("usual");
    let all: Vec<(i64, &str)> = unusual(MAX).into_iter().map(|(name, _)| (memory(name), name)).collect();
    let told: Vec<String> =
        all.iter().map(|(bytes, name)| format!("{:>6} KiB {name}", bytes >> 10)).collect();
    println!("{:>6} KiB usual\n{}", usual >> 10, told.join("\n"));
    let worst = all.iter().max().expect("scripts");
    assert!(worst.0 <= usual + MORE_BYTES, "{worst:?}, and a usual one takes {usual}");
}

#[test]
fn no_script_takes_much_more_work_than_a_usual_one() {
    let is_long = std::env::var_os("SCRIPTWATCH_TEST_CHAOS").is_some_and(|form| form == "long");
    let bytes = if is_long { MAX } else { MAX / 8 };
    let names: Vec<&str> = std::iter::once("usual").chain(unusual(bytes).into_iter().map(|s| s.0)).collect();
    // One on each of two processors.
    let counts: Vec<(f64, &str)> = std::thread::scope(|scope| {
        let each = |half: Vec<&'static str>| half.into_iter().map(|name| (work(bytes, name), name)).collect();
        let (one, other): (Vec<_>, Vec<_>) =
            names.chunks(2).map(|pair| (pair[0], pair.get(1).copied())).unzip();
        let other = scope.spawn(move || -> Vec<_> { each(other.into_iter().flatten().collect()) });
        let mut counts: Vec<_> = each(one);
        counts.extend(other.join().expect("counts"));
        counts
    });
    let usual = counts[0].0;
    for (count, name) in &counts {
        println!("{:>5.2} {name}", count / usual);
    }
    let worst = counts.iter().max_by(|a, b| a.0.total_cmp(&b.0)).expect("scripts");
    assert!(worst.0 <= usual * (1.0 + MORE_WORK), "{worst:?}, and a usual one takes {usual}");
}
