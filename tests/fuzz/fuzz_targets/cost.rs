//! A script of up to 1 MiB, put together from few bytes by repeating, nesting and encoding: to look through it takes at most 48 MiB
//! more than its normal memory, and 100 ms more than its normal time. (The most that was found is 42 MiB: a text of words of one
//! letter, of which there are five times as many as in others.)
//!
//! What is normal is measured first, by the same build, so that the bounds hold with instrumentation and on any machine. The model's
//! own time is not in it: it is bounded by the number of windows, which is looked at.
#![no_main]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::{Cell, RefCell},
    io::Write,
    sync::LazyLock,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use behaviour::Behaviour;
use flate2::{Compression, write::GzEncoder};
use libfuzzer_sys::fuzz_target;
use verdict::features::Extractor;

const MAX: usize = 1 << 20;
/// Memory that an unusual script may take on top.
const MORE_BYTES: i64 = 48 << 20;
/// Time that it may take on top, as a share of what a normal script of 1 MiB takes: 100 ms of 60 without instrumentation.
const MORE_TIME: f64 = 100.0 / 60.0;
/// A time that is too long is measured again: the machine may have been busy.
const TRIES: usize = 4;

/// The system's allocator; what this thread holds now, and held at most since it was asked.
struct Counting;

thread_local! {
    static HELD: Cell<(i64, i64)> = const { Cell::new((0, 0)) };
    static EXTRACTOR: RefCell<Extractor> = RefCell::default();
}

fn account(bytes: i64) {
    let (held, most) = HELD.get();
    let held = held + bytes;
    HELD.set((held, most.max(held)));
}

// SAFETY: every call goes to the system's allocator as it came; the counter has no destructor and allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        account(layout.size() as i64);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        account(-(layout.size() as i64));
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both are there while it is copied.
        account(size as i64);
        // SAFETY: the caller's promise.
        let at = unsafe { System.realloc(at, layout, size) };
        account(-(layout.size() as i64));
        at
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What it took to look through a script.
#[derive(Clone, Copy, Debug)]
struct Cost {
    seconds: f64,
    bytes: i64,
    windows: usize,
}

/// Seconds of a processor that this thread has had.
fn processor_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the structure is there for the call.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn cost(script: &[u8]) -> Cost {
    // Its buffers are part of what a script takes.
    EXTRACTOR.take();
    let before = HELD.get().0;
    HELD.set((before, before));
    let begun = processor_seconds();
    let windows = EXTRACTOR.with_borrow_mut(|extractor| {
        extractor.extract(script);
        (0..extractor.windows()).for_each(|window| drop(extractor.window(window).len()));
        (0..extractor.passages()).for_each(|passage| drop(extractor.passage(passage).len()));
        extractor.windows()
    });
    drop(Behaviour::of(script));
    Cost { seconds: processor_seconds() - begun, bytes: HELD.get().1 - before, windows }
}

/// What a harmless script of 1 MiB takes.
static NORMAL: LazyLock<Cost> = LazyLock::new(|| {
    const LINES: [&str; 4] = [
        "if [ ! -d /var/lib/app ]; then mkdir -p /var/lib/app; fi\n",
        "tar czf \"/backup/app-$(date +%F).tar.gz\" /etc/app ${DATA:-/var/lib/app}\n",
        "level=info; name=app; echo \"${name} at $level\" >&2\n",
        "find /var/log/app -name '*.log' -mtime +7 -delete\n",
    ];
    let script: String = LINES.iter().cycle().take(MAX / 55).copied().collect();
    let costs: Vec<Cost> = (0..TRIES).map(|_| cost(script.as_bytes())).collect();
    let seconds = costs.iter().map(|cost| cost.seconds).fold(f64::INFINITY, f64::min);
    Cost { seconds, ..costs[0] }
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
            3 => {
                let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
                let _ = packed.write_all(&top);
                BASE64_STANDARD.encode(packed.finish().unwrap_or_default()).into_bytes()
            }
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
    let may_take = (NORMAL.bytes as f64 * share) as i64 + MORE_BYTES;
    let may_last = NORMAL.seconds * (share + MORE_TIME);
    let mut last = cost(&script);
    for _ in 1..TRIES {
        if last.seconds <= may_last {
            break;
        }
        let again = cost(&script);
        last.seconds = last.seconds.min(again.seconds);
    }
    assert!(last.bytes <= may_take, "{last:?}, and {may_take} bytes are allowed");
    assert!(last.seconds <= may_last, "{last:?}, and {may_last} s are allowed");
});
