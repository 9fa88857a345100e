# shellcheck shell=sh disable=SC2154
# Steps and actions of the installer. An action is done by do_, which --dry-run turns into a line of text; a file is
# written under another name and then renamed, so that it is there whole or not at all.

changed=0
step=
cure=

say() { printf '%s\n' "$*"; }
have() { command -v "$1" >/dev/null 2>&1; }

only_one() { # two at once would take each other's files away; a file of root's own, for anybody may lock what they can read
    [ -d "$root/run" ] || install -d -m 755 "$root/run"
    umask 077
    exec 9>>"$root/run/smartclocker-install.lock"
    umask 022
    flock --nonblock 9 || die "another installer is running: wait for its end, then give this again"
}

begin() { # NAME CURE: the step whose actions follow, and what to do when one of them fails
    step=$1
    cure=$2
}
attempt() { # COMMAND…: run it, or print it; its end is the caller's to judge
    if [ -n "${dry:-}" ]; then
        say "would run: $*"
        return 0
    fi
    changed=$((changed + 1))
    "$@"
}
do_() { # COMMAND…: the same, and a failure ends the installer
    attempt "$@" || die "the step \"$step\" failed, at: $*
install: $cure. Then give the same command again: it goes on from here."
}

same() { # MODE SOURCE DESTINATION: is the copy there?
    cmp -s "$2" "$3" && [ "$(stat -c %a "$3")" = "$1" ]
}
put() { # MODE SOURCE DESTINATION
    same "$@" || {
        do_ install -D -m "$1" "$2" "$3.new"
        do_ mv -f "$3.new" "$3"
    }
}
folder() { # MODE PATH
    [ "$(stat -c %a "$2" 2>/dev/null || :)" = "$1" ] || do_ install -d -m "$1" "$2"
}
point() { # LINK TEXT: a symbolic link, exchanged in one step
    [ "$(readlink "$1" 2>/dev/null || :)" = "$2" ] || {
        do_ ln -sfn "$2" "$1.new"
        do_ mv -fT "$1.new" "$1"
    }
}

manager() { # WORDS…: to systemd where it runs; elsewhere a boot reads the unit by itself
    if systemd_runs; then
        attempt systemctl "$@"
    else
        say "left out, for systemd does not run here: systemctl $*"
    fi
}
systemd_runs() { [ -d "$root/run/systemd/system" ] && have systemctl; }
