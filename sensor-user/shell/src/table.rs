//! The families that are known, and which of them a binary is.

use std::fmt;

use serde::{Deserialize, Deserializer, de::Error};

use crate::{bash, busybox, dash, family::Family, ksh93, mksh, posix, profile::Profile, yash, zsh};

/// Every family. The first whose marks a binary holds is the one.
pub static FAMILIES: [&Profile; 8] = [
    &bash::PROFILE,
    &zsh::PROFILE,
    &mksh::PROFILE,
    &ksh93::PROFILE,
    &yash::PROFILE,
    &busybox::PROFILE,
    &dash::PROFILE,
    &posix::PROFILE,
];

/// All of them.
pub fn families() -> impl Iterator<Item = Family> {
    FAMILIES.into_iter().map(Family)
}

/// Their names.
pub fn names() -> impl Iterator<Item = &'static str> {
    FAMILIES.into_iter().map(|profile| profile.name)
}

/// No profile has this name.
#[derive(Debug)]
pub struct UnknownFamily(String);

impl fmt::Display for UnknownFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown shell {:?}: known are {}", self.0, names().collect::<Vec<_>>().join(", "))
    }
}

impl std::error::Error for UnknownFamily {}

impl Family {
    /// Any other shell.
    pub fn unknown() -> Self {
        Self(&posix::PROFILE)
    }

    /// The family of this name.
    pub fn named(name: &str) -> Result<Self, UnknownFamily> {
        families().find(|family| family.0.name == name).ok_or_else(|| UnknownFamily(name.to_owned()))
    }
}

impl<'de> Deserialize<'de> for Family {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::named(&name).map_err(D::Error::custom)
    }
}

/// Which shell a program of this path or name is likely to be, for when its binary cannot be read.
pub fn by_program_name(name: &[u8]) -> Option<Family> {
    let base = name.rsplit(|b| *b == b'/').next().unwrap_or_default();
    let base = base.strip_prefix(b"-").unwrap_or(base);
    families().find(|family| family.0.programs.iter().any(|program| program.as_bytes() == base))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_guess_for_binaries_that_are_gone() {
        let guess = |name: &[u8]| by_program_name(name).map(Family::name);
        assert_eq!(guess(b"/opt/x/bash"), Some("bash"));
        assert_eq!(guess(b"-sh"), Some("posix"));
        assert_eq!(guess(b"/bin/ls"), None);
    }

    #[test]
    fn records_name_families_and_an_unknown_name_lists_those_there_are() {
        for family in families() {
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
