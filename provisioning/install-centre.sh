#!/bin/sh
# Install or update the centre on Debian 12 or 13: broker, ledger, authority, nightly backup. Safe to run again, also after
# it was interrupted: it keeps configuration, keys and data, and adds what is new.
#
#   sudo provisioning/install.sh --centre --host NAME --site SITE    the first time; both may be repeated
#   sudo provisioning/install.sh --centre                            update
#     --listen ADDRESS   the one address that the broker listens on (at first: every one)
#     --port PORT        its port (at first: 8883)
#     --wheelhouse DIR   without a network: Python packages come from DIR (a bundle brings its own)
#     --no-apt           install no Debian package: fail when one is missing
#     --dry-run          print what it would do, change nothing
#     --uninstall        remove program and units; /etc and /var stay
#
# NAME is what terminals call this machine: a name of the network, or an address. SITE is a building, for example main.
# It works in a chroot or while an image is built, too: systemd then does its part after the first boot.
set -eu
umask 022
unset PYTHONPATH PYTHONHOME CDPATH

usage() {
    sed -n '2,16s/^# \{0,1\}//p' "$here/install-centre.sh"
}
die() {
    printf 'install: %s\n' "$*" >&2
    exit 69
}
word() { # OPTION VALUE: what is no name would be several words, or an option
    case $2 in
    '' | -* | *[!A-Za-z0-9.:_-]*)
        printf "install: %s '%s': is no name; write letters, digits and . : - alone\n" "$1" "$2" >&2
        exit 64
        ;;
    esac
}
here=$(cd "$(dirname "$0")" && pwd)
given=$PWD
cd "$here/.."
for part in steps packages program; do
    [ -r "$here/lib/$part.sh" ] || die "$here/lib/$part.sh is missing: unpack or check out everything again"
done
# shellcheck source=provisioning/lib/steps.sh
. "$here/lib/steps.sh"
# shellcheck source=provisioning/lib/packages.sh
. "$here/lib/packages.sh"
# shellcheck source=provisioning/lib/program.sh
. "$here/lib/program.sh"

act=install
dry=
no_apt=
wheelhouse=
hosts=
sites=
listen=
wish=
# shellcheck disable=SC2034  # the parts of lib read these
without_camera=yes centre=yes
while [ $# -gt 0 ]; do
    case $1 in
    --centre) ;;
    --dry-run) dry=yes ;;
    --uninstall) act=uninstall ;;
    --no-apt) no_apt=yes ;;
    --host | --site | --listen | --port)
        [ $# -ge 2 ] || die "$1 needs a value: --help shows them"
        word "$1" "$2"
        case $1 in
        --host) hosts="$hosts $2" ;;
        --site) sites="$sites $2" ;;
        --listen) listen=$2 ;;
        esac
        wish="$wish $1 $2"
        shift
        ;;
    --wheelhouse)
        if [ $# -lt 2 ] || ! wheelhouse=$(cd "$given" && cd "$2" 2>/dev/null && pwd); then
            die "--wheelhouse needs a directory of wheels: pip download made it, see docs/operations.md"
        fi
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

root=${INSTALL_ROOT:-} # for its tests: everything is put below, and a venv does not move from there
target=/opt/smartclocker
etc=/etc/smartclocker
dir=/var/lib/smartclocker-ledger
backups=/var/lib/smartclocker-backups
units=$root/etc/systemd/system
drop_in=$units/mosquitto.service.d/smartclocker.conf
users=$root/etc/sysusers.d/smartclocker.conf
link=$root/usr/local/bin/smartclocker
own_units="ledger.service claims.service orders.service orders.timer roster.service roster.timer certificates.service
    certificates.timer backup.service backup.timer"
timers="smartclocker-orders.timer smartclocker-roster.timer smartclocker-certificates.timer smartclocker-backup.timer"
started="mosquitto.service smartclocker-ledger.service"
ours="# Written by install-centre.sh from the broker's configuration. Without this line it is yours, and stays."

[ -n "$dry" ] || [ "$(id -u)" = 0 ] || die "needs root: sudo provisioning/install.sh --centre (or --dry-run to look first)"
have apt-get || die "needs a Debian-family system: apt-get was not found"

if [ "$act" = uninstall ]; then
    [ -n "$dry" ] || only_one
    begin "removing the program" "mend what the message says"
    # shellcheck disable=SC2086  # a list of words
    manager disable --now $timers smartclocker-claims.service smartclocker-ledger.service mosquitto.service ||
        say "not every unit was there"
    for unit in $own_units; do
        do_ rm -f "$units/smartclocker-$unit"
    done
    do_ rm -f "$drop_in"
    if [ -e "$units/smartclocker.service" ]; then
        say "kept: $target, its command and its users, for smartclocker.service runs from there"
    else
        do_ rm -f "$users"
        do_ rm -rf "$root$target"
        if [ "$(readlink "$link" 2>/dev/null || :)" = "$target/venv/bin/smartclocker" ]; then do_ rm -f "$link"; fi
    fi
    manager daemon-reload || say "systemd did not read its units again; a boot does"
    say "mosquitto is stopped; its package stays, with its own configuration."
    say "removed. Kept: $etc (the broker's files, the backup key), $dir (keys, ledger, people) and $backups."
    exit 0
fi

if [ ! -e "$root$dir/pki/ca.crt" ] && { [ -z "$hosts" ] || [ -z "$sites" ]; }; then
    needed="the first time, give --host NAME (what terminals call this machine) and --site SITE (a building, for example main)"
    [ -n "$dry" ] || die "$needed"
    say "note: $needed"
fi
[ -n "$dry" ] || only_one

look_at_machine
packages="python3 openssl mosquitto"
[ -e bundle.txt ] || packages="$packages python3-venv"
install_packages
[ -n "$dry" ] || is_installed mosquitto || die "mosquitto is missing: apt-get install mosquitto, then give this again"
look_at_python
make_accounts
make_release
check_release # of a terminal on this machine, before anything that it uses is changed
central() { do_ "$release/bin/smartclocker" central "$@"; }

begin "the centre's directories" "free space on the disk, or mend the rights that the message names"
owner="-o smartclocker-ledger -g smartclocker-ledger"
if [ -z "$dry" ] && ! id smartclocker-ledger >/dev/null 2>&1; then
    owner= # systemd gives the directories to the account that it makes at the first boot
fi
folder 755 "$root$etc"
# shellcheck disable=SC2086
do_ install -d -m 700 $owner "$root$dir" "$root$backups"
case $listen in
'' | 0.0.0.0 | :: | 127.* | ::1 | localhost) ;;
*) wish="$wish --host $listen" ;; # the ledger reaches the broker by this address: the certificate must name it
esac
begin "the centre's keys and the broker's files" "mend what the message says"
# shellcheck disable=SC2086
central init "$root$dir" $wish
central authority init "$root$dir"
if [ -e "$root$etc/backup.key" ]; then
    say "kept: $etc/backup.key"
