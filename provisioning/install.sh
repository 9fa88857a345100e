#!/bin/sh
# Install a terminal on Debian 12 or 13, or Raspberry Pi OS. Safe to run again: it keeps configuration, keys and data.
#
#   sudo provisioning/install.sh                     install or update
#   sudo provisioning/install.sh --wheelhouse DIR    the same without a network: Python packages come from DIR
#   provisioning/install.sh --dry-run                print what it would do, change nothing
#   sudo provisioning/install.sh --uninstall         remove program and unit; /etc and /var stay
#   sudo provisioning/install.sh --centre …          install the centre instead: install-centre.sh --help
#
# It works in a chroot or while an image is built, too: systemd then does its part at the first boot.
# Behind a proxy: sudo https_proxy=http://proxy:3128 PIP_CERT=/path/proxy-ca.pem provisioning/install.sh
set -eu

case " $* " in *" --centre "*) exec /bin/sh "$(dirname "$0")/install-centre.sh" "$@" ;; esac

usage() {
    sed -n '2,11s/^# \{0,1\}//p' "$0"
}
say() { printf '%s\n' "$*"; }
do_() { # COMMAND…: run it, or print it
    if [ -n "$dry" ]; then say "would run: $*"; else "$@"; fi
}
die() {
    printf 'install: %s\n' "$*" >&2
    exit 69
}
have() { command -v "$1" >/dev/null 2>&1; }

act=install
dry=
wheelhouse=
while [ $# -gt 0 ]; do
    case $1 in
    --dry-run) dry=yes ;;
    --uninstall) act=uninstall ;;
    --wheelhouse)
        if [ $# -lt 2 ] || [ ! -d "$2" ]; then
            die "--wheelhouse needs a directory of wheels: pip download made it, see docs/operations.md"
        fi
        wheelhouse=$(cd "$2" && pwd)
        shift
        ;;
    --help)
        usage
        exit 0
        ;;
    *)
        usage >&2
        exit 64
        ;;
    esac
    shift
done
cd "$(dirname "$0")/.."

root=${INSTALL_ROOT:-} # for its tests: everything is put below, and a venv does not move from there
target=/opt/smartclocker
etc=/etc/smartclocker
state=/var/lib/smartclocker
units=$root/etc/systemd/system
users=$root/etc/sysusers.d/smartclocker.conf
link=$root/usr/local/bin/smartclocker

[ -n "$dry" ] || [ "$(id -u)" = 0 ] || die "needs root: sudo provisioning/install.sh (or --dry-run to look first)"
have apt-get || die "needs a Debian-family system: apt-get was not found"

manager() { # WORDS…: to systemd where it runs; elsewhere a boot reads the unit by itself
    if [ ! -d "$root/run/systemd/system" ] || ! have systemctl; then
        say "left out, for systemd does not run here: systemctl $*"
    else
        do_ systemctl "$@"
    fi
}

if [ "$act" = uninstall ]; then
    # Not there, or not running: then there is nothing to end.
    manager disable --now smartclocker.service || say "smartclocker.service was not there"
    do_ rm -f "$units/smartclocker.service" "$units/multi-user.target.wants/smartclocker.service"
    if [ -e "$units/smartclocker-ledger.service" ]; then
        say "kept: $target, its command and its users, for smartclocker-ledger.service runs from there"
    else
        do_ rm -f "$users"
        do_ rm -rf "$root$target"
        if [ "$(readlink "$link" 2>/dev/null || :)" = "$target/venv/bin/smartclocker" ]; then do_ rm -f "$link"; fi
    fi
    manager daemon-reload || say "systemd did not read its units again; a boot does"
    say "removed. Kept: $etc (configuration, keys) and $state (journal, people)."
    exit 0
fi

packages="python3 python3-venv openssl"
site_packages=
if grep -qs 'Raspberry Pi' /proc/device-tree/model; then
    # libcamera, lgpio and evdev are not on the package index for every Python: the system's are used.
    packages="$packages python3-picamera2 python3-lgpio python3-evdev"
    site_packages=--system-site-packages
fi
do_ apt-get update --quiet || say "the package lists could not be refreshed: going on with those that are here"
# shellcheck disable=SC2086  # a list of words
do_ env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends $packages

do_ install -D -m 644 systemd/smartclocker.sysusers "$users"
if have systemd-sysusers; then
    do_ systemd-sysusers ${root:+--root="$root"} "$users"
else
    say "left out, for there is no systemd-sysusers: a boot of systemd makes the account smartclocker"
fi

# shellcheck disable=SC2086
do_ python3 -m venv $site_packages "$root$target/venv"
if [ -n "$wheelhouse" ]; then
    PIP_NO_INDEX=1
    PIP_FIND_LINKS=$wheelhouse
    export PIP_NO_INDEX PIP_FIND_LINKS # what builds our own package obeys them, too
fi
do_ "$root$target/venv/bin/pip" install --quiet --require-hashes -r provisioning/locks/terminal.txt
do_ "$root$target/venv/bin/pip" install --quiet --no-deps .
do_ install -d -m 755 "$root/usr/local/bin"
do_ ln -sf "$target/venv/bin/smartclocker" "$link"

do_ install -d -m 755 "$root$etc" "$root$etc/tls"
do_ install -d -m 700 "$root$etc/keys"
if [ -e "$root$etc/config.toml" ]; then
    say "kept: $etc/config.toml"
else
    do_ install -m 644 provisioning/config.example.toml "$root$etc/config.toml"
fi
do_ "$root$target/venv/bin/smartclocker" keys create "$root$etc/keys" # keeps keys that exist

# systemd would make it, at the first start; `smartclocker check` looks before that.
if [ -n "$dry" ] || id smartclocker >/dev/null 2>&1; then
    do_ install -d -m 700 -o smartclocker -g smartclocker "$root$state"
else
    say "left out, for there is no account smartclocker yet: $state, which systemd makes at the first start"
fi

do_ install -D -m 644 systemd/smartclocker.service "$units/smartclocker.service"
manager daemon-reload

say ""
say "Next:"
say "  1. edit $etc/config.toml, and put the policy's text where it says"
say "  2. at the centre: smartclocker central issue DIR NAME; copy"
say "       pki/client-NAME.crt  to $etc/tls/terminal.pem"
say "       pki/client-NAME.key  to $etc/keys/tls-key (mode 600; keep no copy)"
say "       pki/ca.crt           to $etc/tls/ca.pem"
say "       ledger.pem           to $etc/ledger.pem"
say "       authority.pem        to $etc/authority.pem, and name it: keys.authority"
say "  3. register this terminal there, and publish the roster for it: smartclocker keys show --identity"
say "     $etc/keys/identity; then central register and central roster publish at the centre"
say "     whoever is to enrol here without being root: usermod -aG smartclocker-operators USER"
say "  4. smartclocker check; systemctl enable --now smartclocker; smartclocker check --online"
