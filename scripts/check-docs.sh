#!/bin/sh
# The pages against the tree: links and files that are named must exist, every log message must be in the runbook,
# and what the runbook quotes of error lines must be in the sources.
# Prints `page: problem, use X instead`. $1: the tree to look at, this repository unless given.
set -eu
cd "${1:-$(dirname "$0")/..}"
failed=0
report() {
    echo "$1"
    failed=1
}

# Whether there is a file of this path or, without a folder, a source file of this name. Patterns are expanded by now;
# NAME stands for the reader's own.
exists() {
    case $1 in
    *NAME*) ;;
    */* | Package.swift) [ -e "$1" ] ;;
    *) [ -n "$(find Sources Tests -name "$1")" ] ;;
    esac
}

for page in README.md docs/*.md docs/*/*.md; do
    [ -f "$page" ] || continue
    for link in $(grep -o '\]([^):]*)' "$page" | sed 's/^](//; s/[#)].*//'); do
        [ -e "$(dirname "$page")/$link" ] || report "$page: link to $link, which does not exist, use a file that does instead"
    done
    for name in $(grep -oE '`((Sources|Tests|scripts|docs|configs)/[A-Za-z0-9_./+*-]+|[A-Za-z0-9+]+\.swift)`' "$page" | tr -d '`'); do
        exists "$name" || report "$page: $name does not exist, use the name of a file that does instead"
    done
done

messages=$(find Sources -name '*.swift' -exec cat {} + | tr '\n' ' ' \
    | grep -oE 'log\.(debug|info|notice|warning|error)\( *"[^"\\]+"' | sed 's/^[^"]*//; s/"//g' | sort -u)
while IFS= read -r message; do
    grep -qF "\`$message\`" docs/RUNBOOK.md \
        || report "docs/RUNBOOK.md: no log message \`$message\`, use a row of its own below \"Log lines\" instead"
done <<END
$messages
END

quotes=$(sed -n '/^## Error lines/,$s/^| \([^|]*\)|.*/\1/p' docs/RUNBOOK.md | grep -o '`[^`]*`' | tr -d '`')
while IFS= read -r quote; do
    grep -rqF "$quote" Sources \
        || report "docs/RUNBOOK.md: error line \`$quote\` is in no source, use words that one has instead"
done <<END
$quotes
END
exit $failed
