//! The AWS SDK's configuration from the environment alone, as Lambda sets it.
//!
//! The SDK's own loader also knows profiles, containers, machines' roles and roles to assume. A function has none of them, and
//! a function that cannot ask for them is smaller.

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_kms::config::SharedCredentialsProvider;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

use crate::config::environment;
use crate::http_client::AwsHttp;

/// Neither key nor table can be asked without a region.
#[derive(Debug, thiserror::Error)]
#[error("no AWS region is known: set AWS_REGION")]
pub struct NoRegion;

/// Region, credentials and endpoints from the SDK's own variables.
pub(crate) fn sdk(http: AwsHttp) -> Result<SdkConfig, NoRegion> {
    let region = variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION")).ok_or(NoRegion)?;
    let is_set = |name| variable(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let credentials = EnvironmentVariableCredentialsProvider::new();
    let sdk = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .use_fips(is_set("AWS_USE_FIPS_ENDPOINT"))
        .use_dual_stack(is_set("AWS_USE_DUALSTACK_ENDPOINT"))
        .service_config(Variables)
        .http_client(http);
    Ok(sdk.build())
}

/// A variable's value. An empty one counts as unset.
fn variable(name: &str) -> Option<String> {
    environment(name).filter(|value| !value.is_empty())
}

/// The settings of a service: `AWS_ENDPOINT_URL_KMS`, or `AWS_ENDPOINT_URL` for all.
#[derive(Debug)]
struct Variables;

impl LoadServiceConfig for Variables {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let service = key.service_id().to_uppercase().replace(' ', "_");
        variable(&format!("{}_{service}", key.env())).or_else(|| variable(key.env()))
    }
}
