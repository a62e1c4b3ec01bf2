#!/usr/bin/env bash
# `cargo test`, without the test programs that need what this system cannot have. tests/README.md says what each needs,
# .tools/missing why something is missing. Where nothing is, this is `cargo test --locked`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

for program in tests/*/main.rs tests/*.rs; do
    name=${program#tests/} name=${name%.rs} name=${name%/main}
    grep -q "\`$name\`" tests/README.md || { echo "tests/README.md does not say what $name proves and needs" >&2; exit 1; }
done

declare -A reasons=()
if [[ -f .tools/missing ]]; then
    while IFS=$'\t' read -r program reason; do reasons[$program]=$reason; done <.tools/missing
fi
[[ ${#reasons[@]} -gt 0 ]] || exec cargo test --locked "$@"

run=() left_out=()
# The first table: | `program` | … | `tool` `tool` |
while IFS='|' read -r _ program _ needs _; do
    name=$(tr -d '` ' <<<"$program") why=""
    for tool in $(tr -d '`' <<<"$needs"); do
        [[ -z ${reasons[$tool]:-} ]] || why+=" $tool"
    done
    if [[ $why ]]; then left_out+=("$name, which needs$why"); else run+=(--test "$name"); fi
done < <(sed '/^`make test`/q' tests/README.md | grep '^| `')

say() {
    [[ ${#left_out[@]} == 0 ]] || printf 'LEFT OUT on this system: %s\n' "${left_out[@]}" >&2
    sed 's/^/not here: /; s/\t/: /' .tools/missing >&2
}
say
status=0
cargo test --locked --lib --bins "${run[@]}" "$@" || status=$?
say
exit "$status"
