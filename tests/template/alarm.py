"""Prints the alarm with the name that ends in the argument, as JSON; a reference to a parameter is {"Ref": …}."""

import json
import sys

from templates import load, resources

(alarm,) = (
    alarm["Properties"]
    for alarm in resources(load(), "AWS::CloudWatch::Alarm")
    if alarm["Properties"].get("AlarmName", {}).get("Fn::Sub", "").endswith("}-" + sys.argv[1])
)
print(json.dumps(alarm))
