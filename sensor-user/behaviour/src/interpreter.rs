//! What interprets text: shells, other languages, and files that are run.

use crate::{
    commands::{Call, base_name, contains, is_shell},
    fact::Fact,
    place,
    run::Run,
    value::{Taint, UNKNOWN, Value},
};

impl Run {
    /// Text that is run as commands.
    pub(crate) fn evaluate(&mut self, text: &Value, evaluated: bool) -> Value {
        if evaluated {
            self.fact(Fact::EvaluatesText, b"");
        }
        let taint = text.taint;
        if taint.has(Taint::REMOTE) {
            self.used(taint, b"");
            self.fact(Fact::FetchToShell, b"");
            self.tally.fetched_runs.insert(self.at);
            if self.endless > 0 {
                self.fact(Fact::CommandLoop, b"");
            }
        }
        if taint.has(Taint::SOCKET) {
            self.fact(Fact::ReverseShell, b"");
        }
        if taint.has(Taint::DECODED) {
            self.fact(Fact::RunsDecoded, b"");
        }
        if taint.has(Taint::ASSEMBLED) {
            self.fact(Fact::HidesCommand, b"");
        }
        if !text.is_known() && !taint.has(Taint::REMOTE) {
            self.fact(Fact::RunsComputed, b"");
        }
        let mut output = self.script(&text.text.clone(), &Value::default());
        if output.text.is_empty() {
            output.text.push(UNKNOWN);
        }
        output
    }

    pub(crate) fn shell(&mut self, call: &Call<'_>) -> Value {
        let mut at = 0;
        let mut interactive = false;
        // `-s`: what follows are the script's arguments.
        let mut from_input = false;
        while let Some(argument) = call.arguments.get(at) {
            match argument.text.first() {
                Some(b'-' | b'+') if argument.text.len() > 1 => {
                    let text = &argument.text;
                    if !text.starts_with(b"--") && text.contains(&b'c') {
                        let Some(script) = call.arguments.get(at + 1) else { return Value::default() };
                        let script = script.clone();
                        if call.manner.connected {
                            self.fact(Fact::ReverseShell, b"");
                        }
                        return self.evaluate(&script, false);
                    }
                    interactive |= text.contains(&b'i') && !text.starts_with(b"--");
                    from_input |= text.contains(&b's') && !text.starts_with(b"--");
                    if text == b"-p" {
                        self.fact(Fact::SetuidShell, &call.name);
                    }
                    at += 1 + usize::from(matches!(
                        &text[..],
                        b"-o" | b"-O" | b"+O" | b"--rcfile" | b"--init-file"
                    ));
                }
                Some(_) if argument.text == b"-" => at += 1,
                _ => break,
            }
        }
        if let Some(file) = call.arguments.get(at).filter(|_| !from_input) {
            let path = self.path(&file.text);
            self.used(file.taint, b"");
            if file.taint.has(Taint::REMOTE) && self.files.get(&path).is_none_or(|f| !f.fetched) {
                self.fact(Fact::FetchToShell, b"");
            }
            self.run_file(&path, &call.arguments[at + 1..], call);
            return Value::unknown(Taint::OUTPUT);
        }
        if call.manner.connected || call.manner.to_fifo || call.input.taint.has(Taint::SOCKET) {
            self.fact(Fact::ReverseShell, &call.name);
            return Value::unknown(Taint::SHELL);
        }
        if call.input.taint.has(Taint::FIFO) || interactive && call.manner.fed && !call.input.is_known() {
            return Value::unknown(Taint::SHELL);
        }
        if call.manner.fed {
            let script = call.input.clone();
            self.evaluate(&script, false);
            return Value::unknown(Taint::OUTPUT.and(script.taint));
        }
        Value::unknown(Taint::SHELL)
    }

