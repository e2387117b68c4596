//! Words and variables, followed to their values.

use std::{borrow::Cow, rc::Rc};

use crate::{
    commands::base_name,
    fact::Fact,
    run::{ARGUMENTS_MAX, DEPTH_MAX, File, NAMES_MAX, Run},
    syntax::{Piece, Script, Word},
    value::{Taint, UNKNOWN, Value},
};

/// What a piece and a value cost beside their bytes.
const PIECE_BYTES: usize = 16;
const VALUE_BYTES: usize = 64;

impl Run {
    /// A word's value where it is one word.
    pub(crate) fn joined(&mut self, script: &Rc<Script>, word: &Word) -> Value {
        let mut all = Value::default();
        for piece in word {
            let (value, _) = self.piece(script, piece);
            all.append(&value);
            if !self.spend(PIECE_BYTES + value.text.len()) {
                break;
            }
        }
        all
    }

    /// A command's name without the variables in its middle that nothing was given to: they are empty there.
    pub(crate) fn without_unset<'a>(&mut self, word: &'a Word) -> Cow<'a, Word> {
        let is_letter = |piece: Option<&Piece>, last: bool| {
            let Some(Piece::Text { bytes, .. }) = piece else { return false };
            let byte = if last { bytes.last() } else { bytes.first() };
            byte.is_some_and(u8::is_ascii_alphanumeric)
        };
        let hides = |nth: usize| {
            let Piece::Variable { name, operator, .. } = &word[nth] else { return false };
            let unset = match &name[..] {
                b"@" | b"*" => self.parameters.is_empty(),
                [digit @ b'1'..=b'9'] => self.parameters.len() < usize::from(digit - b'0'),
                _ => !self.variables.contains_key(name),
            };
            unset
                && operator.is_empty()
                && is_letter(nth.checked_sub(1).map(|i| &word[i]), true)
                && is_letter(word.get(nth + 1), false)
        };
        if word.len() < 3 {
            return Cow::Borrowed(word);
        }
        let hidden: Vec<usize> = (0..word.len()).filter(|nth| hides(*nth)).collect();
        if hidden.is_empty() {
            return Cow::Borrowed(word);
        }
        self.fact(Fact::HidesCommand, b"");
        Cow::Owned(
            word.iter()
                .enumerate()
                .filter(|(nth, _)| hidden.binary_search(nth).is_err())
                .map(|(_, p)| p.clone())
                .collect(),
        )
    }

    pub(crate) fn expand(&mut self, script: &Rc<Script>, word: &Word) -> Vec<Value> {
        if let [Piece::Text { bytes, quoted: false }] = &word[..] {
            return braces(bytes);
        }
        let mut values = vec![Value::default()];
        for piece in word {
            let (value, split) = self.piece(script, piece);
            if !self.spend(PIECE_BYTES + value.text.len()) || values.len() >= ARGUMENTS_MAX {
                break;
            }
            let mut parts = value.text.split(|b| split && matches!(b, b' ' | b'\t' | b'\n'));
            let last = values.last_mut().expect("never empty");
            last.append(&Value { text: parts.next().unwrap_or_default().to_vec(), taint: value.taint });
            for part in parts.take(ARGUMENTS_MAX - values.len().min(ARGUMENTS_MAX)) {
                self.spend(VALUE_BYTES);
                values.push(Value { text: part.to_vec(), taint: value.taint });
            }
        }
        if values.len() > 1 {
            values.retain(|value| !value.text.is_empty());
        }
        // What unquoted expansions leave empty is no word.
        if values.len() == 1
            && values[0].text.is_empty()
            && !word.iter().any(|p| matches!(p, Piece::Text { quoted: true, .. }))
        {
            values.clear();
        }
        values
    }

    fn piece(&mut self, script: &Rc<Script>, piece: &Piece) -> (Value, bool) {
        match piece {
            Piece::Text { bytes, .. } => (Value::text(bytes), false),
            Piece::Variable { name, operator, quoted } => {
                // Each value of an array is a word, quoted or not.
                let each = operator.starts_with(b"[@]") || name == b"@";
                (self.variable(name, operator), !quoted || each)
            }
            Piece::Command { place, quoted } => {
                let text = script.text[place.clone()].to_vec();
                let mut value = self.script(&text, &Value::default());
                while value.text.last() == Some(&b'\n') {
                    value.text.pop();
                }
                if value.text.is_empty() {
                    value.text.push(UNKNOWN);
                }
                (value.with(Taint::OUTPUT), !quoted)
            }
            Piece::Process(place) => {
                let text = script.text[place.clone()].to_vec();
                let output = self.script(&text, &Value::default());
                self.processes += 1;
                let path = format!("/dev/fd/{}", self.processes).into_bytes();
                let taint = output.taint;
                let file = File {
                    fetched: taint.has(Taint::REMOTE),
                    content: Some(Rc::new(output)),
                    ..File::default()
                };
                self.remember(&path, file);
                (Value { text: path, taint }, false)
            }
            Piece::Unknown => (Value::unknown(Taint::default()), false),
        }
    }

    fn variable(&mut self, name: &[u8], operator: &[u8]) -> Value {
        let known = match name {
            [digit @ b'1'..=b'9'] => self.parameters.get(usize::from(digit - b'1')).cloned(),
            b"@" | b"*" => {
                let mut all = Value::default();
                for parameter in &self.parameters {
                    if !all.text.is_empty() {
                        all.text.push(b' ');
                    }
                    all.append(parameter);
                }
                (!all.text.is_empty()).then_some(all)
            }
            b"PWD" => Some(Value::text(&self.directory)).filter(|value| !value.text.is_empty()),
            _ => self.variables.get(name).cloned(),
        };
        self.spend(known.as_ref().map_or(0, |value| value.text.len()));
        let unset = known.as_ref().is_none_or(|value| value.text.is_empty());
        // The name behind the mark tells one unknown value from another.
        let mut value =
            known.unwrap_or_else(|| Value { text: [&[UNKNOWN], name].concat(), taint: named(name) });
        match operator {
            [b':', b'-' | b'=', default @ ..] | [b'-' | b'=', default @ ..] if unset => {
                value = self.text_of(default);
                if operator.contains(&b'=') {
                    self.set(name, value.clone());
                }
            }
            [b':', b'+', other @ ..] | [b'+', other @ ..] if !unset => value = self.text_of(other),
            [b':', numbers @ ..]
                if numbers.first().is_some_and(|b| b.is_ascii_digit() || *b == b' ' || *b == b'$') =>
            {
                let mut parts = numbers
                    .split(|b| *b == b':')
                    .map(|n| std::str::from_utf8(n).ok()?.trim().parse::<usize>().ok());
                let start = parts.next().flatten();
                let length = parts.next();
                if let Some(start) = start.filter(|_| value.is_known()) {
                    let start = start.min(value.text.len());
                    let end = length
                        .flatten()
                        .map_or(value.text.len(), |n| start.saturating_add(n).min(value.text.len()));
                    value.text = value.text[start..end].to_vec();
                } else {
                    value.text = vec![UNKNOWN];
                }
                if length.flatten().is_some_and(|n| n <= 2) && value.is_known() {
                    self.tally.assembled += 1;
                    value.taint = value.taint.and(Taint::ASSEMBLED);
                }
            }
            [b'/', rest @ ..] if value.is_known() => {
                let all = rest.first() == Some(&b'/');
                let rest = if all { &rest[1..] } else { rest };
                let mut parts = rest.splitn(2, |b| *b == b'/');
                let (from, to) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
                let plain = |t: &[u8]| !t.iter().any(|b| matches!(b, b'$' | b'*' | b'[' | b'?'));
                if !from.is_empty() && plain(from) && plain(to) && self.spend(2 * value.text.len()) {
                    value.text = replace(&value.text, from, to, all);
                }
            }
            [b'#', b'#', b'*', b'/'] => value.text = base_name(&value.text).to_vec(),
            [b'%', b'/', b'*'] => {
                let end = memchr::memrchr(b'/', &value.text).unwrap_or(value.text.len());
                value.text.truncate(end);
            }
            [b'#', rest @ ..] if value.is_known() => {
                let prefix = rest.strip_prefix(b"#").unwrap_or(rest);
                if let Some(left) = value.text.strip_prefix(prefix) {
                    value.text = left.to_vec();
                }
            }
            [b'%', rest @ ..] if value.is_known() => {
                let suffix = rest.strip_prefix(b"%").unwrap_or(rest);
                if let Some(left) = value.text.strip_suffix(suffix) {
                    value.text = left.to_vec();
                }
            }
            b"@P" | b"@E" => {
                let text = value.text.clone();
                self.script(&text, &Value::default());
            }
            _ => {}
        }
        value
    }

    /// The value of an operator's text, which is a word itself.
    fn text_of(&mut self, text: &[u8]) -> Value {
        if !text.contains(&b'$') && !text.contains(&b'`') {
            let text: Vec<u8> = text.iter().copied().filter(|b| !matches!(b, b'"' | b'\'')).collect();
            return Value { text, taint: Taint::default() };
        }
        if self.too_deep(self.depth >= DEPTH_MAX) || !self.spend(4 * text.len()) {
            return Value::unknown(Taint::default());
        }
        self.depth += 1;
        let units = self.units;
        let inner = self.read(text.to_vec());
        let words: Vec<Word> = inner.statements.first().map(|s| s.words.clone()).unwrap_or_default();
        let mut all = Value::default();
        for word in words.iter().take(ARGUMENTS_MAX) {
            let value = self.joined(&inner, word);
            all.append(&value);
        }
        self.depth -= 1;
        self.give_back(units);
        all
    }

    /// What an alias stands for.
    pub(crate) fn alias(&self, name: &[u8]) -> Option<Vec<u8>> {
        let value = self.variables.get(&[b"alias ", name].concat())?;
        // One that names itself is followed once.
        (!value.text.is_empty() && !value.text.starts_with(name)).then(|| value.text.clone())
    }

    pub(crate) fn set(&mut self, name: &[u8], value: Value) {
        if self.variables.len() >= NAMES_MAX && !self.variables.contains_key(name) {
            self.fact(Fact::Cut, b"variables");
            self.variables.retain(|_, value| value.taint != Taint::default());
            // A sweep must free much, or there is one for each new name.
            if self.variables.len() > NAMES_MAX / 2 {
                self.variables.clear();
            }
        }
        self.changes += 1;
        self.spend(VALUE_BYTES + value.text.len());
        self.variables.insert(name.to_vec(), value);
    }

    pub(crate) fn assign(&mut self, name: &[u8], value: Value, append: bool) {
        self.assigned(name, &value);
        let value = match (append, self.variables.get(name)) {
            (true, Some(before)) => {
                let mut all = before.clone();
                all.append(&value);
                all
            }
            // In the other branch there is no such command.
            (false, Some(before)) if value.text.is_empty() && is_command(&before.text) => return,
            _ => value,
        };
        self.set(name, value);
    }
}

