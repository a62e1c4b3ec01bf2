"""What can stand in front: it proves itself, passes on what the instance needs, and keeps nothing that must not be."""

import re

from templates import ROOT, append, drop, is_true, put, resources, the_one

CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a6be39ad7"  # AWS's own policy
ERRORS = {400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504}  # all that CloudFront keeps, for ten seconds


def _distribution(t):
    return the_one(t, "AWS::CloudFront::Distribution")["Properties"]["DistributionConfig"]


def _behaviours(t):
    return [_distribution(t)["DefaultCacheBehavior"], *_distribution(t)["CacheBehaviors"]]


def _origin(t):
    (origin,) = _distribution(t)["Origins"]
    return origin


def _named_in_edge_rs(constant):
    return re.search(rf'const {constant}: &str = "([a-z-]+)";', (ROOT / "src/edge.rs").read_text())[1]


def goes_to_the_apis_own_domain_by_tls(t):
    assert _origin(t)["DomainName"] == {"Ref": "OriginHost"}
    assert _origin(t)["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"
    assert _origin(t)["CustomOriginConfig"]["OriginSSLProtocols"] == ["TLSv1.2"]
    assert all(b["TargetOriginId"] == _origin(t)["Id"] for b in _behaviours(t))


def proves_itself_with_the_header_that_the_program_reads(t):
    (header,) = _origin(t)["OriginCustomHeaders"]
    assert header["HeaderName"].lower() == _named_in_edge_rs("SECRET_HEADER")
    assert header["HeaderValue"] == {"Ref": "EdgeSecret"}


def secrets_are_not_shown_and_are_what_the_program_takes(t):
    secret, secrets = t["edge"]["Parameters"]["EdgeSecret"], t["template"]["Parameters"]["EdgeSecrets"]
    assert secret["NoEcho"] is True and secrets["NoEcho"] is True and "Default" not in secret
    least, most = re.search(r"SECRET_LENGTH: .* = (\d+)\.\.=(\d+);", (ROOT / "src/edge.rs").read_text()).groups()
    one = "[A-Za-z0-9_-]{%s,%s}" % (least, most)
    assert secret["AllowedPattern"] == one and secrets["AllowedPattern"] == f"({one}(,{one})?)?"


def passes_on_what_the_instance_reads_and_never_the_host(t):
    policy = the_one(t, "AWS::CloudFront::OriginRequestPolicy")["Properties"]["OriginRequestPolicyConfig"]
    headers = {header.lower() for header in policy["HeadersConfig"]["Headers"]}
    assert policy["HeadersConfig"]["HeaderBehavior"] == "whitelist"
    assert headers == {"accept", "user-agent", _named_in_edge_rs("VIEWER_HEADER")}
    assert policy["QueryStringsConfig"] == {"QueryStringBehavior": "all"}
    assert all(b["OriginRequestPolicyId"] == {"Ref": "ToTheApi"} for b in _behaviours(t))


def keeps_manifests_by_digest_alone_and_as_long_as_they_may_be(t):
    default, *others = _behaviours(t)
    assert default["CachePolicyId"] == CACHING_DISABLED
    assert [b["PathPattern"] for b in others] == ["/v2/*/manifests/sha256:*"]
    assert others[0]["CachePolicyId"] == {"Ref": "ManifestsByDigest"}
    policy = the_one(t, "AWS::CloudFront::CachePolicy")["Properties"]["CachePolicyConfig"]
    assert (policy["MinTTL"], policy["DefaultTTL"]) == (0, 0), "no-store, and nothing said, are not kept"
    key = policy["ParametersInCacheKeyAndForwardedToOrigin"]
    assert key["HeadersConfig"] == {"HeaderBehavior": "none"} and key["CookiesConfig"] == {"CookieBehavior": "none"}
    # The registry can stand in the query alone: without it in the key, one registry's manifest would be another's.
    assert key["QueryStringsConfig"] == {"QueryStringBehavior": "whitelist", "QueryStrings": ["ns"]}


def bytes_arrive_as_they_are(t):
    key = the_one(t, "AWS::CloudFront::CachePolicy")["Properties"]["CachePolicyConfig"]
    key = key["ParametersInCacheKeyAndForwardedToOrigin"]
    assert key["EnableAcceptEncodingGzip"] is False and key["EnableAcceptEncodingBrotli"] is False
    assert all(b["Compress"] is False for b in _behaviours(t))


def keeps_no_error(t):
    kept = {error["ErrorCode"]: error["ErrorCachingMinTTL"] for error in _distribution(t)["CustomErrorResponses"]}
    assert kept == dict.fromkeys(ERRORS, 0)


def reads_alone_by_modern_tls(t):
    for behaviour in _behaviours(t):
        assert behaviour["AllowedMethods"] == ["GET", "HEAD"] and behaviour["ViewerProtocolPolicy"] == "https-only"
    assert _distribution(t)["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2021"
    assert _distribution(t)["Aliases"] == [{"Ref": "PublicHost"}]


def each_client_has_a_limit(t):
    acl = the_one(t, "AWS::WAFv2::WebACL")["Properties"]
    assert acl["Scope"] == "CLOUDFRONT" and _distribution(t)["WebACLId"] == {"Fn::GetAtt": ["Limit", "Arn"]}
    (rule,) = acl["Rules"]
    limit = rule["Statement"]["RateBasedStatement"]
    assert limit == {"AggregateKeyType": "IP", "EvaluationWindowSec": 300, "Limit": {"Ref": "RequestsPerClient"}}
    answer = rule["Action"]["Block"]["CustomResponse"]
    assert answer["ResponseCode"] == 429 and {"Name": "Retry-After", "Value": "60"} in answer["ResponseHeaders"]
    assert "TOOMANYREQUESTS" in acl["CustomResponseBodies"][answer["CustomResponseBodyKey"]]["Content"]


def can_only_be_where_cloudfront_looks(t):
    (assertion,) = t["edge"]["Rules"]["CloudFrontsRegion"]["Assertions"]
    assert assertion["Assert"] == {"Fn::Equals": [{"Ref": "AWS::Region"}, "us-east-1"]}
    assert ":acm:us-east-1:" in t["edge"]["Parameters"]["CertificateArn"]["AllowedPattern"]


def the_apis_own_address_is_closed_only_if_there_is_another(t):
    (server,) = the_one(t, "AWS::ApiGatewayV2::Api")["Properties"]["Body"]["servers"]
    endpoint = server["x-amazon-apigateway-endpoint-configuration"]
    assert endpoint == {"disableExecuteApiEndpoint": {"Fn::If": ["ClosesExecuteApiEndpoint", True, False]}}
    condition = t["template"]["Conditions"]["ClosesExecuteApiEndpoint"]
    assert condition == is_true("DisableExecuteApiEndpoint")
    rule = t["template"]["Rules"]["AClosedAddressHasADomain"]
    assert rule["RuleCondition"] == condition
    assert [a["Assert"] for a in rule["Assertions"]] == [{"Fn::Not": [{"Fn::Equals": [{"Ref": "DomainName"}, ""]}]}]


def the_instance_knows_what_stands_in_front(t):
    variables = t["template"]["Resources"]["Function"]["Properties"]["Environment"]["Variables"]
    assert variables["PUBLIC_HOST"] == {"Ref": "PublicHost"} and variables["EDGE_SECRETS"] == {"Ref": "EdgeSecrets"}
    rule = t["template"]["Rules"]["AnEdgeHasAPublicHost"]
    assert rule["RuleCondition"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "EdgeSecrets"}, ""]}]}
    assert [a["Assert"] for a in rule["Assertions"]] == [{"Fn::Not": [{"Fn::Equals": [{"Ref": "PublicHost"}, ""]}]}]
    command = t["template"]["Outputs"]["PullCommand"]["Value"]["Fn::Sub"][1]["Host"]["Fn::If"]
    assert command[:2] == ["HasPublicHost", {"Ref": "PublicHost"}]


