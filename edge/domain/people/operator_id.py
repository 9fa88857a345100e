"""The operator at a terminal as records name them: a number, and never a name.

Records travel to the broker, whose tenants learn pseudonymous ids alone. The owner of a number is known where
numbers are given: in the machine's own list of logins, or in the employer's list of staff.
"""

import re

LAST_UID = 2**32 - 2
"""Largest login number; one more is the kernel's value when nobody logged in."""
_STAFF = r"(?=[a-z-]*[0-9])[a-z0-9][a-z0-9-]{0,31}"  # with a digit: a name by itself has none
_STAFF_NUMBER = re.compile(_STAFF)
BY = re.compile(rf"uid:(?:0|[1-9][0-9]{{0,9}})|{_STAFF}")


def of_uid(uid: int) -> str:
    """The text in a record for a login. Raises ValueError for a number that is none."""
    if not 0 <= uid <= LAST_UID:
        raise ValueError(f"{uid} is the number of no login")
    return f"uid:{uid}"


def is_staff_number(word: str) -> bool:
    """Whether somebody may give this as their own number: opaque by its form, and no login's."""
    return _STAFF_NUMBER.fullmatch(word) is not None


def is_by(value: object) -> bool:
    """Whether a record may name this as the operator: a login's number or a staff number."""
    return isinstance(value, str) and BY.fullmatch(value) is not None
