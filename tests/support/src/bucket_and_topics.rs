//! A bucket in (a stand-in for) AWS S3, and two topics in one for SNS: what the auditor keeps and tells.

use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use serde_json::Value;

use super::process::{Process, script};

const BUCKET: &str = "audit";
const REGION: &str = "us-east-1";
const PAGE: &str = "arn:aws:sns:us-east-1:123456789012:page";
const NOTICE: &str = "arn:aws:sns:us-east-1:123456789012:notice";
const STATE: &str = "state.json";

static MARKS: AtomicUsize = AtomicUsize::new(0);

pub struct BucketAndTopics {
    endpoint: String,
    s3: aws_sdk_s3::Client,
    sns: aws_sdk_sns::Client,
    process: Process,
}

/// A message that was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The name of the topic: `page` or `notice`.
    pub topic: String,
    pub subject: String,
    pub message: String,
}

impl BucketAndTopics {
    pub fn start() -> Self {
        let process = Process::start(&mut script("tests/tools/s3_and_sns.py"));
        let address = process.wait_for(|line| line.strip_prefix("listening on ").map(str::to_owned));
        let endpoint = format!("http://{address}");
        let credentials = Credentials::new("test", "test", None, None, "test");
        let s3 = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(credentials.clone())
            .endpoint_url(&endpoint);
        let sns = aws_sdk_sns::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(credentials)
            .endpoint_url(&endpoint);
        let (s3, sns) = (aws_sdk_s3::Client::from_conf(s3.build()), aws_sdk_sns::Client::from_conf(sns.build()));
        Self { endpoint, s3, sns, process }
    }

    /// The variables by which the auditor uses them.
    pub fn environment(&self) -> Vec<(String, String)> {
        [
            ("AUDIT_BUCKET", BUCKET),
            ("PAGE_TOPIC_ARN", PAGE),
            ("NOTICE_TOPIC_ARN", NOTICE),
            ("AWS_ENDPOINT_URL_S3", &self.endpoint),
            ("AWS_ENDPOINT_URL_SNS", &self.endpoint),
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    /// The bytes of the state. `None` if there is none.
    pub async fn state(&self) -> Option<Vec<u8>> {
        let answer = self.s3.get_object().bucket(BUCKET).key(STATE).send().await.ok()?;
        Some(answer.body.collect().await.unwrap().to_vec())
    }

    pub async fn put_state(&self, state: &[u8]) {
        self.put(STATE, state).await;
    }

    pub async fn put(&self, key: &str, bytes: &[u8]) {
        self.s3.put_object().bucket(BUCKET).key(key).body(bytes.to_vec().into()).send().await.unwrap();
    }

    /// Deletes the state, as only an operator can.
    pub async fn delete_state(&self) {
        self.s3.delete_object().bucket(BUCKET).key(STATE).send().await.unwrap();
    }

    /// The number of times that the state was written or deleted.
    pub async fn versions(&self) -> usize {
        let answer = self.s3.list_object_versions().bucket(BUCKET).prefix(STATE).send().await.unwrap();
        answer.versions().len() + answer.delete_markers().len()
    }

    /// Every message so far, the oldest first.
    pub async fn told(&self) -> Vec<Told> {
        // Lines come in the order of messages: when this one is there, all are.
        let mark = format!("mark {}", MARKS.fetch_add(1, Ordering::Relaxed));
        self.sns.publish().topic_arn(NOTICE).message(&mark).send().await.unwrap();
        self.process.wait_for(|line| line.contains(&format!("\"{mark}\"")).then_some(()));
        let messages = self.process.lines().into_iter().filter_map(|line| {
            let line: Value = serde_json::from_str(&line).ok()?;
            let text = |name: &str| line[name].as_str().map(str::to_owned);
            Some(Told { topic: text("topic")?, subject: text("subject")?, message: text("message")? })
        });
        messages.collect()
    }
}
