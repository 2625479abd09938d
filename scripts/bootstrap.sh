#!/bin/sh
# Installs the Debian packages that are missing, and says what it does. Without the right to install it
# prints the one command to type. Needs apt; Swift itself must be there (https://www.swift.org/install).
set -eu
packages="libzmq3-dev libzstd-dev zlib1g-dev"

if ! command -v swift >/dev/null 2>&1; then
    echo "bootstrap: swift: expected Swift 6.2 or later on the PATH, found none. See https://www.swift.org/install." >&2
    exit 1
fi

missing=""
for package in $packages; do
    case "$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)" in
    "install ok installed") ;;
    *) missing="$missing $package" ;;
    esac
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -eq 0 ]; then
    as_root=""
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    as_root="sudo "
else
    echo "bootstrap: these packages are missing and this user may not install them. Type:" >&2
    echo "    sudo apt-get install --yes$missing" >&2
    exit 1
fi
echo "bootstrap: installing$missing" >&2
${as_root}apt-get update -qq
# shellcheck disable=SC2086 # the list is meant to be split
DEBIAN_FRONTEND=noninteractive ${as_root}apt-get install --yes -qq $missing >/dev/null
