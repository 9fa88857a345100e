"""Who acted by hand at a terminal, as its records say it: a number, and never a name.

Records travel to the broker, whose tenants learn pseudonymous ids alone. Whose number it is stands where numbers
are given: in the machine's own list of logins, or in the employer's of staff.
"""

import re

LAST_UID = 2**32 - 2
"""One more is what the kernel says where nobody logged in."""
_STAFF = r"(?=[a-z-]*[0-9])[a-z0-9][a-z0-9-]{0,31}"  # with a digit: a name by itself has none
_STAFF_NUMBER = re.compile(_STAFF)
_BY = re.compile(rf"uid:(?:0|[1-9][0-9]{{0,9}})|{_STAFF}")


def of_uid(uid: int) -> str:
    """What a record says of a login. Raises ValueError for what is none."""
    if not 0 <= uid <= LAST_UID:
        raise ValueError(f"{uid} is the number of no login")
    return f"uid:{uid}"


def is_staff_number(word: str) -> bool:
    """Whether somebody may give this for themselves: opaque by its form, and not to be taken for a login's."""
    return _STAFF_NUMBER.fullmatch(word) is not None


def is_by(value: object) -> bool:
    """Whether a record may name this as who acted: a login's number or a staff number."""
    return isinstance(value, str) and _BY.fullmatch(value) is not None
