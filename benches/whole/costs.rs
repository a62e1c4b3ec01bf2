//! The cost of pulls of a known tag for the function: the figures that docs/runbook.md counts with.

use serde_json::{Value, json};

use super::report::{Cost, Measured};

/// JSON: for each client and setting, requests of a pull, and milliseconds and bytes of its lines for each request, in the
/// mean.
pub fn json(all: &[Measured]) -> String {
    let rounded = |number: f64| (number * 10.0).round() / 10.0;
    let each = all.iter().map(|measured| {
        let Measured { client, millis, token, .. } = measured;
        let Cost { requests, millis: each, bytes } = measured.cost();
        json!({
            "client": client, "round_trip_ms": millis, "token": token, "requests": rounded(requests),
            "ms": rounded(each), "line_bytes": bytes.round(),
        })
    });
    serde_json::to_string_pretty(&each.collect::<Vec<Value>>()).unwrap() + "\n"
}
