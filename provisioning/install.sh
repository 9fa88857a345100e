#!/bin/sh
# Install or update a terminal on Raspberry Pi OS, or Debian 12 or 13. Safe to run again, also after it was interrupted.
#
#   sudo provisioning/install.sh                     install or update (in an unpacked bundle: sudo ./install.sh)
#   sudo provisioning/install.sh --wheelhouse DIR    the same without a network: Python packages come from DIR
#   sudo provisioning/install.sh --without-camera    on a Raspberry Pi with plain Debian: for badge and PIN alone
#   sudo provisioning/install.sh --no-apt            install no Debian package: fail when one is missing
#   provisioning/install.sh --dry-run                print what it would do, change nothing
#   sudo provisioning/install.sh --uninstall         remove program and unit; /etc and /var stay
#   sudo provisioning/install.sh --purge [--yes]     the same, and destroy configuration, keys and data for ever
#   sudo provisioning/install.sh --centre …          install the centre instead: --centre --help
#
# It works in a chroot or while an image is built, too: systemd then does its part at the first boot.
# Behind a proxy: sudo https_proxy=http://proxy:3128 PIP_CERT=/path/proxy-ca.pem provisioning/install.sh
set -eu
umask 022                   # the service's user reads what is installed, whatever root's mask is
unset PYTHONPATH PYTHONHOME # somebody's own packages are not the program's
unset CDPATH                # or cd may lead elsewhere

usage() {
    sed -n '2,14s/^# \{0,1\}//p' "$script"
}
die() {
    printf 'install: %s\n' "$*" >&2
    exit 69
}
here=$(cd "$(dirname "$0")" && pwd)
script=$here/install.sh
given=$PWD
cd "$here/.."

# Nothing of a bundle is used, not even the rest of this script, before all of it is what was packed.
if [ ! -e pyproject.toml ] || [ -e bundle.txt ] || [ -e SHA256SUMS ]; then # so it is no checkout
    again="unpack the bundle again; if that does not help, download or copy it again"
    [ -e SHA256SUMS ] || die "this is neither a checkout nor a whole bundle: $again"
    damaged=$(LC_ALL=C sha256sum --check --strict --quiet SHA256SUMS 2>&1) ||
        die "this bundle is not what was packed: $again
$damaged"
    strange=$(find . ! -type d ! -path ./SHA256SUMS | grep -vxF -e "$(cut -c 67- SHA256SUMS)" || :)
    [ -z "$strange" ] || die "these files do not belong to this bundle; remove them, or unpack it into an empty folder:
$strange"
fi
case " $* " in
*" --centre "*)
    cd "$given"
    exec /bin/sh "$here/install-centre.sh" "$@"
    ;;
esac
for part in steps packages program remove; do
    [ -r "$here/lib/$part.sh" ] || die "$here/lib/$part.sh is missing: unpack or check out everything again"
done
# shellcheck source=provisioning/lib/steps.sh
. "$here/lib/steps.sh"
# shellcheck source=provisioning/lib/packages.sh
. "$here/lib/packages.sh"
# shellcheck source=provisioning/lib/program.sh
. "$here/lib/program.sh"
# shellcheck source=provisioning/lib/remove.sh
. "$here/lib/remove.sh"

act=install
dry=
yes=
wheelhouse=
without_camera=
no_apt=
while [ $# -gt 0 ]; do
    case $1 in
    --dry-run) dry=yes ;;
    --uninstall) act=uninstall ;;
    --purge) act=purge ;;
    --yes) yes=yes ;;
    --without-camera) without_camera=yes ;;
    --no-apt) no_apt=yes ;;
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
state=/var/lib/smartclocker
units=$root/etc/systemd/system
users=$root/etc/sysusers.d/smartclocker.conf
link=$root/usr/local/bin/smartclocker
centre= # yes: the program is a centre's, too
[ ! -e "$units/smartclocker-ledger.service" ] || centre=yes

[ -n "$dry" ] || [ "$(id -u)" = 0 ] || die "needs root: sudo provisioning/install.sh (or --dry-run to look first)"
have apt-get || die "needs a Debian-family system: apt-get was not found"
[ -n "$dry" ] || only_one

case $act in
uninstall)
    remove_program
    say "removed. Kept: $etc (configuration, keys) and $state (journal, people)."
    exit 0
    ;;
purge)
    confirm_purge
    remove_program
    destroy_data
    exit 0
    ;;
esac

look_at_machine
choose_packages
install_packages
look_at_python
make_accounts
make_release
check_release # before anything that the running terminal uses is changed

begin "folders and configuration" "free space on the disk, or mend the rights that the message names"
folder 755 "$root$etc"
folder 755 "$root$etc/tls"
folder 700 "$root$etc/keys"
if [ -e "$root$etc/config.toml" ]; then
    say "kept: $etc/config.toml"
else
    put 644 provisioning/config.example.toml "$root$etc/config.toml"
fi
begin "the terminal's keys" "mend what the message says"
if [ ! -s "$root$etc/keys/identity" ] || [ ! -s "$root$etc/keys/storage" ]; then
    do_ "$release/bin/smartclocker" keys create "$root$etc/keys" # keeps a key that exists
fi
make_state_folder

begin "the service and its program" "free space on the disk, or mend what systemd says above"
if ! same 644 systemd/smartclocker.service "$units/smartclocker.service"; then
    pending
    put 644 systemd/smartclocker.service "$units/smartclocker.service"
fi
use_release
restart_what_ran
remove_old_releases

if [ "$changed" = 0 ] && [ -z "$dry" ]; then
    say "nothing to do: $name is installed, and nothing was changed."
fi
say ""
say "Next:"
say "  1. at the centre: sudo systemctl start smartclocker-claims; sudo smartclocker central terminal add DIR SITE/NAME"
say "     here: sudo smartclocker claim HOST, with the token that this prints. It brings name, certificate and keys;"
say "     docs/operations.md, Add a terminal, also says how it is done by files or by hand"
say "  2. edit $etc/config.toml: camera, lights, reader; and put the policy's text where it says"
say "     whoever is to enrol here without being root: usermod -aG smartclocker-operators USER"
say "  3. smartclocker check; systemctl enable --now smartclocker; smartclocker check --online"
