//! The registry lies, the log fails or the key is gone: anything that cannot be checked is not served by
//! tag, and the answer says why. A registry, a log and a key service of our own misbehave on demand.

mod answers;
mod budget;
mod compared;
mod conditional;
mod conflict;
mod crowded_log;
mod entries;
mod evidence;
mod first_sight;
mod first_sights;
mod foreign_text;
mod heads;
mod key_fails;
mod known_tags;
mod lists;
mod log_fails;
mod log_lies;
mod log_spared;
mod loops;
mod pinned;
mod ready;
mod registry_fails;
mod registry_lies;
mod requests;
mod shared;
mod silence;
mod tokens;
mod world;
