//! A script of any bytes: its normal form, words and features, and that every feature lies in the script.
#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use verdict::{BUCKETS, features::{Extractor, Passage}};

thread_local! {
    static EXTRACTOR: RefCell<Extractor> = RefCell::default();
}

fuzz_target!(|script: &[u8]| {
    EXTRACTOR.with_borrow_mut(|extractor| {
        extractor.extract(script);
        for window in 0..extractor.windows() {
            for feature in extractor.window(window) {
                assert!(feature.id < BUCKETS);
                assert!(feature.at as usize <= script.len());
            }
            let near: Vec<Passage> = extractor.passages_of(window).collect();
            for passage in near {
                extractor.passage(passage);
            }
        }
    });
});
