//! The dynamic loader called as a program: `ld-linux-x86-64.so.2 [OPTION]… PROGRAM [ARGUMENT]…`. And what an executable names as
//! its loader: the kernel runs that, whatever it is.

use object::{
    Endianness,
    elf::{DF_1_PIE, DT_FLAGS_1, ET_DYN, FileHeader32, FileHeader64, PT_INTERP},
    read::elf::{Dyn, FileHeader, ProgramHeader},
};

/// Entries of the dynamic section that are looked at; there are some thirty.
const DYNAMIC_MAX: usize = 1024;
/// Where the loaders of glibc and musl are.
const USUAL: [&str; 9] = [
    "/lib64/ld-linux-x86-64.so.2",
    "/lib/ld-linux-aarch64.so.1",
    "/lib/ld-linux.so.2",
    "/lib/ld-linux-armhf.so.3",
    "/libx32/ld-linux-x32.so.2",
    "/lib/ld-musl-x86_64.so.1",
    "/lib/ld-musl-aarch64.so.1",
    "/lib/ld-musl-i386.so.1",
    "/lib/ld-musl-armhf.so.1",
];

/// What an executable names as its loader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedLoader {
    /// None, or one where loaders usually are.
    Usual,
    /// Another, by the path that the kernel is given.
    Other(Vec<u8>),
    /// It names one behind what was kept of the binary.
    Unreadable,
}

/// The loader that an executable names.
pub fn named_loader(binary: &[u8]) -> NamedLoader {
    if !binary.starts_with(b"\x7fELF") {
        return NamedLoader::Usual;
    }
    let path = loader_in::<FileHeader64<Endianness>>(binary)
        .or_else(|| loader_in::<FileHeader32<Endianness>>(binary));
    match path {
        None | Some(Err(())) => NamedLoader::Unreadable,
        Some(Ok(None)) => NamedLoader::Usual,
        Some(Ok(Some(path))) => {
            let path = path.split(|b| *b == 0).next().unwrap_or_default();
            let is_usual = USUAL.iter().any(|usual| usual.as_bytes() == path);
            if is_usual { NamedLoader::Usual } else { NamedLoader::Other(path.to_vec()) }
        }
    }
}

/// `None` where it is no such file, an error where it names one that cannot be read.
fn loader_in<H: FileHeader<Endian = Endianness>>(binary: &[u8]) -> Option<Result<Option<&[u8]>, ()>> {
    let header = H::parse(binary).ok()?;
    let endian = header.endian().ok()?;
    let Ok(segments) = header.program_headers(endian, binary) else { return Some(Err(())) };
    let named = segments.iter().find(|segment| segment.p_type(endian) == PT_INTERP);
    Some(named.map_or(Ok(None), |segment| segment.interpreter(endian, binary).map_err(|_| ())))
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
            assert_eq!(named_loader(&binary), NamedLoader::Usual, "{path}");
        }
        assert!(!is_library(b"#!/bin/sh\n") && named_loader(b"#!/bin/sh\n") == NamedLoader::Usual);
        assert_eq!(named_loader(b"\x7fELF\x02\x01\x01"), NamedLoader::Unreadable);
    }
}
