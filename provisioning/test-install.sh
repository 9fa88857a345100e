#!/bin/sh
# Install the bundle in fresh Debian systems without a network, punch once, remove it again: a table of steps and times.
#
#   provisioning/test-install.sh [12|13]…    both, if none is named
#
# `make install-test` makes the bundle for this machine first. The systems are made by debootstrap once, kept packed in
# build/install-test, and unpacked anew for each run. Each has python3, openssl and systemd, as Raspberry Pi OS has, and
# no python3-venv. systemd does not run there, so the terminal is started as its unit would start it: as its user, with
# its keys as credentials. Needs root. Exits 1 when a step did not end as it should, 69 when something is missing.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'install-test: %s\n' "$*" >&2; }
die() {
    say "$*"
    exit 69
}

[ "$(id -u)" = 0 ] || die "systems of their own need root: run  sudo make install-test"
command -v debootstrap >/dev/null || die "debootstrap is missing: apt-get install debootstrap, then run this again"
machine=$(uname -m)
bundle=$(find build -maxdepth 1 -name "smartclocker-*-$machine.tar.gz")
[ -e "$bundle" ] || die "there must be one bundle for $machine in build/: make bundle"

here=build/install-test
mkdir -p "$here"
failed=0
[ $# -gt 0 ] || set -- 12 13
for release in "$@"; do
    case $release in
    12) suite=bookworm ;;
    13) suite=trixie ;;
    *) die "Debian $release is not known: say 12 or 13" ;;
    esac
    packed=$here/debian-$release.tar
    root=$PWD/$here/debian-$release
    rm -rf "$root"
    if [ ! -e "$packed" ]; then
        say "making Debian $release"
        debootstrap --variant=minbase --include=openssl,python3,systemd "$suite" "$root" >"$here/debootstrap.log" 2>&1 ||
            die "debootstrap failed: $here/debootstrap.log says why"
        rm -rf "$root"/var/cache/apt/archives/*.deb
        tar --create --file "$packed.new" --numeric-owner --directory "$root" .
        mv "$packed.new" "$packed"
        rm -rf "$root"
    fi
    mkdir -p "$root"
    tar --extract --file "$packed" --numeric-owner --directory "$root"
    cp "$bundle" provisioning/test-install-inside.sh "$root/root/"
    rm -f "$root/etc/resolv.conf"
    # shellcheck disable=SC2016  # expanded inside
    unshare --net --mount --pid --fork --kill-child sh -c '
        mount -t proc proc "$1/proc"
        mount --rbind /dev "$1/dev"
        exec env -i HOME=/root LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
            chroot "$1" sh /root/test-install-inside.sh' sh "$root" || failed=1
    rm -rf "$root"
done
exit "$failed"
