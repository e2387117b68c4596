//! Follows shells from `execve` to their end and hands over their scripts at the moments that matter.

use std::{collections::HashMap, path::Path, sync::Arc};

use sensor_ebpf::event::{
    EXIT_ENDED, Exec, Exit, FLAG_CUT, FLAG_MORE, Fork, Header, PATH_EXE, PATH_FILE, Read,
};

use strings::{Hashes, Partial};

use super::{
    capture::{Origin, Output},
    image::{Image, Place, Source},
    invocation::Mode,
};
use crate::probe::{
    classify::Executable,
    event::{Event, absolute_path},
};

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes kept of one script; the rest is counted.
    pub script_bytes: usize,
    /// Bytes kept of all scripts in the making.
    pub total_bytes: usize,
    /// Bytes kept of an argument vector in a capture.
    pub args_bytes: usize,
    /// Scripts kept of one shell; a shell that sources more is counted.
    pub scripts_per_shell: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            script_bytes: 1024 * 1024,
            total_bytes: 64 * 1024 * 1024,
            args_bytes: 32 * 1024,
            scripts_per_shell: 256,
        }
    }
}

/// What happened, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AssemblerCounts {
    /// Shells seen.
    pub shells: u64,
    /// Captures handed over; a growing script is handed over more than once.
    pub captures: u64,
    /// Distinct scripts.
    pub scripts: u64,
    /// Events of processes whose `execve` was not seen.
    pub orphans: u64,
    /// Events that the kernel half reports lost, by the processes' own accounts.
    pub lost_events: u64,
    /// Script bytes not kept because a script may have only so many.
    pub cut_bytes: u64,
    /// Script bytes not kept because all scripts together may have only so many.
    pub memory_cut_bytes: u64,
    /// Images forgotten because their end was not seen.
    pub abandoned: u64,
    /// Shells of which no script was captured because events were lost.
    pub shells_lost: u64,
    /// Shells that had no script: nothing to read, or asked for their version.
    pub shells_silent: u64,
    /// Strings evaluated that were handed over before, and not again.
    pub evaluated_again: u64,
}

/// New text that waits this long without more is handed over.
const IDLE_NS: u64 = 50_000_000;

/// Names an image: the process that executed it, and when.
type ImageId = (u32, u64);

/// Puts scripts together from events.
pub struct Assembler {
    limits: Limits,
    images: HashMap<ImageId, Image>,
    /// Which image a process runs; subshells run their parent's.
    processes: HashMap<u32, ImageId>,
    /// Processes that turned out to be no shells; what else arrives of them is not missed.
    strangers: HashMap<u32, u64>,
    /// Strings of which not all has arrived, by process.
    strings: HashMap<u32, Partial>,
    hashes: Hashes,
    kept_bytes: usize,
    /// Unix time minus boot time, ns.
    boot_unix_ns: u64,
    counts: AssemblerCounts,
}

impl Assembler {
    /// An assembler on a machine that booted at this Unix time (ns).
    pub fn new(limits: Limits, boot_unix_ns: u64) -> Self {
        Self {
            limits,
            images: HashMap::new(),
            processes: HashMap::new(),
            strangers: HashMap::new(),
            strings: HashMap::new(),
            hashes: Hashes::new(),
            kept_bytes: 0,
            boot_unix_ns,
            counts: AssemblerCounts::default(),
        }
    }

    /// What happened so far.
    pub fn counts(&self) -> AssemblerCounts {
        self.counts
    }

    /// Bytes of scripts in the making that are kept now.
    pub fn kept_bytes(&self) -> usize {
        self.kept_bytes
    }

    /// Shells followed now.
    pub fn shells(&self) -> usize {
        self.images.len()
    }

