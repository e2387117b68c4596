//! What a shell was given when it was executed: the text of `-c` in its arguments, and what it evaluates of its environment.

use shell::Mode;

use super::{Assembler, ShellId, parts};
use crate::{
    capture::{Origin, Output},
    environment::{VARIABLES, is_function},
    script::Source,
};

impl Assembler {
    /// The text of `-c`, known as soon as the arguments are.
    pub(super) fn command_text(&mut self, id: ShellId, emit: &mut dyn FnMut(Output)) {
        let Some(shell) = self.shells.get_mut(&id) else { return };
        let Some(text) = shell.command.take() else { return };
        let time = shell.header.time_ns;
        // Its text may have come another way already, when the arguments were late.
        if shell.scripts.iter().any(|s| s.origin == Origin::Command) {
            return;
        }
        let index = shell.add(Origin::Command, Source::Argument, time);
        let script = &mut shell.scripts[index];
        script.lossy |= shell.arguments_cut;
        script.content.write(0, &text, self.limits.script_bytes);
        self.counts.scripts += 1;
        let header = shell.header;
        self.emit_one(id, index, time, emit);
        if text.len() > self.limits.script_bytes {
            let piece = parts::Piece { start: 0, bytes: &text, may_run: true };
            self.read_beyond(id, index, &header, &piece, emit);
        }
        self.keep_judged(id, index);
    }

    /// Makes do with what arrived of the arguments and the environment: they come before anything else, so what is missing
    /// was lost.
    pub(super) fn settle_vectors(&mut self, id: ShellId, emit: &mut dyn FnMut(Output)) {
        let args_bytes = self.limits.args_bytes.min(self.room(id));
        let Some(shell) = self.shells.get_mut(&id) else { return };
        if shell.invocation.is_none() && shell.has_arguments() {
            shell.arguments_cut = true;
            shell.parse_arguments(args_bytes);
            self.command_text(id, emit);
        }
        let Some(shell) = self.shells.get(&id) else { return };
        if !shell.environment.is_empty() {
            self.environment(id, emit);
        }
    }

    /// What a shell may evaluate of its environment. What it tells by itself is not told twice.
    pub(super) fn environment(&mut self, id: ShellId, emit: &mut dyn FnMut(Output)) {
        let Some(shell) = self.shells.get_mut(&id) else { return };
        let environment = std::mem::take(&mut shell.environment);
        if shell.invocation.as_ref().is_some_and(|invocation| invocation.mode == Mode::NotAShell) {
            return;
        }
        let imports_functions = !shell.tells();
        let evaluable: Vec<(&[u8], &[u8])> =
            environment.evaluable().filter(|(_, value)| imports_functions || !is_function(value)).collect();
        let (each, rest) = evaluable.split_at(evaluable.len().min(VARIABLES));
        for (name, value) in each {
            self.variable(id, name, value, emit);
        }
        if !rest.is_empty() {
            let values: Vec<&[u8]> = rest.iter().map(|(_, value)| *value).collect();
            self.variable(id, b"environment", &values.join(&b'\n'), emit);
        }
    }

    /// The value of a variable of the environment, in parts where it is long.
    fn variable(&mut self, id: ShellId, name: &[u8], value: &[u8], emit: &mut dyn FnMut(Output)) {
        for (offset, part) in parts::of(value, self.limits.script_bytes) {
            let Some(shell) = self.shells.get_mut(&id) else { return };
            let time = shell.header.time_ns;
            let index = shell.add(Origin::Environment, Source::Memory, time);
            let script = &mut shell.scripts[index];
            script.content.write(0, part, part.len());
            script.content.is_of_size((value.len() - offset) as u64);
            script.offset = offset as u64;
            script.evaluated_by = Some(name.to_vec());
            self.counts.scripts += 1;
            self.emit_and_drop(id, index, time, emit);
        }
    }
}
