#!/bin/sh
# Installe quisait depuis ce kit, sans réseau ; relancé depuis un kit plus récent, met à niveau.
set -eu

usage() {
    cat <<'FIN'
Usage : ./install.sh [--prefix DOSSIER] [--site DOSSIER] [--python PYTHON] [--sources]
        ./install.sh --systemd [--python PYTHON] [--sources]        (en root)

  --prefix DOSSIER   le programme (par défaut : ~/quisait ; avec --systemd : /opt/quisait)
  --site DOSSIER     réglages, secrets, état et registre (par défaut : ~/quisait-site)
  --python PYTHON    l'interpréteur à employer (par défaut : celui de l'installation, ou le plus récent que ce kit
                     connaît et que le compte du service peut lancer) ; relancé avec un autre, il en change
  --sources          aussi les paquets de sources : partages Windows (smb), WebDAV et Nextcloud (webdav),
                     CMIS (cmis), listes et Mailman (lists), sites, flux, WordPress et Wagtail
                     (sites), Redmine (redmine), DokuWiki (dokuwiki), Request Tracker (rt),
                     git et wikis de forges (git)
  --systemd          compte « quisait », /etc/quisait, /var/lib/quisait et unités systemd

Aucun réglage, secret ni document n'est jamais remplacé.
FIN
}

stop() {
    printf '%s\n' "$*" >&2
    exit 1
}

kit=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
prefix='' site='' python='' systemd='' sources=''
while [ $# -gt 0 ]; do
    case $1 in
    --prefix | --site | --python)
        [ $# -ge 2 ] || stop "$1 demande une valeur."
        case $1 in
        --prefix) prefix=$2 ;;
        --site) site=$2 ;;
        *) python=$2 ;;
        esac
        shift
        ;;
    --systemd) systemd=oui ;;
    --sources) sources=oui ;;
    --help | -h)
        usage
        exit 0
        ;;
    *)
        usage >&2
        exit 2
        ;;
    esac
    shift
done

# Who may: the system's folders are root's, and a program of root is not to be run by an agent's hand.
if [ -n "$systemd" ]; then
    [ "$(id -u)" = 0 ] || stop "--systemd se lance en root : il crée un compte et écrit dans /etc."
    [ -z "$site" ] || stop "--site ne va pas avec --systemd : les réglages sont dans /etc/quisait."
    prefix=${prefix:-/opt/quisait}
    [ "$prefix" = /opt/quisait ] || stop "--prefix ne va pas avec --systemd : les unités disent /opt/quisait."
elif [ "$(id -u)" = 0 ]; then
    stop "Lancez install.sh dans un compte ordinaire, ou en root avec --systemd."
else
    prefix=${prefix:-$HOME/quisait}
    site=${site:-$HOME/quisait-site}
    case $site in
    /*) ;;
    *) site=$PWD/$site ;;
    esac
fi

echo "1/5 Vérification des fichiers du kit"
cd "$kit"
command -v sha256sum >/dev/null || stop "sha256sum manque : installez coreutils."
[ -f SHA256SUMS ] || stop "SHA256SUMS manque : décompressez de nouveau l'archive. Rien n'a été installé."
if ! told=$(LC_ALL=C sha256sum --check --strict --quiet SHA256SUMS 2>/dev/null); then
    names=$(printf '%s\n' "$told" | sed -n 's/: FAILED.*//p' | head -n 5 | tr '\n' ' ')
    stop "Ces fichiers manquent ou ne sont pas ceux du kit : ${names:-SHA256SUMS est illisible}" \
        "(copiez et décompressez de nouveau l'archive). Rien n'a été installé."
fi

