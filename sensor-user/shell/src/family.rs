//! A shell family by its profile.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::profile::Profile;

/// Which shell a binary is. Serialised by its profile's name.
#[derive(Clone, Copy)]
pub struct Family(pub(crate) &'static Profile);

impl Family {
    /// All that is known of it.
    pub fn profile(self) -> &'static Profile {
        self.0
    }

    /// Its name in records and findings.
    pub fn name(self) -> &'static str {
        self.0.name
    }
}

impl PartialEq for Family {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for Family {}

impl fmt::Debug for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name)
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name)
    }
}

impl Serialize for Family {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name)
    }
}
