//! Sightings in a Rekor v2, the embedded one: recorded, found again, finished after a crash, and moved over from a Rekor v1.

mod carried;
mod faults;
mod listed;
mod moving_over;
mod pulls;
mod scene;
mod time;