echo "2/5 Recherche de Python"
known=$(ls requirements | sed 's/\.txt$//' | sort -t. -k2 -rn | tr '\n' ' ')
unset PYTHONPATH PYTHONHOME
# The account of the service is made at the end: until then, another without rights stands for it.
account=quisait
getent passwd quisait >/dev/null || account=nobody
as_service() { # COMMAND…: in a folder and as an account that the service may use
    if [ -n "$systemd" ]; then
        (cd / && runuser -u "$account" -- "$@")
    else
        "$@"
    fi
}
by_whom=${systemd:+" dans le compte du service, qui n'entre pas dans les dossiers de root"}
version_of() {
    as_service "$1" -I -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null
}
base_of() { # PYTHON: the interpreter itself, without links and environments
    as_service "$1" -I -c 'import os, sys; print(os.path.realpath(sys._base_executable))' 2>/dev/null
}
if [ -n "$python" ]; then
    python=$(command -v "$python" || printf '%s' "$python")
    case $python in /*) ;; *) python=$kit/$python ;; esac
    version=$(version_of "$python" || true)
    [ -n "$version" ] || stop "$python ne se lance pas comme un interpréteur Python$by_whom. Rien n'a été installé."
    [ -f "requirements/$version.txt" ] || stop "$python est un Python $version ; ce kit connaît : $known."
else
    # What is installed goes on with its Python, as long as the service can run it.
    python=$(base_of "$prefix/bin/python" || true)
    version=$([ -z "$python" ] || version_of "$python" || true)
    [ -f "requirements/$version.txt" ] || python='' version=''
    for candidate in $known; do
        [ -z "$python" ] || break
        for name in "python$candidate" python3; do
            IFS=:
            for folder in $PATH; do
                unset IFS
                [ -x "$folder/$name" ] || continue
                if [ "$(version_of "$folder/$name" || true)" = "$candidate" ]; then
                    python=$folder/$name version=$candidate
                    break 2
                fi
            done
            unset IFS
        done
    done
    [ -n "$python" ] || stop "Aucun Python que ce kit connaisse ($known) ne se lance$by_whom. Installez-en un de" \
        "votre distribution, ou donnez-le par --python."
fi
"$python" -I -c '
import os, sys
machine = os.uname().machine
if machine != "x86_64":
    sys.exit(f"Ce kit est pour x86_64, cette machine est {machine}.")
name, _, glibc = os.confstr("CS_GNU_LIBC_VERSION").partition(" ")
if tuple(map(int, glibc.split(".")[:2])) < (2, 28):
    sys.exit(f"Il faut une glibc 2.28 ou plus récente, celle de cette machine est {glibc}.")
try:
    import sqlite3, ssl, venv
except ImportError as missing:
    sys.exit(f"À ce Python manque « {missing.name} » : installez-le entier (Debian : python3-venv).")
' || exit 1

if [ -e "$prefix" ] && [ -n "$(ls -A "$prefix")" ]; then
    [ -f "$prefix/pyvenv.cfg" ] || stop "$prefix n'est pas vide et n'est pas une installation de quisait."
fi
if [ -n "$systemd" ] && command -v systemctl >/dev/null && systemctl -q is-active quisait; then
    stop "Le service tourne : « systemctl stop quisait », puis relancez. Rien n'a été changé."
fi
# Packages and model, unpacked.
needed=1500000
parent=$(dirname -- "$prefix")
mkdir -p -- "$parent"
free=$(df -Pk -- "$parent" | awk 'NR == 2 { print $4 }')
[ "$free" -ge $needed ] || stop "Il faut 1,5 Go libres dans $parent, il y en a $((free / 1000)) Mo."

echo "3/5 Installation des paquets ($python, $prefix)"
umask 022
# Who has them keeps them, of the same version as the rest.
if ls -d "$prefix"/lib/python*/site-packages/quisait_smb-*.dist-info >/dev/null 2>&1; then
    sources=oui
fi
if [ -e "$prefix/bin" ] && [ "$(base_of "$prefix/bin/python" || true)" != "$(base_of "$python")" ]; then
    echo "      un autre Python qu'avant : le programme est refait (ni réglages ni documents n'y sont)"
    rm -rf "$prefix/bin" "$prefix/lib" "$prefix/lib64" "$prefix/include" "$prefix/share"
fi
"$python" -I -m venv --without-pip "$prefix"
pip=$(ls wheels/pip-*.whl)
installed() { # LIST: every wheel that it names, and no other
    "$prefix/bin/python" "$kit/$pip/pip" --isolated --disable-pip-version-check install --quiet \
        --no-cache-dir --no-index --no-compile --no-warn-script-location --find-links wheels \
        --no-deps --require-hashes --requirement "$1" ||
        stop "L'installation n'est pas complète : corrigez ce que pip dit ci-dessus, puis relancez."
}
installed "requirements/$version.txt"
if [ -n "$sources" ]; then
    installed "requirements-sources/$version.txt"
