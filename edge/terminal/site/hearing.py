"""Whether this terminal hears the other terminals of its site: what the publish thread tells the attending one."""


class SiteHearing:
    """Written by one thread, read by any; nobody waits."""

    __slots__ = ("deaf", "failing", "missed", "others")

    def __init__(self) -> None:
        self.deaf = True
        """Whether nothing is heard now: the broker is away, or refuses."""
        self.others: bool | None = None
        """Whether the manifest names other terminals; None until it was read."""
        self.missed: set[str] = set()
        """The people of whom a genuine record could not be kept, until a later punch of theirs is."""
        self.failing = False
        """Whether the attending thread cannot read the file of the site's records."""