/// Does a variable hold a command and its options, to be written before what it works on?
fn is_command(text: &[u8]) -> bool {
    let mut words = text.split(u8::is_ascii_whitespace);
    let name = words.next().unwrap_or_default();
    words.next().is_some()
        && matches!(
            base_name(name),
            b"curl" | b"wget" | b"nc" | b"ssh" | b"sudo" | b"fetch" | b"python" | b"python3"
        )
}

/// Is a variable that comes from outside named like a secret?
fn named(name: &[u8]) -> Taint {
    const SECRETS: [&[u8]; 9] = [
        b"TOKEN",
        b"SECRET",
        b"PASSWORD",
        b"PASSWD",
        b"API_KEY",
        b"APIKEY",
        b"ACCESS_KEY",
        b"PRIVATE_KEY",
        b"CREDENTIAL",
    ];
    let name = name.to_ascii_uppercase();
    let is_secret = SECRETS.iter().any(|part| memchr::memmem::find(&name, part).is_some());
    if is_secret || name.ends_with(b"_PAT") { Taint::NAMED_SECRET } else { Taint::default() }
}

/// `{a,b}` is two words.
fn braces(bytes: &[u8]) -> Vec<Value> {
    if let Some(inner) = bytes.strip_prefix(b"{").and_then(|b| b.strip_suffix(b"}"))
        && inner.contains(&b',')
        && !inner.contains(&b'{')
    {
        return inner.split(|b| *b == b',').take(ARGUMENTS_MAX).map(Value::text).collect();
    }
    vec![Value::text(bytes)]
}

fn replace(text: &[u8], from: &[u8], to: &[u8], all: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    let finder = memchr::memmem::Finder::new(from);
    while let Some(at) = finder.find(rest) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(to);
        rest = &rest[at + from.len()..];
        if !all || out.len() > 64 * 1024 {
            break;
        }
    }
    out.extend_from_slice(rest);
    out.truncate(64 * 1024);
    out
}