    /// Takes an event in. `classify` is asked what an executable is when a shell begins; `hand_over` gets every
    /// capture that is due.
    pub fn take(
        &mut self,
        event: Event<'_>,
        classify: impl FnOnce(&Header, &Exec) -> Arc<Executable>,
        hand_over: &mut impl FnMut(Output),
    ) {
        let header = *event.header();
        self.counts.lost_events += u64::from(header.lost);
        if let Event::Exec(header, exec) = event {
            let executable = classify(&header, &exec);
            self.begin(header, exec, executable, hand_over);
            return;
        }
        let Some(id) = self.processes.get(&header.tgid).copied().filter(|id| id.1 == header.exec_ns) else {
            self.of_no_image(&header, &event);
            return;
        };
        let Some(image) = self.images.get_mut(&id) else { return };
        image.lost += u64::from(header.lost);
        if header.lost > 0 {
            for script in &mut image.scripts {
                script.lossy = true;
            }
        }
        match event {
            // Where a cgroup is says nothing of the script.
            Event::Exec(..) | Event::Cgroup(..) => {}
            Event::Args(header, chunk, bytes) => {
                let cut = header.flags & FLAG_CUT != 0;
                if image.take_arguments(chunk.offset, bytes, chunk.total, cut) {
                    self.command_text(id, hand_over);
                }
            }
            Event::Path(_, path, components) => {
                let absolute = absolute_path(components);
                match path.purpose {
                    PATH_EXE => image.exe_path = Some(absolute),
                    PATH_FILE => {
                        image.announced = Some((Source::Inode { dev: path.dev, ino: path.ino }, absolute));
                    }
                    _ => {}
                }
            }
            Event::Text(header, text, bytes) => self.string(id, &header, &text, bytes, hand_over),
            Event::Read(header, read, bytes) => self.read(id, header, &read, bytes, hand_over),
            Event::Fork(header, fork) => self.fork(id, &header, fork, hand_over),
            Event::Exit(header, exit) => self.exit(id, &header, exit, hand_over),
        }
    }

    /// An event of a process that runs no image: a stranger's, or one whose beginning was missed.
    fn of_no_image(&mut self, header: &Header, event: &Event<'_>) {
        if self.strangers.get(&header.tgid) != Some(&header.exec_ns) {
            self.counts.orphans += 1;
            return;
        }
        match event {
            Event::Exit(..) => {
                self.strangers.remove(&header.tgid);
            }
            // What a stranger forked before the kernel half knew of it is a stranger too.
            Event::Fork(_, fork) => {
                self.strangers.insert(fork.child, header.exec_ns);
            }
            _ => {}
        }
    }

    fn begin(
        &mut self,
        header: Header,
        exec: Box<Exec>,
        executable: Arc<Executable>,
        hand_over: &mut impl FnMut(Output),
    ) {
        // The end of what this process ran before may have been lost.
        self.leave(header.tgid, hand_over);
        if executable.kind.is_none() {
            self.strangers.insert(header.tgid, header.exec_ns);
            return;
        }
        self.strangers.remove(&header.tgid);
        let id = (header.tgid, header.exec_ns);
        self.counts.shells += 1;
        if self.images.contains_key(&id) {
            // Only a broken record names an image that is there.
            self.processes.retain(|_, image| *image != id);
            self.forget(id, hand_over);
        }
        self.images.insert(id, Image::new(header, exec, executable));
        self.processes.insert(header.tgid, id);
    }

    /// The text of `-c`, known as soon as the arguments are.
    fn command_text(&mut self, id: ImageId, hand_over: &mut impl FnMut(Output)) {
        let Some(image) = self.images.get_mut(&id) else { return };
        let Some(Mode::Command(index)) = image.invocation.as_ref().map(|i| i.mode) else { return };
        let Some(text) = image.argv.get(index).cloned() else { return };
        let time = image.header.time_ns;
        // Its text may have come another way already, when the arguments were late.
        if image.scripts.iter().any(|s| s.origin == Origin::Command) {
            return;
        }
        let index = image.add(Origin::Command, Source::Argument, time);
        let script = &mut image.scripts[index];
        script.lossy |= image.arguments_cut;
        script.content.write(0, &text, self.limits.script_bytes);
        self.kept_bytes += script.content.bytes().len();
        self.counts.scripts += 1;
        self.hand_over_one(id, index, time, hand_over);
    }

