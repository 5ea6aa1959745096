#!/usr/bin/env bash
# Installs what the tests need from Debian's packages where it may; otherwise names it.
# `servers.sh soak`: what only `make soak` needs.
set -u

missing=() servers=()
if [ "${1:-}" = soak ]; then
    ls /usr/lib/*/faketime/libfaketimeMT.so.1 >/dev/null 2>&1 || servers+=(libfaketime)
    [ -x /usr/sbin/samba ] || servers+=(samba samba-ad-provision samba-dsdb-modules samba-vfs-modules winbind)
    [ -f /usr/share/wordpress/wp-settings.php ] || servers+=(wordpress)
    php -m 2>/dev/null | grep -qi '^mysqli$' || servers+=(php-mysql)
    [ -x /usr/sbin/mariadbd ] || servers+=(mariadb-server)
    command -v promtool >/dev/null || servers+=(prometheus)
    [ -f /usr/share/dokuwiki/inc/auth.php ] || servers+=(dokuwiki)
    [ -f /usr/share/request-tracker5/lib/RT.pm ] || servers+=(request-tracker5 rt5-db-sqlite libdbd-pg-perl)
    ls /usr/share/redmine/config.ru >/dev/null 2>&1 || servers+=(redmine redmine-sqlite)
fi
command -v chromium >/dev/null || missing+=(chromium)
command -v mvn >/dev/null || missing+=(maven)
command -v unzip >/dev/null || missing+=(unzip)
ls -d /usr/lib/postgresql/*/bin >/dev/null 2>&1 || command -v postgres >/dev/null || servers+=(postgresql)
[ -f /usr/share/mediawiki/api.php ] || servers+=(mediawiki)
command -v php >/dev/null || servers+=(php-cli)
[ -x /usr/sbin/slapd ] || command -v slapd >/dev/null || servers+=(slapd ldap-utils)
[ -x /usr/sbin/dovecot ] || command -v dovecot >/dev/null || servers+=(dovecot-imapd)
[ -x /usr/sbin/nginx ] || servers+=(nginx)
[ -x /usr/sbin/apache2 ] || servers+=(apache2-bin)
command -v tesseract >/dev/null || servers+=(tesseract-ocr)
ls /usr/share/tesseract-ocr/*/tessdata/fra.traineddata >/dev/null 2>&1 || servers+=(tesseract-ocr-fra)
command -v pdftoppm >/dev/null || servers+=(poppler-utils)
ls /usr/share/fonts/*/*/* >/dev/null 2>&1 || servers+=(fonts-dejavu-core)
for part in sqlite3 mbstring xml intl; do
    php -m 2>/dev/null | grep -qi "^$part\$" || servers+=("php-$part")
done
[ $((${#missing[@]} + ${#servers[@]})) -gt 0 ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "Missing: ${missing[*]} ${servers[*]}. Install them from your system's packages (Debian: apt-get install ${missing[*]} ${servers[*]}), then run again."
    exit 1
fi

install() {
    DEBIAN_FRONTEND=noninteractive apt-get -qq -y install "$@" >/dev/null ||
        { echo "These Debian packages could not be installed: $*."; exit 1; }
}

apt-get -qq update || { echo "The list of Debian's packages could not be read."; exit 1; }
[ ${#missing[@]} -eq 0 ] || install "${missing[@]}"
# Without what these recommend: a wiki of the tests needs no Apache.
# Nor may a server begin on the system's own ports: the tests start theirs.
quiet=/usr/sbin/policy-rc.d
if [ ${#servers[@]} -gt 0 ]; then
    if [ ! -e $quiet ]; then
        trap 'rm -f $quiet' EXIT
        printf '#!/bin/sh\nexit 101\n' >$quiet && chmod +x $quiet
    fi
    install --no-install-recommends "${servers[@]}"
fi
