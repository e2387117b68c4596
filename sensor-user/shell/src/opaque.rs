//! Binaries that hide what they hold: packed or encrypted. Their code is noise until they run.

use object::{Object, ObjectSegment, SegmentFlags, elf::PF_X};

/// Bits a byte above which code is no code. Machine code has 5.5 to 6.6, what was compressed 7.8 and more.
const ENTROPY_MAX: f64 = 7.3;
/// Bytes looked at of a segment.
const SAMPLE: usize = 1 << 20;
/// Less says nothing.
const SAMPLE_MIN: usize = 16 * 1024;

/// Is the executable part of this ELF image noise?
pub(crate) fn is_opaque(binary: &[u8]) -> bool {
    let Ok(file) = object::File::parse(binary) else { return false };
    file.segments().any(|segment| {
        let SegmentFlags::Elf { p_flags } = segment.flags() else { return false };
        let data = segment.data().unwrap_or_default();
        p_flags & PF_X != 0
            && data.len() >= SAMPLE_MIN
            && entropy(&data[..data.len().min(SAMPLE)]) > ENTROPY_MAX
    })
}

/// Shannon's, bits a byte.
fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0u64; 256];
    for byte in bytes {
        counts[usize::from(*byte)] += 1;
    }
    let total = bytes.len() as f64;
    let of = |count: u64| {
        let share = count as f64 / total;
        -share * share.log2()
    };
    counts.into_iter().filter(|count| *count > 0).map(of).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_not_opaque_and_noise_is() {
        for path in ["/bin/ls", "/bin/bash", "/usr/bin/perl", "/proc/self/exe"] {
            if let Ok(binary) = std::fs::read(path) {
                assert!(!is_opaque(&binary), "{path}");
            }
        }
        let noise: Vec<u8> =
            (0..SAMPLE as u64).map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect();
        assert!(entropy(&noise) > ENTROPY_MAX);
    }
}
