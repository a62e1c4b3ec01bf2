"""The role that upgrades from GitHub: one repository's, and nothing of it touches the key, the ledger or IAM."""

from templates import actions, append, drop, put, resources

TRUSTED = {"token.actions.githubusercontent.com:aud", "token.actions.githubusercontent.com:sub"}


def _policies(t):
    resources_of = t["deploy-role"]["Resources"].items()
    return {n: r["Properties"]["PolicyDocument"] for n, r in resources_of if r["Type"] == "AWS::IAM::RolePolicy"}


def belongs_to_one_environment_of_one_repository(t):
    (trust,) = t["deploy-role"]["Resources"]["DeployRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Action"] == "sts:AssumeRoleWithWebIdentity" and trust["Condition"].keys() == {"StringEquals"}
    assert trust["Condition"]["StringEquals"].keys() == TRUSTED
    sub = trust["Condition"]["StringEquals"]["token.actions.githubusercontent.com:sub"]
    assert sub == {"Fn::Sub": "repo:${Repository}:environment:${Environment}"}


def touches_neither_key_nor_ledger(t):
    for name, document in _policies(t).items():
        for s in document["Statement"]:
            assert s["Effect"] == "Allow" and not any(a.startswith(("kms:", "dynamodb:")) for a in actions(s)), name


def of_iam_it_only_hands_over_named_roles(t):
    for name, document in _policies(t).items():
        for s in document["Statement"]:
            iam = {a for a in actions(s) if a.startswith("iam:")}
            assert iam <= {"iam:PassRole"}, name
            if iam:
                assert s["Condition"]["StringEquals"].keys() == {"iam:PassedToService"}, name
    for role in resources(t, "AWS::IAM::Role"):
        assert not role["Properties"].keys() & {"ManagedPolicyArns", "Policies"}


def acts_on_one_deployment(t):
    for name, document in _policies(t).items():
        for s in document["Statement"]:
            named = s["Resource"].get("Fn::Sub") if isinstance(s["Resource"], dict) else s["Resource"]
            if named is None or s["Sid"] in ("UseTheSamTransform", "Api"):  # AWS's own, and ids unknown beforehand
                continue
            assert "${StackName}" in named or "${ArtifactBucket}" in named, (name, s["Sid"])


_TRUST = ("deploy-role", "DeployRole", "Properties", "AssumeRolePolicyDocument", "Statement", 0, "Condition")
_UPGRADE = ("deploy-role", "UpgradePolicy", "Properties", "PolicyDocument", "Statement")
FAULTS = [
    (
        belongs_to_one_environment_of_one_repository,
        put(*_TRUST, {"StringLike": {"token.actions.githubusercontent.com:sub": "repo:*"}}),
    ),
    (
        belongs_to_one_environment_of_one_repository,
        drop(*_TRUST, "StringEquals", "token.actions.githubusercontent.com:aud"),
    ),
    (
        belongs_to_one_environment_of_one_repository,
        put(
            *_TRUST, "StringEquals", "token.actions.githubusercontent.com:sub",
            {"Fn::Sub": "repo:${Repository}:pull_request"},
        ),
    ),
    (touches_neither_key_nor_ledger, append(*_UPGRADE, 2, "Action", "kms:PutKeyPolicy")),
    (touches_neither_key_nor_ledger, append(*_UPGRADE, 2, "Action", "dynamodb:DeleteResourcePolicy")),
    (of_iam_it_only_hands_over_named_roles, append(*_UPGRADE, 3, "Action", "iam:PutRolePolicy")),
    (of_iam_it_only_hands_over_named_roles, drop(*_UPGRADE, 3, "Condition", "StringEquals", "iam:PassedToService")),
    (
        of_iam_it_only_hands_over_named_roles,
        put(
            "deploy-role", "UpgradeRole", "Properties", "ManagedPolicyArns",
            ["arn:aws:iam::aws:policy/PowerUserAccess"],
        ),
    ),
    (acts_on_one_deployment, put(*_UPGRADE, 2, "Resource", "*")),
]
