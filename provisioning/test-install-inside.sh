#!/bin/sh
# shellcheck disable=SC2317  # functions are called through row
# What test-install.sh does inside of a fresh system, as root: each step with its time and its end.
set -eu
cd /root

failed=0
row() { # NAME EXIT-CODE TEXT COMMAND…: it must end with that code, and say that text
    name=$1 code=$2 text=$3
    shift 3
    begun=$(date +%s%N)
    ended=0
    "$@" >said 2>&1 </dev/null || ended=$?
    took=$((($(date +%s%N) - begun) / 100000000))
    if [ "$ended" = "$code" ] && grep -qF -e "$text" said; then
        verdict=ok
    else
        verdict="FAILED: exit $ended in place of $code, or it did not say: $text"
        failed=1
    fi
    printf '%-58s %4d.%d s  %s\n' "$name" $((took / 10)) $((took % 10)) "$verdict"
    [ "$verdict" = ok ] || sed 's/^/    /' said
}
systemd_runs() { [ -d /run/systemd/system ]; }

killed() { # with all that it started, while pip is at work
    setsid "$bundle" &
    sleep 6
    kill -9 "-$!"
    ls /opt/smartclocker/releases
}
configure() {
    photos=$(echo /opt/smartclocker/venv/lib/python3*/site-packages/edge/_data/photos)
    mkdir -p /srv/faces
    cp "$photos/obama3.jpg" /srv/faces/
    echo 'We keep a template of your face. You may ask for a badge instead.' >/etc/smartclocker/policy.md
    cat >/etc/smartclocker/config.toml <<END
[terminal]
site = "main"
name = "entrance-1"
[policy]
version = "1"
text = "policy.md"
[storage]
max_bytes = 50000000
volatile = true
[camera]
kind = "replay"
replay = "/srv/faces"
[signals]
kind = "console"
END
}
enrol() {
    printf 'Barack\n' | smartclocker enrol - "$photos/obama.jpg" "$photos/obama2.jpg" --witness install-test --consent \
        --age-13-or-older --employer-agreed
}
as_service() { # as systemd would: its user, keys as credentials, a runtime directory
    install -d -m 700 -o smartclocker -g smartclocker /run/credentials
    install -m 600 -o smartclocker -g smartclocker /etc/smartclocker/keys/* /run/credentials
    install -d -m 711 -o smartclocker -g smartclocker /run/smartclocker
    exec setpriv --reuid smartclocker --regid smartclocker --clear-groups \
        env CREDENTIALS_DIRECTORY=/run/credentials smartclocker run
}
punch() {
    terminal=
    if systemd_runs; then
        systemctl enable --now smartclocker
    else
        (as_service) >run.log 2>&1 &
        terminal=$!
    fi
    for _ in $(seq 60); do
        ! smartclocker journal show /var/lib/smartclocker/journal.db | grep -qF punch.v1 || break
        sleep 1
    done
    [ -z "$terminal" ] || kill "$terminal"
    wait
    ! systemd_runs || journalctl --no-pager --lines 15 -u smartclocker
    smartclocker journal show /var/lib/smartclocker/journal.db
}
process() { systemctl show --property MainPID --value smartclocker; }
altered() { # another bundle of the same version: a page has one line more
    cp -a "${bundle%/*}" "$1"
    (
        cd "$1"
        echo >>docs/wiring.md
        find . -type f ! -path ./SHA256SUMS -print0 | xargs -0 sha256sum >SHA256SUMS
    )
}
changed() { # nothing below these folders is newer than the mark
    find /etc /opt /usr -newer mark | head -n 5 | grep . || echo "no file is newer"
}
gone() {
    for one in /opt/smartclocker /usr/local/bin/smartclocker /etc/systemd/system/smartclocker.service "$@"; do
        [ ! -e "$one" ] || { echo "still there: $one" && return 1; }
    done
    echo gone
}

running=no
! systemd_runs || running=yes
echo "Debian $(cat /etc/debian_version), $(python3 --version), $(uname -m), no network, systemd runs: $running"
row "unpack the bundle" 0 SHA256SUMS tar xzvf smartclocker-*.tar.gz
bundle=$(echo smartclocker-*/install.sh)
row "what it would do (--dry-run)" 0 "would run: " "$bundle" --dry-run
row "install, killed after 6 s" 0 "$(sed -n 's/^version: //p' "${bundle%/*}/bundle.txt")-" killed
row "install" 0 "Next:" "$bundle"
touch mark
row "install again" 0 "nothing was changed" "$bundle"
row "  no file is newer" 0 "no file is newer" changed
row "smartclocker check, not configured" 78 "to mend" smartclocker check
sed 's/^/    /' said
configure
row "smartclocker check, configured" 0 "ok" smartclocker check
row "enrol somebody from photographs" 0 "enrolled" enrol
row "a punch by the replay camera, in the journal" 0 punch.v1 punch
if systemd_runs; then
    altered next
    before=$(process)
    mv /etc/smartclocker/policy.md /etc/smartclocker/policy.away
    row "an update that does not pass the check" 69 "goes on with the program that it has" next/install.sh
    mv /etc/smartclocker/policy.away /etc/smartclocker/policy.md
    row "  the same process runs" 0 "$before" process
    row "an update" 0 "Next:" next/install.sh
    row "  its program runs" 0 "$(readlink /opt/smartclocker/venv)/" cat "/proc/$(process)/cmdline"
    [ "$before" != "$(process)" ] || { echo "the terminal was not restarted" && failed=1; }
fi
row "remove the program" 0 "removed. Kept:" "$bundle" --uninstall
row "  it is gone" 0 gone gone
row "install again" 0 "Next:" "$bundle"
row "  keys and people are there" 0 "Barack" smartclocker people list
row "destroy, not confirmed" 69 "nothing was changed" "$bundle" --purge
row "destroy" 0 "destroyed: keys and data" "$bundle" --purge --yes
row "  nothing is left" 0 gone gone /etc/smartclocker /var/lib/smartclocker
row "the Debian package: dpkg --install" 0 "Next:" dpkg --install smartclocker-terminal_*.deb
row "  its program" 0 "smartclocker " smartclocker --version
row "dpkg --remove" 0 "removed. Kept:" dpkg --remove smartclocker-terminal
row "  it is gone, the keys are not" 0 gone gone /usr/share/smartclocker-terminal
[ -s /etc/smartclocker/keys/storage ] || { echo "the keys are gone" && failed=1; }
exit "$failed"
