//! The way that the demo is told: what is done, what came of it, and what was expected.

use crate::cli::Failure;

pub(super) fn step(text: &str) {
    println!("\n{text}");
}

pub(super) fn note(text: &str) {
    for line in text.lines() {
        println!("    {line}");
    }
}

pub(super) fn expect(holds: bool, what: &str) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(format!("it should be that {what}").into()) }
}
