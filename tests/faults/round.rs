//! Rounds of faults drawn by chance.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tlogistry::devlog::Indexing;
use tlogistry::image::Digest;

use crate::instance::Instance;
use crate::proxy::{Fault, Plan};
use crate::stage::Stage;

const ROUNDS: u64 = 1_000;
/// Pairs of instances that play rounds at the same time.
const LANES: usize = 12;
/// Leases are a little longer, and the rounds mostly wait for them.
const REQUEST_TIMEOUT: Duration = Duration::from_millis(800);
/// A tag that is not settled by then is stuck. It takes a second or two; the rest is for a busy machine.
const SETTLE_TIME: Duration = Duration::from_secs(600);
/// No instance makes more calls of one kind than this for one pull that goes well.
const CALLS: usize = 4;

/// The answer to a pull.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Answer {
    Served(String),
    Refused,
    /// A documented error, or none because the instance was killed.
    Unavailable(String),
}

#[derive(Default)]
struct Tally {
    faults: BTreeMap<String, usize>,
    served: usize,
    refused: usize,
    unavailable: usize,
    restarts: usize,
}

#[tokio::test(flavor = "multi_thread")]
async fn no_fault_makes_two_digests_of_one_tag() {
    let rounds = variable("TLOGISTRY_ROUNDS").unwrap_or(ROUNDS);
    let first = variable("TLOGISTRY_SEED").unwrap_or_else(|| fastrand::u64(..1 << 48));
    println!("seeds {first} to {}", first + rounds - 1);
    let began = Instant::now();
    let stage = Stage::set().await;
    let tally = Arc::new(Mutex::new(Tally::default()));
    let next = Arc::new(Mutex::new(first..first + rounds));

    let lanes = (0..LANES.min(rounds as usize)).map(|_| {
        let (stage, tally, next) = (stage.clone(), tally.clone(), next.clone());
        tokio::spawn(async move {
            let start = || Instance::start(stage.clone(), REQUEST_TIMEOUT);
            let mut pair = [start().await, start().await];
            loop {
                let Some(seed) = next.lock().unwrap().next() else { break };
                play(&stage, &mut pair, seed, &tally).await;
            }
        })
    });
    for lane in join_all(lanes).await {
        lane.unwrap();
    }

    let recorded = stage.recorded().await;
    for seed in first..first + rounds {
        let digests = &recorded[&stage.tag(&format!("r{seed}"))];
        assert_eq!(digests.len(), 1, "seed {seed}: {digests:?}");
    }
    let Tally { faults, served, refused, unavailable, restarts } = &*tally.lock().unwrap();
    println!("{rounds} rounds in {:.0?}; digests recorded per tag: 1", began.elapsed());
    println!(
        "pulls served {served}, refused {refused}, unavailable {unavailable}; {restarts} restarts; faults: {faults:?}"
    );
    if rounds >= ROUNDS {
        for (called, fault) in ["registry", "table", "log"].iter().flat_map(|c| Fault::ALL.map(|f| (c, f))) {
            assert!(faults.contains_key(&format!("{called} {fault:?}")), "{fault:?} at the {called} never happened");
        }
    }
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{name} must be a whole number")))
}

/// One tag: pulls at both instances at once, by either name, with a fault for each, then pulls until the tag is settled, and
/// what was recorded is served by the pinned name.
async fn play(stage: &Stage, pair: &mut [Instance; 2], seed: u64, tally: &Mutex<Tally>) {
    let mut random = fastrand::Rng::with_seed(seed);
    let name = format!("r{seed}");
    let tag = stage.tag(&name);
    stage.registry.add(&name, random.u64(..));
    // The index loses some entries for good; which ones of those that are under way at the moment, chance decides.
    stage.log.set_indexing(if random.u8(..4) == 0 { Indexing::Never } else { Indexing::AtOnce });

    for instance in pair.iter() {
        let proxies = instance.proxies();
        let (_, proxy) = proxies[random.usize(..proxies.len())];
        if random.u8(..8) != 0 {
            let fault = Fault::ALL[random.usize(..Fault::ALL.len())];
            proxy.plan(Some(Plan { at: random.usize(..CALLS), fault }));
        }
    }
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let pulls = (0..random.usize(2..=4)).map(|pull| {
        let instance = &pair[pull % 2];
        let url = if random.bool() { instance.url(&name) } else { instance.pinned(&name) };
        let delay = Duration::from_millis(random.u64(..30));
        let client = &client;
        async move {
            tokio::time::sleep(delay).await;
            pull_tag(client, &url, seed).await
        }
    });
    let mut answers: Vec<Answer> = join_all(pulls).await;

    let mut restarts = 0;
    for instance in pair.iter() {
        for (called, proxy) in instance.proxies() {
            if let Some(fault) = proxy.struck() {
                *tally.lock().unwrap().faults.entry(format!("{called} {fault:?}")).or_default() += 1;
            }
            proxy.plan(None);
        }
    }
    let began = Instant::now();
    for instance in pair.iter_mut() {
        let mut pinned = false;
        loop {
            // A call that was under way may still bring its fault, so this is asked each time.
            restarts += usize::from(instance.restart_if_dead().await);
            let url = if pinned { instance.pinned(&name) } else { instance.url(&name) };
            let answer = pull_tag(&client, &url, seed).await;
            answers.push(answer.clone());
            let Answer::Unavailable(why) = answer else {
                assert!(!pinned || matches!(answer, Answer::Served(_)), "seed {seed}: {url} has a row: {answer:?}");
                if pinned {
                    break;
                }
                pinned = true;
                continue;
            };
            assert!(began.elapsed() < SETTLE_TIME, "seed {seed}: the tag is stuck: {why}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    let row = stage.table.row(&tag).await.unwrap_or_else(|| panic!("seed {seed}: the tag has no row"));
    let text = |name: &str| row[name].as_s().unwrap().clone();
    let (state, digest) = (text("state"), text("digest"));
    assert_eq!(state, "recorded", "seed {seed}");
    for answer in &answers {
        if let Answer::Served(served) = answer {
            assert_eq!(*served, digest, "seed {seed}: another digest was served than is recorded");
        }
    }
    let mut tally = tally.lock().unwrap();
    tally.restarts += restarts;
    for answer in answers {
        match answer {
            Answer::Served(_) => tally.served += 1,
            Answer::Refused => tally.refused += 1,
            Answer::Unavailable(_) => tally.unavailable += 1,
        }
    }
}

async fn pull_tag(client: &reqwest::Client, url: &str, seed: u64) -> Answer {
    let response = match client.get(url).send().await {
        Ok(response) => response,
        Err(error) => return Answer::Unavailable(error.to_string()),
    };
    let status = response.status().as_u16();
    let body = match response.bytes().await {
        Ok(body) => body,
        Err(error) => return Answer::Unavailable(error.to_string()),
    };
    match status {
        200 => Answer::Served(Digest::sha256(&body).to_string()),
        403 => {
            assert!(String::from_utf8_lossy(&body).contains("has moved"), "seed {seed}: {body:?}");
            Answer::Refused
        }
        // 429 where three faults of the log met one instance in a row: then it is left alone for a while.
        429 | 502..=504 => Answer::Unavailable(String::from_utf8_lossy(&body).into_owned()),
        other => panic!("seed {seed}: an undocumented answer, {other}: {body:?}"),
    }
}
