# shellcheck shell=sh disable=SC2154
# The machine, and what it gets from Debian: is it one that the program runs on, and which packages are missing?

from_bundle() { # KEY: a line of bundle.txt
    sed -n "s/^$1: //p" bundle.txt
}

look_at_machine() {
    machine=$(dpkg --print-architecture)
    case $machine in
    arm64 | amd64) ;;
    *) die "this system is $machine; the models need a 64-bit one: install the 64-bit Raspberry Pi OS" ;;
    esac
    if [ -e bundle.txt ]; then
        bundled=$(from_bundle debian-architecture)
        [ "$bundled" = "$machine" ] ||
            die "this bundle is for $bundled, and this system is $machine: take the bundle for $machine"
    fi
    pi=
    ! grep -qs 'Raspberry Pi' "$root/proc/device-tree/model" || pi=yes
}

is_installed() {
    # shellcheck disable=SC2016  # dpkg's own variable
    [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null || :)" = installed ]
}
has_candidate() {
    case $(LC_ALL=C apt-cache policy "$1" 2>/dev/null) in
    *'Candidate: (none)'* | '') return 1 ;;
    esac
}

choose_packages() { # what both a terminal and a centre need, and on a Raspberry Pi its devices
    packages="python3 openssl"
    [ -e bundle.txt ] || packages="$packages python3-venv"
    # libcamera, lgpio and evdev are not on the package index for every Python: the system's are used.
    if [ -n "$pi" ]; then
        packages="$packages python3-lgpio python3-evdev"
        [ -n "$without_camera" ] || packages="$packages python3-picamera2"
    fi
}

install_packages() { # what $packages names and is not there
    begin "Debian packages" "connect this machine to a network, or install them from a medium: $packages"
    missing=
    for one in $packages; do is_installed "$one" || missing="$missing $one"; done
    [ -n "$missing" ] || return 0
    if [ -n "$no_apt" ]; then
        case $missing in
        *" python3 "* | *" openssl "* | *" python3" | *" openssl" | *python3-venv*)
            die "these Debian packages are missing:$missing; apt-get install$missing, then give this again"
            ;;
        esac
        say "not here, so camera or lights of the header will not work:$missing"
        return 0
    fi

    # Without our lock's descriptor: a daemon that a package starts would keep it.
    attempt apt-get update --quiet 9<&- ||
        say "the package lists could not be refreshed: going on with those that are here"
    # Where even Python has no candidate, there are no lists, and nothing is known.
    if [ -n "$pi" ] && has_candidate python3; then leave_out_what_debian_lacks; fi
    [ -n "$missing" ] || return 0
    attempt dpkg --configure -a 9<&- || : # what a power cut left half-way; apt-get refuses to work beside it
    # shellcheck disable=SC2086  # a list of words
    do_ env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends $missing 9<&-
}

leave_out_what_debian_lacks() {
    wanted=$missing
    missing=
    for one in $wanted; do
        if has_candidate "$one"; then
            missing="$missing $one"
        elif [ -z "$without_camera" ]; then
            die "this Raspberry Pi runs a system without the package $one, so without its camera or its lights:
install: install Raspberry Pi OS (64-bit) on the card, or give --without-camera for badges and PINs alone"
        else
            say "left out, for this system has no package $one: camera or lights of the header will not work"
        fi
    done
}

look_at_python() {
    have python3 || {
        [ -n "$dry" ] || die "python3 was not found: install the package python3, then give the same command again"
        python=unknown
        return 0
    }
    python=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    known="3.11 3.12 3.13"
    [ ! -e bundle.txt ] || known=$(from_bundle python)
    case " $known " in
    *" $python "*) ;;
    *) die "this system has Python $python, and this is for $known: take Debian 12 or 13, or a bundle for it" ;;
    esac
}

make_accounts() {
    begin "accounts of the services" "mend what systemd-sysusers says above"
    put 644 systemd/smartclocker.sysusers "$users"
    if ! have systemd-sysusers; then
        say "left out, for there is no systemd-sysusers: a boot of systemd makes the account smartclocker"
    elif accounts_are_missing; then
        do_ systemd-sysusers ${root:+--root="$root"} "$users"
    fi
}
accounts_are_missing() {
    while read -r kind account _; do
        case $kind in
        u) getent passwd "$account" >/dev/null || return 0 ;;
        g) getent group "$account" >/dev/null || return 0 ;;
        esac
    done <systemd/smartclocker.sysusers
    return 1
}

make_state_folder() { # systemd would make it, at the first start; `smartclocker check` looks before that
    begin "the state directory" "mend what the message says"
    if [ -z "$dry" ] && ! id smartclocker >/dev/null 2>&1; then
        say "left out, for there is no account smartclocker yet: $state, which systemd makes at the first start"
    elif [ "$(stat -c '%a %U %G' "$root$state" 2>/dev/null || :)" != "700 smartclocker smartclocker" ]; then
        do_ install -d -m 700 -o smartclocker -g smartclocker "$root$state"
    fi
}
