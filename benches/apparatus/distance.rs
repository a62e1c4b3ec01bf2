//! Distance: a TCP proxy that makes a server as far away as a round trip says, at any throughput. And the token that
//! public registries ask for.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::wire::Wire;

/// Puts a round trip between `server` and whoever connects to the returned address. Each byte is late by half of it; a
/// new connection costs a whole one first, as TCP's handshake does.
pub fn delayed(server: &str, round_trip: Duration) -> String {
    let server = server.to_owned();
    listen(move |client| {
        let Ok(upstream) = TcpStream::connect(&server) else { return };
        upstream.set_nodelay(true).unwrap();
        let ready = Instant::now() + round_trip;
        let back = (upstream.try_clone().unwrap(), client.try_clone().unwrap());
        thread::spawn(move || carry(back.0, back.1, ready, round_trip / 2));
        carry(client, upstream, ready, round_trip / 2);
    })
}

/// Puts a proxy before `server` by which each call takes `time` from its last byte to its answer, or as long as the server takes
/// if that is more. Connections cost nothing.
pub fn slow(server: &str, time: Duration) -> String {
    let server = server.to_owned();
    listen(move |client| {
        let (mut client, mut upstream) = (Wire::new(client).patient(), Wire::open(&server));
        while let Ok(Some(request)) = client.read(false) {
            let due = Instant::now() + time;
            upstream.write(&[request.head, request.body].concat()).unwrap();
            let Ok(Some(answer)) = upstream.read(false) else { return };
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if client.write(&[answer.head, answer.body].concat()).is_err() {
                return;
            }
        }
    })
}

/// Carries bytes from one to the other. Reading goes on while what was read waits, so only time is added.
fn carry(mut from: TcpStream, mut to: TcpStream, ready: Instant, delay: Duration) {
    let (sender, receiver) = mpsc::channel::<(Instant, Vec<u8>)>();
    let writer = thread::spawn(move || {
        for (due, bytes) in receiver {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if to.write_all(&bytes).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    });
    let mut buffer = vec![0; 64 << 10];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if sender.send((Instant::now().max(ready) + delay, buffer[..count].to_vec())).is_err() {
            break;
        }
    }
    drop(sender);
    let _ = writer.join();
}

const TOKEN: &str = "a-token-of-the-bench";

/// The header that a client with a token sends.
pub fn with_token() -> String {
    format!("authorization: Bearer {TOKEN}\r\n")
}

/// Puts a front before `server` that wants a token, and hands one to anyone who asks at `/token`.
pub fn guarded(server: &str) -> String {
    let server = server.to_owned();
    listen(move |client| {
        let (mut client, mut upstream) = (Wire::new(client).patient(), Wire::open(&server));
        while let Ok(Some(request)) = client.read(false) {
            let sent = if request.first.contains(" /token") {
                let body = format!(r#"{{"token":"{TOKEN}","expires_in":3600}}"#);
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
                client.write(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes())
            } else if request.header("authorization").is_some_and(|value| value.ends_with(TOKEN)) {
                upstream.write(&request.head).unwrap();
                let answer = upstream.read(request.first.starts_with("HEAD")).unwrap().unwrap();
                client.write(&[answer.head, answer.body].concat())
            } else {
                let host = request.header("host").unwrap_or_default();
                let challenge = format!("Bearer realm=\"http://{host}/token\",service=\"bench\"");
                let head = "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n";
                client.write(format!("{head}www-authenticate: {challenge}\r\n\r\n").as_bytes())
            };
            if sent.is_err() {
                return;
            }
        }
    })
}

/// Serves each connection on a thread of its own, until the process ends. Returns the address.
pub fn listen(serve: impl Fn(TcpStream) + Clone + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let serve = serve.clone();
            client.set_nodelay(true).unwrap();
            thread::spawn(move || serve(client));
        }
    });
    address
}
