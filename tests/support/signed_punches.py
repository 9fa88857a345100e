"""The punches of a terminal as messages for the broker, signed and chained, without a terminal."""

from nacl.signing import SigningKey

from edge.crypto import dsse
from edge.domain.protocol import topics
from edge.domain.protocol.record import GENESIS, PAYLOAD_TYPE, Draft, Origin, Position, encode, payload_hash
from edge.domain.protocol.record_kinds import Kind
from tests.support.ledger_gate import HOUR, since_boot
from tests.support.people import ANN
from tests.support.records import punch_data


class SignedPunches:
    """Each call of `next` gives the topic and the content of one message."""

    def __init__(self, origin: Origin, key: SigningKey, epoch: str = "1" * 32) -> None:
        self.origin, self.key, self.epoch = origin, key, epoch
        self.count, self._prev = 0, GENESIS

    def next(self) -> tuple[str, bytes]:
        self.count += 1
        draft = Draft(Kind.PUNCH, punch_data(ANN, "in"), since_boot(HOUR + self.count))
        payload = encode(self.origin, Position(self.epoch, self.count, self._prev), draft)
        self._prev = payload_hash(payload)
        return topics.record(self.origin, Kind.PUNCH), dsse.to_wire(dsse.sign(PAYLOAD_TYPE, payload, self.key))
