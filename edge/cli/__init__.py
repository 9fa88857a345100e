"""The command line `smartclocker VERB`. Each group of verbs is a module, which is imported only when it is
called.
"""

import argparse
import contextlib
import importlib
import io
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from edge import __version__
from edge.cli.output.outcome import told
from edge.cli.output.plain_text import plain_output, shown
from edge.errors import SmartClockerError

DEFAULT_CONFIG = Path("/etc/smartclocker/config.toml")
_GROUPS = {
    "run": "run the terminal (what the service does)",
    "check": "check configuration, keys, models and files, and say how to mend what is wrong",
    "doctor": "look at every part of the terminal, and say how to mend what is wrong",
    "status": "show the running terminal's state, alarms and counters",
    "cues": "show cues on the terminal's lights and buzzer",
    "config": "show the effective configuration and where each value comes from",
    "keys": "create the terminal's keys, or show its public key",
    "claim": "give this terminal its name and its files, by a token of the centre",
    "models": "list the models and verify their hashes",
    "camera": "show which camera counts at this terminal, accept another one",
    "enrol": "enrol a person, with consent, from photographs or the camera",
    "people": "manage the people of this terminal: list, badges and PINs, consent, rights, roster, erasure",
    "evidence": "list or delete the sealed images of punches; nobody can see one here",
    "journal": "verify, show, correct, export and recover the signed journal",
    "central": "run the centre: certificates, terminals, the ledger",
    "demo": "show the whole way of a punch on this machine, in a minute",
    "simulate": "try whole terminals in a browser page: webcam or photographs, lights, sound, badges",
    "evaluate": "measure recognition on a folder of people's photographs",
    "calibrate": "find this site's own threshold, from its people and their punches",
    "evaluate-pad": "measure presentation attack detection on a folder of genuine faces and attacks",
}
"""Every verb; docs/cli.md has a section on each."""
_MODULES = {
    **{
        name: f"terminal.{name}"
        for name in ("run", "check", "doctor", "status", "cues", "config", "keys", "models", "camera", "calibrate")
    },
    **{name: f"{name}.verbs" for name in ("people", "journal", "central")},
    "claim": "terminal.claim",
    "enrol": "people.enrol",
    "evidence": "people.evidence",
    "evaluate-pad": "evaluate_pad",
}
"""The module of a verb below this package, if it does not have the verb's name."""
_PLAIN = frozenset({"central", "people", "evidence", "status", "doctor", "cues", "camera"})
"""Verbs that print text that other machines and people wrote."""
_IMPERSONAL = frozenset({"camera", "config", "models", "run"})
"""Verbs that hold no personal data, and `run`, which hardens itself. All other verbs must leave no core dump."""
_STDERR = 2
_LINE_ENDS = "\n"
"""An error lists each of several problems on its own line."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one verb. The result is the exit code of the process (docs/cli.md lists them). An expected error prints
    one message.
    """
    words = [
        word.replace("\0", "\ufffd") for word in (sys.argv[1:] if argv is None else argv)
    ]  # no kernel passes a NUL character, but a caller of `main` may
    _open_standard_streams()
    _print_whatever_the_locale()
    parser = build_parser(words[0] if words and words[0] in _GROUPS else None)
    arguments = parser.parse_args(words)
    _log_to_stderr(arguments)
    if words[0] not in _IMPERSONAL:
        from edge.adapters.linux.process_hardening import leave_no_core

        leave_no_core()
    try:
        with plain_output() if words[0] in _PLAIN else contextlib.nullcontext():
            code: int = arguments.call(arguments)
        sys.stdout.flush()  # a full disk behind standard output gives an exit code
    except SmartClockerError as error:
        print(f"smartclocker: {shown(error, keep=_LINE_ENDS)}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of the pipe (`| head`) has ended. A second error at interpreter exit would help nobody.
        _let_go_of_output()
        return 141
    except Exception as error:  # Python's own exit code would be 1, which has another meaning here
        text, code = told(error)
        _let_go_of_output()
        if code == SmartClockerError.exit_code:
            logging.getLogger(__name__).critical("%s", text, exc_info=True)
        else:
            print(f"smartclocker: {shown(text)}", file=sys.stderr)
        return code
    return code


def _let_go_of_output() -> None:
    """Redirects standard output to /dev/null if it cannot be flushed. Otherwise the interpreter would fail again at
    its exit, with another exit code.
    """
    try:
        sys.stdout.flush()
    except OSError:
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _open_standard_streams() -> None:
    """Opens standard streams that the caller closed, on /dev/null.

    Otherwise the next file that is opened, for example a journal, would get their number, and a library that writes
    to standard error would write into that file.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - for the process's life
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(_STDERR, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


def _print_whatever_the_locale() -> None:
    """Shows characters that this locale cannot print by their numbers, so that a name does not cause a failure
    after the work is done.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


class _VerbParser(argparse.ArgumentParser):
    """A parser whose verbs themselves refuse what they do not know, so that the message shows that verb's usage.

    argparse would hand it up to the program's parser, whose usage says only that there are verbs.
    """

    def parse_known_args(  # type: ignore[override]  # argparse's overloads say the same in three ways
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}; `{self.prog} --help` explains those it has")
        return found, unknown


def build_parser(only: str | None = None) -> argparse.ArgumentParser:
    """The parser. With `only`, the arguments of that verb alone are added, so that starting is fast."""
    parser = _VerbParser(
        prog="smartclocker",
        description="A face-recognition time clock whose punches are signed, durable and receipted.",
        epilog="`smartclocker VERB --help` explains each verb; `smartclocker demo` shows how it all works.",
    )
    parser.add_argument("--version", action="version", version=f"smartclocker {__version__}")
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    for name, summary in _GROUPS.items():
        verb = verbs.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        if only in {None, name}:
            importlib.import_module(f"edge.cli.{_MODULES.get(name, name)}").configure(verb)
    return parser


def add_config(parser: argparse.ArgumentParser) -> None:
    """Adds `--config`, which most verbs have."""
    parser.add_argument(
        "--config",
        type=Path,
        default=DEFAULT_CONFIG,
        metavar="FILE",
        help=f"the configuration (default: {DEFAULT_CONFIG})",
    )


def add_json(parser: argparse.ArgumentParser, *, array: bool = False) -> None:
    """Adds `--json`. With `array` the document is a list of objects."""
    what = "one JSON array of objects" if array else "one JSON object"
    parser.add_argument("--json", action="store_true", help=f"print {what} instead of text")


class _Priorities(logging.Formatter):
    """Adds sd-daemon(3) prefixes, which journald turns into priorities."""

    _PREFIX = ((logging.CRITICAL, "<2>"), (logging.ERROR, "<3>"), (logging.WARNING, "<4>"), (logging.INFO, "<6>"))

    def format(self, record: logging.LogRecord) -> str:
        text = shown(super().format(record), keep=_LINE_ENDS)
        if "JOURNAL_STREAM" not in os.environ:
            return text
        prefix = next((word for level, word in self._PREFIX if record.levelno >= level), "<7>")
        return "\n".join(prefix + line for line in text.splitlines())


def _log_to_stderr(arguments: argparse.Namespace) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(_Priorities("%(name)s: %(message)s"))
    logging.basicConfig(level=getattr(arguments, "log_level", logging.WARNING), handlers=[handler], force=True)
