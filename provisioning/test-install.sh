#!/bin/sh
# Install the bundle in fresh Debian systems without a network, punch once, remove it again: a table of steps and times.
#
#   provisioning/test-install.sh [12|13]…    both, if none is named
#
# `make install-test` makes the bundle for this machine first. The systems are made by debootstrap once, kept packed in
# build/install-test, and unpacked anew for each run. Each has python3, openssl and systemd, as Raspberry Pi OS has, and
# no python3-venv. systemd runs in it as the first process, as in a container, so that the real unit is started. Needs
# root. Exits 1 when a step did not end as it should, 69 when something is missing.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'install-test: %s\n' "$*" >&2; }
die() {
    say "$*"
    exit 69
}

if [ "${1:-}" = inside ]; then # in namespaces of its own: what is mounted here ends with it
    cd "$2"
    mount --bind . .
    cd "$2"
    mount -t proc proc proc
    mount -t sysfs -o ro sysfs sys
    mount -t tmpfs tmpfs run
    mount -t cgroup2 cgroup2 sys/fs/cgroup
    mount -t tmpfs -o mode=755 tmpfs dev
    mkdir dev/pts dev/shm
    mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
    for device in null:3 zero:5 full:7 random:8 urandom:9; do
        mknod -m 666 "dev/${device%:*}" c 1 "${device#*:}"
    done
    ln -s pts/ptmx dev/ptmx
    mkdir -p mnt/old
    pivot_root . mnt/old
    umount --lazy /mnt/old
    mount --make-rshared / # as systemd has it where it boots: a unit's credentials are mounted elsewhere first
    exec /usr/bin/env -i container=trial LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd
fi

[ "$(id -u)" = 0 ] || die "systems of their own need root: run  sudo make install-test"
command -v debootstrap >/dev/null || die "debootstrap is missing: apt-get install debootstrap, then run this again"
machine=$(uname -m)
bundle=$(find build -maxdepth 1 -name "smartclocker-*-$machine.tar.gz")
package=$(find build -maxdepth 1 -name "smartclocker-terminal_*_$(dpkg --print-architecture).deb")
for one in "$bundle" "$package"; do
    [ -e "$one" ] || die "there must be one bundle and one package for $machine in build/: make clean, then make deb"
done

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
    cp "$bundle" "$package" provisioning/test-install-inside.sh "$root/root/"
    rm -f "$root/etc/resolv.conf"
    cat >"$root/etc/systemd/system/trial.service" <<'END'
[Unit]
After=basic.target
SuccessAction=exit
FailureAction=exit
[Service]
Type=oneshot
Environment=HOME=/root LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ExecStart=/bin/sh /root/test-install-inside.sh
StandardOutput=file:/root/table
StandardError=file:/root/errors
END
    mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
    ln -sf /etc/systemd/system/trial.service "$root/etc/systemd/system/multi-user.target.wants/trial.service"
    ended=0
    unshare --net --mount --pid --uts --ipc --cgroup --fork --kill-child sh "$0" inside "$root" \
        >"$here/debian-$release.log" 2>&1 || ended=$?
    cat "$root/root/table" "$root/root/errors" 2>/dev/null || ended=1
    if [ "$ended" != 0 ]; then
        say "Debian $release failed: $here/debian-$release.log has what its systemd said"
        failed=1
    fi
    rm -rf "$root"
done
exit "$failed"
