//! A sequence of records, each behind its length, fed to one reassembler.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use event::Event;
use script::{Assembler, Limits};
use shell::{Executable, Family, ProbePoints};

const LIMITS: Limits =
    Limits { script_bytes: 4096, total_bytes: 64 * 1024, args_bytes: 256, scripts_per_shell: 8 };

fuzz_target!(|bytes: &[u8]| {
    let mut assembler = Assembler::new(LIMITS, 0);
    let mut rest = bytes;
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_le_bytes(*length)).min(after.len());
        let (record, next) = after.split_at(length);
        rest = next;
        if let Ok(event) = Event::decode(record) {
            let mut classify = |header: &ebpf::event::Header, _: &_| {
                let family = Family::named(["", "bash", "dash", "busybox"][header.tgid as usize % 4]).ok();
                let (probe_points, probed) = (ProbePoints::default(), header.tgid % 8 < 4);
                Arc::new(Executable { family, size: 1, sha256: None, probe_points, probed })
            };
            assembler.take(event, &mut classify, &mut |_| {});
        }
        assert!(assembler.kept_bytes() <= LIMITS.total_bytes + LIMITS.script_bytes);
    }
    assembler.tick(u64::MAX, &mut |_| {});
    assembler.end(&mut |_| {});
    assert_eq!(assembler.kept_bytes(), 0);
});
