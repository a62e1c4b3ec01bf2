//! transparency-dev/formats, which logs and witnesses are built with, judges policies, cosignatures and tlog-proofs as
//! we do.
//!
//! It takes more policies than C2SP's tlog-policy: what we take, it must take, and judge alike. Known differences, of
//! which none may stand among these cases: it wants a URL of each witness; it refuses names that are keywords; a `#`
//! anywhere begins a comment.

use std::io::Write as _;
use std::process::Stdio;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};
use testing::process::go_tool;
use testing::witness::{Witness, text};
use tlogistry::tlog::{Checkpoint, Policy, TlogProof};

const CASES: usize = 3_000;
const HASH: &str = "LmgRG9rq68MUjAc8wZDn1d0YesIg1xSL8FC16IH6hHA=";

/// The library's answer to each question.
fn answers(questions: &[Value]) -> Vec<Value> {
    let input: String = questions.iter().map(|question| format!("{question}\n")).collect();
    let mut child = go_tool("witness-reads").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writing = std::thread::spawn(move || stdin.write_all(input.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap();
    assert!(output.status.success(), "{output:?}");
    let lines = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), questions.len());
    answers
}

fn base64(text: &str) -> String {
    BASE64_STANDARD.encode(text)
}

fn witnesses() -> Vec<Witness> {
    (0..6).map(|number| Witness::new(&format!("w{number}.test"))).collect()
}

fn seeded() -> fastrand::Rng {
    let seed = std::env::var("TLOGISTRY_SEED").map_or(1, |seed| seed.parse().unwrap());
    fastrand::Rng::with_seed(seed)
}

/// A checkpoint with cosignatures in any order: valid ones, twice, of another text, under another's name, broken.
fn note(random: &mut fastrand::Rng, witnesses: &[Witness]) -> String {
    let size = random.u32(1..1000);
    let mut note = format!("log.test\n{size}\n{HASH}\n\n— log.test wNI9ajBE\n");
    for _ in 0..random.usize(..8) {
        let witness = &witnesses[random.usize(..witnesses.len())];
        let time = random.u64(1..2_000_000_000);
        let line = match random.u8(..6) {
            0 => witness.line("log.test\n1\nAAAA\n", time),
            1 => witness.line(text(&note), time).replace(".test", ".example"),
            2 => {
                let (start, encoded) = witness
                    .line(text(&note), time)
                    .rsplit_once(' ')
                    .map(|(a, b)| (a.to_owned(), b.to_owned()))
                    .unwrap();
                let mut bytes = BASE64_STANDARD.decode(encoded.trim_end()).unwrap();
                let at = random.usize(4..bytes.len());
                bytes[at] ^= 1 << random.u8(..8);
                format!("{start} {}\n", BASE64_STANDARD.encode(bytes))
            }
            _ => witness.line(text(&note), time),
        };
        note += &line;
    }
    note
}

/// A policy that is one, in the words of the specification, or that was spoilt in one place.
fn policy(random: &mut fastrand::Rng, witnesses: &[Witness]) -> String {
    let spoilt = random.u8(..16);
    let count = random.usize(1..=witnesses.len());
    let (mut lines, mut free) = (Vec::new(), Vec::new());
    for (number, witness) in witnesses[..count].iter().enumerate() {
        let space = [" ", "\t", "  \t"][random.usize(..3)];
        lines.push(format!("{space}witness{space}n{number}{space}{} https://w{number}.test/", witness.vkey()));
        free.push(format!("n{number}"));
    }
    for number in 0..random.usize(..4) {
        let mut members = Vec::new();
        for _ in 0..random.usize(1..=free.len()) {
            members.push(free.swap_remove(random.usize(..free.len())));
        }
        let threshold = match (random.u8(..4), spoilt) {
            (_, 0) => (members.len() + 1).to_string(),
            (_, 1) => "0".to_owned(),
            (0, _) => "all".to_owned(),
            (1, _) => "any".to_owned(),
            _ => random.usize(1..=members.len()).to_string(),
        };
        let unknown = if spoilt == 2 { " nobody" } else { "" };
        lines.push(format!("group g{number} {threshold} {}{unknown}", members.join(" ")));
        free.push(format!("g{number}"));
    }
    let quorum = if random.u8(..8) == 0 { "none".to_owned() } else { free[random.usize(..free.len())].clone() };
    match spoilt {
        3 => {}
        4 => lines.extend([format!("quorum {quorum}"), "quorum none".to_owned()]),
        5 => lines.push("quorum nobody".to_owned()),
        6 => lines.insert(0, format!("quorum {quorum}")),
        7 => lines.extend([lines[0].clone(), format!("quorum {quorum}")]),
        _ => lines.push(format!("quorum {quorum}")),
    }
    lines.insert(random.usize(..=lines.len()), "# a comment".to_owned());
    lines.join("\n") + "\n"
}

