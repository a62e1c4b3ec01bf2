//! Programs that must be told a port: they take no port 0, or do not say what it became.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use super::process::{PATIENCE, Process};

/// Starts what `command` makes for a free address, and returns with that address once it listens there.
///
/// Between this program's look for a free port and the other's use of it anyone may take it: the other then ends, and
/// is started again with another.
pub fn start_on_free_port(command: impl Fn(SocketAddr) -> Command) -> (Process, SocketAddr) {
    for _ in 0..5 {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = command(address);
        let mut process = Process::start(&mut command);
        let deadline = Instant::now() + PATIENCE;
        while !process.has_ended() {
            if TcpStream::connect(address).is_ok() && !process.has_ended() {
                return (process, address);
            }
            assert!(Instant::now() < deadline, "{command:?} does not listen on {address}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    panic!("no port to listen on: the program ended each time");
}
