#!/bin/sh
# Format and rules of this repository's Swift code, and its pages (check-docs.sh). Each finding is
# `file:line: problem, use X instead`.
# `scripts/lint.sh --self-test` sows one violation per rule and expects each to be found.
set -eu
scripts=$(cd "$(dirname "$0")" && pwd)

# Sets `found` to what the rules say about all Swift files below the working directory; fails if they say anything.
rules() { # $1: allow-list, $2: 1 if unused lines of it count
    list | xargs awk -v allow="$1" -v complete="$2" -f "$scripts/lint.awk"
}

# Swift files that are there, once each: the kernels' second and third instruction set are links to the first.
list() {
    if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
        git ls-files --cached --others --exclude-standard '*.swift'
    else
        find . -name '*.swift' | sed 's|^\./||'
    fi | sort | while IFS= read -r file; do
        if [ -f "$file" ] && [ ! -h "$file" ]; then printf '%s\n' "$file"; fi
    done
}

repeat() { # $1: how often, $2: line
    awk -v count="$1" -v line="$2" 'BEGIN { for (i = 0; i < count; i++) print line }'
}

# Sows `text` into `path`, and expects a finding that begins with $3.
expect() { # $1: path, $2: text, $3: finding, $4: allow-list
    mkdir -p "$(dirname "$1")"
    printf '%s\n' "$2" >"$1"
    found=$(rules "${4:-/dev/null}" 1 || true)
    rm "$1"
    case $found in
    "$3"*) [ -n "$3" ] || [ -z "$found" ] && return ;;
    esac
    printf 'lint self-test: %s: expected "%s", found "%s"\n' "$1" "$3" "$found" >&2
    exit 1
}

self_test() {
    field=$(mktemp -d)
    trap 'rm -rf "$field"' EXIT
    cd "$field"
    good='Sources/Room/Good.swift'
    body=$(repeat 68 '        work()')
    long=$(repeat 69 '        work()')
    expect "$good" "$(repeat 500 'let a = 1')" ''
    expect "$good" "$(repeat 501 'let a = 1')" "$good:501: file of 501 lines"
    expect "$good" "    func f() {
$body
    }" ''
    expect "$good" "    func f() {
$long
    }" "$good:1: function of 71 lines"
    expect "$good" "    package static func f(
        a: Int
    ) throws -> Int {
$body
    }" "$good:1: function of 72 lines"
    expect "$good" "    init?(a: Int) {
$long
    }" "$good:1: function of 71 lines"
    expect "$good" "    func f() { one() }
    var a: Int {
$long
    }" ''
    expect "$good" '// TODO: more' "$good:1: a note of unfinished work"
    expect "$good" 'let name = "XXXXXX"' ''
    expect "$good" 'let a = try! f()' "$good:1: \`try!\`"
    expect "$good" 'let a = b as! C' "$good:1: \`as!\`"
    expect "$good" 'guard a else { fatalError() }' "$good:1: \`fatalError()\` without text"
    expect "$good" 'guard a else { fatalError("a is \(a)") }' ''
    expect "$good" 'var a = SystemRandomNumberGenerator()' "$good:1: \`SystemRandomNumberGenerator\`"
    expect "$good" 'let a = Int.random(in: 0..<3)' "$good:1: a draw from the system"
    expect "$good" 'let a = Int.random(in: 0..<3, using: &generator)' ''
    expect "$good" 'let a = Date()' "$good:1: \`Date()\`"
    expect "$good" 'let a = lastDate()  // not Date()' ''
    expect 'Sources/pinsage/main.swift' 'let a = Date()' ''
    expect 'Sources/pinsage/A.swift' 'let a = NSCondition()' 'Sources/pinsage/A.swift:1: a wait that a jump'
    expect "$good" 'let a = Date(timeIntervalSinceNow: 1)' "$good:1: a wait that a jump"
    expect 'Sources/Utils/A.swift' 'let a = 1' 'Sources/Utils/A.swift:1: a name that says nothing'
    expect 'Sources/Room/GraphManager.swift' 'let a = 1' 'Sources/Room/GraphManager.swift:1: a name that says'
    expect "$good" 'let a: UnsafePointer<Int>' "$good:1: an unsafe pointer"
    expect 'Tests/RoomTests/A.swift' 'let a: UnsafePointer<Int>' ''
    printf 'force Sources/Room/* a reason in words\n' >allow.txt
    expect "$good" 'let a = try! f()' '' allow.txt
    expect 'Sources/Hall/A.swift' 'let a = try! f()' 'Sources/Hall/A.swift:1: `try!`' allow.txt
    expect "$good" 'let a = 1' 'allow.txt:1: allows nothing' allow.txt
    printf 'force Sources/Room/*\n' >allow.txt
    expect "$good" 'let a = 1' 'allow.txt:1: no reason' allow.txt
    mkdir -p Sources/Room
    printf 'let a = [1,2]\n' >"$good"
    if swift format lint --strict "$good" 2>/dev/null; then
        echo 'lint self-test: swift format let a missing space pass' >&2
        exit 1
    fi
    rm "$good"
    self_test_docs
    echo 'lint self-test: every rule finds what it is for'
}

# Sows a dead link, two names of nothing, a log message that the runbook lacks and an error line that no source has,
# beside sound ones.
self_test_docs() {
    mkdir -p docs Tests
    printf 'log.info("known")\nlog.error(\n    "unknown", metadata: [:])\n' >"$good"
    printf '[a](docs/RUNBOOK.md#top) [b](https://c.d) [e](lost.md) `Good.swift` `Lost.swift` `docs/*.md` `Sources/Lost*`\n' >README.md
    printf '`known`\n## Error lines\n| `known` | `a cause` | |\n| **room** `known`, `lost` | | |\n' >docs/RUNBOOK.md
    found=$(sh "$scripts/check-docs.sh" . | sed 's/,.*//' || true)
    expected='README.md: link to lost.md
README.md: Lost.swift does not exist
README.md: Sources/Lost* does not exist
docs/RUNBOOK.md: no log message `unknown`
docs/RUNBOOK.md: error line `lost` is in no source'
    [ "$found" = "$expected" ] && return
    printf 'lint self-test: pages: expected "%s", found "%s"\n' "$expected" "$found" >&2
    exit 1
}

if [ "${1:-}" = --self-test ]; then
    self_test
    exit
fi
cd "$scripts/.."
command -v swift >/dev/null || { echo 'lint: swift: not found, use a shell with Swift 6 on its PATH instead' >&2; exit 1; }
failed=0
rules scripts/lint-allow.txt 1 || failed=1
list | grep -E '^(Sources|Tests)/' | xargs swift format lint --strict --parallel || failed=1
sh scripts/check-docs.sh || failed=1
exit $failed
