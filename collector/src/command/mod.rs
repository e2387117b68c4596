//! What the command line shows of the store.

pub mod list;
pub mod nodes;
mod row;
pub mod show;
pub mod tail;
pub mod wait;

/// How to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// SCC's JSON, one object a line.
    Json,
}