else
    central backup-key "$root$etc/backup.key"
fi
central broker "$root$dir" "$root$etc/broker"

listener=$(sed -n '/^listener /{s///p;q;}' "$root$dir/mosquitto.conf" 2>/dev/null || :)
port=${listener%% *}
address=${listener#* }
case $address in
'' | 0.0.0.0 | :: | 127.* | ::1 | localhost) address=localhost ;;
esac
if [ -n "$dry" ]; then
    say "would write: $etc/ledger.env, where the ledger finds the broker"
elif [ -e "$root$etc/ledger.env" ] && ! grep -qxF "$ours" "$root$etc/ledger.env"; then
    say "kept: $etc/ledger.env"
else
    printf '%s\nBROKER_HOST=%s\nBROKER_PORT=%s\n' "$ours" "$address" "${port:-8883}" >"$root$etc/ledger.env.new" ||
        die "$etc/ledger.env.new cannot be written: free space on the disk. Then give the same command again"
    do_ chmod 644 "$root$etc/ledger.env.new"
    do_ mv -f "$root$etc/ledger.env.new" "$root$etc/ledger.env"
fi

begin "the services and their program" "free space on the disk, or mend what systemd says above"
put 644 provisioning/mosquitto/smartclocker.conf "$drop_in"
for unit in $own_units; do
    put 644 "systemd/smartclocker-$unit" "$units/smartclocker-$unit"
done
use_release
restart_what_ran
manager daemon-reload || die "systemd does not read its units: mend what it says above, then give this again"
for unit in $started; do
    manager enable "$unit"
    manager restart "$unit" || die "$unit does not start; journalctl -u $unit says why. All else is installed: give this command again"
done
# shellcheck disable=SC2086
manager enable --now $timers
# The first backup at once, which shows that one can be made.
manager start --no-block smartclocker-backup.service || say "the first backup failed: journalctl -u smartclocker-backup"
remove_old_releases

say ""
if [ -n "$dry" ]; then
    say "Nothing was changed. Then the centre would stand:"
else
    say "The centre stands:"
fi
say "  broker    mosquitto, port ${port:-8883}, with certificates alone; its files are in $etc/broker"
say "  ledger    smartclocker-ledger.service, in $dir"
say "  timers    orders again every 10 minutes, roster hourly, certificates weekly, backup nightly"
say "  backups   the newest 14, in $backups, under the key $etc/backup.key"
say ""
say "Next:"
if ! systemd_runs; then
    say "  0. after the boot: systemctl enable --now $started $timers"
fi
say "  1. copy $etc/backup.key to a safe, apart from the backups: without it nobody can restore one;"
say "     and have $backups copied to another machine every day"
say "  2. open port ${port:-8883} to the terminals alone, with your own network in place of 192.0.2.0/24:"
say "       nft add rule inet filter input ip saddr 192.0.2.0/24 tcp dport ${port:-8883} accept"
say "       ufw allow proto tcp from 192.0.2.0/24 to any port ${port:-8883}"
say "  3. for each terminal: sudo systemctl start smartclocker-claims (TCP port 8884), then"
say "       sudo smartclocker central terminal add $dir SITE/NAME"
say "     at the terminal sudo smartclocker claim HOST, and here at last sudo systemctl stop smartclocker-claims"
say "  4. look: sudo smartclocker central gaps $dir"
