"""Who may use the control socket: root, the service's own user, and the members of one group."""

from dataclasses import dataclass

from edge.adapters.linux.peer_credentials import Peer
from edge.domain.people.operator_id import of_uid


@dataclass(frozen=True, slots=True)
class Admission:
    """The rule of one terminal."""

    own_uid: int
    group: str
    gid: int | None
    """The number of the group; None when this machine has no group of that name."""

    def refusal(self, peer: Peer) -> str | None:
        """Why this peer is refused, with the cure; None when it is admitted."""
        if self.is_trusted(peer) or (self.gid is not None and self.gid in peer.groups):
            return None
        cure = f"run it as root (sudo), or add the user to the group {self.group}"
        if self.gid is None:
            cure += f", which this machine lacks: `groupadd --system {self.group}`, then restart the terminal"
        else:
            cure += f": `usermod -aG {self.group} USER`, then log in again"
        return f"uid {peer.uid} may not use this terminal; {cure}"

    def is_trusted(self, peer: Peer) -> bool:
        """Whether the peer may act for any login: it could change the files itself."""
        return peer.uid in {0, self.own_uid}

    def operator_problem(self, peer: Peer, by: str) -> str | None:
        """Why the records of this peer's act may not name `by`; None when they may.

        A member of the group is named by its own login or by a staff number, not by somebody else's login.
        """
        if self.is_trusted(peer) or not by.startswith("uid:") or by == of_uid(peer.uid):
            return None
        return f"records name your own login, {of_uid(peer.uid)}, or a staff number; give --operator"
