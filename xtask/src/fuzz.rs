//! `cargo xtask fuzz`: coverage-guided fuzzing of what takes hostile bytes.

use std::process::Command;

use anyhow::{Context, ensure};

use crate::{
    layout::{cargo, root, target},
    setup::packages,
    step,
};

/// The targets, in `tests/fuzz/fuzz_targets`.
const TARGETS: [&str; 5] = ["event_decoder", "reassembler", "features", "behaviour", "cost"];
/// Version of cargo-fuzz that is installed where there is none.
const VERSION: &str = "0.13.2";

/// Runs one target, or each of them, for this many seconds.
pub(crate) fn run(only: Option<&str>, seconds: u32) -> anyhow::Result<()> {
    if let Some(name) = only {
        ensure!(TARGETS.contains(&name), "no fuzz target named {name:?}: there are {}", TARGETS.join(", "));
    }
    if !packages::has("cargo-fuzz") {
        let mut install = Command::new(cargo());
        install.args(["install", "cargo-fuzz", "--version", VERSION, "--locked"]);
        step::run(&format!("installing cargo-fuzz {VERSION}, about a minute"), &mut install)?;
    }
    for name in TARGETS.into_iter().filter(|name| only.is_none_or(|o| o == *name)) {
        let corpus = target().join("fuzz-corpus").join(name);
        std::fs::create_dir_all(&corpus).with_context(|| format!("{}", corpus.display()))?;
        // A recipe of some bytes makes a script of a MiB.
        let length: &[&str] =
            if name == "cost" { &["-max_len=256", "-len_control=0"] } else { &["-max_len=65536"] };
        let mut fuzz = Command::new(cargo());
        fuzz.current_dir(root().join("tests/fuzz"))
            // Coverage works on stable; the address sanitizer would want nightly, and this is safe Rust.
            .args(["fuzz", "run", "--fuzz-dir", ".", "--sanitizer", "none", "--target-dir"])
            .arg(target().join("fuzz"))
            .arg(name)
            .arg(&corpus)
            .args(["--", &format!("-max_total_time={seconds}"), "-timeout=10", "-print_final_stats=1"])
            .args(length)
            .env("RUSTC_BOOTSTRAP", "1");
        step::show(&format!("fuzzing {name} for {seconds} s"), &mut fuzz)?;
    }
    Ok(())
}
