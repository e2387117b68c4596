//! Argument vectors are read as the shells themselves read them: vectors at random, and what each shell then runs.

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use e2e::{
    proxy::Random,
    shells::{SHELLS, Shell},
};
use shell::{Family, Invocation, Mode};

/// Vectors for each shell.
const VECTORS: u32 = 250;
/// Operands: as text of `-c` they print C and a digit. Files of these names print F and the digit, standard input S.
const OPERANDS: [&str; 4] = ["echo C1", "echo C2", "echo C3", "echo C4"];
/// Words that mean something to some shell.
const WORDS: &str = "-c +c -s +s - -- + -e -ec -ce -x -eu -lc -l -es -sc -o -eo errexit -oerrexit +o -co posix nounset \
                     --posix --login -f -fc -u -a -v -cx -h -b -m -p -oc";
/// Words that mean something to the shells of one family.
const OWN_WORDS: [(&str, &str); 7] = [
    (
        "bash",
        "-O extglob -Oo --norc -norc --rcfile rc --init-file -rcfile -login -cO +O -r -t -B -rc --verbose -noprofile",
    ),
    ("dash", "-V -E -I -oo -q"),
    ("busybox", "--norc -oo pipefail --foo -so"),
    (
        "zsh",
        "--emulate sh -fo -bc -cb shinstdin -oshinstdin --shinstdin --noshinstdin +oshinstdin -dfc -0c -R noshinstdin -n",
    ),
    ("ksh93", "-oposix -R rc -T -A -Ac foo -ac --errexit --noerrexit --state -D -G -H -B -E -r --verbose"),
    ("mksh", "-T -T- -T! -ostdin stdin -A foo -Ac -k -U -X -r -To +A"),
    (
        "yash",
        "--cmdline --stdin --cmd --std --cm --st --nostdin ++cmdline --rcfile --rcfile=rc rc --profile -ocmdline \
              -ostdin cmdline stdin -onocmdline +ocmdline --CMDLINE",
    ),
];

fn vector(shell: &Shell, random: &mut Random) -> Vec<String> {
    let own = OWN_WORDS
        .iter()
        .filter(|(family, _)| *family == shell.family)
        .flat_map(|(_, words)| words.split_whitespace());
    let words: Vec<&str> = WORDS.split_whitespace().chain(own).collect();
    let mut operands = OPERANDS.iter();
    let mut argv = vec![shell.program];
    argv.extend(&shell.first);
    for _ in 0..=random.below(4) {
        let wanted = if random.below(5) == 0 { operands.next() } else { None };
        argv.push(wanted.unwrap_or(&words[random.below(words.len() as u64) as usize]));
    }
    argv.extend(operands.take(2));
    argv.into_iter().map(str::to_owned).collect()
}

/// What a shell printed: the marks of what it ran.
fn run(argv: &[String], dir: &Path) -> Vec<String> {
    let mut child = Command::new(&argv[0])
        .args(&argv[1..])
        .current_dir(dir)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell");
    // A shell that does not read it may have ended.
    let _ = child.stdin.take().expect("a pipe").write_all(b"echo S\n");
    let output = child.wait_with_output().expect("its end");
    let is_mark = |word: &&str| *word == "S" || word.len() == 2 && word.starts_with(['C', 'F']);
    String::from_utf8_lossy(&output.stdout).split_whitespace().filter(is_mark).map(str::to_owned).collect()
}

/// What it should print, when it runs anything; `None` when the vector's script is none of the operands.
fn expected(family: Family, argv: &[String]) -> Option<Vec<String>> {
    let bytes: Vec<Vec<u8>> = argv.iter().map(|word| word.clone().into_bytes()).collect();
    let invocation = Invocation::parse(family, &bytes);
    let digit = |at: usize| OPERANDS.iter().position(|operand| *operand == argv[at]).map(|at| at + 1);
    let mut marks = match invocation.mode {
        Mode::Command(at) => vec![format!("C{}", digit(at)?)],
        Mode::File(at) => vec![format!("F{}", digit(at)?)],
        Mode::Stdin => vec!["S".to_owned()],
        Mode::NotAShell => Vec::new(),
    };
    marks.extend(invocation.and_stdin.then(|| "S".to_owned()));
    Some(marks)
}

#[test]
fn every_shell_runs_what_its_arguments_were_read_to_mean() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("rc"), ":\n").expect("a file");
    for (i, operand) in OPERANDS.iter().enumerate() {
        fs::write(dir.path().join(operand), format!("echo F{}\n", i + 1)).expect("a file");
    }
    let mut wrong = Vec::new();
    for shell in SHELLS.iter() {
        let family = Family::named(shell.family).expect("a profile");
        let mut random = Random::new(1);
        let mut compared = 0;
        for _ in 0..VECTORS {
            let argv = vector(shell, &mut random);
            let printed = run(&argv, dir.path());
            let Some(expected) = expected(family, &argv).filter(|_| !printed.is_empty()) else { continue };
            compared += 1;
            // Not every shell goes on with standard input behind another script, whatever `-s` says.
            let is_right = printed == expected || printed == expected[..1];
            if !is_right {
                wrong.push(format!("{argv:?} ran {printed:?} and not {expected:?}"));
            }
        }
        assert!(compared > VECTORS / 4, "{}: only {compared} vectors ran anything", shell.name);
    }
    assert!(wrong.is_empty(), "{} vectors:\n{}", wrong.len(), wrong.join("\n"));
}
