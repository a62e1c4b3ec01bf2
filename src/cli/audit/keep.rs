//! `audit --keep`: writes all sightings with the log's proofs, in the form of a ledger's export.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use url::Url;

use crate::audit::LEDGER_TIME;
use crate::audit::complete::ListedStatement;
use crate::cli::ledger::lines::{self, ExportLine};
use crate::cli::{Failure, instance};
use crate::deadline::Deadline;
use crate::image::Tag;
use crate::ledger::{CarriedItem, Lease, Ledger, Row, StoredItem, UsedKeys, new_row, text};
use crate::log_search::LogSearch;
use crate::private;
use crate::sighting::SignedStatement;
use crate::tlog::LogKey;

/// Evidence that is fetched at once.
const CONCURRENCY: usize = 8;
/// The time that one may take.
const CALL_TIME: Duration = Duration::from_secs(30);
/// Calls for the evidence of one tag: an instance may limit them, by the minute.
const TRIES: u32 = 8;
/// The pause before the next call, if the instance is limited or down.
const PAUSE: Duration = Duration::from_secs(10);

/// The sightings to keep.
pub(super) struct Keeping {
    path: PathBuf,
    /// Listed and recorded, by canonical name.
    recorded: RefCell<BTreeMap<String, Tag>>,
    /// Signed, and not known to be in the log by a list.
    pending: RefCell<Vec<SignedStatement>>,
}

/// The file that is written, and what is in it.
struct KeptFile {
    file: BufWriter<tempfile::NamedTempFile>,
    items: u64,
    tags: HashSet<String>,
}

impl Keeping {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, recorded: RefCell::default(), pending: RefCell::default() }
    }

    /// Notes a listed sighting.
    pub(super) fn note(&self, listed: &ListedStatement) {
        let tag = listed.statement.tag();
        match &listed.place {
            Some(_) => drop(self.recorded.borrow_mut().insert(tag.canonical().to_owned(), tag.clone())),
            None => self.pending.borrow_mut().push(listed.statement.clone()),
        }
    }

    /// Writes the file anew: what it had, and what the instance or the ledger has more. Returns the number of sightings.
    pub(super) async fn write(
        self,
        search: &LogSearch,
        instance: Option<&Url>,
        ledger: Option<&Ledger>,
    ) -> Result<usize, Failure> {
        let mut kept = KeptFile::begin(&self.path, search)?;
        match (instance, ledger) {
            (Some(instance), _) => self.fetch(search, instance, &mut kept).await?,
            (None, Some(ledger)) => copy(search, ledger, &mut kept).await?,
            (None, None) => {}
        }
        for statement in self.pending.take() {
            if !kept.tags.contains(statement.tag().canonical()) {
                kept.add(&new_row(&Row::pending(&statement, Lease(0))))?;
            }
        }
        kept.end(&self.path, search)
    }

    /// Fetches the evidence of sightings that are not kept yet.
    async fn fetch(&self, search: &LogSearch, instance: &Url, kept: &mut KeptFile) -> Result<(), Failure> {
        let mut wanted = self.recorded.take();
        wanted.retain(|name, _| !kept.tags.contains(name));
        let fetch = async |tag: Tag| {
            let mut tries = 0;
            loop {
                tries += 1;
                match instance::sighting(instance, &tag, search, Deadline::after(CALL_TIME)).await {
                    Err(error) if error.is_of_the_moment() && tries < TRIES => tokio::time::sleep(PAUSE).await,
                    Err(error) => return Err(format!("{tag}: {error}")),
                    Ok(sighting) => return Ok(new_row(&Row::recorded(&sighting))),
                }
            }
        };
        let mut items = std::pin::pin!(stream::iter(wanted.into_values()).map(fetch).buffered(CONCURRENCY));
        while let Some(item) = items.next().await {
            kept.add(&item?)?;
        }
        Ok(())
    }
}

/// Copies the rows of a ledger that verify.
async fn copy(search: &LogSearch, ledger: &Ledger, kept: &mut KeptFile) -> Result<(), Failure> {
    let mut after = None::<String>;
    loop {
        let page = ledger.items(after.as_deref(), Deadline::after(LEDGER_TIME)).await?;
        for item in page.items {
            let name = text(&item, "tag").unwrap_or_default();
            let is_new = !kept.tags.contains(name);
            let checked = CarriedItem::check(item.clone(), &search.trusted, &search.log_keys);
            if let (true, Ok(CarriedItem::Row(_))) = (is_new, checked) {
                kept.add(&item)?;
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

impl KeptFile {
    /// Begins a file beside the one at `path`, with the rows that this has and that are recorded and verify.
    fn begin(path: &Path, search: &LogSearch) -> Result<Self, Failure> {
        let file = BufWriter::new(tempfile::NamedTempFile::new_in(private::parent(path))?);
        let mut kept = Self { file, items: 0, tags: HashSet::new() };
        if !path.exists() {
            return Ok(kept);
        }
        let mut result = Ok(());
        lines::each(path, |line| {
            if let ExportLine::Item(item) = line
                && text(&item, "state") == Some("recorded")
                && let Ok(CarriedItem::Row(_)) = CarriedItem::check(item.clone(), &search.trusted, &search.log_keys)
            {
                result = kept.add(&item);
            }
            result.is_ok()
        })?;
        result.map(|()| kept)
    }

    fn add(&mut self, item: &StoredItem) -> Result<(), Failure> {
        self.tags.insert(text(item, "tag").unwrap_or_default().to_owned());
        self.items += 1;
        Ok(writeln!(self.file, "{}", lines::item(item))?)
    }

    /// Ends the file with the keys and the number of items, and puts it in its place.
    fn end(mut self, path: &Path, search: &LogSearch) -> Result<usize, Failure> {
        let sightings = self.tags.len();
        let used = UsedKeys {
            signing: search.trusted.iter().map(crate::key::PublicKey::fingerprint).collect(),
            log: search.log_keys.iter().map(LogKey::fingerprint).collect(),
        };
        self.add(&used.new_item())?;
        writeln!(self.file, "{}", lines::end(self.items))?;
        let file = self.file.into_inner().map_err(|error| error.to_string())?;
        File::sync_all(file.as_file())?;
        file.persist(path)?;
        Ok(sightings)
    }
}
