"""Alarms: a word for the status that asks for a person, logged once when it begins and once when it ends."""

import logging
from enum import StrEnum

_log = logging.getLogger(__name__)


class Alarm(StrEnum):
    """The alarm words of the status; docs/operations.md says what to do about each."""

    FORK = "fork"
    """The ledger's chain is not ours. No record is released until a person has looked."""
    LEDGER_BEHIND = "ledger-behind"
    """The ledger lost records that it had receipted; they are sent again."""
    LEDGER_HOLE = "ledger-hole"
    """The ledger lacks records that are no longer kept here: no receipt can cover what comes after them."""
    CERTIFICATE_ENDING = "certificate-ending"
    """Our certificate for the broker, or the CA's, ends within 30 days, or has ended."""
    NO_LEDGER = "no-ledger"
    """Nobody is subscribed to our records."""
    UNRECEIPTED = "unreceipted"
    """Records have waited for a receipt for minutes, although there is a connection."""
    RECEIPTS_REJECTED = "receipts-rejected"
    """Receipts come, but none of them counts: they are of another ledger's key, or not for this terminal."""
    ORDERS_WAITING = "orders-waiting"
    """Orders wait until the clock follows a time server: before that, nobody can tell whether they have expired."""
    UPLINK_FILES = "uplink-files"
    """Certificate, key or CA cannot be used: the terminal does not reach the centre, punches go on."""
    KEYS_UNUSABLE = "keys-unusable"
    """The ledger's or the authority's key, or the policy, cannot be read: receipts or orders do not count."""
    CENTRE_FAILING = "centre-failing"
    """The uplink to the centre ended with an error: it is started again, punches go on."""
    STATE_VOLATILE = "state-volatile"
    """The state directory is on a disk that loses punches in a power cut; the configuration allows it."""
    SIGNALS_FAILING = "signals-failing"
    """Lights and buzzer cannot be driven: punches go on, dark and silent."""
    STROBE_FAILING = "strobe-failing"
    """The infrared lamp cannot be driven: the strobe layer abstains."""
    CONTROL_FAILING = "control-failing"
    """The control socket cannot be made or used: the command line does not reach the terminal; punches go on."""
    READER_AWAY = "reader-away"
    """A badge reader or keypad is not there, or may not be used."""
    BUTTONS_FAILING = "buttons-failing"
    """The buttons cannot be read: punches go on without them, unless the direction is theirs alone."""
    BUTTON_STUCK = "button-stuck"
    """A button has been held for a minute or longer: its presses do not count."""
    TAMPER_OPEN = "tamper-open"
    """The terminal's box is open."""
    FACES_FAILING = "faces-failing"
    """Models or policy cannot be used: nobody is recognised, badge and PIN go on."""
    SHADOW_FAILING = "shadow-failing"
    """The coming model cannot be used: it learns nothing."""
    CALIBRATION_IGNORED = "calibration-ignored"
    """The site's own threshold is of another model, or damaged: the manifest's threshold counts."""
    STROBE_BLIND = "strobe-blind"
    """The infrared lamp shows no difference: the strobe layer abstains at present."""
    BADGES_UNKNOWN = "badges-unknown"
    """Many badges that nobody has, one after another."""
    PINS_FAILING = "pins-failing"
    """Many wrong PINs at the keypad, which pauses after each."""
    FACES_PAUSED = "faces-paused"
    """For an hour, unknown faces have been paused again and again."""
    TOO_SLOW = "too-slow"
    """The looks at a face take so long that a punch by face takes seconds, or none is made at all."""
    ROSTER_INCOMPLETE = "roster-incomplete"
    """The roster's signed manifest lists somebody whose entry did not come."""
    ROSTER_BEHIND = "roster-behind"
    """The broker sends a genuine roster that is older than the one that came before: nothing of it counts."""
    ROSTER_ANEW = "roster-anew"
    """The terminal's notes of the roster were damaged and set aside: the whole roster must come again."""
    ROSTER_UNUSABLE = "roster-unusable"
    """The notes of the roster cannot be opened at all; everything else goes on."""
    SITE_UNHEARD = "site-unheard"
    """The broker does not let us read the records of the site's other terminals."""
    SITE_FORK = "site-fork"
    """Another terminal of the site signed two histories: the records that came first count."""
    SITE_UNUSABLE = "site-unusable"
    """The file of the other terminals' records cannot be used: only our own punches tell the direction."""
    RECORD_ASIDE = "record-aside"
    """A pending record cannot be made, or a kept order cannot be read: it was set aside."""
    PEOPLE_UNREADABLE = "people-unreadable"
    """Somebody's consent, key or templates are damaged: only they are not matched."""
    PEOPLE_PUT_BACK = "people-put-back"
    """An older people file was put back and lacks what was given since, until somebody says that they looked."""
    POLICY_TEXT = "policy-text"
    """Somebody agreed to another text under the version in force: the text was changed, but not the version."""
    UNSYNCHRONISED = "clock-unsynchronised"
    """The clock follows no time server: records are made and say so; the centre finds out their time later."""
    RESERVE_SHORT = "reserve-short"
    """The disk has no room for all that the journal may grow."""
    EVIDENCE_FAILING = "evidence-failing"
    """An evidence image could not be kept, or could not be deleted on its day."""


class Alarms:
    """The alarms that stand, changed on one thread. `words` may be read on any; the log has each of them."""

    def __init__(self) -> None:
        self.words: frozenset[str] = frozenset()

    def begin(self, word: str, level: int, text: str, *values: object) -> None:
        """Begin an alarm and log `text % values`, unless the alarm stands already."""
        if word not in self.words:
            _log.log(level, text, *values)
            self.words |= {word}

    def end(self, word: str, text: str) -> None:
        """End an alarm and log `text`, if the alarm stood."""
        if word in self.words:
            _log.info(text)
            self.words -= {word}

    def __contains__(self, word: str) -> bool:
        return word in self.words