def is_reached_by_both_kinds_of_address(t):
    (records,) = resources({"edge": t["edge"]}, "AWS::Route53::RecordSetGroup")
    assert [record["Type"] for record in records["Properties"]["RecordSets"]] == ["A", "AAAA"]
    assert records["Condition"] == "HasHostedZone"


def _section(template, section, name, key, value):
    def change(t):
        t[template][section][name][key] = value

    return change


_CONFIG = ("edge", "Distribution", "Properties", "DistributionConfig")
_CACHED = (*_CONFIG, "CacheBehaviors", 0)
_CACHE = ("edge", "ManifestsByDigest", "Properties", "CachePolicyConfig")
_KEY = (*_CACHE, "ParametersInCacheKeyAndForwardedToOrigin")
_HEADERS = ("edge", "ToTheApi", "Properties", "OriginRequestPolicyConfig", "HeadersConfig", "Headers")
_RULE = ("edge", "Limit", "Properties", "Rules", 0)
_VARIABLES = ("template", "Function", "Properties", "Environment", "Variables")
_ENDPOINT = ("template", "Api", "Properties", "Body", "servers", 0, "x-amazon-apigateway-endpoint-configuration")
FAULTS = [
    (goes_to_the_apis_own_domain_by_tls, put(*_CONFIG, "Origins", 0, "DomainName", {"Ref": "PublicHost"})),
    (
        goes_to_the_apis_own_domain_by_tls,
        put(*_CONFIG, "Origins", 0, "CustomOriginConfig", "OriginProtocolPolicy", "match-viewer"),
    ),
    (proves_itself_with_the_header_that_the_program_reads, drop(*_CONFIG, "Origins", 0, "OriginCustomHeaders")),
    (
        proves_itself_with_the_header_that_the_program_reads,
        put(*_CONFIG, "Origins", 0, "OriginCustomHeaders", 0, "HeaderName", "X-Origin-Verify"),
    ),
    (
        secrets_are_not_shown_and_are_what_the_program_takes,
        _section("edge", "Parameters", "EdgeSecret", "NoEcho", False),
    ),
    (
        secrets_are_not_shown_and_are_what_the_program_takes,
        _section("template", "Parameters", "EdgeSecrets", "NoEcho", False),
    ),
    (
        secrets_are_not_shown_and_are_what_the_program_takes,
        _section("edge", "Parameters", "EdgeSecret", "AllowedPattern", ".+"),
    ),
    (passes_on_what_the_instance_reads_and_never_the_host, append(*_HEADERS, "Host")),
    (passes_on_what_the_instance_reads_and_never_the_host, put(*_HEADERS, ["Accept", "User-Agent"])),
    (passes_on_what_the_instance_reads_and_never_the_host, drop(*_CACHED, "OriginRequestPolicyId")),
    (
        keeps_manifests_by_digest_alone_and_as_long_as_they_may_be,
        put(*_CONFIG, "DefaultCacheBehavior", "CachePolicyId", {"Ref": "ManifestsByDigest"}),
    ),
    (keeps_manifests_by_digest_alone_and_as_long_as_they_may_be, put(*_CACHED, "PathPattern", "/v2/*/manifests/*")),
    (keeps_manifests_by_digest_alone_and_as_long_as_they_may_be, put(*_CACHE, "MinTTL", 60)),
    (keeps_manifests_by_digest_alone_and_as_long_as_they_may_be, put(*_CACHE, "DefaultTTL", 86400)),
    (
        keeps_manifests_by_digest_alone_and_as_long_as_they_may_be,
        put(*_KEY, "QueryStringsConfig", {"QueryStringBehavior": "none"}),
    ),
    (bytes_arrive_as_they_are, put(*_KEY, "EnableAcceptEncodingGzip", True)),
    (bytes_arrive_as_they_are, put(*_CACHED, "Compress", True)),
    (keeps_no_error, drop(*_CONFIG, "CustomErrorResponses")),
    (keeps_no_error, put(*_CONFIG, "CustomErrorResponses", 9, "ErrorCachingMinTTL", 10)),
    (reads_alone_by_modern_tls, append(*_CACHED, "AllowedMethods", "OPTIONS")),
    (reads_alone_by_modern_tls, put(*_CONFIG, "DefaultCacheBehavior", "ViewerProtocolPolicy", "allow-all")),
    (reads_alone_by_modern_tls, put(*_CONFIG, "ViewerCertificate", "MinimumProtocolVersion", "TLSv1")),
    (each_client_has_a_limit, drop(*_CONFIG, "WebACLId")),
    (each_client_has_a_limit, put(*_RULE, "Action", {"Count": {}})),
    (each_client_has_a_limit, put(*_RULE, "Statement", "RateBasedStatement", "AggregateKeyType", "CONSTANT")),
    (each_client_has_a_limit, put(*_RULE, "Action", "Block", "CustomResponse", "ResponseCode", 403)),
    (
        can_only_be_where_cloudfront_looks,
        _section("edge", "Rules", "CloudFrontsRegion", "Assertions", [{"Assert": True}]),
    ),
    (
        can_only_be_where_cloudfront_looks,
        _section("edge", "Parameters", "CertificateArn", "AllowedPattern", "arn:[a-z-]+:acm:.+"),
    ),
    (the_apis_own_address_is_closed_only_if_there_is_another, put(*_ENDPOINT, "disableExecuteApiEndpoint", True)),
    (
        the_apis_own_address_is_closed_only_if_there_is_another,
        _section("template", "Rules", "AClosedAddressHasADomain", "Assertions", []),
    ),
    (the_instance_knows_what_stands_in_front, put(*_VARIABLES, "PUBLIC_HOST", {"Ref": "DomainName"})),
    (
        the_instance_knows_what_stands_in_front,
        _section("template", "Rules", "AnEdgeHasAPublicHost", "Assertions", []),
    ),
    (is_reached_by_both_kinds_of_address, drop("edge", "Records", "Condition")),
    (is_reached_by_both_kinds_of_address, drop("edge", "Records", "Properties", "RecordSets", 1)),
]
