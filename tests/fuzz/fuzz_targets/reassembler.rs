//! A sequence of records, each behind its length, fed to one reassembler.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use ebpf::event::{Exec, Header};
use event::Event;
use script::{Assembler, Classified, Classify, Limits};
use shell::{Executable, Family, ProbePoints};

const LIMITS: Limits =
    Limits { script_bytes: 4096, total_bytes: 64 * 1024, args_bytes: 256, environment_bytes: 1024, scripts_per_shell: 8 };

/// Every kind of executable, by the number of its process.
struct ByNumber;

fn executable(tgid: u32) -> Arc<Executable> {
    let family = Family::named(["", "bash", "dash", "busybox", "ksh93"][tgid as usize % 5]).ok();
    let (probe_points, probed, is_loader) = (ProbePoints::default(), tgid % 8 < 4, tgid % 10 == 0);
    Arc::new(Executable { family, is_loader, size: 1, sha256: None, probe_points, probed })
}

fn ask(tgid: u32) -> Classified {
    if tgid % 3 == 0 { Classified::Asked(u64::from(tgid)) } else { Classified::Known(executable(tgid)) }
}

impl Classify for ByNumber {
    fn executed(&mut self, header: &Header, _: &Exec) -> Classified {
        ask(header.tgid)
    }

    fn loaded(&mut self, tgid: u32, _: u64, _: &[u8]) -> Classified {
        ask(tgid.wrapping_add(1))
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut assembler = Assembler::new(LIMITS, 0);
    let mut rest = bytes;
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_le_bytes(*length)).min(after.len());
        let (record, next) = after.split_at(length);
        rest = next;
        if let Ok(event) = Event::decode(record) {
            let tgid = event.header().tgid;
            assembler.take(event, &mut ByNumber, &mut |_| {});
            assembler.classified(u64::from(tgid / 2), &executable(tgid), &mut ByNumber, &mut |_| {});
        }
        assert!(assembler.kept_bytes() <= LIMITS.total_bytes + LIMITS.script_bytes);
    }
    assembler.tick(u64::MAX, &mut ByNumber, &mut |_| {});
    assembler.end(&mut |_| {});
    assert_eq!(assembler.kept_bytes(), 0);
});
