#!/bin/sh
# Make the lock files again: every dependency pinned and hashed, for Python 3.11 to 3.13 on any machine.
#
#   provisioning/locks/make.sh            keeps the pins that still satisfy pyproject.toml
#   provisioning/locks/make.sh --upgrade  takes the newest of everything
#
# terminal.txt  what a terminal runs (camera and GPIO libraries come from Raspberry Pi OS itself)
# central.txt   the same, and what the ledger's machine needs
# dev.txt       everything: tests, linters, the reference engine, and what builds the package
# peers.txt     what `make bench` is measured against; names every package, since dlib-bin stands in for dlib
set -eu
cd "$(dirname "$0")/../.."
umask 022

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

"${PYTHON:-python3}" -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install --quiet --quiet --disable-pip-version-check 'uv>=0.5,<1'

# ai-edge-litert asks for it everywhere, 1.3 refuses Python 3.11 and later, and uv looks at lower bounds only.
echo 'backports-strenum<1.3' >"$scratch/constraints"
# Raspberry Pi OS Bookworm (Python 3.11) has a picamera2 whose simplejpeg was built against numpy 1.
echo "numpy<2; python_version < '3.12'" >"$scratch/terminal.constraints"
# What an editable install without build isolation needs.
printf '%s\n' 'hatchling>=1.27' 'editables>=0.5' >"$scratch/build.in"

lock() {
    name=$1
    shift
    out=provisioning/locks/$name.txt
    new=$scratch/$name.txt
    # The previous file is where uv finds the pins to keep.
    [ ! -f "$out" ] || grep -v '^# Made by' "$out" >"$new"
    "$scratch/venv/bin/uv" --quiet pip compile --universal --python-version 3.11 --generate-hashes \
        --no-header --no-emit-index-url --no-emit-find-links \
        --constraint "$scratch/constraints" --output-file "$new" "$@" pyproject.toml
    {
        echo '# Made by provisioning/locks/make.sh; do not edit.'
        sed "s|$scratch/||" "$new"
    } >"$out"
    echo "$out: $(grep -c '==' "$out") packages"
}

lock terminal --constraint "$scratch/terminal.constraints" "$@"
lock central --extra central "$@"
lock dev --extra dev "$scratch/build.in" "$@"

"$scratch/venv/bin/uv" --quiet pip compile --universal --python-version 3.11 --generate-hashes --no-deps \
    --no-header --no-emit-index-url --no-emit-find-links --no-annotate \
    --output-file "$scratch/peers.txt" provisioning/locks/peers.in
{
    echo '# Made by provisioning/locks/make.sh; do not edit.'
    cat "$scratch/peers.txt"
} >provisioning/locks/peers.txt
