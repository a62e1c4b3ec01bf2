"""The HTTP API and its domain: every path at the root, and a limit on what strangers can cost."""

from templates import drop, put, resources, the_one


def has_no_stage_in_the_path(t):
    assert the_one(t, "AWS::ApiGatewayV2::Stage")["Properties"]["StageName"] == "$default"
    assert the_one(t, "AWS::ApiGatewayV2::Api")["Properties"]["Body"]["paths"].keys() == {"$default"}


def hands_over_version_2(t):
    (path,) = the_one(t, "AWS::ApiGatewayV2::Api")["Properties"]["Body"]["paths"].values()
    (method,) = path.values()
    assert method["x-amazon-apigateway-integration"]["payloadFormatVersion"] == "2.0"


def is_throttled(t):
    settings = the_one(t, "AWS::ApiGatewayV2::Stage")["Properties"]["DefaultRouteSettings"]
    assert settings == {
        "ThrottlingRateLimit": {"Ref": "RequestsPerSecond"},
        "ThrottlingBurstLimit": {"Ref": "RequestBurst"},
    }


def domain_is_regional_with_modern_tls(t):
    for domain in resources(t, "AWS::ApiGatewayV2::DomainName"):
        (configuration,) = domain["Properties"]["DomainNameConfigurations"]
        assert configuration["EndpointType"] == "REGIONAL" and configuration["SecurityPolicy"] == "TLS_1_2"


def domain_maps_the_root(t):
    assert "ApiMappingKey" not in the_one(t, "AWS::ApiGatewayV2::ApiMapping")["Properties"]


def domain_is_made_only_if_asked(t):
    assert t["template"]["Resources"]["Domain"]["Condition"] == "HasDomain"
    assert the_one(t, "AWS::CertificateManager::Certificate")["Condition"] == "MakesCertificate"
    assert the_one(t, "AWS::Route53::RecordSet")["Condition"] == "HasHostedZone"


_STAGE = ("template", "ApiApiGatewayDefaultStage", "Properties")
_BODY = ("template", "Api", "Properties", "Body")
_METHOD = (*_BODY, "paths", "$default", "x-amazon-apigateway-any-method")
_INTEGRATION = (*_METHOD, "x-amazon-apigateway-integration")
_DOMAIN = ("domain", "Domain", "Properties", "DomainNameConfigurations", 0)
FAULTS = [
    (has_no_stage_in_the_path, put(*_STAGE, "StageName", "prod")),
    (has_no_stage_in_the_path, put(*_BODY, "paths", "/v2", {"get": {}})),
    (hands_over_version_2, put(*_INTEGRATION, "payloadFormatVersion", "1.0")),
    (is_throttled, drop(*_STAGE, "DefaultRouteSettings")),
    (is_throttled, drop(*_STAGE, "DefaultRouteSettings", "ThrottlingBurstLimit")),
    (domain_is_regional_with_modern_tls, put(*_DOMAIN, "EndpointType", "EDGE")),
    (domain_is_regional_with_modern_tls, put(*_DOMAIN, "SecurityPolicy", "TLS_1_0")),
    (domain_maps_the_root, put("domain", "Mapping", "Properties", "ApiMappingKey", "registry")),
    (domain_is_made_only_if_asked, drop("template", "Domain", "Condition")),
    (domain_is_made_only_if_asked, drop("domain", "Certificate", "Condition")),
]
