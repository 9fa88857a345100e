"""How messages say how many."""


def counted(count: int, one: str, many: str = "") -> str:
    """`1 image`, `2 images`; `many` where an s is not enough."""
    return f"{count} {one if count == 1 else many or one + 's'}"
