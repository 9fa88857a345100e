"""The types of the fields of documents, each defined once.

`msgspec.convert` checks a value against them. It searches for a pattern anywhere in a text, so each pattern is
anchored here at both ends.
"""

import re
from typing import Annotated

from msgspec import Meta

from edge.domain.strict_json import MAX_INTEGER
from edge.domain.time.instant import INSTANT

NAME = re.compile(r"(?!roster\Z)[a-z0-9][a-z0-9-]{0,31}")
"""The name of a site or terminal: safe as a topic level, a file name and a certificate's common name. `roster` is
excluded, because it is a topic level itself.
"""
PERSON = re.compile(r"[a-z2-7]{26}")
"""An opaque person id: 128 random bits in base32."""
EPOCH = re.compile(r"[0-9a-f]{32}")
KEY_ID = EPOCH
HASH = re.compile(r"[0-9a-f]{64}")
RECORD_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,31}/[0-9a-f]{32}/[1-9][0-9]{0,15}")
"""A record's CloudEvents id."""
SITE_RECORD_ID = re.compile(rf"{NAME.pattern}/{RECORD_ID.pattern}")
"""A record's id with its site before it: `<site>/<terminal>/<epoch>/<seq>`."""
UTC = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z"
)  # \d would accept digits of every script
WORD = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]{1,200}")
"""One short line of text without control characters, so that a ledger may print it."""


def whole(pattern: re.Pattern[str]) -> Meta:
    """The constraint that a whole text matches `pattern`, from its first character to its last."""
    return Meta(pattern=rf"\A(?:{pattern.pattern})\Z")


Name = Annotated[str, whole(NAME)]
Person = Annotated[str, whole(PERSON)]
Epoch = Annotated[str, whole(EPOCH)]
KeyId = Annotated[str, whole(KEY_ID)]
Hash = Annotated[str, whole(HASH)]
RecordId = Annotated[str, whole(RECORD_ID)]
SiteRecordId = Annotated[str, whole(SITE_RECORD_ID)]
Instant = Annotated[str, whole(INSTANT)]
Word = Annotated[str, whole(WORD)]
Integer = Annotated[int, Meta(ge=-MAX_INTEGER, le=MAX_INTEGER)]
Whole = Annotated[int, Meta(ge=0, le=MAX_INTEGER)]
Count = Annotated[int, Meta(ge=1, le=MAX_INTEGER)]
