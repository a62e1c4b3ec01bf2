#!/usr/bin/env bash
# Checks template.yaml and the templates in infra/, offline and without credentials. Each checker finds what the
# others miss; cfn-lint also sees what SAM makes of template.yaml (a wrong runtime or architecture shows only there).
# Says one line when all is well, and what the checker said when not.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
PATH=$PWD/.tools/bin:$PATH
export SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=us-east-1 AWS_EC2_METADATA_DISABLED=true

command -v sam >/dev/null || { echo "sam is missing: run tests/tools/install.sh python" >&2; exit 1; }

quietly() { # COMMAND…: its output is shown only when it fails
    local output
    output=$("$@" 2>&1) || { printf '%s\n' "failed: $*" "$output" >&2; exit 1; }
}

translated=$(mktemp --suffix=.json)
trap 'rm -f "$translated"' EXIT
translate() {
    .tools/venv/bin/python - template.yaml "$translated" <<'PYTHON'
import json
import sys
from samcli.yamlhelper import yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

with open(sys.argv[1]) as source:
    template = yaml_parse(source.read())
for resource in template["Resources"].values():
    if resource["Type"] == "AWS::Serverless::Function":
        resource["Properties"]["CodeUri"] = "s3://bucket/key"  # what `sam package` puts there
    if resource["Type"] == "AWS::CloudFormation::Stack":
        open(resource["Properties"]["TemplateURL"]).close()  # no checker misses a nested template that is not there
        resource["Properties"]["TemplateURL"] = "https://bucket.s3.amazonaws.com/template.yaml"
translated = Translator({}, Parser()).translate(template, {})
with open(sys.argv[2], "w") as result:
    json.dump(translated, result, indent=2)
PYTHON
}

templates=(template.yaml infra/*.yaml)
for template in "${templates[@]}"; do
    quietly sam validate --template "$template"
    quietly sam validate --lint --template "$template"
done
quietly translate
quietly cfn-lint -- "${templates[@]}" "$translated"
echo "templates are valid: ${templates[*]}"
