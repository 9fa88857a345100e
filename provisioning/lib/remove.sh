# shellcheck shell=sh disable=SC2154
# Taking away: the program alone, or configuration, keys and data, too.

remove_program() {
    begin "removing the program" "mend what the message says"
    # Not there, or not running: then there is nothing to end.
    manager disable --now smartclocker.service || say "smartclocker.service was not there"
    do_ rm -f "$units/smartclocker.service" "$units/multi-user.target.wants/smartclocker.service"
    if [ -e "$units/smartclocker-ledger.service" ]; then
        say "kept: $target, its command and its users, for smartclocker-ledger.service runs from there"
    else
        do_ rm -f "$users"
        do_ rm -rf "$root$target"
        if [ "$(readlink "$link" 2>/dev/null || :)" = "$target/venv/bin/smartclocker" ]; then do_ rm -f "$link"; fi
    fi
    manager daemon-reload || say "systemd did not read its units again; a boot does"
}

confirm_purge() {
    say "This destroys for ever: $etc (configuration, keys) and $state (journal, people, evidence images)."
    say "The people file is encrypted. Once its key is erased, nobody can read it again, nor any copy or backup of it."
    say "Punches that the centre has not receipted are lost: smartclocker journal verify says how many there are."
    [ -z "$dry" ] && [ -z "$yes" ] || return 0
    printf 'Type  destroy  to go on: '
    answer=
    read -r answer || :
    [ "$answer" = destroy ] || die "not confirmed: nothing was changed. Type the word, or give --yes"
}

destroy_data() {
    begin "destroying keys and data" "mend what the message says"
    elsewhere=$(sed -nE "s,^[[:space:]]*(state|identity|storage)[[:space:]]*=[[:space:]]*[\"'](/[^\"']*)[\"'].*,\1 \2,p" \
        "$root$etc/config.toml" 2>/dev/null || :)
    # The keys first: whatever ends this half-way, the people file cannot be read any more.
    for one in "$root$etc"/keys/*; do
        [ ! -f "$one" ] || do_ shred --iterations=1 --remove "$one"
    done
    if [ -d "$root$state" ] && { [ -L "$root$state" ] || mountpoint -q "$root$state"; }; then
        do_ find "$root$state/" -xdev -mindepth 1 -delete # rm would remove the link alone, or fail at a disk's own folder
        say "emptied: $state, a link or a disk of its own; the empty folder stays"
    else
        do_ rm -rf --one-file-system "$root$state"
    fi
    if [ -e "$units/smartclocker-ledger.service" ] || [ -e "$root$etc/broker" ] || [ -e "$root$etc/backup.key" ]; then
        say "kept: what else is in $etc, for a centre runs on this machine"
        do_ rm -rf "$root$etc/keys" "$root$etc/tls" "$root$etc/config.toml"
    else
        do_ rm -rf "$root$etc"
    fi
    say "destroyed: keys and data of this terminal. A card keeps old blocks: destroy the card itself if that matters."
    printf '%s\n' "$elsewhere" | while read -r key place; do
        case $key,$place in
        ,* | "state,$state" | *",$etc/"*) ;;
        state,*) say "storage.state named $place: that directory was not touched; remove it by hand" ;;
        *) say "keys.$key named $place: that key was not touched; shred -u it by hand, or copies of the data can be read" ;;
        esac
    done
    say "At the centre: smartclocker central revoke, so that nothing signed by this terminal counts any more."
}
