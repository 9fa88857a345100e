#!/bin/sh
# Install a terminal on Debian 12 or 13, or Raspberry Pi OS. Safe to run again: it keeps configuration, keys and data.
#
#   sudo provisioning/install.sh              install or update
#   provisioning/install.sh --dry-run         print what it would do, change nothing
#   sudo provisioning/install.sh --uninstall  remove program and units; /etc and /var stay
set -eu
cd "$(dirname "$0")/.."

target=/opt/smartclocker
etc=/etc/smartclocker
act=install
dry=
for word in "$@"; do
    case $word in
    --dry-run) dry=yes ;;
    --uninstall) act=uninstall ;;
    *)
        sed -n '2,7s/^# \{0,1\}//p' "$0" >&2
        exit 64
        ;;
    esac
done

say() { printf '%s\n' "$*"; }
do_() { # COMMAND…: run it, or print it
    if [ -n "$dry" ]; then say "would run: $*"; else "$@"; fi
}
die() {
    printf 'install: %s\n' "$*" >&2
    exit 69
}

[ -n "$dry" ] || [ "$(id -u)" = 0 ] || die "needs root: sudo provisioning/install.sh (or --dry-run to look first)"
command -v apt-get >/dev/null || die "needs a Debian-family system: apt-get was not found"

if [ "$act" = uninstall ]; then
    do_ systemctl disable --now smartclocker.service
    do_ rm -f /etc/systemd/system/smartclocker.service /etc/sysusers.d/smartclocker.conf
    do_ rm -rf "$target"
    do_ systemctl daemon-reload
    say "removed. Kept: $etc (configuration, keys) and /var/lib/smartclocker (journal, people)."
    exit 0
fi

packages="python3 python3-venv openssl"
site_packages=
if grep -qs 'Raspberry Pi' /proc/device-tree/model; then
    # libcamera, lgpio and evdev are not on the package index for every Python: the system's are used.
    packages="$packages python3-picamera2 python3-lgpio python3-evdev"
    site_packages=--system-site-packages
fi
# shellcheck disable=SC2086  # a list of words
do_ env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends $packages

do_ install -D -m 644 systemd/smartclocker.sysusers /etc/sysusers.d/smartclocker.conf
do_ systemd-sysusers /etc/sysusers.d/smartclocker.conf

# shellcheck disable=SC2086
do_ python3 -m venv $site_packages "$target/venv"
do_ "$target/venv/bin/pip" install --quiet --require-hashes -r provisioning/locks/terminal.txt
do_ "$target/venv/bin/pip" install --quiet --no-deps .
do_ ln -sf "$target/venv/bin/smartclocker" /usr/local/bin/smartclocker

do_ install -d -m 755 "$etc" "$etc/tls"
do_ install -d -m 700 "$etc/keys"
if [ -e "$etc/config.toml" ]; then
    say "kept: $etc/config.toml"
else
    do_ install -m 644 provisioning/config.example.toml "$etc/config.toml"
fi
do_ "$target/venv/bin/smartclocker" keys create "$etc/keys" # keeps keys that exist

do_ install -m 644 systemd/smartclocker.service /etc/systemd/system/smartclocker.service
do_ systemctl daemon-reload

say ""
say "Next:"
say "  1. edit $etc/config.toml, and put the policy's text where it says"
say "  2. at the centre: smartclocker central issue DIR NAME; copy the certificate and the authority to $etc/tls,"
say "     the key to $etc/keys/tls-key (mode 600), the ledger's public key to $etc/ledger.pem"
say "  3. register this terminal there: smartclocker keys show --identity $etc/keys/identity"
say "  4. smartclocker check; systemctl enable --now smartclocker"
