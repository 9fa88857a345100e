"""What is to be given next, as a whole command that a shell takes as it stands."""

import argparse
import os
import re
import shlex
from pathlib import Path

from edge.cli import DEFAULT_CONFIG
from edge.domain.plural import command


def at_centre(arguments: argparse.Namespace, verb: str, *rest: object, broker: bool = False) -> str:
    """`smartclocker central VERB DIR …` over the same directory; `broker`: by the same way to the broker.

    Where the command said no other way, it is that of DIR's mosquitto.conf.
    """
    from edge.central import broker_address

    base: Path = arguments.directory
    options: list[str] = []
    if broker:
        host, port = broker_address.reached(base)
        given = getattr(arguments, "host", broker_address.HOST), getattr(arguments, "port", broker_address.PORT)
        if given != (broker_address.HOST, broker_address.PORT):
            host, port = given
        options = broker_address.broker_options(host, port)
    return command("central", *verb.split(), base, *rest, *options, root=_by_sudo())


def with_directory(text: str, directory: Path) -> str:
    """The same words with DIR, in each command that they name, as it was given."""
    return _NAMED.sub(lambda found: found[0].replace(" DIR", f" {shlex.quote(str(directory))}", 1), text)


_NAMED = re.compile(r"`(?:smartclocker )?central [^`]*`")


def at_terminal(arguments: argparse.Namespace, *words: object) -> str:
    """A command with the same configuration."""
    config: Path = arguments.config
    own = [] if config == DEFAULT_CONFIG else ["--config", config]
    return command(*words, *own, root=_by_sudo())


def export_again(arguments: argparse.Namespace, person: str) -> str | None:
    """How the site's other terminals learn what was changed of somebody here; None where no centre has a say."""
    from edge import config

    if not config.load(arguments.config).config.keys.authority:
        return None
    return at_terminal(arguments, "people", "export", person, "--to", "roster.pem")


def say_export(arguments: argparse.Namespace, person: str) -> None:
    """Print it where there is something to be given; `roster.pem` is the centre's file."""
    again = export_again(arguments, person)
    if again is not None:
        print(f"next: {again}  # to the other terminals; roster.pem is the file of the centre")


def _by_sudo() -> bool:
    """Whether this command was given with sudo: then the next one needs it, too."""
    return "SUDO_COMMAND" in os.environ