    fn read(
        &mut self,
        id: ImageId,
        header: Header,
        read: &Read,
        bytes: &[u8],
        hand_over: &mut impl FnMut(Output),
    ) {
        let Some(image) = self.images.get_mut(&id) else { return };
        let index = match image.place(read) {
            None => return,
            Some(Place::Existing(index)) => index,
            // An empty file is a script, too; an empty pipe is none.
            Some(Place::New(origin)) if bytes.is_empty() => {
                if origin != Origin::Sourced && read.pos == 0 && read.size == 0 {
                    self.empty_script(id, origin, &header, read, hand_over);
                }
                return;
            }
            // bash looks at what it is given and refuses binaries.
            Some(Place::New(_)) if bytes.starts_with(b"\x7fELF") => return,
            Some(Place::New(origin)) => self.begin_script(id, origin, &header, read, hand_over),
        };
        let Some(script) = self.images.get_mut(&id).and_then(|image| image.scripts.get_mut(index)) else {
            return;
        };
        // A shell that edits lines itself reads key by key.
        script.keystrokes |= script.origin == Origin::Interactive && read.count == 1;
        // When memory is short, what is there is kept and what comes is counted.
        let room = self.limits.total_bytes.saturating_sub(self.kept_bytes);
        let limit = self.limits.script_bytes.min(script.content.bytes().len().saturating_add(room));
        let (before_kept, before_seen) = (script.content.bytes().len(), script.content.seen_bytes());
        let changed = match u64::try_from(read.pos) {
            Ok(pos) => script.content.write(pos, bytes, limit),
            Err(_) => script.content.append(bytes, limit),
        };
        let kept = script.content.bytes().len() - before_kept;
        self.kept_bytes += kept;
        let cut = (script.content.seen_bytes() - before_seen).saturating_sub(kept as u64);
        let short = limit < self.limits.script_bytes;
        *(if short { &mut self.counts.memory_cut_bytes } else { &mut self.counts.cut_bytes }) += cut;
        if header.flags & FLAG_CUT != 0 {
            script.lossy = true;
        }
        script.changed |= changed;
        script.last_ns = header.time_ns;
        if !script.changed || header.flags & FLAG_MORE != 0 {
            return;
        }
        let complete = read.pos >= 0 && script.content.is_complete(read.size, self.limits.script_bytes);
        let ended = read.ret == 0;
        if script.candidate {
            return;
        }
        let doubled = script.content.seen_bytes() >= 2 * script.handed_bytes.max(512);
        if complete || ended || doubled && script.handed_bytes > 0 {
            self.hand_over_one(id, index, header.time_ns, hand_over);
        }
    }

    /// Adds a script that is read from a file or stream; a shell that sources without end loses its oldest.
    fn begin_script(
        &mut self,
        id: ImageId,
        origin: Origin,
        header: &Header,
        read: &Read,
        hand_over: &mut impl FnMut(Output),
    ) -> usize {
        let Some(image) = self.images.get_mut(&id) else { return usize::MAX };
        if image.scripts.len() >= self.limits.scripts_per_shell
            && let Some(oldest) = image.scripts.iter().position(|s| s.origin == Origin::Sourced)
        {
            let late = image.scripts[oldest].last_ns;
            if image.scripts[oldest].is_due() {
                self.hand_over_one(id, oldest, late, hand_over);
            }
            let Some(image) = self.images.get_mut(&id) else { return usize::MAX };
            let script = image.scripts.remove(oldest);
            self.kept_bytes = self.kept_bytes.saturating_sub(script.content.bytes().len());
            if !script.candidate {
                hand_over(Output::Finished(image.id_of(&script)));
            }
        }
        let Some(image) = self.images.get_mut(&id) else { return usize::MAX };
        let source = Source::Inode { dev: read.dev, ino: read.ino };
        let path = image.announced.take().filter(|(s, _)| *s == source).map(|(_, path)| path);
        let candidate = origin == Origin::Sourced && image.tells();
        let index = image.add(origin, source, header.time_ns);
        image.scripts[index].path = path;
        image.scripts[index].candidate = candidate;
        self.counts.scripts += u64::from(!candidate);
        index
    }

