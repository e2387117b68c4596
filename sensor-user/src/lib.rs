//! The node daemon as a library: from kernel events to findings.
//!
//! Data flows one way: [`probe`] (kernel events) → [`script`] (content as the shell read it) → [`verdict`]
//! (score) → [`suppression`] (the operator's exceptions) → [`identity`] (who ran it) → [`finding`] →
//! [`delivery`]. ARCHITECTURE.md tells what each room may not know.

mod cause;
pub mod command;
pub mod daemon;
pub mod delivery;
pub mod finding;
pub mod identity;
pub mod probe;
pub mod record;
pub mod script;
pub mod suppression;
pub mod verdict;
