#!/bin/sh
# Run `make test` in a Debian 13 (trixie) of its own, with that system's Python 3.13: what Raspberry Pi OS is today.
#
#   provisioning/test-trixie.sh [COMMAND…]
#
# The system is made once by debootstrap in build/trixie, some 2 GB with what `make test` installs there, and used again.
# The checkout is copied into it as it is, uncommitted changes included. COMMAND (default: make test) runs at its root.
# Needs root, for mounts. Exits 69 when something is missing that it may not install, else as COMMAND does.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'trixie: %s\n' "$*" >&2; }
die() {
    say "$*"
    exit 69
}

if [ "${1:-}" = inside ]; then # in a mount namespace of its own: what is mounted here ends with it
    root=$2
    shift 2
    mount --bind "$root" "$root"
    mount -t proc proc "$root/proc"
    mount -t sysfs -o ro sysfs "$root/sys"
    mount --rbind /dev "$root/dev"
    # Not chroot: in one, the kernel refuses the user namespaces in which tests mount small disks.
    mkdir -p "$root/mnt/old"
    cd "$root"
    pivot_root . mnt/old
    umount --lazy /mnt/old
    exec /usr/bin/env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
        TERM="${TERM:-dumb}" sh -c 'cd /src; . /etc/trixie.env; "$@"' sh "$@"
fi

[ "$(id -u)" = 0 ] || die "what is mounted for it needs root: run  sudo make test-trixie"
command -v debootstrap >/dev/null || {
    command -v apt-get >/dev/null || die "debootstrap is missing: install it, then run this again"
    say "installing debootstrap"
    apt-get install --yes --no-install-recommends debootstrap >/dev/null 2>&1 ||
        { apt-get update && apt-get install --yes --no-install-recommends debootstrap; } >/dev/null ||
        die "apt-get could not install debootstrap: install it, then run this again"
}

root=$PWD/build/trixie
if [ ! -e "$root/etc/trixie.made" ]; then
    say "making Debian 13 in build/trixie"
    rm -rf "$root"
    mkdir -p "$root"
    debootstrap --variant=minbase --include=ca-certificates,git,make,procps,python3,python3-venv trixie "$root" \
        >"$root.log" 2>&1 || die "debootstrap failed: build/trixie.log says why"
    touch "$root/etc/trixie.made"
fi

# The network as it is here: names, authorities that this machine trusts, and what pip was told.
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
env | grep -iE '^(https?_proxy|no_proxy|PIP_[A-Z_]*|CI)=' | sed "s/'/'\\\\''/g; s/=\(.*\)/='\1'/; s/^/export /" \
    >"$root/etc/trixie.env" || true

mkdir -p "$root/src"
# Everything but what was built: the environment in there stays from run to run.
git ls-files -z --cached --others --exclude-standard | grep --null-data --invert-match --line-regexp .venv |
    tar --create --null --files-from=- --ignore-failed-read |
    { find "$root/src" -mindepth 1 -maxdepth 1 ! -name .venv ! -name build -exec rm -rf {} +; tar --extract --directory "$root/src"; }

[ $# -gt 0 ] || set -- make test
say "$* in Debian $(cat "$root/etc/debian_version")"
exec unshare --mount --pid --fork --kill-child sh "$0" inside "$root" "$@"
