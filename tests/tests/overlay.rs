//! Two containers of one image: one file under two keys, a probe for each, and nothing seen twice.

use std::{fs, path::PathBuf, process::Command};

use e2e::{node::Node, shell};

/// An overlay of a directory, unmounted when dropped.
struct Overlay(PathBuf);

impl Drop for Overlay {
    fn drop(&mut self) {
        // Lazily, as a mount namespace ends: the probes hold the file until the sensor lets go of it.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

fn mount(node: &Node, name: &str) -> Overlay {
    let (lower, other, at) = (node.path("image"), node.path(&format!("{name}-layer")), node.path(name));
    fs::create_dir_all(&other).expect("a directory");
    fs::create_dir_all(&at).expect("a directory");
    let options = format!("lowerdir={}:{}", other.display(), lower.display());
    let status = Command::new("mount")
        .args(["-t", "overlay", "overlay", "-o", &options])
        .arg(&at)
        .status()
        .expect("mount");
    assert!(status.success(), "an overlay cannot be mounted");
    Overlay(at)
}

#[test]
fn a_file_that_two_containers_share_is_heard_once_in_each() {
    let node = Node::start(&[]).expect("a node");
    fs::create_dir(node.path("image")).expect("a directory");
    fs::copy("/bin/bash", node.path("image/bash")).expect("a copy");
    let containers = [mount(&node, "one"), mount(&node, "two")];
    let mut texts = Vec::new();
    for round in 0..3 {
        for (number, overlay) in containers.iter().enumerate() {
            let bash = overlay.0.join("bash");
            let text = format!("echo {} in {number} round {round}", 40 + 2);
            // The first run of each is waited out until its probe is in.
            let script = format!("/bin/sleep 0.2; eval \"echo $((40+2)) in {number} round {round}\"");
            shell::run(bash.to_str().expect("a path"), &["-c", &script]).expect("a shell");
            texts.push(text);
        }
    }
    drop(containers);
    let outcome = node.finish().expect("an outcome");
    for text in &texts {
        outcome.captured_once(text.as_bytes(), "eval");
    }
    assert_eq!(outcome.total("evaluations_repeated_total"), 0, "a string came from both probes");
    assert_eq!(outcome.total("events_lost_total"), 0);
}
