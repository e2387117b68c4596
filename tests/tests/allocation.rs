//! Judging a harmless script allocates nothing once the buffers have grown and the cache is full.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use e2e::daemon::bin;
use verdict::{Judge, OperatingPoint};

/// The system's allocator, counting what a thread asks of it. ONNX Runtime is C++ and has its own: it is not counted.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator as it came; the counter has no destructor and allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A harmless script of some length, different for each `seed`. It holds codes and encoded text; what looks only a little suspicious is
/// followed, and that allocates.
fn script(lines: usize, seed: usize) -> String {
    const LINES: [&str; 6] = [
        "if [ ! -d /var/lib/app ]; then mkdir -p /var/lib/app; fi",
        "tar czf \"/backup/app-$(date +%F).tar.gz\" /etc/app ${DATA:-/var/lib/app}",
        "level=info; name=app; echo \"${name} at $level\" >&2",
        "find /var/log/app -name '*.log' -mtime +7 -delete",
        "printf '\\033[32mdone\\x1b[0m\\n'",
        "test \"$(echo YXBwCg== | base64 --decode)\" = app",
    ];
    let body: Vec<&str> = (0..lines).map(|i| LINES[(seed + i * 5) % LINES.len()]).collect();
    format!("#!/bin/bash\nset -eu\nexport RUN={seed}\n{}\n", body.join("\n"))
}

/// Scripts judged before anything is counted.
const WARM: usize = 40_000;

#[test]
fn a_harmless_script_costs_no_allocation() {
    let (library, model) = (bin().join("libonnxruntime.so"), bin().join("script.onnx"));
    let mut judge = Judge::load(&library, &model, OperatingPoint::Balanced, None).expect("a judge");
    // The cache has room for 16,384, and its table grows once more when enough were thrown out.
    for seed in 0..WARM {
        judge.judge(script(1, seed).as_bytes(), false).expect("a verdict");
    }
    for seed in 0..40 {
        judge.judge(script(600, WARM + seed).as_bytes(), false).expect("a verdict");
    }
    for lines in [1, 5, 40, 200, 590] {
        for seed in 0..40 {
            let text = script(lines, 2 * WARM + 100 * lines + seed);
            let before = ALLOCATIONS.get();
            let verdict = judge.judge(text.as_bytes(), false).expect("a verdict");
            let after = ALLOCATIONS.get();
            assert!(!verdict.malicious, "{} of {text}", verdict.score);
            assert_eq!(after - before, 0, "{lines} lines, seed {seed}");
            // And the same again, out of the cache.
            judge.judge(text.as_bytes(), false).expect("a verdict");
            assert_eq!(ALLOCATIONS.get(), after);
        }
    }
    let (hits, misses) = judge.hits_and_misses();
    assert_eq!((hits, misses), (200, WARM as u64 + 40 + 200));
}
