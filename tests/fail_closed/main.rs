//! What happens when the registry lies, the log fails or the key is gone: whatever cannot be checked is not served by
//! tag, and the answer says why. A registry, a log and a key service of our own misbehave on demand.

mod known_tags;
mod log;
mod log_fails;
mod log_lies;
mod upstream;
mod wire;
mod world;
