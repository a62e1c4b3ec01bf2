//! `history --instance`: what an instance refused, marked as its word.

use serde_json::{Value, json};
use testing::client::get;
use testing::image::{Image, OCI_MANIFEST};
use testing::process::Ended;

use crate::served::{Served, TAG, answering};

impl Served {
    fn history(&self, instance: &str, arguments: &[&str]) -> Ended {
        self.run("history", TAG, instance, arguments)
    }

    /// The instance's memory, once it has one: it writes after the answer.
    async fn moves(&self) -> Value {
        loop {
            let answer = get(&self.instance.at(&format!("/moves/{TAG}"))).await;
            let moves: Value = serde_json::from_slice(&answer.bytes).unwrap();
            if moves["moves"] != json!([]) {
                return moves;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_instance_refused_is_printed_as_its_word() {
    let served = Served::set().await;
    let url = served.url();
    let ended = served.history(&url, &[]);
    let none = "\nThe instance refused no other digest, by its own word: the log does not hold this.\n";
    assert!(ended.code == Some(0) && ended.stdout.ends_with(none), "{ended:?}");

    let other = Image::oci("other");
    served.stage.push("v1", &other).await;
    assert_eq!(get(&served.instance.url("manifests/v1")).await.status, 403);
    let moves = served.moves().await;
    let ended = served.history(&format!("{url}/"), &[]);
    let said = format!(
        "\nRefused by the instance, by its own word: the log does not hold this.\n\nmoved to  {}\n  since     {}\n  \
         manifest  {OCI_MANIFEST}, {} bytes\n",
        other.digest(),
        moves["moves"][0]["since"].as_str().unwrap(),
        other.manifest.len()
    );
    assert!(ended.code == Some(0) && ended.stdout.ends_with(&said), "{said}\nis not in\n{}", ended.stdout);
    let shown: Value = serde_json::from_str(&served.history(&url, &["--json"]).stdout).unwrap();
    assert_eq!(shown["instance"]["moves"], moves["moves"]);
    assert_eq!((&shown["instance"]["furtherMoves"], &shown["instance"]["error"]), (&json!(0), &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_does_not_answer_leaves_the_logs_history_and_an_exit_code() {
    let served = Served::set().await;
    let unseen = r#"{"errors":[{"code":"TAG_UNKNOWN","message":"x"}]}"#;
    let escape = r#"{"moves":[{"digest":"\u001b[31m","since":"x","mediaType":"x","size":1}],"furtherMoves":0}"#;
    for (status, body, reason) in [
        (404, unseen, "the instance has never seen this tag"),
        (404, "no", "the instance answered 404 Not Found, and may not be a tlogistry"),
        (503, "", "the instance answered 503 Service Unavailable"),
        (200, "{}", "the instance's answer about moves cannot be understood"),
        (200, escape, "the instance's answer about moves cannot be understood"),
    ] {
        let url = answering(status, body).await;
        let ended = served.history(&url, &[]);
        let said = format!("\nWhat the instance refused is not known: {reason}\n");
        assert!(ended.code == Some(2) && ended.stdout.ends_with(&said), "{ended:?}");
        assert!(ended.stdout.starts_with(&format!("{TAG}: 1 entry\n")), "{}", ended.stdout);
        let shown: Value = serde_json::from_str(&served.history(&url, &["--json"]).stdout).unwrap();
        assert_eq!((&shown["instance"]["error"], shown["instance"].get("moves")), (&json!(reason), None));
    }
    let ended = served.history("http://user:hunter2@127.0.0.1:1", &[]);
    assert!(ended.code == Some(2) && ended.stderr.contains("--instance: it "), "{ended:?}");
    assert!(!ended.stderr.contains("hunter2"));
}
