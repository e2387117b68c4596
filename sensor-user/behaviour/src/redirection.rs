//! Where the input of statements comes from, and where their output goes.

use std::rc::Rc;

use crate::{
    fact::Fact,
    place::Place,
    run::{Manner, NAMES_MAX, Run},
    syntax::{Direction, Redirect, Script},
    value::{Taint, Value},
};

impl Run {
    pub(crate) fn bind_input(
        &mut self,
        script: &Rc<Script>,
        redirects: &[Redirect],
        input: &Value,
        piped: bool,
    ) -> (Value, Manner) {
        // A group's input is that of what it runs.
        let mut manner = Manner { fed: piped || !input.text.is_empty(), ..Manner::default() };
        let mut fed = None;
        for redirect in redirects {
            if !self.spend(64) {
                break;
            }
            match redirect.direction {
                Direction::Here => {
                    fed = Some(self.joined(script, &redirect.word));
                    manner.fed = true;
                }
                Direction::From | Direction::Both => {
                    let word = self.joined(script, &redirect.word);
                    if let Some(descriptor) = is_descriptor(redirect, &word.text) {
                        if self.sockets.contains(&descriptor) {
                            manner.connected = true;
                            fed = Some(Value::unknown(Taint::SOCKET.and(Taint::REMOTE)));
                        } else if let Some(value) = self.descriptors.get(&descriptor) {
                            fed = Some(value.clone());
                            manner.fed = true;
                        }
                        continue;
                    }
                    let path = self.path(&word.text);
                    if Place::of(&path) == Place::Socket {
                        manner.connected = true;
                        self.fact(Fact::SocketDevice, &path);
                        self.sockets.extend(redirect.descriptor);
                        fed = Some(Value::unknown(Taint::SOCKET.and(Taint::REMOTE)));
                    } else if redirect.direction == Direction::From {
                        let content = self.content(&path);
                        if let Some(descriptor) = redirect.descriptor.filter(|d| *d != 0) {
                            if self.descriptors.len() < NAMES_MAX {
                                self.descriptors.insert(descriptor, content);
                            }
                        } else {
                            fed = Some(content);
                            manner.fed = true;
                        }
                    }
                }
                Direction::To | Direction::Append => {
                    if redirect.duplicate {
                        let word = self.joined(script, &redirect.word);
                        if is_descriptor(redirect, &word.text).is_some_and(|d| self.sockets.contains(&d)) {
                            manner.connected = true;
                        }
                    }
                }
            }
        }
        if fed.is_none() {
            self.spend(input.text.len());
        }
        (fed.unwrap_or_else(|| input.clone()), manner)
    }

    pub(crate) fn bind_output(
        &mut self,
        script: &Rc<Script>,
        redirects: &[Redirect],
        output: Value,
        manner: Manner,
    ) -> Value {
        let mut to_file = false;
        for redirect in redirects {
            if !matches!(redirect.direction, Direction::To | Direction::Append)
                || redirect.descriptor == Some(2)
            {
                continue;
            }
            let path = self.joined(script, &redirect.word);
            if is_descriptor(redirect, &path.text).is_some() {
                if manner.connected && output.taint.has(Taint::SECRET) {
                    self.fact(Fact::SendsSecret, b"");
                }
                continue;
            }
            let path = self.path(&path.text);
            if !self.spend(64 + path.len()) {
                break;
            }
            self.write(&path, &output, redirect.direction == Direction::Append);
            to_file = true;
        }
        if to_file { Value::default() } else { output }
    }
}

/// The descriptor that a redirection goes to or comes from, if it is none of a file.
pub(crate) fn is_descriptor(redirect: &Redirect, word: &[u8]) -> Option<u32> {
    let number = || std::str::from_utf8(word).ok()?.trim_end_matches('-').parse().ok();
    redirect.duplicate.then(|| if word == b"-" { Some(u32::MAX) } else { number() }).flatten()
}
