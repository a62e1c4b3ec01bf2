//! Known tags that one core serves: `serve` and distribution 3, each bound to the first core and asked by a client on
//! the other, before the same registry.

use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use testing::instance::Instance;
use testing::process::Process;

use super::apparatus::fixed_registry;
use super::apparatus::wire::{ACCEPT, Wire};
use super::contenders::Cache;
use super::world::{World, before, direct, known, through};

/// Connections that ask at the same time.
const CONNECTIONS: usize = 8;
/// Turns that each contender has.
const TURNS: usize = 5;

/// The result of one contender's turn.
#[derive(Debug, Clone, Copy)]
pub struct Turn {
    pub pulls_per_second: f64,
    /// Of its core, user and system, in microseconds.
    pub cpu_per_pull: f64,
}

/// The turns of `serve` and, where it is there, of distribution 3, for the same requests.
pub struct Throughput {
    pub method: &'static str,
    pub serve: Vec<Turn>,
    pub cache: Option<Vec<Turn>>,
}

pub fn measure(world: &World, turn: Duration) -> Vec<Throughput> {
    // Costs next to nothing, so that it does not compete with what is measured.
    let manifest: Arc<[u8]> = world.image.manifest.as_ref().into();
    let upstream = fixed_registry::start(world.image.media_type, move |_| manifest.clone());
    let folder = tempfile::tempdir().unwrap();
    let instance = Instance::serve(folder.path(), &before(&upstream));
    let cache = Cache::start(&upstream);
    bind(instance.process(), 0);
    cache.iter().for_each(|cache| bind(&cache.process, 0));
    bind_self(1);
    let results = ["GET", "HEAD"].map(|method| {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..TURNS {
            ours.push(run(&instance.address, instance.process(), method, &through(&known(0)), turn));
            theirs.extend(
                cache.iter().map(|cache| run(&cache.address, &cache.process, method, &direct(&known(0)), turn)),
            );
        }
        Throughput { method, serve: ours, cache: cache.is_some().then_some(theirs) }
    });
    bind_self_to_all();
    results.into()
}

fn run(address: &str, process: &Process, method: &'static str, path: &str, time: Duration) -> Turn {
    Wire::open(address).ask(method, path, ACCEPT, b"");
    let (began, cpu) = (Instant::now(), cpu_time(process));
    let counts = thread::scope(|scope| {
        let clients: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                scope.spawn(move || {
                    let (mut wire, mut count) = (Wire::open(address), 0_u32);
                    while began.elapsed() < time {
                        let answer = wire.ask(method, path, ACCEPT, b"");
                        assert_eq!(answer.status(), 200, "{}", String::from_utf8_lossy(&answer.body));
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        clients.into_iter().map(|client| client.join().unwrap()).sum::<u32>()
    });
    let (took, cpu) = (began.elapsed(), cpu_time(process) - cpu);
    let count = f64::from(counts);
    Turn { pulls_per_second: count / took.as_secs_f64(), cpu_per_pull: cpu.as_secs_f64() * 1e6 / count }
}

/// User and system time of a process, all its threads.
pub fn cpu_time(process: &Process) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.id())).unwrap();
    // The name, in parentheses, may hold spaces.
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    // USER_HZ is 100 on every Linux that this runs on.
    Duration::from_millis(ticks * 10)
}

fn bind(process: &Process, core: usize) {
    taskset(&process.id().to_string(), &core.to_string());
}

fn bind_self(core: usize) {
    taskset(&std::process::id().to_string(), &core.to_string());
}

fn bind_self_to_all() {
    taskset(&std::process::id().to_string(), "0-1023");
}

/// All threads of a process.
fn taskset(process: &str, cores: &str) {
    let done = Command::new("taskset").args(["--all-tasks", "--cpu-list", "--pid", cores, process]).output().unwrap();
    assert!(done.status.success(), "taskset: {}", String::from_utf8_lossy(&done.stderr));
}
