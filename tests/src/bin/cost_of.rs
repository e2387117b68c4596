//! `cost-of memory BYTES SCRIPT` prints how much memory it takes to look through one of the scripts of [`e2e::cost`] of that length;
//! `cost-of work BYTES SCRIPT` looks through it, so that the work can be counted from outside.

use anyhow::{Context, bail};
use e2e::cost::{self, Counting};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [what, bytes, name] = &args[..] else { bail!("cost-of memory|work BYTES SCRIPT") };
    let bytes = bytes.parse()?;
    let script = if name == "usual" {
        cost::usual(bytes)
    } else {
        let known = cost::unusual(bytes).into_iter().find(|(known, _)| *known == name);
        known.with_context(|| format!("no script {name:?}"))?.1
    };
    match what.as_str() {
        "memory" => println!("{}", cost::memory(&script)),
        "work" => cost::look_through(&script),
        other => bail!("{other:?} is neither memory nor work"),
    }
    Ok(())
}
