//! What it takes to look through a script: memory, and work. The model's own work is not in it: it is bounded by the number of
//! windows. The fuzz target `cost` uses this file, too, so it knows nothing of the others.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::{Cell, RefCell},
    fmt::Write as _,
    io::Write as _,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use behaviour::Behaviour;
use flate2::{Compression, write::GzEncoder};
use verdict::features::{Extractor, Passage};

/// The longest script that is judged in one piece.
pub const MAX: usize = 1 << 20;
/// Memory that an unusual script of that length may take on top of what a usual one does, bytes.
pub const MORE_BYTES: i64 = 16 << 20;
/// Work that it may take on top, as a share of a usual one's, for which a core takes 80 to 90 ms: 100 ms.
pub const MORE_WORK: f64 = 1.18;

/// The system's allocator; what this thread holds now, and held at most since it was asked.
pub struct Counting;

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

/// Looks through a script as the judge does; returns how much memory was held at most, bytes. [`Counting`] must be the allocator.
pub fn memory(script: &[u8]) -> i64 {
    // Its buffers are part of what a script takes.
    EXTRACTOR.take();
    let before = HELD.get().0;
    HELD.set((before, before));
    look_through(script);
    let most = HELD.get().1 - before;
    EXTRACTOR.take();
    most
}

/// Features of each window in turn, then those of the passages of two, and what the script does. Not inlined: callgrind counts what
/// is between its beginning and its end.
#[inline(never)]
pub fn look_through(script: &[u8]) {
    EXTRACTOR.with_borrow_mut(|extractor| {
        extractor.extract(script);
        let windows = extractor.windows();
        for window in 0..windows {
            extractor.window(window);
        }
        for window in [0, windows / 2] {
            let near: Vec<Passage> = extractor.passages_of(window).collect();
            for passage in near {
                extractor.passage(passage);
            }
        }
    });
    drop(Behaviour::of(script));
}

/// A harmless script of so many bytes.
pub fn usual(bytes: usize) -> Vec<u8> {
    const LINES: &str = "if [ ! -d /var/lib/app ]; then mkdir -p /var/lib/app; fi\n\
        tar czf \"/backup/app-$(date +%F).tar.gz\" /etc/app ${DATA:-/var/lib/app}\n\
        level=info; name=app; echo \"${name} at $level\" >&2\n\
        find /var/log/app -name '*.log' -mtime +7 -delete\n";
    filled(LINES, bytes)
}

fn filled(line: &str, bytes: usize) -> Vec<u8> {
    line.bytes().cycle().take(bytes).collect()
}

/// Text, compressed and encoded.
pub fn packed(text: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    // Writing into a vector does not fail.
    let _ = packed.write_all(text);
    BASE64_STANDARD.encode(packed.finish().unwrap_or_default()).into_bytes()
}

