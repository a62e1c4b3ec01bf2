//! A machine that stops at any write of the database: what was confirmed is there afterwards.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::types::AttributeValue::{N, S};
use redb::StorageBackend;

use super::Store;
use super::database::Database;
use crate::ledger::item::StoredItem;

/// A disk in memory that remembers what was asked of it.
#[derive(Debug, Clone, Default)]
struct Disk(Arc<Mutex<DiskState>>);

#[derive(Debug, Default)]
struct DiskState {
    bytes: Vec<u8>,
    events: Vec<Event>,
}

#[derive(Debug, Clone)]
enum Event {
    Written {
        at: usize,
        bytes: Vec<u8>,
    },
    SetLength(usize),
    Flushed,
    /// A change of the item with this key was confirmed: it is now this number.
    Confirmed(String, u64),
}

impl Event {
    /// Does it to `bytes`; of what is written, the first `part` of 4.
    fn apply(&self, bytes: &mut Vec<u8>, part: usize) {
        match self {
            Self::Written { at, bytes: written } => {
                let written = &written[..written.len() * part / 4];
                if bytes.len() < at + written.len() {
                    bytes.resize(at + written.len(), 0);
                }
                bytes[*at..at + written.len()].copy_from_slice(written);
            }
            Self::SetLength(length) => bytes.resize(*length, 0),
            Self::Flushed | Self::Confirmed(..) => {}
        }
    }
}

impl Disk {
    fn of(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(DiskState { bytes, events: Vec::new() })))
    }

    fn note(&self, event: Event) {
        let mut journal = self.0.lock().unwrap();
        event.apply(&mut journal.bytes, 4);
        journal.events.push(event);
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let (journal, at) = (self.0.lock().unwrap(), offset as usize);
        let bytes = journal.bytes.get(at..at + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.note(Event::SetLength(length as usize));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.note(Event::Flushed);
        Ok(())
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.note(Event::Written { at: offset as usize, bytes: bytes.to_vec() });
        Ok(())
    }
}

fn item(key: &str, number: u64) -> StoredItem {
    // As large as a row with its entry.
    let filler = number.to_string().repeat(2_000);
    [("tag", S(key.to_owned())), ("number", N(number.to_string())), ("entry", S(filler))]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
}

/// The events of a ledger that is written to: an insertion of each of some items, and then changes.
fn journal() -> (Vec<u8>, Vec<Event>) {
    let disk = Disk::default();
    drop(Database::create_on(disk.clone()).unwrap());
    let empty = disk.0.lock().unwrap().bytes.clone();
    disk.0.lock().unwrap().events.clear();
    let database = Database::create_on(disk.clone()).unwrap();
    for number in 0..40 {
        let key = format!("key {}", number % 12);
        database.update(&key, Box::new(|_| Ok(Some(item(&key, number))))).unwrap();
        disk.note(Event::Confirmed(key, number));
    }
    drop(database);
    let events = disk.0.lock().unwrap().events.clone();
    (empty, events)
}

/// The disk's contents if the machine stops after `count` events: all up to the last flush, and of the rest
/// whatever the disk liked, the last of it perhaps in part.
fn remains(empty: &[u8], events: &[Event], count: usize, random: &mut fastrand::Rng) -> Vec<u8> {
    let mut bytes = empty.to_vec();
    let flushed = events[..count].iter().rposition(|event| matches!(event, Event::Flushed)).unwrap_or(0);
    let keeps = random.u8(..3);
    for (at, event) in events[..count].iter().enumerate() {
        let part = match keeps {
            _ if at < flushed => 4,
            0 => 4,
            1 => 4 * usize::from(random.bool()),
            _ => random.usize(..=4),
        };
        match event {
            // A file system keeps the order of what changes the length.
            Event::SetLength(_) => event.apply(&mut bytes, 4),
            event => event.apply(&mut bytes, part),
        }
    }
    bytes
}

#[test]
fn what_was_confirmed_is_there_wherever_the_machine_stops() {
    let (empty, events) = journal();
    let mut random = fastrand::Rng::with_seed(17);
    let mut stops = 0;
    for count in 0..=events.len() {
        let mut confirmed = BTreeMap::new();
        for event in &events[..count] {
            if let Event::Confirmed(key, number) = event {
                confirmed.insert(key.clone(), *number);
            }
        }
        let under_way = confirmed.values().max().map_or(0, |last| last + 1);
        let bytes = remains(&empty, &events, count, &mut random);
        let database = Database::create_on(Disk::of(bytes)).unwrap_or_else(|error| panic!("event {count}: {error}"));
        for number in 0..12 {
            let key = format!("key {number}");
            let found = database.get(&key).unwrap();
            let allowed = [confirmed.get(&key).copied(), (under_way % 12 == number).then_some(under_way)];
            match (&found, allowed) {
                (None, [None, _]) => {}
                (Some(found), [_, Some(new)]) if *found == item(&key, new) => {}
                (Some(found), [Some(old), _]) if *found == item(&key, old) => {}
                _ => panic!("event {count}, {key}: {allowed:?}, but {found:?}"),
            }
        }
        stops += 1;
    }
    println!("stopped at {stops} events");
    assert!(stops > 200, "{stops}");
}
