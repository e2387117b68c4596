//! What `--respond hold` costs harmless shells, and how much of malicious ones runs.

use std::{
    fs,
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Command, ExitStatus},
    time::{Duration, Instant},
};

use e2e::{
    cgroup::{Cgroup, enter},
    drill::malice,
    node::Node,
    shell::quiet,
};

use crate::statistics::show;

const CONTAINER: &str = "kubepods/burstable/pod6b1d3a5e-0c1f-4e6a-9f1b-2f3c4d5e6f72/00000000000000000000000000000000000000000000000000000000000000b1";
const RUNS: usize = 300;
const AT_ONCE: usize = 200;
const ATTACKS: usize = 1000;

pub(crate) fn run() -> anyhow::Result<()> {
    for respond in ["off", "hold"] {
        // A threshold that nothing here reaches: these are about time.
        let node = Node::start(&["--respond", respond, "--threshold", "1.0"])?;
        let cgroup = Cgroup::make(CONTAINER);
        let procs = cgroup.procs();
        let timed = |program: &str, args: &[&str]| -> anyhow::Result<f64> {
            let begun = Instant::now();
            start(&procs, program, args).status()?;
            Ok(begun.elapsed().as_secs_f64() * 1e3)
        };
        let file = node.file("known.sh", "n=0\necho $n > /dev/null\n".repeat(20).as_bytes())?;
        let file = file.to_string_lossy().into_owned();
        println!("{respond}, tier {}", node.tier);
        for shell in ["/bin/bash", "/bin/dash"] {
            let mut known: Vec<f64> =
                (0..RUNS).map(|_| timed(shell, &["-c", ":"])).collect::<Result<_, _>>()?;
            println!("  {shell} -c :              {}", show(&mut known, "ms"));
            let unknown = |i| timed(shell, &["-c", &format!(": {respond} {shell} {i}")]);
            let mut unknown: Vec<f64> = (0..RUNS).map(unknown).collect::<Result<_, _>>()?;
            println!("  {shell} -c, unknown text  {}", show(&mut unknown, "ms"));
            let mut files: Vec<f64> = (0..RUNS).map(|_| timed(shell, &[&file])).collect::<Result<_, _>>()?;
            println!("  {shell} file, known       {}", show(&mut files, "ms"));
        }
        let begun = Instant::now();
        let mut children = Vec::new();
        for i in 0..AT_ONCE {
            children.push(start(&procs, "/bin/bash", &["-c", &format!(": at once {i}")]).spawn()?);
        }
        for child in &mut children {
            child.wait()?;
        }
        println!("  {AT_ONCE} at once: {:.0} ms", begun.elapsed().as_secs_f64() * 1e3);
        if respond == "hold" {
            let count = |name: &str| node.reading(name);
            println!(
                "  holds {}, timed out {}, noticed {}, pauses {}",
                count("kernel_holds_total")?,
                count("holds_total{outcome=\"timed_out\"}")?,
                count("kernel_holds_noticed_total")?,
                count("hold_pauses_total")?
            );
        }
    }
    attacks()?;
    kills()
}

/// Those that a killed script leaves: so many children, and so many whose parents have ended.
const CHILDREN: usize = 10;
/// Scripts killed with all that descends from them.
const KILLS: usize = 100;

/// How long it takes from the verdict until the last process of a script is gone.
fn kills() -> anyhow::Result<()> {
    let node = Node::start(&["--respond", "kill"])?;
    let cgroup = Cgroup::make(CONTAINER);
    let procs = cgroup.procs();
    start(&procs, "/bin/bash", &["-c", ":"]).status()?;
    let mut after = Vec::new();
    for i in 0..KILLS {
        let file = node.file("attack.sh", malice(&format!("kill-{i}")).as_bytes())?;
        let text = format!(
            "for i in {{1..{CHILDREN}}}; do sleep 60 & (setsid sleep 60 &); done; sleep 0.05; . {}; wait",
            file.display()
        );
        start(&procs, "/bin/bash", &["-c", &text]).status()?;
        let ended = Instant::now();
        while !fs::read_to_string(&procs)?.is_empty() {
            anyhow::ensure!(ended.elapsed() < Duration::from_secs(5), "some are left");
        }
        after.push(ended.elapsed().as_secs_f64() * 1e3);
    }
    let findings = node.wait_for(|all| all.len() >= KILLS)?;
    let number = |name: &str| -> Vec<f64> {
        findings.iter().filter_map(|finding| finding["sourceProperties"][name].as_f64()).collect()
    };
    println!("{KILLS} scripts with {} processes beside them killed:", 2 * CHILDREN);
    println!(
        "  from the verdict until all are signalled  {}",
        show(&mut number("Response_Duration_Ms"), "ms")
    );
    println!("  from the shell's end until the last one's {}", show(&mut after, "ms"));
    println!("  processes killed                          {}", show(&mut number("Response_Processes"), ""));
    Ok(())
}

/// How many of so many malicious scripts, of several origins, ran anything.
fn attacks() -> anyhow::Result<()> {
    let node = Node::start(&["--respond", "hold"])?;
    let cgroup = Cgroup::make(CONTAINER);
    let procs = cgroup.procs();
    // The first of a cgroup without a PID namespace of its own are not known to be in a container.
    while node.reading("kernel_holds_total")? == 0 {
        start(&procs, "/bin/bash", &["-c", ":"]).status()?;
    }
    let marker = node.path("marker");
    let (mut ran, mut ended) = (0, 0);
    for i in 0..ATTACKS {
        let text = format!("echo > {}; {}\n", marker.display(), malice(&i.to_string()));
        let shell = if i % 2 == 0 { "/bin/bash" } else { "/bin/dash" };
        let status: ExitStatus = match i % 5 {
            0 => start(&procs, shell, &["-c", &text]).status()?,
            1 => start(&procs, shell, &[&node.file("attack.sh", text.as_bytes())?.to_string_lossy()])
                .status()?,
            2 => {
                let file = node.file("attack.sh", text.as_bytes())?;
                start(&procs, shell, &[]).stdin(fs::File::open(file)?).status()?
            }
            3 => {
                let file = node.file("attack.sh", text.as_bytes())?;
                start(&procs, shell, &["-c", &format!(". {}", file.display())]).status()?
            }
            _ => {
                let file = node.file("attack.sh", text.as_bytes())?;
                let text = format!("read -r line < {}; eval \"$line\"", file.display());
                start(&procs, shell, &["-c", &text]).status()?
            }
        };
        ended += usize::from(status.signal() == Some(9));
        if fs::remove_file(&marker).is_ok() {
            println!("  the first command of script {i} ran");
            ran += 1;
        }
    }
    println!(
        "{ATTACKS} malicious scripts: {ended} killed, of {ran} the first command ran; timed out {}",
        node.reading("holds_total{outcome=\"timed_out\"}")?
    );
    std::thread::sleep(Duration::from_millis(100));
    Ok(())
}

fn start(procs: &Path, program: &str, args: &[&str]) -> Command {
    let mut command = quiet(program);
    command.args(args);
    enter(&mut command, procs);
    command
}
