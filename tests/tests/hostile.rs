//! Whatever bytes come out of the ring buffer: no panic, no growth without bound.

use std::{cell::RefCell, sync::Arc};

use ebpf::event::{Exec, Header, KIND_ENVIRONMENT, KIND_EXEC};
use event::Event;
use proptest::{collection::vec, prelude::*, test_runner::TestRunner};
use script::{Assembler, Classified, Classify, Limits, Output};
use shell::{Executable, Family};

/// Byte strings fed to the decoder and, where they decode, to the reassembler.
const CASES: u32 = 1_000_000;
const LIMITS: Limits = Limits {
    script_bytes: 4096,
    total_bytes: 64 * 1024,
    args_bytes: 256,
    environment_bytes: 1024,
    scripts_per_shell: 8,
};

/// A record whose kind, process and image are likely to fit others, so that most of them get far.
fn record() -> impl Strategy<Value = Vec<u8>> {
    let body = vec(any::<u8>(), 0..300);
    (0..KIND_ENVIRONMENT + 2, any::<u16>(), 0u32..6, 0u64..3, 0u32..2, any::<u64>(), body).prop_map(
        |(kind, flags, tgid, exec_ns, lost, time_ns, mut body)| {
            // Small numbers make ids meet and positions lie near each other.
            for byte in body.iter_mut().skip(1).take(60) {
                *byte &= 3;
            }
            if kind == KIND_EXEC {
                body.resize(size_of::<Exec>(), 0);
            }
            let header =
                Header { kind, flags: flags & 15, tgid, time_ns, exec_ns, lost, len: body.len() as u32 / 2 };
            [bytemuck::bytes_of(&header), &body].concat()
        },
    )
}

fn executable(tgid: u32) -> Arc<Executable> {
    let family = Family::named(["", "bash", "dash", "busybox", "ksh93"][tgid as usize % 5]).ok();
    Arc::new(Executable {
        family,
        is_loader: tgid.is_multiple_of(5),
        size: 1,
        probed: tgid % 2 == 1,
        ..Executable::default()
    })
}

/// Some are known at once, others later.
fn ask(tgid: u32, executable: Arc<Executable>) -> Classified {
    if tgid.is_multiple_of(3) { Classified::Asked(u64::from(tgid)) } else { Classified::Known(executable) }
}

/// Every kind of executable, by the number of its process.
struct ByNumber;

impl Classify for ByNumber {
    fn executed(&mut self, header: &Header, _: &Exec) -> Classified {
        ask(header.tgid, executable(header.tgid))
    }

    fn loaded(&mut self, tgid: u32, _: u64, _: &[u8]) -> Classified {
        ask(tgid + 1, executable(tgid + 1))
    }
}

#[test]
fn a_million_records_neither_panic_nor_pile_up() {
    let assembler = RefCell::new(Assembler::new(LIMITS, 0));
    let handed = RefCell::new(0u64);
    let mut turns = 0u32;
    let mut runner = TestRunner::new(ProptestConfig {
        cases: CASES,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let count = |output: Output| {
        if let Output::Capture(capture) = output {
            // A part repeats as much of what was before it.
            assert!(capture.content.len() <= LIMITS.script_bytes + 4096);
            *handed.borrow_mut() += 1;
        }
    };
    let turn = RefCell::new(&mut turns);
    runner
        .run(&prop_oneof![1 => vec(any::<u8>(), 0..400), 9 => record()], |bytes| {
            let mut assembler = assembler.borrow_mut();
            let mut count = count;
            if let Ok(event) = Event::decode(&bytes) {
                assembler.take(event, &mut ByNumber, &mut count);
            }
            let mut turn = turn.borrow_mut();
            **turn += 1;
            if (**turn).is_multiple_of(64) {
                for tgid in 0..8 {
                    assembler.classified(u64::from(tgid), &executable(tgid), &mut ByNumber, &mut count);
                }
            }
            if (**turn).is_multiple_of(4096) {
                assembler.tick(u64::MAX, &mut ByNumber, &mut count);
            }
            prop_assert!(assembler.kept_bytes() <= LIMITS.total_bytes + LIMITS.script_bytes);
            prop_assert!(assembler.followed() <= 64);
            Ok(())
        })
        .unwrap();
    assembler.borrow_mut().end(&mut { count });
    assert_eq!(
        assembler.borrow().kept_bytes(),
        0,
        "bytes are still accounted for after the last shell's end"
    );
    assert!(*handed.borrow() > 10_000, "only {} captures: the records do not get far", handed.borrow());
}
