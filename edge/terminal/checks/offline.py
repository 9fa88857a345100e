"""All checks of a terminal that need no connection, for `smartclocker check`."""

import os
from collections.abc import Iterator
from pathlib import Path

from edge.adapters.linux.service_account import Account, group_number, service_account
from edge.config import CREDENTIAL_SOURCE, Loaded
from edge.terminal.checks import devices, files, state


def problems(loaded: Loaded) -> list[str]:
    """The problems that `run` would meet, each once and with its cure, found with the rights of the service's
    user.
    """
    user = account(loaded)
    return list(dict.fromkeys(_problems(loaded, user)))


def notes(loaded: Loaded) -> list[str]:
    """Settings that work, but may not be what somebody meant."""
    found = [*files.notes(loaded.config), *devices.notes(loaded.config)]
    group = loaded.config.control.group
    if "control.group" in loaded.given and group_number(group) is None:
        found.append(f"control.group: this machine has no group {group}; `groupadd --system {group}` makes it")
    return found


def _problems(loaded: Loaded, user: Account | None) -> Iterator[str]:
    yield from files.problems(loaded.config, user)
    yield from devices.problems(loaded.config, user)
    yield from state.problems(loaded.config, user)


def account(loaded: Loaded) -> Account | None:
    """The account that the service has; None when that is the caller's."""
    installed = Path(os.path.abspath(loaded.source)).parent == CREDENTIAL_SOURCE.parent  # noqa: PTH100 - no links
    return service_account(Path(loaded.config.storage.state), installed=installed)