#[test]
fn policies_are_judged_alike() {
    let (mut random, witnesses) = (seeded(), witnesses());
    let cases: Vec<_> = (0..CASES).map(|_| (policy(&mut random, &witnesses), note(&mut random, &witnesses))).collect();
    let questions: Vec<Value> =
        cases.iter().map(|(policy, note)| json!({"policy": base64(policy), "note": base64(note)})).collect();
    let (mut met, mut unmet, mut refused, mut only_theirs) = (0, 0, 0, 0);
    for ((policy, note), theirs) in cases.iter().zip(answers(&questions)) {
        let checkpoint = Checkpoint::parse(note).unwrap();
        match Policy::parse(policy.as_bytes()) {
            Ok(ours) => {
                let counts = ours.check(&checkpoint).is_ok();
                assert_eq!(
                    (&theirs["policy"], &theirs["satisfied"]),
                    (&json!(true), &json!(counts)),
                    "{policy}\n{note}"
                );
                *if counts { &mut met } else { &mut unmet } += 1;
            }
            Err(_) if theirs["policy"] == true => only_theirs += 1,
            Err(_) => refused += 1,
        }
    }
    println!("{met} met, {unmet} not met, {refused} refused by both, {only_theirs} refused by us alone");
    assert!(met > 300 && unmet > 300 && refused > 100 && only_theirs > 0, "{met} {unmet} {refused} {only_theirs}");
}

#[test]
fn cosignatures_are_judged_alike_and_show_the_same_time() {
    let (mut random, witnesses) = (seeded(), witnesses());
    let cases: Vec<_> =
        (0..CASES).map(|_| (random.choice(&witnesses).unwrap().vkey(), note(&mut random, &witnesses))).collect();
    let questions: Vec<Value> = cases.iter().map(|(vkey, note)| json!({"vkey": vkey, "note": base64(note)})).collect();
    let (mut valid, mut invalid) = (0, 0);
    for ((vkey, note), theirs) in cases.iter().zip(answers(&questions)) {
        let policy = Policy::parse(format!("witness w {vkey}\nquorum w\n").as_bytes()).unwrap();
        let ours = policy.check(&Checkpoint::parse(note).unwrap());
        let time = ours.as_ref().map_or(json!(-1), |cosigned| json!(cosigned.time().unwrap()));
        assert_eq!(theirs["time"], time, "{vkey}\n{note}");
        *if ours.is_ok() { &mut valid } else { &mut invalid } += 1;
    }
    println!("{valid} valid, {invalid} not");
    assert!(valid > 300 && invalid > 300, "{valid} {invalid}");
}

#[test]
fn proofs_are_read_and_written_alike() {
    let (mut random, witnesses) = (seeded(), witnesses());
    let mut proof = || {
        let extra = match random.u8(..3) {
            0 => String::new(),
            length => format!("extra {}\n", BASE64_STANDARD.encode(vec![7; usize::from(length - 1)])),
        };
        let hashes = format!("{HASH}\n").repeat(random.usize(..5));
        let note = note(&mut random, &witnesses);
        let mut text = format!("c2sp.org/tlog-proof@v1\n{extra}index {}\n{hashes}\n{note}", random.u64(..));
        if random.bool() {
            let head = text.find("— ").unwrap();
            let at = random.usize(..head);
            let with = ["", "\n", " ", "0", "A", "=", "x"][random.usize(..7)];
            text.replace_range(at..=at, with);
        }
        text
    };
    let cases: Vec<String> = (0..CASES).map(|_| proof()).collect();
    let questions: Vec<Value> = cases.iter().map(|proof| json!({"proof": base64(proof)})).collect();
    let (mut read, mut refused) = (0, 0);
    for (case, theirs) in cases.iter().zip(answers(&questions)) {
        match TlogProof::parse(case) {
            Ok(ours) => {
                assert_eq!(
                    (&theirs["proof"], &theirs["again"]),
                    (&json!(true), &json!(base64(&ours.to_text()))),
                    "{case}"
                );
                read += 1;
            }
            // Theirs leaves the checkpoint to whoever verifies it.
            Err(_) => refused += 1,
        }
    }
    println!("{read} read, {refused} refused");
    assert!(read > 1_000 && refused > 300, "{read} {refused}");
}
