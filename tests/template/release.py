"""Releases: each deployment makes a version, which serves some requests first and is taken back if it fails."""

import pathlib
import re
import shutil
import subprocess
import tempfile

from samcli.yamlhelper import yaml_parse
from templates import ROOT, actions, append, drop, put, source_text, the_one, translate

ALIAS = "FunctionAliaslive"


def _the_one(t, resource_type):
    return the_one({"template": t["template"]}, resource_type)


def _alarms(t):
    return {n: r["Properties"] for n, r in t["release"]["Resources"].items() if r["Type"] == "AWS::CloudWatch::Alarm"}


def _version(revision, change=lambda function: None):
    """The logical id of the version that a deployment of this revision has."""
    template = yaml_parse(source_text())
    change(template["Resources"]["Function"]["Properties"])
    translated = translate(template, {"Revision": revision})
    (version,) = (n for n, r in translated["Resources"].items() if r["Type"] == "AWS::Lambda::Version")
    return version


def each_change_makes_a_version(_t):
    """Of a parameter, the code or a template. SAM alone would see none of the first."""
    with tempfile.TemporaryDirectory() as folder:
        checkout = pathlib.Path(folder)
        (checkout / "infra").mkdir()
        shutil.copy2(ROOT / "infra/revision", checkout / "infra")
        built = checkout / ".aws-sam/build"
        (built / "Function").mkdir(parents=True)

        def version(parameters, code="code", template="template"):
            (built / "Function/bootstrap").write_text(code)
            (built / "template.yaml").write_text(template)
            (checkout / "parameters.yaml").write_text("".join(f"{n}: {v}\n" for n, v in parameters.items()))
            printed = subprocess.run([checkout / "infra/revision"], check=True, capture_output=True, text=True).stdout
            assert re.fullmatch("[0-9a-f]{64}\n", printed), printed
            return _version(printed.strip())

        before = {name: "before" for name in yaml_parse(source_text())["Parameters"]}
        versions = [version(before | {name: "after"}) for name in before]
        versions += [version(before, code="other code"), version(before, template="another template"), version(before)]
        assert len(set(versions)) == len(versions) == len(before) + 3
        assert version(before) == versions[-1], "the same deployment twice has one version"


def sam_alone_would_see_no_parameter(_t):
    """The reason for Revision. If this no longer holds, it can go."""
    unnamed = lambda function: function.pop("AutoPublishCodeSha256")
    assert _version("a" * 64, unnamed) == _version("b" * 64, unnamed)


def a_version_is_a_change_of_the_function_too(t):
    """Lambda publishes no version of a function that has not changed since. SAM describes it by the revision."""
    revision = t["template"]["Parameters"]["Revision"]["Default"]  # SAM puts the value in place
    assert _the_one(t, "AWS::Lambda::Function")["Properties"]["Description"] == revision
    assert _the_one(t, "AWS::Lambda::Version")["DeletionPolicy"] == "Retain", "the way back needs the one before"


def a_forgotten_revision_is_refused(t):
    (assertion,) = t["template"]["Rules"]["RevisionIsGiven"]["Assertions"]
    default = t["template"]["Parameters"]["Revision"]["Default"]
    assert assertion["Assert"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "Revision"}, default]}]}


def api_calls_what_the_alias_points_to(t):
    uri = str(_the_one(t, "AWS::ApiGatewayV2::Api")["Properties"]["Body"])
    assert re.findall(r"functions/\$\{(\w+)\}/invocations", uri) == [ALIAS]
    assert _the_one(t, "AWS::Lambda::Permission")["Properties"]["FunctionName"] == {"Ref": ALIAS}


def alias_moves_by_codedeploy(t):
    policy = _the_one(t, "AWS::Lambda::Alias")["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
    assert policy["DeploymentGroupName"] == {"Ref": "FunctionDeploymentGroup"}
    group = _the_one(t, "AWS::CodeDeploy::DeploymentGroup")["Properties"]
    rollout = t["template"]["Parameters"]["Rollout"]["Default"]  # SAM puts the value in place
    configuration = ["CodeDeployDefault.Lambda${ConfigName}", {"ConfigName": rollout}]
    assert group["DeploymentConfigName"] == {"Fn::Sub": configuration}
    assert group["ServiceRoleArn"] == {"Fn::GetAtt": ["ReleaseRole", "Arn"]}
    watched = [alarm["Name"]["Fn::GetAtt"] for alarm in group["AlarmConfiguration"]["Alarms"]]
    assert watched == [["Release", f"Outputs.{name}Alarm"] for name in _alarms(t)]
    assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]


