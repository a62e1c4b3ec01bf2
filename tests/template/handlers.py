"""What CloudFormation asks of the role that it acts as: the permissions of its handlers, as the registry's schemas say.

The schemas are AWS's own, as cfn-lint ships them.
"""

import pathlib
import re

from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

# Permissions that handlers list for what no template here uses, as patterns.
NOT_USED = {
    "acm-pca:.*": "certificates are public",
    "apigateway:TagResource": "no action of IAM's: tags are put by apigateway:PUT to /tags",
    "apigateway:UntagResource": "the same, by apigateway:DELETE",
    "billing:.*": "no view of the bill but the account's own",
    "budgets:(Create|Update|Delete|Describe)BudgetAction.*": "a budget tells, and acts on nothing",
    "cloudformation:SetStackPolicy": "of a nested stack, which a person sets with infra/stack-policy",
    "cloudformation:UpdateTerminationProtection": "nested stacks have none of their own",
    "cloudtrail:PutEventConfiguration": "no enriched events",
    "cloudtrail:PutInsightSelectors": "no insights",
    "codedeploy:RegisterOnPremisesInstance": "Lambda has no instances",
    "dynamodb:AssociateTableReplica": "no global table",
    "dynamodb:BatchWriteItem": "no import, and no replica whose rows are copied",
    "dynamodb:CreateTableReplica": "no global table",
    "dynamodb:DeleteItem": "no import, and no replica whose rows are copied",
    "dynamodb:DescribeImport": "no import",
    "dynamodb:DisableKinesisStreamingDestination": "no Kinesis",
    "dynamodb:EnableKinesisStreamingDestination": "no Kinesis",
    "dynamodb:GetItem": "no import, and no replica whose rows are copied",
    "dynamodb:ImportTable": "no import",
    "dynamodb:PutItem": "no import, and no replica whose rows are copied",
    "dynamodb:Query": "no import, and no replica whose rows are copied",
    "dynamodb:Scan": "no import, and no replica whose rows are copied",
    "dynamodb:UpdateContributorInsights": "no contributor insights",
    "dynamodb:UpdateItem": "no import, and no replica whose rows are copied",
    "dynamodb:UpdateKinesisStreamingDestination": "no Kinesis",
    "ec2:.*": "the function is in no VPC",
    "elasticfilesystem:.*": "no file system",
    "firehose:.*": "no data protection policy that reports",
    "iam:CreateServiceLinkedRole": "no replica and no scaling",
    "kinesis:.*": "no Kinesis",
    "kms:CreateGrant": "what is encrypted is so under keys of AWS's",
    "kms:Decrypt": "the same",
    "kms:DisableKeyRotation": "keys for signatures do not rotate",
    "kms:EnableKeyRotation": "the same",
    "kms:Encrypt": "what is encrypted is so under keys of AWS's",
    "kms:GenerateDataKey": "the same",
    "kms:RevokeGrant": "the same",
    "lambda:AssociateRuntimeAlias": "no runtime alias",
    "lambda:DeleteProvisionedConcurrencyConfig": "no provisioned concurrency",
    "lambda:GetLayerVersion": "no layer",
    "lambda:PassCapacityProvider": "no capacity provider",
    "lambda:PutFunctionRecursionConfig": "the default stays",
    "lambda:PutFunctionScalingConfig": "no capacity provider",
    "lambda:PutProvisionedConcurrencyConfig": "no provisioned concurrency",
    "lambda:PutRuntimeManagementConfig": "the default stays",
    "logs:AssociateKmsKey": "the log is encrypted under a key of AWS's",
    "logs:CreateLogStream": "no import, which is what writes a log",
    "logs:DeleteDataProtectionPolicy": "no data protection policy",
    "logs:DeleteIndexPolicy": "no index policy",
    "logs:DescribeLogStreams": "no import",
    "logs:DisassociateKmsKey": "the log is encrypted under a key of AWS's",
    "logs:PutBearerTokenAuthentication": "no bearer token",
    "logs:PutDataProtectionPolicy": "no data protection policy",
    "logs:PutIndexPolicy": "no index policy",
    "logs:PutLogEvents": "no import",
    "logs:PutLogGroupDeletionProtection": "no deletion protection",
    "organizations:.*": "the trail is the account's",
    "s3:(Put|Delete)(Accelerate|Analytics|IntelligentTiering|Inventory)Configuration": "not used",
    "s3:(Put|Delete)(Metrics|Replication|ObjectLock)Configuration": "not used",
    "s3:(Put|Delete)Bucket(Abac|Acl|AnalyticsConfiguration|CORS|Logging|MetricsConfiguration|Notification)": "not used",
    "s3:(Put|Delete)Bucket(ObjectLockConfiguration|Replication|Website)": "not used",
    "s3:\\w*Metadata\\w*TableConfiguration": "no tables about a bucket",
    "s3:DeleteObject": "a bucket stays",
    "s3:DeleteBucket(Encryption|Lifecycle)": "no action of IAM's, which asks for s3:Put… instead",
    "s3:(ListTagsForResource|TagResource|UntagResource)": "of access points and directory buckets",
    "s3:PutObjectAcl": "no access lists",
    "s3tables:.*": "no tables about a bucket",
    "s3:GetObjectMetadata": "no import",
    "s3:GetObjectVersion": "SAM names no version",
    "s3:ListBucket": "no import",
    "s3:REST.PUT.OBJECT": "no action of IAM's",
    "s3files:.*": "no file system",
    "sns:PutDataProtectionPolicy": "no data protection policy",
}


def permissions(resource_type, *operations):
    """The actions, in lower case as IAM compares them, without what NOT_USED names."""
    handlers = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", resource_type).schema.get("handlers")
    assert handlers, f"cfn-lint's schema of {resource_type} names no handlers"
    wanted = set().union(*(handlers.get(operation, {}).get("permissions", []) for operation in operations))
    return {a.lower() for a in wanted if not any(re.fullmatch(pattern, a, re.IGNORECASE) for pattern in NOT_USED)}


def deployed(t):
    """(template, logical id, resource) for all that a deployment of template.yaml has, nested stacks included."""
    names, seen = ["template"], set()
    while names:
        name = names.pop()
        if name in seen:
            continue
        seen.add(name)
        for logical, resource in t[name]["Resources"].items():
            yield name, logical, resource
            if resource["Type"] == "AWS::CloudFormation::Stack":
                names.append(pathlib.Path(resource["Properties"]["TemplateURL"]).stem)
