"""The variables that src/config/log.rs reads: function and auditor read them alike."""

import re

from templates import ROOT


def variables_of_the_log():
    text = (ROOT / "src/config/log.rs").read_text().split("#[cfg(test)]")[0]
    read = set(re.findall(r'\.(?:get|url)\("([A-Z_]+)"|const NAME: &str = "([A-Z_]+)"', text))
    found = {name for pair in read for name in pair if name}
    assert {"REKOR_URL", "REKOR_PUBLIC_KEYS"} <= found, "src/config/log.rs no longer looks as expected"
    return found