    fn empty_script(
        &mut self,
        id: ImageId,
        origin: Origin,
        header: &Header,
        read: &Read,
        hand_over: &mut impl FnMut(Output),
    ) {
        let index = self.begin_script(id, origin, header, read, hand_over);
        self.hand_over_one(id, index, header.time_ns, hand_over);
    }

    fn fork(&mut self, id: ImageId, header: &Header, fork: Fork, hand_over: &mut impl FnMut(Output)) {
        self.leave(fork.child, hand_over);
        let Some(image) = self.images.get_mut(&id) else { return };
        image.processes += 1;
        self.processes.insert(fork.child, id);
        let due: Vec<usize> =
            (0..image.scripts.len()).filter(|i| image.scripts[*i].is_due_again(header.time_ns)).collect();
        for index in due {
            self.hand_over_one(id, index, header.time_ns, hand_over);
        }
    }

    fn exit(&mut self, id: ImageId, header: &Header, exit: Exit, hand_over: &mut impl FnMut(Output)) {
        if exit.how == EXIT_ENDED && header.tgid != id.0 {
            // A subshell's end says nothing of its parent's script.
            self.processes.remove(&header.tgid);
            self.strings.remove(&header.tgid);
            self.release(id, hand_over);
            return;
        }
        self.leave(header.tgid, hand_over);
    }

    /// A process no longer runs its image: hands over what is new and forgets an image nobody runs.
    fn leave(&mut self, tgid: u32, hand_over: &mut impl FnMut(Output)) {
        self.strings.remove(&tgid);
        let Some(id) = self.processes.remove(&tgid) else { return };
        self.hand_over_changed(id, u64::MAX, hand_over);
        self.release(id, hand_over);
    }

    fn release(&mut self, id: ImageId, hand_over: &mut impl FnMut(Output)) {
        let Some(image) = self.images.get_mut(&id) else { return };
        image.processes = image.processes.saturating_sub(1);
        if image.processes == 0 {
            self.forget(id, hand_over);
        }
    }

    /// Hands over what is new of an image, and forgets it.
    fn forget(&mut self, id: ImageId, hand_over: &mut impl FnMut(Output)) {
        let Some(image) = self.images.get_mut(&id) else { return };
        if !image.tells() {
            // Events were lost, the word on a candidate among them, perhaps.
            for script in image.scripts.iter_mut().filter(|s| s.candidate) {
                script.candidate = false;
                self.counts.scripts += 1;
            }
        }
        self.hand_over_changed(id, u64::MAX, hand_over);
        if let Some(image) = self.images.remove(&id) {
            if !image.captured {
                let lost = image.lost > 0 || image.invocation.is_none();
                *(if lost { &mut self.counts.shells_lost } else { &mut self.counts.shells_silent }) += 1;
            }
            for script in image.scripts.iter().filter(|s| !s.candidate) {
                hand_over(Output::Finished(image.id_of(script)));
            }
            let bytes: usize = image.scripts.iter().map(|s| s.content.bytes().len()).sum();
            self.kept_bytes = self.kept_bytes.saturating_sub(bytes);
        }
    }

    /// Forgets processes that are no more although their end was not seen. To be called every minute or so.
    pub fn sweep(&mut self, hand_over: &mut impl FnMut(Output)) {
        let gone: Vec<u32> = self
            .processes
            .keys()
            .filter(|tgid| !Path::new(&format!("/proc/{tgid}")).exists())
            .copied()
            .collect();
        self.strangers.retain(|tgid, _| Path::new(&format!("/proc/{tgid}")).exists());
        for tgid in gone {
            self.counts.abandoned += 1;
            self.leave(tgid, hand_over);
        }
    }

    /// Hands over what there is of every shell and forgets them all: the sensor ends.
    pub fn end(&mut self, hand_over: &mut impl FnMut(Output)) {
        let processes: Vec<u32> = self.processes.keys().copied().collect();
        for tgid in processes {
            self.leave(tgid, hand_over);
        }
    }
}

mod hand_over;
mod strings;

#[cfg(test)]
mod tests;
