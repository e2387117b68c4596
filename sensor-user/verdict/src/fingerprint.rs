//! Names the definition of the features: a model is good only for the features that it was trained with.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::{
    feature::Feature,
    features::{Extractor, FeatureSet, Passage},
};

/// Key of the fingerprint in a model's metadata.
pub const METADATA_KEY: &str = "features.sha256";
/// Scripts that take every way through the normal form, the words and their context, each behind a line `%%`.
const SCRIPTS: &str = include_str!("fingerprint.txt");

/// The definition in force, 64 lower-case hex digits: a hash of the features that this very code computes of a few scripts.
/// A change of the code or of the concepts that changes any of them changes it.
pub fn fingerprint() -> String {
    let (mut extractor, mut set) = (Extractor::default(), FeatureSet::default());
    let mut hash = Sha256::new();
    let mut ids = Vec::new();
    for script in SCRIPTS.split("%%\n") {
        extractor.extract(script.as_bytes());
        let mut learn = |features: &[Feature]| {
            ids.clear();
            set.distinct(features, |_| true, &mut ids);
            hash.update((ids.len() as u64).to_le_bytes());
            for id in &ids {
                hash.update(id.to_le_bytes());
            }
        };
        (0..extractor.windows()).for_each(|window| learn(extractor.window(window)));
        let passages: Vec<Passage> = extractor.passages().collect();
        for passage in passages {
            learn(extractor.passage(passage));
        }
    }
    hash.finalize().iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing into a string does not fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_same_each_time_and_every_script_counts() {
        assert_eq!(fingerprint(), fingerprint());
        assert!(SCRIPTS.split("%%\n").count() > 5);
        assert_eq!(fingerprint().len(), 64);
    }
}
