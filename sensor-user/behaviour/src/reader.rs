//! Statements, read from a text.

use crate::syntax::{BOTH, Direction, Kind, Layout, Piece, Redirect, Statement, Word, literal};

/// Statements and pieces of words that are read of a script and of all scripts within it: what they take is memory.
pub(crate) const UNITS_MAX: usize = 60_000;
/// Statements that are read of one script.
pub(crate) const STATEMENTS_MAX: usize = 20_000;
/// Brackets within brackets that are told apart.
pub(crate) const NESTED_MAX: usize = 200;
/// Redirections of one statement.
const REDIRECTS_MAX: usize = 64;
/// The longest arithmetic command, in bytes.
const ARITHMETIC_MAX: usize = 300;

struct HereDocument {
    statement: usize,
    redirect: usize,
    end: Vec<u8>,
    literal: bool,
    tabs: bool,
}

pub(crate) struct Reader<'a> {
    pub(crate) text: &'a [u8],
    pub(crate) i: usize,
    statements: Vec<Statement>,
    layout: Layout,
    current: Statement,
    /// Statements that opened something, by number.
    open: Vec<usize>,
    /// `case`s that are open, and whether a pattern comes now.
    cases: usize,
    pattern: bool,
    here: Vec<HereDocument>,
    /// What was read, in statements and pieces, and how much may be.
    units: usize,
    units_max: usize,
    /// The name of a function whose body comes next.
    function: Option<Vec<u8>>,
    /// A double quote that nothing closes was met: such quotes are bytes from there on.
    pub(crate) unclosed: bool,
    /// Within an array's brackets, which hold no others.
    pub(crate) array: bool,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(text: &'a [u8], units_max: usize) -> Self {
        Self {
            text,
            i: 0,
            statements: Vec::new(),
            layout: Layout::default(),
            current: Statement::new(0, Kind::Simple),
            open: Vec::new(),
            cases: 0,
            pattern: false,
            here: Vec::new(),
            units: 0,
            units_max,
            function: None,
            unclosed: false,
            array: false,
        }
    }

    /// How many units may still be read, at least one.
    pub(crate) fn units_left(&self) -> usize {
        self.units_max.saturating_sub(self.units).max(1)
    }

    pub(crate) fn byte(&self, ahead: usize) -> Option<u8> {
        self.text.get(self.i + ahead).copied()
    }

    /// The statements, how they are written, and how many units they are.
    pub(crate) fn read(mut self) -> (Vec<Statement>, Layout, usize) {
        while self.i < self.text.len()
            && self.statements.len() < STATEMENTS_MAX
            && self.units < self.units_max
        {
            self.step();
        }
        self.end(false);
        self.here_documents();
        while let Some(opener) = self.open.pop() {
            self.close(opener);
        }
        (self.statements, self.layout, self.units)
    }

    fn step(&mut self) {
        let byte = self.text[self.i];
        match byte {
            b' ' | b'\t' | b'\r' => self.i += 1,
            b'\n' => {
                self.i += 1;
                self.end(false);
                self.here_documents();
            }
            b'#' => {
                let end = memchr::memchr(b'\n', &self.text[self.i..]).map_or(self.text.len(), |n| self.i + n);
                self.layout.comments += end - self.i;
                self.i = end;
            }
            b'\\' if self.byte(1) == Some(b'\n') => self.i += 2,
            b';' => {
                self.i += 1;
                self.end(false);
                while matches!(self.byte(0), Some(b';' | b'&')) {
                    self.i += 1;
                    self.pattern = self.cases > 0;
                }
            }
            b'&' => match self.byte(1) {
                Some(b'&') => {
                    self.i += 2;
                    self.end(false);
                }
                Some(b'>') => {
                    self.i += 1;
                    self.redirect(Some(BOTH));
                }
                _ => {
                    self.i += 1;
                    self.current.background = true;
                    self.end(false);
                }
            },
            b'|' => {
                let double = self.byte(1) == Some(b'|');
                self.i += if double || self.byte(1) == Some(b'&') { 2 } else { 1 };
                if self.pattern {
                    self.current.words.clear();
                } else {
                    self.end(!double);
                    self.current.otherwise = double;
                }
            }
            b'(' if self.pattern && self.current.words.is_empty() => self.i += 1,
            b'(' => self.bracket(),
            b')' => {
                self.i += 1;
                if self.pattern {
                    self.pattern = false;
                    self.layout.branches += 1;
                    self.current.words.clear();
                } else {
                    self.end(false);
                    self.end_of_group();
                }
            }
            b'<' | b'>' if self.byte(1) == Some(b'(') => self.word(),
            b'<' | b'>' => self.redirect(None),
            b'0'..=b'9' if self.descriptor().is_some() => {
                let descriptor = self.descriptor();
                self.i += self.digits();
                self.redirect(descriptor);
            }
            _ => self.word(),
        }
    }

    /// `(`: a function's brackets, arithmetic, an array's values, or a subshell.
    fn bracket(&mut self) {
        let blanks = self.text[self.i + 1..].iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        if self.text.get(self.i + 1 + blanks) == Some(&b')')
            && let [word] = &self.current.words[..]
            && let Some(name) = literal(word)
        {
            self.i += 2 + blanks;
            self.function = Some(name);
            self.current.words.clear();
            return;
        }
        if self.byte(1) == Some(b'(')
            && self.current.words.is_empty()
            && let Some(end) = self.end_of_arithmetic()
        {
            self.i = end;
            return;
        }
        self.i += 1;
        if !self.current.words.is_empty() {
            // An array's values become words of its assignment.
            return;
        }
        self.begin(Kind::Group(0));
    }

    /// One past the `))` that is near on this line.
    fn end_of_arithmetic(&self) -> Option<usize> {
        let near = &self.text[self.i..self.text.len().min(self.i + ARITHMETIC_MAX)];
        let line = memchr::memchr(b'\n', near).unwrap_or(near.len());
        memchr::memmem::find(&near[..line], b"))").map(|end| self.i + end + 2)
    }

    fn begin(&mut self, kind: Kind) {
        let piped = std::mem::take(&mut self.current.piped);
        if let Some(name) = self.function.take() {
            self.push(Statement::new(self.i, Kind::Function(name, 0)), true);
        } else {
            self.push(Statement { piped, ..Statement::new(self.i, kind) }, true);
        }
    }

    fn push(&mut self, statement: Statement, opens: bool) {
        if opens {
            if self.open.len() >= NESTED_MAX {
                return;
            }
            self.open.push(self.statements.len());
        }
        self.units += 1;
        self.statements.push(statement);
    }

    fn end_of_group(&mut self) {
        let Some(opener) = self.open.pop() else { return };
        self.close(opener);
        self.current = Statement::new(self.i, Kind::End);
    }

    fn close(&mut self, opener: usize) {
        let end = self.statements.len();
        match &mut self.statements[opener].kind {
            Kind::Loop(at) | Kind::For(_, at) | Kind::Group(at) | Kind::Function(_, at) => *at = end,
            Kind::Simple | Kind::End => {}
        }
    }

    /// Ends the statement that is being read; the next one may be piped to.
    fn end(&mut self, piped: bool) {
        let next = Statement { piped, ..Statement::new(self.i, Kind::Simple) };
        let mut done = std::mem::replace(&mut self.current, next);
        if done.words.is_empty() && done.redirects.is_empty() && done.kind == Kind::Simple {
            // A line break behind a pipe.
            if done.piped && !piped {
                self.current.piped = true;
            }
            return;
        }
        if let Some(name) = self.function.take() {
            // `f() command`, or something else than a function.
            done.words.insert(0, vec![Piece::Text { bytes: name, quoted: false }]);
        }
        self.push(done, false);
    }

    fn word(&mut self) {
        let start = self.i;
        let (word, _) = self.pieces();
        if self.i == start {
            self.i += 1;
            return;
        }
        self.units += 1 + word.len();
        // One end right behind another: `fi fi`.
        if self.current.kind == Kind::End
            && self.current.words.is_empty()
            && self.current.redirects.is_empty()
        {
            self.end(false);
        }
        if self.current.words.is_empty()
            && self.current.redirects.is_empty()
            && self.current.kind == Kind::Simple
        {
            // Where a pattern may stand, `esac` may stand as well.
            let is_esac = matches!(&word[..], [Piece::Text { bytes, quoted: false }] if bytes == b"esac");
            if (!self.pattern || is_esac) && self.keyword(&word) {
                return;
            }
            self.current.at = start;
        }
        let is_in = matches!(&word[..], [Piece::Text { bytes, quoted: false }] if bytes == b"in");
        self.current.words.push(word);
        if is_in
            && self.current.words.len() == 3
            && literal(&self.current.words[0]).as_deref() == Some(b"case")
        {
            self.cases += 1;
            self.pattern = true;
            self.current.words.clear();
        }
    }

    /// Handles a word where a command may begin; false if it is no keyword.
    fn keyword(&mut self, word: &Word) -> bool {
        let [Piece::Text { bytes, quoted: false }] = &word[..] else { return false };
        match &bytes[..] {
            b"if" => {
                self.layout.conditions += 1;
                // What is piped to it is there for whatever it runs.
                self.begin(Kind::Group(0));
            }
            b"then" | b"elif" | b"else" | b"do" | b"!" | b"time" | b"coproc" => {}
            b"while" | b"until" => {
                self.begin(Kind::Loop(0));
            }
            b"for" | b"select" => self.for_loop(),
            b"esac" => {
                self.cases = self.cases.saturating_sub(1);
                self.pattern = false;
            }
            b"{" => self.begin(Kind::Group(0)),
            b"fi" | b"done" | b"}" => self.end_of_group(),
            b"function" => {
                self.blanks();
                let start = self.i;
                let is_name = |b: &u8| !matches!(b, b' ' | b'\t' | b'\n' | b'(' | b'{' | b';');
                self.i += self.text[start..].iter().take_while(|b| is_name(b)).count();
                let name = self.text[start..self.i].to_vec();
                self.blanks();
                if self.byte(0) == Some(b'(') {
                    self.i += 1;
                    self.blanks();
                    if self.byte(0) == Some(b')') {
                        self.i += 1;
                    }
                }
                self.function = Some(name);
            }
            _ => return false,
        }
        true
    }

    fn blanks(&mut self) {
        while matches!(self.byte(0), Some(b' ' | b'\t')) {
            self.i += 1;
        }
    }

    fn for_loop(&mut self) {
        self.blanks();
        let start = self.i;
        let is_name = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
        self.i += self.text[start..].iter().take_while(|b| is_name(b)).count();
        let name = self.text[start..self.i].to_vec();
        let mut statement = Statement::new(start, Kind::For(name.clone(), 0));
        statement.piped = std::mem::take(&mut self.current.piped);
        self.blanks();
        if name.is_empty() {
            // Arithmetic: `for ((…))`.
            statement.kind = Kind::Loop(0);
            if let Some(end) = self.end_of_arithmetic() {
                let endless = self.text[self.i..end].iter().all(|b| matches!(b, b'(' | b')' | b';' | b' '));
                self.i = end;
                self.push(statement, true);
                if endless {
                    let colon = vec![Piece::Text { bytes: b":".to_vec(), quoted: false }];
                    self.push(Statement { words: vec![colon], ..Statement::new(start, Kind::Simple) }, false);
                }
                return;
            }
        } else if self.text[self.i..].starts_with(b"in") {
            self.i += 2;
            loop {
                self.blanks();
                match self.byte(0) {
                    None | Some(b'\n' | b';' | b'&' | b'|' | b')') => break,
                    _ if self.units >= self.units_max => break,
                    Some(b'\\') if self.byte(1) == Some(b'\n') => self.i += 2,
                    Some(_) => {
                        let before = self.i;
                        let (word, _) = self.pieces();
                        self.i = self.i.max(before + 1);
                        self.units += 1 + word.len();
                        statement.words.push(word);
                    }
                }
            }
        }
        self.push(statement, true);
    }

    fn digits(&self) -> usize {
        self.text[self.i..].iter().take(6).take_while(|b| b.is_ascii_digit()).count()
    }

    /// The number before a redirection that begins here.
    fn descriptor(&self) -> Option<u32> {
        let digits = self.digits();
        let redirects = matches!(self.byte(digits), Some(b'<' | b'>')) && self.byte(digits + 1) != Some(b'(');
        redirects
            .then(|| std::str::from_utf8(&self.text[self.i..self.i + digits]).ok()?.parse().ok())
            .flatten()
    }

    fn redirect(&mut self, descriptor: Option<u32>) {
        if self.current.words.is_empty()
            && self.current.redirects.is_empty()
            && self.current.kind == Kind::Simple
        {
            self.current.at = self.i;
        }
        let rest = &self.text[self.i..];
        let (direction, used) = match rest {
            [b'<', b'<', b'<' | b'-', ..] => (Direction::Here, 3),
            [b'<', b'<', ..] => (Direction::Here, 2),
            [b'<', b'>', ..] => (Direction::Both, 2),
            [b'>', b'>', ..] => (Direction::Append, 2),
            [b'>', b'|', ..] => (Direction::To, 2),
            [b'<', ..] => (Direction::From, 1),
            _ => (Direction::To, 1),
        };
        let document = direction == Direction::Here && !rest.starts_with(b"<<<");
        let tabs = rest.starts_with(b"<<-");
        self.i += used;
        let ampersand = self.byte(0) == Some(b'&');
        if ampersand {
            self.i += 1;
        }
        // `>&file` is a file, `>&1` is none.
        let duplicate = ampersand && matches!(self.byte(0), Some(b'0'..=b'9' | b'-' | b'$'));
        self.blanks();
        let (word, quoted) = self.pieces();
        self.units += 1 + word.len();
        if document {
            let end = literal(&word).unwrap_or_default();
            self.here.push(HereDocument {
                statement: self.statements.len(),
                redirect: self.current.redirects.len(),
                end,
                literal: quoted,
                tabs,
            });
        }
        if self.current.redirects.len() < REDIRECTS_MAX {
            self.current.redirects.push(Redirect { direction, descriptor, duplicate, word });
        }
    }

    /// Reads the here-documents whose line has ended.
    fn here_documents(&mut self) {
        for document in std::mem::take(&mut self.here) {
            let start = self.i;
            let mut end = self.text.len();
            while self.i < self.text.len() {
                let line = &self.text[self.i..];
                let length = memchr::memchr(b'\n', line).unwrap_or(line.len());
                let mut content = &line[..length];
                if document.tabs {
                    let tabs = content.iter().take_while(|b| **b == b'\t').count();
                    content = &content[tabs..];
                }
                content = content.strip_suffix(b"\r").unwrap_or(content);
                let closes = content == document.end;
                if closes {
                    end = self.i;
                }
                self.i += (length + 1).min(line.len());
                if closes {
                    break;
                }
            }
            let word = if document.literal {
                vec![Piece::Text { bytes: self.text[start..end].to_vec(), quoted: true }]
            } else {
                let after = self.i;
                let mut inner = Reader::new(&self.text[..end], self.units_max);
                inner.i = start;
                let mut pieces = Vec::new();
                inner.double_quoted(&mut pieces, true);
                self.i = after;
                self.units += pieces.len();
                pieces
            };
            if let Some(statement) = self.statements.get_mut(document.statement)
                && let Some(redirect) = statement.redirects.get_mut(document.redirect)
            {
                redirect.word = word;
            }
        }
    }
}
