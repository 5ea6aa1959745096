#!/usr/bin/env bash
# Installs what the tests need from Debian's packages where it may; otherwise names it.
set -u

missing=()
command -v chromium >/dev/null || missing+=(chromium)
command -v mvn >/dev/null || missing+=(maven)
command -v unzip >/dev/null || missing+=(unzip)
ls -d /usr/lib/postgresql/*/bin >/dev/null 2>&1 || command -v postgres >/dev/null || missing+=(postgresql)
[ -f /usr/share/mediawiki/api.php ] || missing+=(mediawiki)
command -v php >/dev/null || missing+=(php-cli)
for part in sqlite3 mbstring xml intl; do
    php -m 2>/dev/null | grep -qi "^$part\$" || missing+=("php-$part")
done
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
