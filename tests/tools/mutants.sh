#!/usr/bin/env bash
# Changes one file or folder of src/ in each way that cargo-mutants knows, and runs the fast tests that concern it on each:
# `mutants.sh src/ledger/row.rs [CARGO-MUTANTS OPTION…]`. What no test finds is in target/mutants.out/missed.txt.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

module=${1:?name a file or folder of src/}
shift
[[ -e $module ]] || { echo "mutants.sh: there is no $module" >&2; exit 1; }
case $module in
    src/ledger*) programs=(fail_closed ledger) ;;
    src/verdict*) programs=(fail_closed ledger allowance) ;;
    src/rate_limit*) programs=(allowance fail_closed) ;;
    src/rekor* | src/tlog* | src/sighting* | src/dsse* | src/key*) programs=(log_entries fail_closed) ;;
    src/auditor*) programs=(auditor) ;;
    src/audit* | src/log_search*) programs=(audit auditor) ;;
    src/devlog*) programs=(devlog) ;;
    src/edge*) programs=(edge) ;;
    src/http/page*) programs=(page) ;;
    src/image* | src/http/route*) programs=(names fail_closed) ;;
    *) programs=(fail_closed) ;;
esac
[[ -f $module ]] || module=${module%/}/**/*.rs
# Mutants are made in a copy of the repository, which has no .tools. Dependencies are built for the first run alone.
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target/mutants} TLOGISTRY_TOOLS=$PWD/.tools
mutate() {
    cargo mutants --file "$module" --output target --timeout 300 --colors never --no-shuffle --baseline skip "$@"
}
# 2: some were missed; 3: some hung. The library's own tests find most and are built soonest; the programs see the rest.
rm -rf target/mutants.out
mutate "$@" -- --lib || [[ $? -eq 2 || $? -eq 3 ]]
mutate --iterate "$@" -- "${programs[@]/#/--test=}"
