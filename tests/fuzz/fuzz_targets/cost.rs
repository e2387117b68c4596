//! A script of up to 1 MiB, put together from few bytes by repeating, nesting and encoding: to look through it takes at most 16 MiB
//! more than the memory of a usual one, and 2.35 times its time.
//!
//! What is usual is measured first, by the same build, so that the bounds hold with instrumentation and on any machine. What is found
//! goes into the list of `tests/src/cost.rs`, whose work is counted in instructions.
#![no_main]

#[expect(dead_code, reason = "the list of scripts is for the test")]
#[path = "../../src/cost.rs"]
mod cost;

use std::sync::LazyLock;

use base64::{Engine, prelude::BASE64_STANDARD};
use cost::{Counting, MAX, MORE_BYTES, MORE_WORK};
use libfuzzer_sys::fuzz_target;

/// A time that is too long is measured again: the machine may have been busy.
const TRIES: usize = 4;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Seconds of a processor that this thread has had.
fn processor_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the structure is there for the call.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Memory and time that it took to look through a script.
fn look_through(script: &[u8]) -> (i64, f64) {
    let begun = processor_seconds();
    let bytes = cost::memory(script);
    (bytes, processor_seconds() - begun)
}

/// What a usual script of 1 MiB takes.
static USUAL: LazyLock<(i64, f64)> = LazyLock::new(|| {
    let script = cost::usual(MAX);
    let costs: Vec<(i64, f64)> = (0..TRIES).map(|_| look_through(&script)).collect();
    (costs[0].0, costs.iter().map(|cost| cost.1).fold(f64::INFINITY, f64::min))
});

/// What goes around a text.
const WRAPS: [(&str, &str); 8] = [
    ("echo ", " | base64 -d | sh\n"),
    ("eval \"$(echo ", " | base64 -d | gunzip)\"\n"),
    ("$(", ")"),
    ("`", "`"),
    ("bash -c '", "'\n"),
    ("cat <<A | sh\n", "\nA\n"),
    ("x=", "; eval $x\n"),
    ("for i in 1 2 3; do ", "; done\n"),
];

/// Puts a script together.
fn assemble(recipe: &[u8]) -> Vec<u8> {
    let mut bytes = recipe.iter().copied();
    let mut stack: Vec<Vec<u8>> = Vec::new();
    while let Some(step) = bytes.next() {
        let argument = bytes.next().unwrap_or_default();
        let top = stack.pop().unwrap_or_default();
        let made = match step % 8 {
            0 => {
                stack.push(top);
                bytes.by_ref().take(usize::from(argument % 64)).collect()
            }
            1 => top.repeat((1usize << (argument % 16)).min(MAX / top.len().max(1))),
            2 => BASE64_STANDARD.encode(&top).into_bytes(),
            3 => cost::packed(&top),
            4 => top.iter().take(MAX / 4).flat_map(|b| format!("\\x{b:02x}").into_bytes()).collect(),
            5 | 6 => {
                let (before, after) = WRAPS[usize::from(argument) % WRAPS.len()];
                [before.as_bytes(), &top, after.as_bytes()].concat()
            }
            _ => [stack.pop().unwrap_or_default(), top].concat(),
        };
        stack.push(made);
        stack.iter_mut().for_each(|text| text.truncate(MAX));
        stack.truncate(8);
    }
    let mut script = stack.concat();
    script.truncate(MAX);
    script
}

fuzz_target!(|recipe: &[u8]| {
    let recipe = &recipe[..recipe.len().min(512)];
    let script = assemble(recipe);
    let share = script.len() as f64 / MAX as f64;
    let (usual_bytes, usual_seconds) = *USUAL;
    let may_take = (usual_bytes as f64 * share) as i64 + MORE_BYTES;
    let may_last = usual_seconds * (share + MORE_WORK);
    let (bytes, mut seconds) = look_through(&script);
    for _ in 1..TRIES {
        if seconds > may_last {
            seconds = seconds.min(look_through(&script).1);
        }
    }
    assert!(bytes <= may_take, "{bytes} bytes, and {may_take} are allowed");
    assert!(seconds <= may_last, "{seconds} s, and {may_last} are allowed");
});
