#!/bin/sh
# Make a checkout ready: `make setup` runs it, and it costs nothing when there is nothing to do.
#
#   provisioning/setup-dev.sh [demo|test]
#
# demo  what `make demo` needs: Python and a broker
# test  the same, and the tools that the tests drive (the default)
#
# It installs the Debian packages that are missing (as root, or by sudo when that asks nothing), makes .venv from
# provisioning/locks/dev.txt with every hash checked, and puts the checkout itself into it, editable.
# $PYTHON chooses the interpreter. Exits 69 when something is missing that it may not install.
set -eu
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/sbin:/sbin

say() { printf 'setup: %s\n' "$*" >&2; }
die() {
    say "$*"
    exit 69
}

case ${1:-test} in
demo | test) set_of=${1:-test} ;;
*)
    say "unknown set '$1': say demo or test"
    exit 64
    ;;
esac

# --- Debian packages --------------------------------------------------------------------------------------------------
missing=
need() { # PACKAGE COMMAND
    command -v "$2" >/dev/null 2>&1 || missing="$missing $1"
}
need_library() { # PACKAGE FILE
    case $libraries in *"$2 "*) ;; *) missing="$missing $1" ;; esac
}

# Python 3.11 to 3.13 is what the locks were made for and what we test.
fits='import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'
find_python() {
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        # pyenv leaves commands on the path that only say that they are not installed: so run each.
        if "$candidate" -c "$fits" >/dev/null 2>&1; then
            python=$candidate
            return
        fi
    done
    python=
}

install_packages() {
    [ -n "$missing" ] || return 0
    # shellcheck disable=SC2086  # a list of words
    set -- $missing
    command -v apt-get >/dev/null || die "missing: $* (names of Debian packages): install them, then run this again"
    if [ "$(id -u)" = 0 ]; then
        as_root=
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        as_root='sudo -n'
    else
        die "missing: $*; run this once:  sudo apt-get install --yes --no-install-recommends $*"
    fi
    say "installing $*"
    apt="$as_root env DEBIAN_FRONTEND=noninteractive apt-get --quiet --quiet --option Dpkg::Use-Pty=0"
    install="install --yes --no-install-recommends"
    # The package lists of a new machine are absent or old; most others need no update.
    # shellcheck disable=SC2086
    $apt $install "$@" >/dev/null 2>&1 || { $apt update && $apt $install "$@" >/dev/null; } ||
        die "apt-get could not install $*: mend what it says above, then run this again"
    missing=
}

find_python
if [ -z "$python" ]; then
    [ -z "${PYTHON:-}" ] || die "\$PYTHON is $PYTHON: that is not Python 3.11 to 3.13 with venv and pip"
    missing="python3 python3-venv"
fi
need mosquitto mosquitto
if [ "$set_of" = test ]; then
    need openssl openssl
    need strace strace
    need shellcheck shellcheck
    need systemd systemd-analyze
    need chromium chromium
    # What the wheels of the reference engine (mediapipe, and the OpenCV that it asks for) link to.
    libraries=$(ldconfig -p | cut -d' ' -f1 | tr -d '\t' | tr '\n' ' ')
    need_library libegl1 libEGL.so.1
    need_library libgles2 libGLESv2.so.2
    need_library libgl1 libGL.so.1
    need_library libglib2.0-0 libgthread-2.0.so.0
    need_library libsm6 libSM.so.6
    need_library libxext6 libXext.so.6
fi
install_packages
[ -n "$python" ] || find_python
[ -n "$python" ] || die "this system has no Python 3.11 to 3.13: set PYTHON to one"

# --- the virtual environment ------------------------------------------------------------------------------------------
lock=provisioning/locks/dev.txt
stamp=.venv/setup.stamp
wanted=$({
    cat "$lock" pyproject.toml provisioning/setup-dev.sh
    pwd
    "$python" -c 'import sys; print(sys.version, sys.base_prefix)'
} | sha256sum)
if [ -x .venv/bin/python ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
    exit 0
fi

begun=$(date +%s)
rm -f "$stamp"
# An environment of another interpreter, or one that was copied here from another directory, is of no use.
same='import os, sys; sys.exit(sys.version + sys.base_prefix != sys.argv[1] or not os.path.samefile(sys.prefix, ".venv"))'
identity=$("$python" -c 'import sys; print(sys.version + sys.base_prefix)')
if ! .venv/bin/python -c "$same" "$identity" 2>/dev/null || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    say "making .venv with $("$python" --version)"
    "$python" -m venv --clear .venv
fi
pip() { .venv/bin/python -m pip --quiet --quiet --disable-pip-version-check --no-input "$@"; }
say "installing $(grep -c '==' "$lock") locked packages"
pip install --require-hashes --no-deps --only-binary :all: --requirement "$lock" ||
    die "pip could not install $lock: mend what it says above, then run this again"
pip install --no-build-isolation --no-deps --editable . ||
    die "pip could not install this checkout: mend what it says above, then run this again"
echo "$wanted" >"$stamp"
say "ready in $(($(date +%s) - begun)) s"
