//! The URL of a service, as a user configures it.

use url::Url;

/// Reasons to refuse a URL. No message repeats any of it: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BaseUrlError {
    #[error("it is not an http or https URL")]
    NotHttp,
    /// Requests, log lines, pages and headers name the URL, so that everybody would read them.
    #[error(
        "it has a user name or a password, which everyone would see who uses this service: give the URL without them"
    )]
    Credentials,
    /// Paths are added at the end.
    #[error("it has a query ('?') or a fragment ('#'): give the URL without them")]
    QueryOrFragment,
}

/// Parses an http or https URL that names a service and nothing more. It may have a path.
pub(crate) fn parse(text: &str) -> Result<Url, BaseUrlError> {
    let url: Url = text.trim().parse().map_err(|_| BaseUrlError::NotHttp)?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(BaseUrlError::NotHttp);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(BaseUrlError::Credentials);
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(BaseUrlError::QueryOrFragment);
    }
    Ok(url)
}

/// Returns whether two URLs name the same service: one with and one without a final slash do.
pub(crate) fn is_same_place(one: &Url, other: &Url) -> bool {
    one.as_str().trim_end_matches('/') == other.as_str().trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_named_by_scheme_host_port_and_path() {
        for url in
            ["https://rekor.sigstore.dev/", "http://127.0.0.1:3000/", "http://[::1]:3000/", "https://a.test/log/"]
        {
            assert_eq!(parse(url).unwrap().as_str(), url);
        }
    }

    #[test]
    fn whatever_else_a_url_can_hold_is_refused_and_not_repeated() {
        let credentials = [
            "https://user@rekor.test",
            "https://user:hunter2@rekor.test",
            "https://:hunter2@rekor.test",
            "https:user:hunter2@rekor.test",
            r"https:\\user:hunter2@rekor.test",
            "https://us%65r:hunter%32@rekor.test/path",
            "https://user:hunter2@rekor.test?hunter2",
        ];
        let more = [
            "https://rekor.test?",
            "https://rekor.test/?key=hunter2",
            "https://rekor.test#",
            "https://rekor.test/#hunter2",
        ];
        let not_http = [
            "",
            "hunter2",
            "ftp://user:hunter2@rekor.test",
            "https://user:hunter2@",
            "user:hunter2@rekor.test",
            "https://user:hunter2@rekor.test:port",
        ];
        for (urls, error) in [
            (&credentials[..], BaseUrlError::Credentials),
            (&more[..], BaseUrlError::QueryOrFragment),
            (&not_http[..], BaseUrlError::NotHttp),
        ] {
            for url in urls {
                assert_eq!(parse(url), Err(error), "{url}");
            }
            assert!(!error.to_string().contains("hunter2"));
        }
    }
}
