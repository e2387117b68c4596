//! The features of a text's words, a block of words at a time: those of a long text would take more room than the text many times.

use std::ops::Range;

use super::{
    context::{Context, FEATURES_PER_WORD},
    effects::Effects,
    feature::Feature,
    growth::make_room,
    normal::Normal,
    words::{self, Words},
};

/// Words of a block.
pub(super) const BLOCK_WORDS: usize = 256;
/// Blocks whose features are kept, the last ones: windows and passages overlap.
const KEPT_BLOCKS: usize = 16;

/// A text's blocks.
#[derive(Default)]
pub(super) struct Blocks {
    /// Where the word before each block ends.
    places: Vec<u32>,
    /// What came before each block, as far as that is known.
    contexts: Vec<Context>,
    kept: [Block; KEPT_BLOCKS],
}

/// The features of a block.
#[derive(Default)]
struct Block {
    /// Which one it is.
    number: Option<usize>,
    features: Vec<Feature>,
    /// For each word, where its features begin, and where those of the last end.
    of_word: Vec<u32>,
}

impl Blocks {
    /// Begins another text.
    pub(super) fn clear(&mut self) {
        self.places.clear();
        self.contexts.clear();
        self.contexts.push(Context::default());
        for block in &mut self.kept {
            block.number = None;
        }
    }

    /// A block begins behind a word that ends there.
    pub(super) fn begin(&mut self, place: u32) {
        make_room(&mut self.places, 1);
        self.places.push(place);
    }

    /// Appends the features of words in a row, by number, of the text whose blocks were begun.
    pub(super) fn append(
        &mut self,
        normal: &Normal,
        effects: &Effects,
        words: Range<usize>,
        features: &mut Vec<Feature>,
    ) {
        let mut start = words.start;
        while start < words.end {
            let (number, within) = (start / BLOCK_WORDS, start % BLOCK_WORDS);
            let end = words.end.min((number + 1) * BLOCK_WORDS);
            let block = self.block(normal, effects, number);
            let of_words = block.of_word[within] as usize..block.of_word[within + end - start] as usize;
            features.extend_from_slice(&block.features[of_words]);
            start = end;
        }
    }

    fn block(&mut self, normal: &Normal, effects: &Effects, number: usize) -> &Block {
        if self.kept[number % KEPT_BLOCKS].number != Some(number) {
            // What came before it is known once those before it were looked at.
            for known in self.contexts.len() - 1..number {
                self.compute(normal, effects, known);
            }
            self.compute(normal, effects, number);
        }
        &self.kept[number % KEPT_BLOCKS]
    }

    fn compute(&mut self, normal: &Normal, effects: &Effects, number: usize) {
        let block = &mut self.kept[number % KEPT_BLOCKS];
        block.number = Some(number);
        block.features.clear();
        block.of_word.clear();
        let mut context = self.contexts[number].clone();
        let mut words = Words::behind(&normal.text, self.places[number]);
        let mut next = words.next();
        for i in number * BLOCK_WORDS.. {
            block.of_word.push(block.features.len() as u32);
            let Some(word) = next.filter(|_| i < (number + 1) * BLOCK_WORDS) else { break };
            next = words.next();
            let assigned = next.is_some_and(|next| words::is_assignment(word, next));
            make_room(&mut block.features, FEATURES_PER_WORD);
            context.word(normal, word, assigned, effects.is_print_only(i), &mut block.features);
        }
        if self.contexts.len() == number + 1 {
            make_room(&mut self.contexts, 1);
            self.contexts.push(context);
        }
    }
}
