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
    "$@" >said 2>&1 || ended=$?
    took=$((($(date +%s%N) - begun) / 100000000))
    if [ "$ended" = "$code" ] && grep -qF -e "$text" said; then
        verdict=ok
    else
        verdict="FAILED: exit $ended in place of $code, or it did not say: $text"
        failed=1
        sed 's/^/    /' said
    fi
    printf '%-58s %4d.%d s  %s\n' "$name" $((took / 10)) $((took % 10)) "$verdict"
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
    # As systemd does: the service reads its keys as credentials, and its runtime directory is made for it.
    install -d -m 700 -o smartclocker -g smartclocker /run/credentials
    install -m 600 -o smartclocker -g smartclocker /etc/smartclocker/keys/* /run/credentials
    install -d -m 711 -o smartclocker -g smartclocker /run/smartclocker
}
as_service() {
    setpriv --reuid smartclocker --regid smartclocker --clear-groups \
        env CREDENTIALS_DIRECTORY=/run/credentials smartclocker "$@"
}
enrol() {
    printf 'Barack\n' | smartclocker enrol - "$photos/obama.jpg" "$photos/obama2.jpg" --witness install-test --consent \
        --age-13-or-older --employer-agreed
}
punch() {
    as_service run >run.log 2>&1 &
    terminal=$!
    for _ in $(seq 600); do
        ! grep -q '  IN$' run.log || break
        sleep 0.2
    done
    kill "$terminal"
    wait "$terminal" || :
    tail -n 3 run.log
    smartclocker journal show
}
changed() { # nothing below these folders is newer than the mark
    find /etc /opt /usr /var -newer mark | grep . || echo "no file is newer"
}
gone() {
    for one in /opt/smartclocker /usr/local/bin/smartclocker /etc/systemd/system/smartclocker.service "$@"; do
        [ ! -e "$one" ] || echo "there: $one"
    done
    echo looked
}

echo "Debian $(cat /etc/debian_version), $(python3 --version), $(uname -m), without a network"
row "unpack the bundle" 0 "" tar xzf smartclocker-*.tar.gz
bundle=$(echo smartclocker-*/install.sh)
row "what it would do (--dry-run)" 0 "would run: " "$bundle" --dry-run
row "install" 0 "Next:" "$bundle"
touch mark
row "install again" 0 "nothing was changed" "$bundle"
row "  and no file is newer" 0 "no file is newer" changed
row "smartclocker check, not configured: what is to be mended" 78 "to mend" smartclocker check
grep -E 'to mend' said | sed 's/^/    /'
configure
row "smartclocker check, configured" 0 "ok" smartclocker check
row "enrol somebody from photographs" 0 "Barack" enrol
row "a punch by the replay camera, in the journal" 0 "punch" punch
grep -i 'punch' said | sed 's/^/    /'
row "remove the program" 0 "removed. Kept:" "$bundle" --uninstall
row "  the journal is there, the program is not" 0 "looked" gone
! grep '^there' said || failed=1
[ -e /var/lib/smartclocker/people.db ] || { echo "the people file is gone" && failed=1; }
row "install again: the keys are kept" 0 "Next:" "$bundle"
row "  and the people are there" 0 "Barack" smartclocker people list
row "destroy, not confirmed" 69 "nothing was changed" "$bundle" --purge </dev/null
row "destroy" 0 "destroyed: keys and data" "$bundle" --purge --yes
row "  nothing is left" 0 "looked" gone /etc/smartclocker /var/lib/smartclocker
! grep '^there' said || failed=1
exit "$failed"
