//! The dynamic loader called as a program: `ld-linux-x86-64.so.2 [OPTION]… PROGRAM [ARGUMENT]…`.

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
}
