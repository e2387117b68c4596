//! A stage that hangs does not leave a sensor half alive: it says which one it was, is not ready any more, and ends.

use std::{fs, thread};

use e2e::{daemon::wait_until, node::Node, request};
use nix::{
    sys::{
        ptrace,
        wait::{WaitPidFlag, waitpid},
    },
    unistd::Pid,
};

/// The thread of a process that bears this name.
fn thread_of(pid: u32, name: &str) -> Pid {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("a process");
    let found = tasks
        .flatten()
        .find(|task| fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.trim() == name));
    let task = found.unwrap_or_else(|| panic!("{pid} has a thread {name}"));
    Pid::from_raw(task.file_name().to_string_lossy().parse().expect("a number"))
}

/// Stops one thread of another process, as a deadlock would, until that process ends.
fn hang(thread: Pid) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        ptrace::seize(thread, ptrace::Options::empty()).expect("root may trace");
        ptrace::interrupt(thread).expect("it runs");
        waitpid(thread, Some(WaitPidFlag::__WALL)).expect("it stops");
        // Traced threads are to be waited for, else their process does not end.
        waitpid(thread, Some(WaitPidFlag::__WALL)).expect("it ends");
    })
}

#[test]
fn a_stage_that_hangs_ends_the_sensor_and_is_named() {
    // A worker of the async runtime is named by tokio.
    let stages = [("capture", "capture"), ("scoring", "scoring"), ("runtime", "tokio-rt-worker")];
    let mut nodes = stages.map(|(stage, thread)| {
        let node = Node::start(&["--probe-listen", "127.0.0.1:0"]).expect("a node");
        let address = node.admin_address().expect("a status");
        assert!(request::get(&address, "/readyz").starts_with("HTTP/1.1 200"), "{stage}");
        let probes = node.logged("probes at http://").expect("an address");
        assert!(request::get(&probes, "/readyz").starts_with("HTTP/1.1 200"), "{stage}");
        for figures in ["/metrics", "/status"] {
            assert!(request::get(&probes, figures).starts_with("HTTP/1.1 404"), "{stage}: {figures}");
        }
        (stage, thread, node, address)
    });
    let hung = nodes.each_ref().map(|(_, thread, node, _)| hang(thread_of(node.sensor.pid(), thread)));
    // Nothing is answered while the runtime hangs.
    for (stage, _, _, address) in nodes.iter().filter(|(stage, ..)| *stage != "runtime") {
        wait_until("not being ready", || {
            let answer = request::try_get(address, address, "/readyz").unwrap_or_default();
            answer.starts_with("HTTP/1.1 503") && answer.contains(&format!("{stage} has hung"))
        });
    }
    for (stage, _, node, _) in &mut nodes {
        let status = node.sensor.end().expect("its end");
        assert_eq!(status.code(), Some(70), "{stage}\n{}", node.log());
        assert!(node.log().contains(&format!("{stage} has hung")), "{stage}\n{}", node.log());
    }
    for tracer in hung {
        tracer.join().expect("a tracer");
    }
}
