//! Variables of a script that have literal values. Buffers are kept from script to script.

use std::{collections::HashMap, ops::Range};

use super::{growth::make_room, words};

/// Variables remembered.
const VARIABLES_MAX: usize = 512;

/// Names and values, in one buffer.
#[derive(Default)]
pub(super) struct Variables {
    bytes: Vec<u8>,
    /// By the name's hash: where name and value are. Of two names with one hash the later one is known.
    places: HashMap<u64, (Range<usize>, Range<usize>)>,
}

impl Variables {
    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.places.clear();
    }

    /// The value of a variable, if it has a literal one.
    pub(super) fn get(&self, name: &[u8]) -> Option<&[u8]> {
        let (of_name, of_value) = self.places.get(&key(name))?;
        (self.bytes[of_name.clone()] == *name).then(|| &self.bytes[of_value.clone()])
    }

    /// Gives a variable a value; new ones only while there is room.
    pub(super) fn set(&mut self, name: &[u8], value: &[u8]) {
        let key = key(name);
        if self.places.len() >= VARIABLES_MAX && !self.places.contains_key(&key) {
            return;
        }
        let mut keep = |bytes: &[u8]| {
            let start = self.bytes.len();
            make_room(&mut self.bytes, bytes.len());
            self.bytes.extend_from_slice(bytes);
            start..self.bytes.len()
        };
        let place = (keep(name), keep(value));
        self.places.insert(key, place);
    }
}

/// Letters' case matters in names, unlike in words.
fn key(name: &[u8]) -> u64 {
    name.iter().fold(words::hash(name, 0), |h, b| h.rotate_left(5) ^ u64::from(*b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_counts_and_names_are_exact() {
        let mut variables = Variables::default();
        variables.set(b"name", b"one");
        variables.set(b"Name", b"two");
        variables.set(b"name", b"three");
        assert_eq!(variables.get(b"name"), Some(&b"three"[..]));
        assert_eq!(variables.get(b"Name"), Some(&b"two"[..]));
        assert_eq!(variables.get(b"nam"), None);
        variables.clear();
        assert_eq!(variables.get(b"name"), None);
    }

    #[test]
    fn there_is_room_for_so_many() {
        let mut variables = Variables::default();
        for i in 0..=VARIABLES_MAX {
            variables.set(format!("v{i}").as_bytes(), b"x");
        }
        assert_eq!(variables.get(b"v0"), Some(&b"x"[..]));
        assert_eq!(variables.get(format!("v{VARIABLES_MAX}").as_bytes()), None);
    }
}
