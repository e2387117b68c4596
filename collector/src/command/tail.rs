//! `collector tail`.

use std::{io::Write, path::Path, time::Duration};

use store::Store;

use super::{Format, row};

/// How often the store is looked at.
const POLL: Duration = Duration::from_millis(20);

/// Prints findings as they are stored, until the output is closed or the process is told to stop.
pub fn run(path: &Path, format: Format, out: &mut dyn Write) -> anyhow::Result<()> {
    let store = Store::open_for_reading(path)?;
    let mut seen = store.last_seq()?;
    loop {
        let news = store.after(seen)?;
        for stored in &news {
            seen = stored.seq;
            row::print(stored, format, out)?;
        }
        out.flush()?;
        if news.is_empty() {
            std::thread::sleep(POLL);
        }
    }
}
