# shellcheck shell=sh disable=SC2154
# The program, one directory for each release: releases/VERSION-HASH is a virtual environment, `venv` a link to the one in
# use, `former` a link to the one before. A release counts once it has the file `complete`; the link is exchanged in one
# step, so that the service finds the one or the other whole program. The file `pending` stands while systemd does not
# know yet what was changed; it survives an interrupted installer.

made_of() { # the hash of everything that a release is made of
    if [ -e SHA256SUMS ]; then
        cat SHA256SUMS
    else
        find edge models tests/photos provisioning/locks pyproject.toml -type f \
            ! -path '*/__pycache__/*' -print0 | LC_ALL=C sort --zero-terminated | xargs -0 sha256sum
    fi | {
        cat
        echo "$python $pi $centre"
    } | sha256sum | cut -c 1-12
}

# Where a centre runs on the same machine, its library is in the same program. Only that: for what both need, the
# terminal's lock counts, because a camera library of the system may need an older numpy.
what_the_centre_adds() { # FILE
    awk '{ split($1, pin, "==") } NR == FNR { known[pin[1]]; next } /^[a-z]/ { keep = !(pin[1] in known) } keep' \
        provisioning/locks/terminal.txt provisioning/locks/central.txt >"$1"
}

make_release() {
    begin "the program" "free space on the disk; a Python package that cannot be had needs the network, or a bundle"
    version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' edge/__init__.py 2>/dev/null || from_bundle version)
    name=$version-$(made_of)
    release=$root$target/releases/$name
    [ ! -e "$release/complete" ] || return 0
    [ ! -e "$release" ] || do_ rm -rf "$release" # an interrupted installer left it
    say "installing the program $name: on a Raspberry Pi this takes some minutes"
    site_packages=
    [ -z "$pi" ] || site_packages=--system-site-packages
    if [ -e bundle.txt ]; then
        # Debian's python3 alone has no pip; the one of the bundle runs from its wheel.
        # shellcheck disable=SC2086
        do_ python3 -m venv --without-pip $site_packages "$release"
        set -- "$release/bin/python" "$(echo wheels/pip-*.whl)/pip"
        offline="--isolated --no-index --find-links wheels --only-binary :all: --no-cache-dir"
        own=$(echo wheels/smartclocker_edge-*.whl)
    else
        # shellcheck disable=SC2086
        do_ python3 -m venv $site_packages "$release"
        set -- "$release/bin/pip"
        offline=
        own=.
        case $wheelhouse in
        *[[:space:]]*) die "--wheelhouse $wheelhouse: pip takes no path with a space; rename the folder, or give a link to it" ;;
        esac
        if [ -n "$wheelhouse" ]; then
            PIP_NO_INDEX=1
            PIP_FIND_LINKS=$wheelhouse
            export PIP_NO_INDEX PIP_FIND_LINKS # what builds our own package obeys them, too
        fi
    fi
    # shellcheck disable=SC2086
    do_ "$@" install --quiet $offline --require-hashes -r provisioning/locks/terminal.txt
    if [ -n "$centre" ]; then
        do_ what_the_centre_adds "$release/centre.txt"
        # shellcheck disable=SC2086
        do_ "$@" install --quiet $offline --require-hashes --no-deps -r "$release/centre.txt"
    fi
    # shellcheck disable=SC2086
    do_ "$@" install --quiet $offline --no-deps "$own"
    do_ "$release/bin/smartclocker" --version
    do_ sync --file-system "$release" # a power cut after this line finds all of it
    do_ touch "$release/complete"
}

is_running() { systemd_runs && systemctl is-active --quiet smartclocker.service; }

check_release() {
    [ "$(readlink "$root$target/venv" 2>/dev/null || :)" != "releases/$name" ] || return 0
    is_running || return 0
    begin "the check of the new program" \
        "The running terminal goes on with the program that it has. Mend what the check says above"
    do_ "$release/bin/smartclocker" check --config "$root$etc/config.toml"
}

pending() { [ -e "$root$target/pending" ] || do_ touch "$root$target/pending"; }

use_release() {
    current=$(readlink "$root$target/venv" 2>/dev/null || :)
    if [ "$current" != "releases/$name" ]; then
        pending
        before=$root$target/releases/before
        if [ -d "$root$target/venv" ] && [ -z "$current" ]; then # an installer before releases had directories made it
            [ ! -e "$before" ] || do_ rm -rf "$before"
            do_ mv -T "$root$target/venv" "$before"
        fi
        [ -n "$current" ] || [ ! -d "$before" ] || current=releases/before
        [ -z "$current" ] || point "$root$target/former" "$current"
        point "$root$target/venv" "releases/$name"
    fi
    [ -d "$root/usr/local/bin" ] || do_ install -d -m 755 "$root/usr/local/bin"
    point "$link" "$target/venv/bin/smartclocker"
}

restart_what_ran() {
    [ -n "$dry" ] || [ -e "$root$target/pending" ] || return 0
    begin "the restart of the terminal" \
        "journalctl -u smartclocker says why; the program before is $target/former, and its installer brings it back"
    manager daemon-reload || die "systemd does not read its units: mend what it says above, then give this again"
    if is_running; then do_ systemctl restart smartclocker.service; fi
    do_ rm -f "$root$target/pending"
}

remove_old_releases() { # the one in use and the one before stay, and what a process was started from
    [ -z "$dry" ] || return 0
    begin "old programs" "mend what the message says"
    for one in "$root$target"/releases/*; do
        kept=releases/${one##*/}
        [ "$kept" != "releases/$name" ] || continue
        [ "$kept" != "$(readlink "$root$target/former" 2>/dev/null || :)" ] || continue
        if grep -qsF "$one/" /proc/[0-9]*/cmdline; then
            say "kept: $one, for a program runs from there: restart its service"
        else
            do_ rm -rf "$one"
        fi
    done
}
