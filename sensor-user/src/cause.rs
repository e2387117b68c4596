//! Errors in one sentence.

use std::error::Error;

/// An error followed by what caused it: the outermost alone says only which step failed.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}
