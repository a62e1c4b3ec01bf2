//! The ids under which other logs know a request.

/// A request's ids in AWS's logs, `None` where no such service is in front. They stand among a request's extensions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestIds {
    /// API Gateway's. Its access log has it, and the client gets it as `apigw-requestid`.
    pub api: Option<String>,
    /// Lambda's. Its own lines have it.
    pub lambda: Option<String>,
}
