//! HTTP/1.1 as little as it takes: what a client of the bench adds to a time should be nothing that matters.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// Nothing here takes longer, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// The first byte of a connection by TLS. Some clients try that first, and wait ten seconds for an answer.
const TLS_HANDSHAKE: u8 = 22;

/// One side of a connection that is kept.
pub struct Wire {
    stream: TcpStream,
    unread: Vec<u8>,
}

/// A request or a response.
pub struct Message {
    /// The first line.
    pub first: String,
    /// All of the head, as it came.
    pub head: Vec<u8>,
    pub body: Vec<u8>,
}

impl Message {
    pub fn header(&self, name: &str) -> Option<&str> {
        let head = std::str::from_utf8(&self.head).ok()?;
        let found =
            head.lines().filter_map(|line| line.split_once(':')).find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim())
    }

    pub fn status(&self) -> u16 {
        self.first.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }
}

impl Wire {
    pub fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap_or_else(|error| panic!("{address}: {error}"));
        Self::new(stream)
    }

    pub fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream, unread: Vec::with_capacity(64 << 10) }
    }

    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Waits for requests as long as it takes: for servers.
    pub fn patient(self) -> Self {
        self.stream.set_read_timeout(None).unwrap();
        self
    }

    /// The next message, with a body unless `bodiless` (it answers a HEAD). `None` at the end.
    pub fn read(&mut self, bodiless: bool) -> io::Result<Option<Message>> {
        let end = loop {
            if let Some(at) = find(&self.unread, b"\r\n\r\n") {
                break at + 4;
            }
            if self.more()? == 0 || self.unread[0] == TLS_HANDSHAKE {
                return Ok(None);
            }
        };
        let head: Vec<u8> = self.unread.drain(..end).collect();
        let first = String::from_utf8_lossy(&head).lines().next().unwrap_or_default().to_owned();
        let mut message = Message { first, head, body: Vec::new() };
        if bodiless {
            return Ok(Some(message));
        }
        if message.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
            message.body = self.chunks()?;
        } else {
            let length: usize = message.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
            message.body = self.exactly(length)?;
        }
        Ok(Some(message))
    }

    fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let end = loop {
                match find(&self.unread, b"\r\n") {
                    Some(at) => break at,
                    None if self.more()? == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                    None => {}
                }
            };
            let line: Vec<u8> = self.unread.drain(..end + 2).collect();
            let size = String::from_utf8_lossy(&line[..end]).into_owned();
            let size = usize::from_str_radix(size.split(';').next().unwrap_or_default(), 16)
                .map_err(|_| io::Error::other(format!("a chunk of size '{size}'")))?;
            let chunk = self.exactly(size + 2)?;
            if size == 0 {
                return Ok(body);
            }
            body.extend_from_slice(&chunk[..size]);
        }
    }

    fn exactly(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.unread.len() < length {
            if self.more()? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.unread.drain(..length).collect())
    }

    fn more(&mut self) -> io::Result<usize> {
        let mut buffer = [0; 64 << 10];
        let count = self.stream.read(&mut buffer)?;
        self.unread.extend_from_slice(&buffer[..count]);
        Ok(count)
    }

    /// Asks with a method and headers (each with its line end), and waits for the answer.
    pub fn ask(&mut self, method: &str, path: &str, headers: &str, body: &[u8]) -> Message {
        let length = if body.is_empty() { String::new() } else { format!("content-length: {}\r\n", body.len()) };
        let peer = self.stream.peer_addr().unwrap();
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {peer}\r\n{headers}{length}\r\n").into_bytes();
        request.extend_from_slice(body);
        self.write(&request).unwrap();
        let answer = self.read(method == "HEAD").unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        answer.unwrap_or_else(|| panic!("{method} {path}: the connection was closed"))
    }
}

fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes.windows(pattern.len()).position(|window| window == pattern)
}

/// Manifest types that a client of registries accepts.
pub const ACCEPT: &str = "accept: application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json\r\n";
