//! Which authority is asked, as `TIMESTAMP_URL` says it.

use std::str::FromStr;

use url::Url;

use crate::base_url::{self, BaseUrlError};

/// An operator's choice of a time-stamping authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimestampSetting {
    /// Nobody is asked: `none`.
    Nobody,
    /// The whole URL that is posted to.
    At(Url),
}

/// A text that is neither `none` nor a URL. It is not repeated: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is neither 'none' nor the URL of a time-stamping authority: {0}")]
pub struct NoTimestampSetting(BaseUrlError);

impl FromStr for TimestampSetting {
    type Err = NoTimestampSetting;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim() {
            "none" => Ok(Self::Nobody),
            url => base_url::parse(url).map(Self::At).map_err(NoTimestampSetting),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_is_a_url_or_none() {
        assert_eq!(" none ".parse(), Ok(TimestampSetting::Nobody));
        let url = "https://timestamp.sigstore.dev/api/v1/timestamp";
        assert_eq!(url.parse(), Ok(TimestampSetting::At(url.parse().unwrap())));
        for text in
            ["", "None", "no", "timestamp.sigstore.dev", "https://user:hunter2@t.test/", "https://t.test/?a=hunter2"]
        {
            let error = text.parse::<TimestampSetting>().unwrap_err().to_string();
            assert!(error.starts_with("it is neither 'none' nor the URL of a time-stamping authority: it "), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