/// Unusual scripts of so many bytes, each of which is the worst in some way, by name.
pub fn unusual(bytes: usize) -> Vec<(&'static str, Vec<u8>)> {
    let half = bytes / 2;
    let layers = |depth: usize| {
        let mut text = usual(bytes * 27 / 64);
        for _ in 0..depth {
            text = BASE64_STANDARD.encode(&text).into_bytes();
            text.truncate(bytes - 32);
        }
        [b"echo ", &text[..], b" | base64 -d | sh"].concat()
    };
    let bomb = [packed(&b"a b\n".repeat(60_000)), b" ".to_vec()].concat();
    let mut codes = String::new();
    for byte in usual(bytes / 4) {
        // Writing into a string does not fail.
        let _ = write!(codes, "{byte:02x} ");
    }
    vec![
        ("words of one letter", filled("a ", bytes)),
        ("lines of one letter", filled("a\n", bytes)),
        ("commands of one letter", filled("a;", bytes)),
        ("commands of one letter, and twice by ROT13", {
            [b"n-za-m ".to_vec(), filled("a;", bytes - 8)].concat()
        }),
        ("words of one letter, and twice by ROT13", [b"n-za-m ".to_vec(), filled("a ", bytes - 8)].concat()),
        ("words of one letter, and twice by reversal", {
            let quoted = format!("'{}' ", "a ".repeat(16_000));
            [b"rev ".to_vec(), filled(&quoted, bytes - 8)].concat()
        }),
        ("blanks in quotes", filled("' ' ", bytes)),
        ("operators in quotes", filled("\"| ; \" ", bytes)),
        ("letters behind backslashes", filled("\\a\\b\\c ", bytes)),
        ("letters behind NULs", filled("a\0 \0", bytes)),
        ("values", format!("u={}\n{}", "v ".repeat(120), "$u ".repeat(bytes / 3 - 90)).into_bytes()),
        ("values of one letter", [b"a=b\n".to_vec(), filled("$a ", bytes - 4)].concat()),
        ("base64", layers(1)),
        ("base64 in base64 in base64", layers(3)),
        ("bombs", bomb.iter().copied().cycle().take(bytes).collect()),
        // Nothing comes out of empty blocks.
        ("empty blocks", {
            let blocks = [0x02, 0x08, 0x20, 0x80, 0x00].repeat(bytes * 3 / 20);
            let stream = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], &blocks].concat();
            [b"echo ", BASE64_STANDARD.encode(stream).as_bytes()].concat()[..bytes].to_vec()
        }),
        ("streams begun", filled("H4sIAAAAAAAAAAAAAAAAAAAAAAAA ", bytes)),
        ("codes", codes.into_bytes()),
        ("code of many digits", filled(&format!("{}{} ", "12,".repeat(11), "1".repeat(60_000)), bytes)),
        ("words about many things", {
            let word = "7z/dd/kill/auth/trap/sshd/runc/hping ";
            filled(&format!("{}\n", word.repeat(25)), bytes)
        }),
        ("values by ROT13", {
            let head = format!("n-za-m\nu={}\n{}", ".,".repeat(128), "$u ".repeat(bytes / 240));
            [head.as_bytes(), &filled(".|", bytes - head.len())].concat()
        }),
        ("pieces of an array", {
            let head = format!("{}x=({}b)\n", "a;".repeat(19_900), "b''".repeat(29_000));
            let head = head.into_bytes().into_iter().take(bytes).collect::<Vec<u8>>();
            let tail = filled("\\\0a\0", bytes - head.len());
            [head, tail].concat()
        }),
        ("names of a loop", filled(&format!("for x in {}\ndo :; done\n", "a ".repeat(65_000)), bytes)),
        ("much of all", {
            let small = [packed(&b"a;".repeat(131_072)), b" ".to_vec()].concat();
            let in_base64 = BASE64_STANDARD.encode("a;".repeat(bytes * 3 / 32));
            let turned = format!("'{}' ", "a;".repeat(bytes / 64)).repeat(8);
            let head =
                [b"n-za-m rev ", &small.repeat(2)[..], turned.as_bytes(), in_base64.as_bytes()].concat();
            [&head[..], &filled("a;", bytes.saturating_sub(head.len()))].concat()
        }),
        ("open braces", filled("${", bytes)),
        ("a table that is full", {
            let tainted: Vec<String> = (0..1990).map(|n| format!("read a{n}\n")).collect();
            let names: Vec<String> = (0..9_000).map(|n| format!("b{n}=1\n")).collect();
            filled(&(tainted.concat() + &names.concat()), bytes)
        }),
        ("paths", filled("/a/b/.c/d.mips ", bytes)),
        ("links", filled("curl http://a.b.c:80/d.e ", bytes)),
        ("effects here and there", filled(&format!("{}curl x\n", "echo a\n".repeat(130)), bytes)),
        ("effects one by one", filled("echo a b\nc\n", bytes)),
        ("here-documents", filled("cat <<E\na\nE\n", bytes)),
        (
            "here-documents that do not end",
            [filled("echo cat cat ", half), filled("cat <<E a\n", half)].concat(),
        ),
        (
            "a statement of the same words",
            [b"echo".to_vec(), filled(" cat", half), filled(" ", half - 8), b"x".to_vec()].concat(),
        ),
        ("substitutions in substitutions", filled("$(`", bytes)),
        ("one word", filled("a", bytes)),
        ("blanks", filled(" ", bytes)),
    ]
}
