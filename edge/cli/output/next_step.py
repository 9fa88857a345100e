"""The next command to give, complete, so that it can be pasted into a shell."""

import argparse
import os
import re
import shlex
from pathlib import Path

from edge.cli import DEFAULT_CONFIG
from edge.domain.plural import command


def at_centre(arguments: argparse.Namespace, verb: str, *rest: object, broker: bool = False) -> str:
    """`smartclocker central VERB DIR …` for the same directory; with `broker` also the options of the broker.

    The broker's options are those of this command, otherwise those of DIR's mosquitto.conf.
    """
    from edge.central import broker_address
    from edge.cli.central.directory import way

    base: Path = arguments.directory
    options = broker_address.broker_options(*way(arguments)) if broker else []
    return command("central", *verb.split(), base, *rest, *options, root=_by_sudo())


def with_directory(text: str, directory: Path) -> str:
    """The text in which DIR in each command is replaced by the given directory."""
    return _NAMED.sub(lambda found: found[0].replace(" DIR", f" {shlex.quote(str(directory))}", 1), text)


_NAMED = re.compile(r"`(?:smartclocker )?central [^`]*`")


def at_terminal(arguments: argparse.Namespace, *words: object) -> str:
    """A command with the same configuration."""
    config: Path = arguments.config
    own = [] if config == DEFAULT_CONFIG else ["--config", config]
    return command(*words, *own, root=_by_sudo())


def export_again(arguments: argparse.Namespace, person: str) -> str | None:
    """The command that brings a person's change to the site's other terminals; None if no centre is configured."""
    from edge import config

    if not config.load(arguments.config).config.keys.authority:
        return None
    return at_terminal(arguments, "people", "export", person, "--to", "roster.pem")


def say_export(arguments: argparse.Namespace, person: str) -> None:
    """Prints that command if there is one; `roster.pem` is the centre's file."""
    again = export_again(arguments, person)
    if again is not None:
        print(f"next: {again}  # to the other terminals; roster.pem is the file of the centre")


def _by_sudo() -> bool:
    """Whether this command was run with sudo, so that the next one needs it, too."""
    return "SUDO_COMMAND" in os.environ