fi
# Now, on all cores: the account that runs it writes nothing here.
"$prefix/bin/python" -I -m compileall -qq -j 0 "$prefix/lib" || true

echo "4/5 Modèle de l'encodeur"
mkdir -p "$prefix/model"
for model in model/*; do
    name=$(basename "$model")
    if ! diff -rq "$model" "$prefix/model/$name" >/dev/null 2>&1; then
        rm -rf "$prefix/model/.$name"
        cp -R "$model" "$prefix/model/.$name"
        rm -rf "$prefix/model/${name:?}"
        mv "$prefix/model/.$name" "$prefix/model/$name"
    fi
done

echo "5/5 Réglages"
write_once() { # FILE: standard input becomes the file where there is none
    if [ -e "$1" ]; then
        echo "      $1 existe : laissé tel quel"
        cat >/dev/null
    else
        cat >"$1.partiel"
        mv "$1.partiel" "$1"
    fi
}
new_key() {
    "$prefix/bin/python" -I -c 'import secrets; print(secrets.token_hex(32))'
}
if [ -n "$systemd" ]; then
    settings=/etc/quisait state=/var/lib/quisait register=/var/lib/quisait-registre
    getent passwd quisait >/dev/null ||
        useradd --system --user-group --no-create-home --home-dir $state --shell /usr/sbin/nologin quisait
    account=quisait
    install -d -m 700 -o quisait -g quisait $state $register
    install -d -m 755 $settings
    install -d -m 750 -g quisait $settings/secrets
else
    settings=$site state=$site/etat register=$site/registre
    (umask 077 && mkdir -p "$site" "$site/secrets" "$state" "$register")
fi
# The folders are in the settings, so that a command without the service's environment, in a search
# for a fault, looks at the same database and register. Settings of an earlier kit do not have them.
environment="QUISAIT_FILE=$settings/quisait.toml
QUISAIT_SECRETS=$settings/secrets"
[ ! -e "$settings/quisait.toml" ] || environment="$environment
QUISAIT_FOLDER=$state
QUISAIT_PRIVACY__REGISTER_FILE=$register/registre.jsonl
QUISAIT_ENCODER__PREPARED=$prefix/model"
"$prefix/bin/quisait" init --print |
    sed -e "s|^folder = \"\.quisait\"|folder = \"$state\"|" \
        -e "s|^register_file = \"registre\.jsonl\"|register_file = \"$register/registre.jsonl\"|" \
        -e "s|^prepared = \"\"|prepared = \"$prefix/model\"|" |
    write_once "$settings/quisait.toml"
(umask 077 && new_key | write_once "$settings/secrets/server__token_key")
[ -z "$systemd" ] || {
    chgrp quisait $settings/secrets/server__token_key
    chmod 640 $settings/secrets/server__token_key
}
printf '%s\n' "$environment" | write_once "$settings/environment"
if [ -n "$systemd" ]; then
    for unit in deploy/systemd/*; do
        placed=/etc/systemd/system/$(basename "$unit")
        if [ -e "$placed" ] && ! cmp -s "$unit" "$placed"; then
            install -m 644 "$unit" "$placed.nouveau"
            echo "      $placed a été modifiée : la nouvelle est à côté, en .nouveau"
        else
            install -m 644 "$unit" "$placed"
        fi
    done
    [ ! -d /run/systemd/system ] || systemctl daemon-reload
    as="runuser -u quisait -- env \$(cat $settings/environment) $prefix/bin/quisait"
    start="systemctl enable --now quisait quisait-backup.timer"
else
    as="env \$(cat $settings/environment) $prefix/bin/quisait"
    start="$as run"
fi
if ! told=$(as_service "$prefix/bin/python" -I -c 'import quisait.server.app' 2>&1); then
    printf '%s\n' "$told" | tail -n 3 >&2
    stop "Le compte $(as_service id -un) ne peut pas lancer $prefix/bin/quisait : vérifiez qu'il peut entrer dans" \
        "$prefix et lancer $python, ou donnez un autre Python (--python), puis relancez."
fi
cat <<FIN

quisait est installé dans $prefix. Ensuite :
  1. complétez $settings/quisait.toml (docs/administration.md de ce kit) ;
  2. après une mise à niveau : $as upgrade
  3. $as check
  4. $start
FIN
