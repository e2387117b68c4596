//! The dynamic loader called as a program: `ld-linux-x86-64.so.2 [OPTION]… PROGRAM [ARGUMENT]…`. And what an executable names as
//! its loader: the kernel runs that, whatever it is.

use object::{
    Endianness,
    elf::{DF_1_PIE, DT_FLAGS_1, ET_DYN, FileHeader32, FileHeader64, PT_INTERP},
    read::elf::{Dyn, FileHeader, ProgramHeader},
};

/// Entries of the dynamic section that are looked at; there are some thirty.
const DYNAMIC_MAX: usize = 1024;
/// Where the loaders of glibc and musl are, up to the machine's name.
const USUAL: [&str; 4] = ["/lib64/ld-linux-", "/lib/ld-linux", "/lib/ld-musl-", "/libx32/ld-linux-"];

/// The loader that an executable names, unless it is where loaders usually are.
pub fn unusual_loader(binary: &[u8]) -> Option<Vec<u8>> {
    let path = named_loader::<FileHeader64<Endianness>>(binary)
        .or_else(|| named_loader::<FileHeader32<Endianness>>(binary))?;
    let path = path.split(|b| *b == 0).next()?;
    let is_usual = USUAL
        .iter()
        .any(|usual| path.strip_prefix(usual.as_bytes()).is_some_and(|rest| !rest.contains(&b'/')));
    (!is_usual && path.starts_with(b"/")).then(|| path.to_vec())
}

/// Is it a library that can be executed? Only loaders are (and libc, which prints its version): what is linked to be a program says so.
pub(crate) fn is_library(binary: &[u8]) -> bool {
    is_library_of::<FileHeader64<Endianness>>(binary)
        .or_else(|| is_library_of::<FileHeader32<Endianness>>(binary))
        .unwrap_or(false)
}

fn is_library_of<H: FileHeader<Endian = Endianness>>(binary: &[u8]) -> Option<bool> {
    let header = H::parse(binary).ok()?;
    let endian = header.endian().ok()?;
    let segments = header.program_headers(endian, binary).ok()?;
    if header.e_type(endian) != ET_DYN || segments.iter().any(|segment| segment.p_type(endian) == PT_INTERP) {
        return Some(false);
    }
    let dynamic = segments.iter().find_map(|segment| segment.dynamic(endian, binary).ok().flatten())?;
    let is_program = dynamic.iter().take(DYNAMIC_MAX).any(|entry| {
        let tag: i64 = entry.d_tag(endian).into();
        let value: u64 = entry.d_val(endian).into();
        tag == DT_FLAGS_1 && value & u64::from(DF_1_PIE) != 0
    });
    Some(!is_program)
}

fn named_loader<H: FileHeader<Endian = Endianness>>(binary: &[u8]) -> Option<&[u8]> {
    let header = H::parse(binary).ok()?;
    let endian = header.endian().ok()?;
    let segments = header.program_headers(endian, binary).ok()?;
    segments.iter().find_map(|segment| segment.interpreter(endian, binary).ok().flatten())
}

/// Options that take the next word: those of glibc (`elf/rtld.c`) and of musl (`ldso/dynlink.c`).
const WITH_OPERAND: [&str; 7] = [
    "--argv0",
    "--audit",
    "--glibc-hwcaps-mask",
    "--glibc-hwcaps-prepend",
    "--inhibit-rpath",
    "--library-path",
    "--preload",
];

/// Index of the program's path in the loader's argument vector, and of its name when that is another; `None` when it
/// runs none.
pub fn loaded_program(argv: &[impl AsRef<[u8]>]) -> Option<(usize, usize)> {
    let mut at = 1;
    let mut name = None;
    while let Some(word) = argv.get(at).map(AsRef::as_ref).filter(|word| word.starts_with(b"--")) {
        if word == b"--" {
            at += 1;
            break;
        }
        if WITH_OPERAND.iter().any(|option| option.as_bytes() == word) {
            if word == b"--argv0" {
                name = Some(at + 1);
            }
            at += 1;
        }
        at += 1;
    }
    (at < argv.len()).then(|| (at, name.unwrap_or(at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_behind_the_loaders_options() {
        let of =
            |line: &str| loaded_program(&line.split(' ').map(|w| w.as_bytes().to_vec()).collect::<Vec<_>>());
        assert_eq!(of("ld.so /bin/bash -c x"), Some((1, 1)));
        assert_eq!(of("ld.so --library-path /lib --inhibit-cache /bin/bash"), Some((4, 4)));
        assert_eq!(of("ld.so --argv0 cron /bin/sh -c x"), Some((3, 2)));
        assert_eq!(of("ld.so -- /bin/sh"), Some((2, 2)));
        assert_eq!(of("ld.so --list"), None);
    }

    #[test]
    fn a_loader_is_known_by_what_it_is_made_for() {
        for (path, is_one) in [
            ("/lib64/ld-linux-x86-64.so.2", true),
            ("/lib/ld-linux-aarch64.so.1", true),
            ("/bin/cat", false),
            ("/bin/busybox", false),
        ] {
            let Ok(binary) = std::fs::read(path) else { continue };
            assert_eq!(is_library(&binary), is_one, "{path}");
            assert_eq!(unusual_loader(&binary), None, "{path}");
        }
        assert!(!is_library(b"#!/bin/sh\n") && unusual_loader(b"\x7fELF").is_none());
    }
}
