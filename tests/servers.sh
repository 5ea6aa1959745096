#!/usr/bin/env bash
# Installs what the tests need from Debian's packages where it may; otherwise names it.
set -u

missing=()
command -v chromium >/dev/null || missing+=(chromium)
command -v mvn >/dev/null || missing+=(maven)
command -v unzip >/dev/null || missing+=(unzip)
if [ ${#missing[@]} -gt 0 ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get -qq update &&
            DEBIAN_FRONTEND=noninteractive apt-get -qq -y install "${missing[@]}" >/dev/null ||
            { echo "These Debian packages could not be installed: ${missing[*]}."; exit 1; }
    else
        echo "Missing: ${missing[*]}. Install them from your system's packages (Debian: apt-get install ${missing[*]}), then run again."
        exit 1
    fi
fi
