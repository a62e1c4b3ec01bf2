//! The stand-in for AWS KMS (`tests/tools/kms.py`: moto with its faults corrected), which holds one signing key.

use aws_sdk_kms::config::{BehaviorVersion, Credentials, Region};
use tlogistry::key::PublicKey;
use tlogistry::sighting::{KmsKey, Signer};

use super::process::{Process, tool};

pub const KEY_ID: &str = "alias/tlogistry";
const REGION: &str = "us-east-1";

pub struct Kms {
    endpoint: String,
    _process: Process,
}

impl Kms {
    pub fn start() -> Self {
        let process = Process::start(tool("kms").args(["--region", REGION, "--alias", KEY_ID]));
        let endpoint = process.wait_for(|line| line.strip_prefix("listening on ").map(str::to_owned));
        Self { endpoint, _process: process }
    }

    /// The variables that an AWS SDK needs to reach it, and the key.
    pub fn environment(&self) -> Vec<(String, String)> {
        [
            ("KMS_KEY_ID", KEY_ID),
            ("AWS_ENDPOINT_URL_KMS", &self.endpoint),
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    /// A signer with the key.
    pub fn signer(&self) -> Signer {
        Signer::Kms(KmsKey::new(self.client(), KEY_ID.to_owned()))
    }

    /// The key's public half, as KMS tells it to anyone who may ask.
    pub async fn public_key(&self) -> PublicKey {
        let answer = self.client().get_public_key().key_id(KEY_ID).send().await.unwrap();
        PublicKey::from_der(answer.public_key().unwrap().as_ref()).unwrap()
    }

    fn client(&self) -> aws_sdk_kms::Client {
        let config = aws_sdk_kms::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .endpoint_url(&self.endpoint)
            .build();
        aws_sdk_kms::Client::from_conf(config)
    }
}
