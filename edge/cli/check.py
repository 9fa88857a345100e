"""`smartclocker check`."""

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from edge.cli import add_config, add_json

if TYPE_CHECKING:
    from edge.config import Config


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of `check`."""
    parser.epilog = (
        "Prints every problem with its cure, and exits with 78 when there is one. It changes nothing, needs no "
        "network and may be run beside the running service."
    )
    add_config(parser)
    add_json(parser)
    parser.set_defaults(call=run)


def run(arguments: argparse.Namespace) -> int:
    """Check everything that can be checked from outside."""
    from edge import config
    from edge.errors import ConfigError

    problems: list[str]
    try:
        problems = list(_beyond_the_file(config.load(arguments.config).config))
    except ConfigError as error:
        problems = error.problems
    if arguments.json:
        print(json.dumps({"config": str(arguments.config), "problems": problems}, indent=2))
    else:
        for problem in problems:
            print(f"problem: {problem}")
        print(f"{arguments.config}: " + (f"{len(problems)} to mend" if problems else "ok"))
    return ConfigError.exit_code if problems else 0


def _beyond_the_file(config: "Config") -> Iterator[str]:
    """What the configuration names: keys, policy, models, files, folders."""
    from edge.adapters.mqtt_tls import client_context
    from edge.errors import SmartClockerError
    from edge.terminal import parts

    def attempt(what: str, act: Callable[[], object]) -> Iterator[str]:
        try:
            act()
        except SmartClockerError as error:
            yield f"{what}: {error}"

    yield from attempt("keys", lambda: parts.load_secrets(config))
    yield from attempt("evidence", lambda: parts.stills(config, parts.load_secrets(config), parts.clock()))
    yield from attempt("policy", lambda: parts.policy(config))
    yield from attempt("models", lambda: _verify_models(config))
    if config.uplink is not None:
        yield from attempt("uplink", lambda: client_context(parts.uplink_settings(config)))
    filming = config.recognition.mode != "badge"
    if filming and config.camera.kind == "replay" and not Path(config.camera.replay).is_dir():
        yield f"camera.replay: no folder {config.camera.replay}; name one with photographs (jpg or png)"
    if not Path(config.storage.state).is_dir():
        yield f"storage.state: no directory {config.storage.state}; create it, for the service's user alone"


def _verify_models(config: "Config") -> None:
    from edge.errors import ModelError
    from edge.terminal import parts

    problems = parts.model_store(config).verify_all()
    if problems:
        raise ModelError("; ".join(problems))
