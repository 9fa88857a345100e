"""The check of free text for a log that is kept permanently: names, reasons, grounds, recipients."""

import unicodedata

_SEEN = "LNPS"
"""The Unicode categories of letters, numbers, punctuation and symbols: characters that a reader of the log can
see.
"""
_HIDDEN = frozenset("\u115f\u1160\u3164\uffa0\u2800\U0001d159")
"""Characters that Unicode calls letters or symbols and that are invisible: Hangul fillers, the blank of Braille, a
null note.
"""


def reason(text: str) -> str:
    """The text without blanks around it. Raises ValueError when no character of it is visible."""
    tidy = text.strip()
    if not any(unicodedata.category(one)[0] in _SEEN and one not in _HIDDEN for one in tidy):
        raise ValueError("is empty or blank, and the log keeps it permanently; write it in words")
    return tidy
