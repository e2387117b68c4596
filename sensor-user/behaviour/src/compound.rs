//! Loops and groups.

use std::rc::Rc;

use crate::{
    fact::Fact,
    place,
    run::{ARGUMENTS_MAX, Run},
    syntax::{Kind, Redirect, Script, Statement, literal},
    value::{Taint, Value},
};

impl Run {
    pub(crate) fn compound(
        &mut self,
        script: &Rc<Script>,
        opener: usize,
        end: usize,
        input: &Value,
    ) -> Value {
        self.groups += 1;
        let output = self.inside(script, opener, end, input);
        self.groups -= 1;
        output
    }

    fn inside(&mut self, script: &Rc<Script>, opener: usize, end: usize, input: &Value) -> Value {
        let statement = &script.statements[opener];
        let redirects: &[Redirect] = script.statements.get(end).map_or(&[], |s| &s.redirects);
        let background = script.statements.get(end).is_some_and(|s| s.background);
        let (fed, mut manner) = self.bind_input(script, redirects, input, statement.piped);
        manner.background = background;
        let mut counts = (0, 0, 0, 0);
        match &statement.kind {
            Kind::For(name, _) => {
                let mut words: Vec<Value> = Vec::new();
                for word in &statement.words {
                    words.extend(self.expand(script, word));
                    words.truncate(ARGUMENTS_MAX);
                    if !self.spend(64) {
                        break;
                    }
                }
                self.spend(64 * words.len());
                let mut all = Value::default();
                for word in &words {
                    if !all.text.is_empty() {
                        all.text.push(b' ');
                    }
                    self.spend(word.text.len());
                    all.append(word);
                }
                if words.iter().any(|w| w.text.contains(&b'*')) {
                    all.taint = all.taint.and(Taint::FILES);
                }
                let globbed =
                    words.iter().any(|w| w.text.contains(&b'*') && place::is_broad_pattern(&w.text));
                let mut first = words.first().cloned().unwrap_or_else(|| Value::unknown(Taint::default()));
                first.taint = all.taint;
                if globbed {
                    first.taint = first.taint.and(Taint::EVERY_FILE);
                }
                if first.taint.has(Taint::RIVALS)
                    || words.len() > 1
                        && words.iter().filter(|w| crate::impact::names_rival(&w.text)).count() > 1
                {
                    first.taint = first.taint.and(Taint::RIVALS);
                }
                let addresses = words.iter().filter(|w| crate::host::of_url(&w.text).is_some()).count();
                counts = (
                    0,
                    usize::from(all.taint.has(Taint::HOSTS) || addresses > 1),
                    usize::from(first.taint.has(Taint::EVERY_FILE.and(Taint::FILES))),
                    usize::from(all.taint.has(Taint::PASSWORDS)),
                );
                if words.len() > 1 && words.len() <= 12 && words.iter().all(Value::is_known) {
                    // Each of a few values: what is done to the first alone would miss the rest.
                    let mut output = Value::default();
                    self.enter(counts, 1);
                    // Loops in loops multiply.
                    let each = if self.loops > 2 { 1 } else { 6 };
                    for word in words.into_iter().take(each) {
                        self.set(name, word.with(first.taint));
                        output.append(&self.statements(script, opener + 1..end, &fed));
                    }
                    self.enter(counts, -1);
                    return self.bind_output(script, redirects, output, manner);
                }
                self.set(name, first);
            }
            Kind::Loop(_) => {
                let condition = script.statements.get(opener + 1);
                let name = condition.and_then(|s| s.words.first()).and_then(literal);
                let endless = match name.as_deref() {
                    Some(b"true" | b":" | b"false" | b"sleep") => true,
                    Some(b"[" | b"[[" | b"test") => condition.is_some_and(|s| {
                        s.words.len() <= 3
                            && s.words.get(1).and_then(literal).is_some_and(|w| w == b"1" || w == b"true")
                    }),
                    None => condition.is_some_and(|s| s.words.is_empty()),
                    _ => false,
                };
                counts = (
                    usize::from(endless),
                    usize::from(fed.taint.has(Taint::HOSTS)),
                    usize::from(fed.taint.has(Taint::EVERY_FILE.and(Taint::FILES))),
                    usize::from(fed.taint.has(Taint::PASSWORDS)),
                );
            }
            _ => {}
        }
        if counts.0 > 0 && only_starts(&script.statements[opener + 1..end.min(script.statements.len())]) {
            self.fact(Fact::ForkBomb, b"a loop that only starts processes");
        }
        let is_loop = !matches!(statement.kind, Kind::Group(_));
        let leaves = |s: &Statement| {
            s.words
                .first()
                .and_then(literal)
                .is_some_and(|word| matches!(&word[..], b"break" | b"exit" | b"return"))
        };
        let body = &script.statements[opener + 1..end.min(script.statements.len())];
        let is_left = usize::from(is_loop && counts.0 > 0 && body.iter().any(leaves));
        self.left += is_left;
        if is_loop {
            self.enter(counts, 1);
        }
        let output = self.statements(script, opener + 1..end, &fed);
        if is_loop {
            self.enter(counts, -1);
        }
        self.left -= is_left;
        self.bind_output(script, redirects, output, manner)
    }

    fn enter(&mut self, (endless, hosts, files, passwords): (usize, usize, usize, usize), sign: isize) {
        let add = |n: &mut usize, by: usize| *n = n.saturating_add_signed(sign * by as isize);
        add(&mut self.loops, 1);
        add(&mut self.endless, endless);
        add(&mut self.over_hosts, hosts);
        add(&mut self.over_files, files);
        add(&mut self.over_passwords, passwords);
    }
}

/// Does a loop without an end start processes in the background and do nothing that takes time?
fn only_starts(body: &[Statement]) -> bool {
    let is_quick = |statement: &Statement| match statement.kind {
        // What a substitution says takes time.
        Kind::Simple if !statement.words.iter().all(|word| literal(word).is_some()) => false,
        Kind::Simple => statement.words.first().is_none_or(|word| {
            let is_zero = statement.words.get(1).and_then(literal).is_some_and(|second| second == b"0");
            match literal(word).as_deref() {
                Some(b"true" | b":" | b"[" | b"1" | b"echo" | b"test") => true,
                Some(b"sleep") => is_zero,
                _ => false,
            }
        }),
        _ => false,
    };
    let starts = body.iter().filter(|statement| statement.background && !is_quick(statement));
    starts.count() > 0
        && body.iter().all(|statement| {
            statement.background || is_quick(statement) || matches!(statement.kind, Kind::End)
        })
}