    pub(crate) fn language(&mut self, call: &Call<'_>) -> Value {
        let is_option = |a: &Value| a.text.len() > 1 && a.text[0] == b'-' && a.text[1] != b'-';
        let text = call.arguments.iter().position(|a| {
            is_option(a) && a.text.len() <= 5 && matches!(a.text.last(), Some(b'c' | b'e' | b'E' | b'r'))
        });
        // The code behind the letter: `-e'…'`.
        let glued = call
            .arguments
            .iter()
            .find(|a| is_option(a) && a.text.len() > 8 && matches!(a.text[1], b'c' | b'e' | b'r'));
        if let Some(glued) = glued {
            let code = Value { text: glued.text[2..].to_vec(), taint: glued.taint };
            self.code(&code, call);
        }
        let mut output = Value::unknown(Taint::OUTPUT.and(call.taint()));
        if let Some(at) = text {
            for argument in &call.arguments[at + 1..] {
                let code = argument.clone();
                output.taint = output.taint.and(self.code(&code, call));
            }
        } else if let Some(file) = call.operands().next() {
            let path = self.path(&file.text);
            if file.text.as_slice() == b"-" {
                let code = call.input.clone();
                self.code(&code, call);
            } else if call.option(&["-m"]).is_none() {
                self.run_file(&path, &[], call);
            }
        } else if call.manner.fed {
            let code = call.input.clone();
            if code.taint.has(Taint::REMOTE) {
                self.used(code.taint, b"");
                self.fact(Fact::FetchToShell, b"");
            }
            if code.taint.has(Taint::DECODED) {
                self.fact(Fact::RunsDecoded, b"");
            }
            output.taint = output.taint.and(self.code(&code, call));
        }
        if call.option(&["-m"]).is_some_and(|m| m.text == b"http.server" || m.text == b"SimpleHTTPServer") {
            self.fact(Fact::Listens, b"http.server");
        }
        output
    }

    /// Runs a file.
    pub(crate) fn run_file(&mut self, path: &[u8], arguments: &[Value], call: &Call<'_>) {
        let manner = call.manner;
        if matches!(path, b"/dev/stdin" | b"/dev/fd/0" | b"/proc/self/fd/0") {
            let script = call.input.clone();
            self.evaluate(&script, false);
            return;
        }
        // What is sourced is settings as often as not.
        let sourced = call.is(&["source", "."]);
        let temporary = place::is_temporary(path) && !sourced;
        let hidden = place::is_hidden(path) && !sourced;
        if temporary {
            self.fact(Fact::RunsTemporary, path);
        }
        if hidden {
            self.fact(Fact::RunsHidden, path);
        }
        if manner.background && manner.silent && (temporary || hidden || self.files.contains_key(path)) {
            self.fact(Fact::RunsSilently, path);
        }
        if contains(path, "/proc/self/fd") || contains(path, "/proc/$") && contains(path, "/fd/") {
            self.fact(Fact::RunsMemory, path);
        }
        if manner.connected && is_shell(base_name(path)) {
            self.fact(Fact::ReverseShell, path);
        }
        self.miner_words(&Call { name: base_name(path).to_vec(), arguments, input: call.input, manner });
        let Some(file) = self.files.get_mut(path) else { return };
        let is_command = file.again_and_again && self.endless > 0 && self.left == 0;
        let again = std::mem::replace(&mut file.ran, true);
        let (fetched, written, content) = (file.fetched, file.written, file.content.clone());
        if is_command {
            self.fact(Fact::CommandLoop, path);
        }
        if fetched {
            if !again {
                self.tally.fetched_runs.insert(self.at);
            }
            self.fact(Fact::FetchRun, path);
            if temporary {
                self.fact(Fact::FetchTemporaryRun, path);
            }
            if manner.background {
                self.fact(Fact::FetchRunBackground, path);
            }
        }
        if again {
            return;
        }
        if let Some(content) = content {
            if content.taint.has(Taint::DECODED) {
                self.fact(Fact::RunsDecoded, path);
            }
            if content.taint.has(Taint::REMOTE) {
                self.used(content.taint, path);
                self.fact(Fact::FetchRun, path);
            }
            if content.taint.has(Taint::SOURCE) {
                self.fact(Fact::ExploitBuilt, path);
            }
            if written {
                self.fact(Fact::RunsWritten, path);
            }
            if content.is_known() || content.text.len() > 8 {
                let text = content.text.clone();
                self.script(&text, &Value::default());
            }
        }
    }
}
