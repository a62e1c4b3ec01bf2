//! `image-verifier`: what containerd 2 runs before it pulls an image, whoever served the tag.
//!
//! containerd runs each file of a folder, gives it ten seconds, and shows what it writes to standard output. Exit code 0 lets
//! the pull go on; whatever else happens stops it.

mod arguments;
mod cache;
mod evidence;
mod judgement;
mod keys;
mod name;
mod scope;
mod settings;

use std::ffi::OsString;
use std::io::{IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

use clap::Args;
use serde::Deserialize;

use super::terminal::{print_line, sanitized};
use crate::deadline::Deadline;

use arguments::Arguments;
use judgement::Judgement;
use settings::Settings;

/// The time for all questions to the instance.
const ANSWER_TIME: Duration = Duration::from_secs(7);
/// The time for everything, whatever hangs: a disk, a name server, what stands on standard input. containerd waits for ten
/// seconds, and then shows nothing of the reason.
const TIME: Duration = Duration::from_millis(7800);
/// A descriptor has some 300 bytes, with annotations a few thousand.
const MAX_DESCRIPTOR_BYTES: u64 = 1 << 20;
const DESCRIPTOR: &str = "application/vnd.oci.descriptor.v1+json";
const DEFAULT_CONFIG: &str = "/etc/tlogistry/image-verifier.toml";
/// Names the configuration for a verifier that is a link, which is called with containerd's arguments alone.
const CONFIG_VARIABLE: &str = "TLOGISTRY_IMAGE_VERIFIER_CONFIG";

/// Check an image that containerd 2 is about to pull, as one of its image verifiers
///
/// containerd calls it with -name REF -digest DIGEST -stdin-media-type TYPE, and the image's descriptor on standard input.
/// A link to tlogistry-cli in containerd's folder of verifiers does the same as this command: it knows the arguments.
///
/// The evidence for the tag must name this digest. It is verified on this machine, with the keys that the configuration
/// names, whoever answered the pull. docs/node.md has an example of the configuration and says how to install it.
///
/// One line on standard output says why the image may be pulled, or why not.
///
/// Exit code: 0 if the image may be pulled; 1 if the tag has moved, or was never seen and the configuration denies that; 2 if
/// that could not be checked.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct ImageVerifier {
    /// The configuration file
    #[arg(long, value_name = "FILE", env = CONFIG_VARIABLE, default_value = DEFAULT_CONFIG)]
    config: PathBuf,
    /// containerd's arguments: -name REF -digest DIGEST -stdin-media-type TYPE
    #[arg(value_name = "ARGUMENTS", trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// The verifier, if the arguments of this process are those that containerd calls one with.
pub(super) fn called_by_containerd(mut arguments: impl Iterator<Item = OsString>) -> Option<ImageVerifier> {
    let _program = arguments.next()?;
    let arguments: Vec<OsString> = arguments.collect();
    arguments.first().filter(|first| arguments::is_of_containerd(first))?;
    let config = std::env::var_os(CONFIG_VARIABLE).filter(|path| !path.is_empty());
    Some(ImageVerifier { config: config.map_or_else(|| DEFAULT_CONFIG.into(), PathBuf::from), arguments })
}

impl ImageVerifier {
    /// Judges, and says so. It does not wait for threads that hang.
    pub(super) fn run(self) -> ExitCode {
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || sender.send(judge(self)));
        let judgement = receiver.recv_timeout(TIME).unwrap_or_else(|error| {
            Judgement::Unchecked(match error {
                mpsc::RecvTimeoutError::Timeout => format!("no judgement within {TIME:?}"),
                // It has panicked, and standard error has the reason.
                mpsc::RecvTimeoutError::Disconnected => "the verifier failed".to_owned(),
            })
        });
        print_line(sanitized(&judgement.to_string()));
        judgement.exit_code()
    }
}

fn judge(command: ImageVerifier) -> Judgement {
    let unchecked = |reason: String| Judgement::Unchecked(reason);
    let arguments = match Arguments::parse(command.arguments) {
        Ok(arguments) => arguments,
        Err(error) => return unchecked(error),
    };
    let settings = match Settings::read(&command.config, run_from().as_deref()) {
        Ok(settings) => settings,
        Err(error) => return unchecked(error),
    };
    if let Err(error) = compare_descriptor(&arguments) {
        return unchecked(error);
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return unchecked(error.to_string()),
    };
    let judged = judgement::of(&settings, &arguments.name, &arguments.digest, Deadline::after(ANSWER_TIME));
    let judgement = runtime.block_on(Box::pin(judged));
    // A look-up of a name can outlast its deadline, in a thread that nothing stops.
    runtime.shutdown_background();
    judgement
}

/// The folder that this program was run from, by the path that it was called with: a link stands in containerd's folder.
fn run_from() -> Option<PathBuf> {
    let called = PathBuf::from(std::env::args_os().next()?);
    called.parent().filter(|folder| folder.is_absolute()).map(Path::to_owned)
}

/// Demands that the descriptor on standard input, if there is one, has the digest that is checked.
fn compare_descriptor(arguments: &Arguments) -> Result<(), String> {
    #[derive(Deserialize)]
    struct Descriptor {
        digest: String,
    }
    let stdin = std::io::stdin();
    // Other types may come with later versions, and a person at a terminal gives none.
    if arguments.stdin_media_type != DESCRIPTOR || stdin.is_terminal() {
        return Ok(());
    }
    let mut json = Vec::new();
    let read = stdin.lock().take(MAX_DESCRIPTOR_BYTES + 1).read_to_end(&mut json);
    read.map_err(|error| format!("standard input: {error}"))?;
    if json.is_empty() {
        return Ok(());
    }
    match serde_json::from_slice::<Descriptor>(&json) {
        _ if json.len() as u64 > MAX_DESCRIPTOR_BYTES => Err("the descriptor is too large".to_owned()),
        Ok(descriptor) if descriptor.digest == arguments.digest => Ok(()),
        Ok(_) => Err("the descriptor has another digest than -digest".to_owned()),
        Err(error) => Err(format!("standard input holds no descriptor: {error}")),
    }
}
