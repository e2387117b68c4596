//! When a script is handed over, and what is handed over.

use super::{Assembler, IDLE_NS, ImageId, Limits};
use crate::{
    probe::classify::ShellKind,
    script::{
        capture::{Capture, Origin, Output, ScriptFlags},
        content::Content,
        image::{Image, Script, Source},
        keystrokes,
    },
};

/// A growing script is handed over again at a fork only when it grew by a quarter, or after this time.
const AGAIN_NS: u64 = 20_000_000;

impl Assembler {
    /// Hands over text of an image that is older than a time and was not handed over.
    pub(super) fn hand_over_changed(
        &mut self,
        id: ImageId,
        idle_before_ns: u64,
        hand_over: &mut impl FnMut(Output),
    ) {
        let Some(image) = self.images.get(&id) else { return };
        let due: Vec<usize> = (0..image.scripts.len())
            .filter(|i| image.scripts[*i].is_due() && image.scripts[*i].last_ns < idle_before_ns)
            .collect();
        for index in due {
            let now = self.images[&id].scripts[index].last_ns;
            self.hand_over_one(id, index, now, hand_over);
        }
    }

    /// Hands over text that has waited long enough; true when more waits. To be called every few tens of milliseconds
    /// while there are events, or more waits.
    pub fn tick(&mut self, now_boot_ns: u64, hand_over: &mut impl FnMut(Output)) -> bool {
        let before = now_boot_ns.saturating_sub(IDLE_NS);
        let mut more_waits = false;
        let mut due: Vec<ImageId> = Vec::new();
        for (id, image) in &self.images {
            let mut waiting = image.scripts.iter().filter(|s| s.is_due()).peekable();
            more_waits |= waiting.peek().is_some();
            if waiting.any(|s| s.last_ns < before) {
                due.push(*id);
            }
        }
        for id in due {
            self.hand_over_changed(id, before, hand_over);
        }
        more_waits
    }

    /// Hands a script over as it stands.
    pub(super) fn hand_over_one(
        &mut self,
        id: ImageId,
        index: usize,
        now_ns: u64,
        hand_over: &mut impl FnMut(Output),
    ) {
        let limits = self.limits;
        let boot_unix_ns = self.boot_unix_ns;
        let Some(image) = self.images.get_mut(&id) else { return };
        let Some(script) = image.scripts.get_mut(index) else { return };
        script.changed = false;
        script.handed_bytes = script.content.seen_bytes();
        script.handed_ns = now_ns;
        image.captured = true;
        self.counts.captures += 1;
        hand_over(Output::Capture(Box::new(capture_of(image, index, limits, boot_unix_ns))));
    }
}

/// The capture of an image's script as it stands.
fn capture_of(image: &Image, index: usize, limits: Limits, boot_unix_ns: u64) -> Capture {
    let script = &image.scripts[index];
    let content = &script.content;
    let (args, args_truncated) = cut_arguments(image, limits.args_bytes);
    let mut text = content.bytes().to_vec();
    if script.keystrokes {
        let entered = keystrokes::lines(&text[script.entered.min(text.len())..]);
        text.truncate(script.entered);
        text.extend(entered);
    }
    let text_bytes = text.len() as u64;
    Capture {
        id: image.id_of(script),
        origin: script.origin,
        parent: image.parent_of(script).map(|parent| image.id_of(parent)),
        evaluated_by: script.evaluated_by.clone(),
        content: text,
        size: if script.keystrokes { text_bytes } else { content.seen_bytes() },
        flags: ScriptFlags {
            keystrokes: script.keystrokes,
            maybe_data: script.origin == Origin::Sourced
                && script.source != Source::Memory
                && image.kind == Some(ShellKind::Bash)
                && !image.tells(),
            truncated: content.seen_bytes() > content.bytes().len() as u64,
            incomplete: script.lossy || content.has_holes(),
            mixed_with_data: script.origin == Origin::Stdin && reads_standard_input(content),
        },
        path: script.path.clone(),
        interpreter: image.interpreter(),
        args,
        args_truncated,
        ns_pid: image.exec.ns_pid,
        ppid: image.exec.ppid,
        uid: image.exec.uid,
        gid: image.exec.gid,
        cgroup: image.exec.cgroup,
        start_ns: image.exec.start_ns,
        time_unix_ns: boot_unix_ns + script.first_ns,
    }
}

fn cut_arguments(image: &Image, limit: usize) -> (Vec<Vec<u8>>, bool) {
    let mut room = limit;
    let mut cut = image.arguments_cut;
    let mut args = Vec::with_capacity(image.argv.len());
    for arg in &image.argv {
        if room == 0 {
            cut = true;
            break;
        }
        let kept = arg.len().min(room);
        cut |= kept < arg.len();
        args.push(arg[..kept].to_vec());
        room -= kept;
    }
    (args, cut)
}

/// Builtins and commands that eat the stream their own script comes from.
fn reads_standard_input(content: &Content) -> bool {
    const EATERS: [&[u8]; 5] = [b"read", b"mapfile", b"readarray", b"cat", b"select"];
    content.bytes().split(|b| !(b.is_ascii_alphanumeric() || *b == b'_')).any(|word| EATERS.contains(&word))
}

impl Script {
    /// Is there text that was not handed over?
    pub(super) fn is_due(&self) -> bool {
        self.changed && !self.candidate
    }

    /// At a fork: is there text that was not handed over, and enough of it or for long enough?
    pub(super) fn is_due_again(&self, now_ns: u64) -> bool {
        let grown = self.content.seen_bytes() >= self.handed_bytes + self.handed_bytes / 4 + 64;
        self.is_due() && (self.handed_bytes == 0 || grown || now_ns.saturating_sub(self.handed_ns) > AGAIN_NS)
    }
}
