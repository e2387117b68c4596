//! One record of the ring buffer, of any bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use event::Event;

fuzz_target!(|record: &[u8]| {
    let _ = Event::decode(record);
});
