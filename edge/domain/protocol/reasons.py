"""Free text for a log that is kept for good: who, why, on what ground, to whom."""

import unicodedata

_SEEN = "LNPS"
"""Unicode's letters, numbers, punctuation and symbols: what a reader of the log sees by itself."""
_HIDDEN = frozenset("\u115f\u1160\u3164\uffa0\u2800\U0001d159")
"""What Unicode calls letters and symbols and nobody sees: Hangul fillers, the blank of Braille, a null note."""


def reason(text: str) -> str:
    """The text without blanks around it. Raises ValueError where nobody could read anything in it."""
    tidy = text.strip()
    if not any(unicodedata.category(one)[0] in _SEEN and one not in _HIDDEN for one in tidy):
        raise ValueError("is empty or blank, and the log keeps it for good; say it in words")
    return tidy
