//! The time that cosignatures show: that the checkpoint existed no later.

use testing::witness::Witness;
use tlogistry::tlog::{Checkpoint, Policy};

const NOTE: &str = "log.test\n1\nLmgRG9rq68MUjAc8wZDn1d0YesIg1xSL8FC16IH6hHA=\n\n— log.test wNI9ajBE\n";

/// The time by a policy of the witnesses `w0` to `w3`, which cosign at these times.
fn time(times: &[u64], rest: &str) -> Option<u64> {
    let witnesses: Vec<Witness> = (0..4).map(|number| Witness::new(&format!("w{number}.test"))).collect();
    let lines = witnesses.iter().enumerate().map(|(number, witness)| format!("witness w{number} {}\n", witness.vkey()));
    let policy = Policy::parse((lines.collect::<String>() + rest).as_bytes()).unwrap();
    let cosigned = times.iter().zip(&witnesses).fold(NOTE.to_owned(), |note, (time, by)| by.cosign(&note, *time));
    policy.check(&Checkpoint::parse(&cosigned).unwrap()).unwrap().time()
}

#[test]
fn it_is_the_latest_of_the_earliest_set_that_is_enough() {
    let cases = [
        (&[10, 20, 30][..], "quorum w1\n", 20),
        (&[10, 20, 30], "group g all w0 w1 w2\nquorum g\n", 30),
        (&[10, 20, 30], "group g 2 w0 w1 w2\nquorum g\n", 20),
        (&[10, 20, 30], "group g any w0 w1 w2\nquorum g\n", 10),
        // One liar makes nothing older where two are demanded, and one late cosignature nothing younger.
        (&[1, 20, 30], "group g 2 w0 w1 w2\nquorum g\n", 20),
        (&[10, 20, 9_999_999_999], "group g 2 w0 w1 w2\nquorum g\n", 20),
        // Each part of a quorum has its own time.
        (&[10, 40, 20, 30], "group a any w0 w1\ngroup b all w2 w3\ngroup g all a b\nquorum g\n", 30),
        (&[10, 40, 20, 30], "group a all w0 w1\ngroup b all w2 w3\ngroup g any a b\nquorum g\n", 30),
        (&[i64::MAX as u64], "quorum w0\n", i64::MAX as u64),
    ];
    for (times, rest, expected) in cases {
        assert_eq!(time(times, rest), Some(expected), "{times:?} {rest}");
    }
}

#[test]
fn a_witness_that_signs_no_time_bounds_nothing() {
    assert_eq!(time(&[0, 20], "group g all w0 w1\nquorum g\n"), None);
    assert_eq!(time(&[0, 20], "group g any w0 w1\nquorum g\n"), Some(20));
}

#[test]
fn a_time_past_the_specifications_limit_is_no_cosignature() {
    let one = Witness::new("w.test");
    let policy = Policy::parse(format!("witness w {}\nquorum w\n", one.vkey()).as_bytes()).unwrap();
    for time in [1 << 63, u64::MAX] {
        let checkpoint = Checkpoint::parse(&one.cosign(NOTE, time)).unwrap();
        assert!(policy.check(&checkpoint).is_err());
    }
}
