//! A name server whose answers are the test's.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use tokio::net::UdpSocket;

const TYPE_A: u16 = 1;
const TYPE_AAAA: u16 = 28;
const HEADER: usize = 12;

#[derive(Default)]
struct State {
    /// The addresses of a name, look-up by look-up; the last stays.
    names: HashMap<String, Vec<Vec<IpAddr>>>,
    /// Look-ups of each name, by type.
    asked: HashMap<(String, u16), usize>,
}

/// Clones are one server.
#[derive(Clone)]
pub struct Names(Arc<Mutex<State>>);

impl Names {
    pub async fn serve() -> Self {
        let names = Self(Arc::default());
        let socket = UdpSocket::bind("127.0.0.1:53").await.expect("a name server needs a network of its own");
        let answering = names.clone();
        tokio::spawn(async move {
            let mut query = [0; 512];
            loop {
                let (length, from) = socket.recv_from(&mut query).await.unwrap();
                let answer = answering.answer(&query[..length]);
                socket.send_to(&answer, from).await.unwrap();
            }
        });
        names
    }

    /// The name leads to these addresses from now on.
    pub fn lead(&self, name: &str, to: &[&str]) {
        self.lead_in_turn(name, &[to]);
    }

    /// The name leads to each of these in turn, one for each look-up, and stays with the last.
    pub fn lead_in_turn(&self, name: &str, to: &[&[&str]]) {
        let parse = |addresses: &&[&str]| addresses.iter().map(|address| address.parse().unwrap()).collect();
        let mut state = self.0.lock().unwrap();
        state.asked.retain(|(asked, _), _| asked != name);
        state.names.insert(name.to_owned(), to.iter().map(parse).collect());
    }

    /// Counts the look-ups of a name.
    pub fn looked_up(&self, name: &str) -> usize {
        self.0.lock().unwrap().asked.get(&(name.to_owned(), TYPE_A)).copied().unwrap_or_default()
    }

    fn answer(&self, query: &[u8]) -> Vec<u8> {
        let (name, end) = question(query);
        let kind = u16::from_be_bytes([query[end - 4], query[end - 3]]);
        let mut state = self.0.lock().unwrap();
        let count = state.asked.entry((name.clone(), kind)).or_default();
        let turn = *count;
        *count += 1;
        let addresses = state.names.get(&name).map(|turns| turns[turn.min(turns.len() - 1)].clone());
        let records: Vec<Vec<u8>> = addresses.iter().flatten().filter_map(|address| record(*address, kind)).collect();

        let mut answer = query[..2].to_vec();
        // An answer, recursion desired and available; no such name (3) for an unknown one.
        answer.extend([0x81, if addresses.is_some() { 0x80 } else { 0x83 }]);
        for count in [1, records.len() as u16, 0, 0] {
            answer.extend(count.to_be_bytes());
        }
        answer.extend(&query[HEADER..end]);
        answer.extend(records.concat());
        answer
    }
}

/// The name that is asked for, and where the question ends.
fn question(query: &[u8]) -> (String, usize) {
    let (mut labels, mut at) = (Vec::new(), HEADER);
    while query[at] != 0 {
        let length = usize::from(query[at]);
        labels.push(String::from_utf8_lossy(&query[at + 1..at + 1 + length]).to_ascii_lowercase());
        at += 1 + length;
    }
    (labels.join("."), at + 5)
}

/// An answer's record, if the address is of the type asked for.
fn record(address: IpAddr, kind: u16) -> Option<Vec<u8>> {
    let bytes = match address {
        IpAddr::V4(address) if kind == TYPE_A => address.octets().to_vec(),
        IpAddr::V6(address) if kind == TYPE_AAAA => address.octets().to_vec(),
        _ => return None,
    };
    // The name of the question, type, class IN, no time to live, length.
    let mut record = vec![0xc0, HEADER as u8];
    record.extend(kind.to_be_bytes());
    record.extend([0, 1, 0, 0, 0, 0]);
    record.extend((bytes.len() as u16).to_be_bytes());
    record.extend(bytes);
    Some(record)
}
