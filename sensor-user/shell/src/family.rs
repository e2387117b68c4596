//! A shell family by its profile.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use crate::{profile::Profile, table};

/// Which shell a binary is. Serialised by its profile's name.
#[derive(Clone, Copy)]
pub struct Family(pub(crate) &'static Profile);

/// No profile has this name.
#[derive(Debug)]
pub struct UnknownFamily(String);

impl fmt::Display for UnknownFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown shell {:?}: known are {}", self.0, table::names().collect::<Vec<_>>().join(", "))
    }
}

impl std::error::Error for UnknownFamily {}

impl Family {
    /// The family of this name.
    pub fn named(name: &str) -> Result<Self, UnknownFamily> {
        table::families().find(|family| family.0.name == name).ok_or_else(|| UnknownFamily(name.to_owned()))
    }

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

impl<'de> Deserialize<'de> for Family {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::named(&name).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_name_families_and_an_unknown_name_lists_those_there_are() {
        for family in table::families() {
            let json = serde_json::to_string(&family).unwrap();
            assert_eq!(serde_json::from_str::<Family>(&json).unwrap(), family);
        }
        // Records of the first versions told three kinds apart.
        for name in ["bash", "posix", "busybox"] {
            assert!(Family::named(name).is_ok(), "{name}");
        }
        let message = serde_json::from_str::<Family>("\"tcsh\"").unwrap_err().to_string();
        assert!(message.contains("unknown shell \"tcsh\": known are bash, "), "{message}");
    }
}
