//! An environment in which everything is wrong that can be, and what is said of it.

pub const VARIABLES: [(&str, &str); 7] = [
    ("REKOR_URL", "http://rekor.example"),
    ("TRUSTED_KEYS", "no key"),
    ("ALLOWED_REGISTRIES", "ghcr.io,gh_cr.io"),
    ("INSECURE_REGISTRIES", "ghcr.io=127.0.0.1:5000"),
    ("REQUEST_TIMEOUT_MS", "30000"),
    ("MANIFEST_CACHE_BYTES", "much"),
    ("LOG_FORMAT", "xml"),
];

/// Standard error of `program`, line by line.
pub fn refusal(program: &str) -> Vec<String> {
    let first = format!("{program}: the configuration is not usable:");
    let faults = [
        "  REKOR_PUBLIC_KEYS: must be set for http://rekor.example/: only the public instance's is built in",
        "  TRUSTED_KEYS: holds no PEM block 'PUBLIC KEY'",
        "  ALLOWED_REGISTRIES: 'gh_cr.io' is not a registry host: expected a DNS name or IPv4 address, with an optional \
         port",
        "  INSECURE_REGISTRIES: 'ghcr.io' could be a real registry: another name for 127.0.0.1:5000 must end in .test",
        "  REQUEST_TIMEOUT_MS: '30000' is not a whole number from 100 to 28000",
        "  MANIFEST_CACHE_BYTES: 'much' is not a whole number from 0 to 1073741824",
        "  LOG_FORMAT: 'xml' is neither json nor text",
    ];
    std::iter::once(first).chain(faults.map(str::to_owned)).collect()
}