def alarms_are_of_the_new_version_alone(t):
    assert _alarms(t).keys() == {"Errors", "Unavailable"}
    for name, alarm in _alarms(t).items():
        dimensions = {d["Name"]: d["Value"] for d in alarm["Dimensions"]}
        version = "ExecutedVersion" if name == "Errors" else "FunctionVersion"
        assert dimensions[version] == {"Ref": "Version"} and dimensions["FunctionName"] == {"Ref": "FunctionName"}
        assert (alarm["Period"], alarm["EvaluationPeriods"], alarm["Statistic"]) == (60, 1, "Sum")
        assert alarm["TreatMissingData"] == "notBreaching"
    passed = t["template"]["Resources"]["Release"]["Properties"]["Parameters"]
    (version,) = (n for n, r in t["template"]["Resources"].items() if r["Type"] == "AWS::Lambda::Version")
    assert passed["Version"] == {"Fn::GetAtt": [version, "Version"]}
    assert passed["Alias"] == _the_one(t, "AWS::Lambda::Alias")["Properties"]["Name"]


def alarms_do_not_wait_for_the_api(t):
    """The API waits for the alias, and that for the alarms."""
    reached, left = set(), ["Release"]
    while left:
        logical = left.pop()
        if logical not in reached:
            reached.add(logical)
            left += [n for n in t["template"]["Resources"] if f"'{n}'" in str(t["template"]["Resources"][logical])]
    assert not reached & {"Api", ALIAS}, sorted(reached)


def codedeploy_moves_the_alias_and_nothing_else(t):
    (trust,) = t["template"]["Resources"]["ReleaseRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "codedeploy.amazonaws.com"}
    statements = t["release"]["Resources"]["MoveTheAlias"]["Properties"]["PolicyDocument"]["Statement"]
    assert set().union(*map(actions, statements)) == {
        *("lambda:GetAlias", "lambda:GetProvisionedConcurrencyConfig", "lambda:UpdateAlias"),
        "cloudwatch:DescribeAlarms",
    }
    assert all("function:${FunctionName}" in resource["Fn::Sub"] for resource in statements[0]["Resource"])


def _no_rule(t):
    del t["template"]["Rules"]["RevisionIsGiven"]


_ROOT = ("template",)
_GROUP = (*_ROOT, "FunctionDeploymentGroup", "Properties")
_RELEASE = (*_ROOT, "Release", "Properties", "Parameters")
_MOVES = ("release", "MoveTheAlias", "Properties", "PolicyDocument", "Statement")
NOT_OF_TEMPLATES = {each_change_makes_a_version, sam_alone_would_see_no_parameter}
FAULTS = [
    (a_version_is_a_change_of_the_function_too, drop(*_ROOT, "Function", "Properties", "Description")),
    (a_version_is_a_change_of_the_function_too, put(*_ROOT, "FunctionVersion0000000000", "DeletionPolicy", "Delete")),
    (a_forgotten_revision_is_refused, _no_rule),
    (
        api_calls_what_the_alias_points_to,
        put(*_ROOT, "FunctionEveryRequestPermission", "Properties", "FunctionName", {"Ref": "Function"}),
    ),
    (alias_moves_by_codedeploy, drop(*_ROOT, ALIAS, "UpdatePolicy")),
    (alias_moves_by_codedeploy, put(*_GROUP, "AlarmConfiguration", "Alarms", [])),
    (alias_moves_by_codedeploy, put(*_GROUP, "DeploymentConfigName", "CodeDeployDefault.LambdaAllAtOnce")),
    (alarms_are_of_the_new_version_alone, drop("release", "Errors", "Properties", "Dimensions", 2)),
    (alarms_are_of_the_new_version_alone, put("release", "Unavailable", "Properties", "Period", 300)),
    (alarms_are_of_the_new_version_alone, put(*_RELEASE, "Version", "1")),
    (alarms_do_not_wait_for_the_api, put(*_RELEASE, "ApiId", {"Ref": "Api"})),
    (codedeploy_moves_the_alias_and_nothing_else, append(*_MOVES, 0, "Action", "lambda:UpdateFunctionCode")),
    (codedeploy_moves_the_alias_and_nothing_else, put(*_MOVES, 0, "Resource", [{"Fn::Sub": "arn:*:function:*"}])),
]
