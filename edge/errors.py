"""Errors that reach a person.

Each names its cure and carries the exit code of its process (sysexits.h), and each is also the standard
library's type for its kind, so that code which knows nothing of us can still catch it. Expected refusals
(an unknown face, a full journal) are values, not exceptions.
"""

from collections.abc import Mapping
from typing import Any, ClassVar


class SmartClockerError(Exception):
    """Base of every error that we raise on purpose: `str()` is one message that ends with the cure."""

    exit_code: ClassVar[int] = 70
    """sysexits.h EX_SOFTWARE, unless a subclass knows better."""


class ConfigError(SmartClockerError, ValueError):
    """The configuration cannot be used. A restart does not mend it: systemd must not try."""

    exit_code = 78

    def __init__(self, source: str, problems: list[str]) -> None:
        """`source` is the file; `problems` holds every one found, each beginning with the path of its key."""
        self.source = source
        self.problems = problems
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__(f"{source}: {count}\n" + "\n".join(f"  {line}" for line in problems))


class NameRefused(SmartClockerError, ValueError):
    """A name, host or port that was given is malformed or reserved; the text says how to write it."""

    exit_code = 2


class ExtraMissing(SmartClockerError, ImportError):
    """A library that only some verbs need is not installed; the text names the extra that brings it."""

    exit_code = 69


class ModelError(SmartClockerError, ValueError):
    """A model file is missing, corrupt, swapped for another, or of a shape that we cannot use."""

    exit_code = 78


class KeyFileError(SmartClockerError, PermissionError):
    """A key file is missing, unreadable, malformed, or readable by others."""

    exit_code = 78


class JournalError(SmartClockerError, OSError):
    """The journal cannot be opened or written; nothing that was committed is touched."""

    exit_code = 74


class JournalDamaged(JournalError):
    """The file is not, or no longer, a journal that can be read: truncated, malformed, or something else."""


class JournalForeign(JournalError):
    """The journal is another terminal's, or was signed by another identity than the one that is here."""

    exit_code = 78


class JournalAltered(JournalError):
    """The journal was changed by another program: a record fails its signature or breaks the chain."""

    exit_code = 65


class TransferError(SmartClockerError, OSError):
    """An export or a file of receipts cannot be written or read; the journal is as it was."""

    exit_code = 74


class EvidenceError(TransferError):
    """The evidence store cannot be opened or written; punches do not need it."""


class EvidenceDamaged(EvidenceError):
    """The evidence store cannot be read any more; it is deleted, so that it keeps no image beyond its day."""


class SiteError(TransferError):
    """The file of the site's records cannot be opened or written; punches go on with what is known without it."""


class SiteDamaged(SiteError):
    """The file of the site's records cannot be read any more; it is set aside, and another one is begun."""


class ExportRefused(SmartClockerError, ValueError):
    """The file is no export, is sealed to somebody else, or holds nothing genuine."""

    exit_code = 65


class BackupError(SmartClockerError, OSError):
    """A backup of the centre cannot be written, or what it needs cannot be read. The former backup is as it was."""

    exit_code = 74


class BackupRefused(SmartClockerError, ValueError):
    """The file is no backup, is damaged or under another key, or it may not be made or restored where it was asked
    for.
    """

    exit_code = 65


class RecordError(SmartClockerError, ValueError):
    """A record, envelope or receipt is malformed, or its signature does not verify."""

    exit_code = 65


class PeopleError(SmartClockerError, ValueError):
    """The people store refuses: no active consent, unknown person, a key of another terminal."""

    exit_code = 65


class PeopleUnavailable(PeopleError):
    """The people file cannot be read or written now: a full or read-only disk, rights, another process."""

    exit_code = 74


class StorageKeyError(PeopleError):
    """The storage key is another one than that under which people are kept here."""

    exit_code = 78


class RosterDamaged(PeopleError):
    """The notes of the roster cannot be read any more: they are set aside, and everything comes again."""


class QuestionError(SmartClockerError, LookupError):
    """The question cannot have an answer: days the wrong way round, a person or terminal that nobody knows."""

    exit_code = 65


class EnrolmentRefused(SmartClockerError, ValueError):
    """A photograph cannot become a template: no face, two faces, poor quality; the text says what to change."""

    exit_code = 65


class PhotoError(SmartClockerError, ValueError):
    """A photograph's file is missing, truncated, corrupt, or too large to be one."""

    exit_code = 65


class EvaluationError(SmartClockerError, ValueError):
    """A folder of people, a list of groups or a work folder from which nothing can be measured."""

    exit_code = 65


class CameraError(SmartClockerError, OSError):
    """The camera cannot be opened or read. A restart may mend it."""

    exit_code = 74


class SignalsError(SmartClockerError, OSError):
    """The LEDs, the buzzer or the strobe cannot be driven."""

    exit_code = 74


class BrokerError(SmartClockerError, ConnectionError):
    """The broker refuses us for a reason that waiting will not mend (a bad certificate file, say)."""

    exit_code = 69


class LedgerError(SmartClockerError, OSError):
    """The ledger cannot be opened, or was made by a newer version than this one."""

    exit_code = 74


class LedgerRefused(LedgerError):
    """The ledger is sound, and the request is not: a name that nobody has, a key that is taken."""

    exit_code = 65


class LedgerStalled(LedgerError):
    """The ledger cannot be written now: its disk is full or read-only, or another process writes. It may pass."""


class AlreadyRuns(SmartClockerError, OSError):
    """Another process of the same kind runs on the same files."""

    exit_code = 75


class ReaderError(SmartClockerError, OSError):
    """The badge reader or keypad cannot be used at all: no such device, or no right to read it."""

    exit_code = 74


class ControlError(SmartClockerError, ConnectionError):
    """The control socket cannot be made or used."""

    exit_code = 69


class ControlAway(ControlError):
    """No terminal answers at the control socket, or this user may not reach it."""


class ControlRefused(SmartClockerError, ValueError):
    """The running terminal refused a request, or an action ended without a result; the text says what to do."""

    exit_code = 65

    def __init__(self, text: str, said: Mapping[str, Any] | None = None) -> None:
        """`said` is the last line of the answer."""
        super().__init__(text)
        self.said: Mapping[str, Any] = said or {}


class ButtonsError(SmartClockerError, OSError):
    """The buttons could not be opened or read; the message names the cure."""

    exit_code = 74


class ClaimRefused(SmartClockerError, ValueError):
    """A terminal cannot be claimed: the token, the centre's answer, or what is here already is against it."""

    exit_code = 65


class ClaimAway(SmartClockerError, ConnectionError):
    """No claim server answers, or another one than that of the token."""

    exit_code = 69
