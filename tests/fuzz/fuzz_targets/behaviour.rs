//! A script of any bytes: what it does is found in a bounded number of steps, and every fact lies in the script.
#![no_main]

use behaviour::{ABOUT_MAX, Behaviour};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|script: &[u8]| {
    let does = Behaviour::of(script);
    for evidence in &does.evidence {
        assert!(evidence.at as usize <= script.len());
        assert!(evidence.about.len() <= ABOUT_MAX);
    }
    assert!(does.style.iter().all(|value| value.is_finite() && *value >= 0.0));
});
