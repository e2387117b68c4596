//! `cost memory SCRIPT` prints how much memory it takes to look through one of the scripts of [`e2e::cost`]; `cost work SCRIPT` looks
//! through it, `cost nothing SCRIPT` only makes it: what is between the two, counted from outside, is the work.

use anyhow::{Context, bail};
use e2e::cost::{self, Counting};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() -> anyhow::Result<()> {
    let (Some(what), Some(name)) = (std::env::args().nth(1), std::env::args().nth(2)) else {
        bail!("cost memory|work|nothing SCRIPT");
    };
    let script = if name == "usual" {
        cost::usual(cost::MAX)
    } else {
        let known = cost::unusual().into_iter().find(|(known, _)| **known == name);
        known.with_context(|| format!("no script {name:?}"))?.1
    };
    match what.as_str() {
        "memory" => println!("{}", cost::memory(&script)),
        "work" => cost::look_through(&script),
        "nothing" => {}
        other => bail!("{other:?} is neither memory, work nor nothing"),
    }
    Ok(())
}
