"""How messages say how many, and how they write a command that is to be given."""

import shlex


def counted(count: int, one: str, many: str = "") -> str:
    """`1 image`, `2 images`; `many` where an s is not enough."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def command(*words: object, root: bool = False) -> str:
    """A whole command of ours, quoted so that a shell takes it as it stands; capitals are to be filled in."""
    return shlex.join([*(["sudo"] if root else []), "smartclocker", *map(str, words)])
