"""The signing key: it stays, the function alone signs with it, and its administrators alone can end it."""

from templates import actions, append, drop, put, statements, the_one

ENDS_OR_OPENS_THE_KEY = {"kms:DisableKey", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion"}
READS_OR_NAMES = {
    *("kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:GetPublicKey", "kms:ListGrants"),
    *("kms:ListKeyPolicies", "kms:ListResourceTags", "kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias"),
    *("kms:TagResource", "kms:UntagResource", "kms:UpdateKeyDescription"),
}
SIGN_CONDITION = {"StringEquals": {"kms:SigningAlgorithm": "ECDSA_SHA_256", "kms:MessageType": "DIGEST"}}
ACCOUNT = {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}}


def _key(t):
    return the_one(t, "AWS::KMS::Key")


def _policy(t):
    return _key(t)["Properties"]["KeyPolicy"]


def stays_when_the_stack_goes(t):
    """It goes only with the very deployment that made it, if that fails."""
    assert (_key(t)["DeletionPolicy"], _key(t)["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")


def leaves_time_to_notice_its_deletion(t):
    assert _key(t)["Properties"]["PendingWindowInDays"] == 30


def signs_on_p256(t):
    assert _key(t)["Properties"]["KeySpec"] == "ECC_NIST_P256"
    assert _key(t)["Properties"]["KeyUsage"] == "SIGN_VERIFY"


def function_alone_signs_and_only_digests(t):
    signing = [s for s in statements(_policy(t)) if "kms:Sign" in actions(s)]
    assert len(signing) == 1 and signing[0]["Effect"] == "Allow"
    assert actions(signing[0]) == {"kms:Sign"}
    assert signing[0]["Principal"] == {"AWS": {"Ref": "SignerRoleArn"}}
    assert signing[0]["Condition"] == SIGN_CONDITION
    passed = t["template"]["Resources"]["SigningKeyStack"]["Properties"]["Parameters"]["SignerRoleArn"]
    assert passed == {"Fn::GetAtt": ["FunctionRole", "Arn"]}


def administrators_alone_end_it(t):
    ending = [s for s in statements(_policy(t)) if actions(s) & ENDS_OR_OPENS_THE_KEY]
    assert len(ending) == 1 and actions(ending[0]) >= ENDS_OR_OPENS_THE_KEY
    condition, named, otherwise = ending[0]["Principal"]["AWS"]["Fn::If"]
    assert (condition, named) == ("HasAdministrators", {"Ref": "AdministratorArns"})
    assert otherwise == ACCOUNT["AWS"]


def administrator_alone_replicates_it_and_only_if_it_can_be(t):
    """A replica has a policy of its own, and so signers of its own."""
    (ending,) = (s for s in statements(_policy(t)) if actions(s) & ENDS_OR_OPENS_THE_KEY)
    (replicating,) = (s for s in statements(_policy(t)) if "kms:ReplicateKey" in actions(s))
    assert actions(replicating) == {"kms:ReplicateKey"} and replicating["Principal"] == ending["Principal"]
    conditional = [s["Fn::If"] for s in _policy(t)["Statement"] if "Fn::If" in s]
    assert conditional == [["IsMultiRegion", replicating, {"Ref": "AWS::NoValue"}]]
    condition = t["signing-key"]["Conditions"]["IsMultiRegion"]
    assert condition == {"Fn::Equals": [{"Ref": "MultiRegion"}, "true"]}


def account_only_reads_and_names_it(t):
    """No kms:*, by which IAM could allow anyone to sign, and no grant, which would not show in the policy."""
    for sid in ("AccountReads", "AccountNames"):
        (found,) = (s for s in statements(_policy(t)) if s.get("Sid") == sid)
        assert found["Principal"] == ACCOUNT and actions(found) <= READS_OR_NAMES
    assert len(statements(_policy(t))) == 5


def _statements(t):
    return _policy(t)["Statement"]


_KEY = ("signing-key", "Key")
_STATEMENTS = (*_KEY, "Properties", "KeyPolicy", "Statement")  # signs, reads, names, decides, replicates
FAULTS = [
    (stays_when_the_stack_goes, drop(*_KEY, "DeletionPolicy")),
    (stays_when_the_stack_goes, put(*_KEY, "DeletionPolicy", "Delete")),
    (stays_when_the_stack_goes, put(*_KEY, "UpdateReplacePolicy", "Delete")),
    (leaves_time_to_notice_its_deletion, put(*_KEY, "Properties", "PendingWindowInDays", 7)),
    (signs_on_p256, put(*_KEY, "Properties", "KeySpec", "ECC_NIST_P384")),
    (signs_on_p256, put(*_KEY, "Properties", "KeyUsage", "KEY_AGREEMENT")),
    (function_alone_signs_and_only_digests, put(*_STATEMENTS, 0, "Principal", ACCOUNT)),
    (function_alone_signs_and_only_digests, drop(*_STATEMENTS, 0, "Condition")),
    (
        function_alone_signs_and_only_digests,
        put(*_STATEMENTS, 0, "Condition", "StringEquals", "kms:MessageType", "RAW"),
    ),
    (function_alone_signs_and_only_digests, append(*_STATEMENTS, 3, "Action", "kms:Sign")),
    (
        function_alone_signs_and_only_digests,
        put("template", "SigningKeyStack", "Properties", "Parameters", "SignerRoleArn", {"Ref": "KeyAdministratorArns"}),
    ),
    (administrators_alone_end_it, append(*_STATEMENTS, 1, "Action", "kms:ScheduleKeyDeletion")),
    (administrators_alone_end_it, append(*_STATEMENTS, 2, "Action", "kms:PutKeyPolicy")),
    (administrators_alone_end_it, put(*_STATEMENTS, 3, "Principal", ACCOUNT)),
    (administrator_alone_replicates_it_and_only_if_it_can_be, append(*_STATEMENTS, 2, "Action", "kms:ReplicateKey")),
    (administrator_alone_replicates_it_and_only_if_it_can_be, put(*_STATEMENTS, 4, "Fn::If", 1, "Principal", ACCOUNT)),
    (
        administrator_alone_replicates_it_and_only_if_it_can_be,
        lambda t: _statements(t).append(_statements(t).pop()["Fn::If"][1]),
    ),
    (
        administrator_alone_replicates_it_and_only_if_it_can_be,
        append(*_STATEMENTS, 4, "Fn::If", 1, "Action", "kms:PutKeyPolicy"),
    ),
    (account_only_reads_and_names_it, put(*_STATEMENTS, 1, "Action", "kms:*")),
    (account_only_reads_and_names_it, append(*_STATEMENTS, 2, "Action", "kms:CreateGrant")),
    (
        account_only_reads_and_names_it,
        append(*_STATEMENTS, {"Effect": "Allow", "Principal": "*", "Action": "kms:Verify", "Resource": "*"}),
    ),
]
