"""The reasons why a connection ended, in plain words with the cure."""

import logging

from paho.mqtt.reasoncodes import ReasonCode

from edge.adapters.mqtt.tls import broker_refusal


class LastError(logging.Handler):
    """Keeps the text of paho's last error, for one connection."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.text = ""
        self.logger = logging.Logger("paho", logging.ERROR)  # noqa: LOG001 - on purpose not in the tree
        self.logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the text of a log record."""
        self.text = record.getMessage()


DISCONNECTS = {
    "Session taken over": (
        "another client connected under our name; give each terminal its own name and certificate"
    ),
    "Keep alive timeout": "the broker fell silent; check the network",
    "Server shutting down": "the broker is shutting down",
    "Not authorized": "not authorised any more; check the broker's ACL and certificates",
    "Packet too large": "a message is larger than the broker allows; raise its max_packet_size",
    "Receive maximum exceeded": "too many messages at once for the broker; raise its max_inflight_messages",
}


LOCAL = {
    "Keep alive timeout": DISCONNECTS["Keep alive timeout"],
    "Protocol error": "the broker sent a malformed packet; check that it is an MQTT v5 broker",
}
"""Reasons for which paho itself ends a connection, by paho's names for them."""


def connack_reason(code: ReasonCode) -> str:
    """The reason why the broker does not accept the connection."""
    if str(code) in {"Not authorized", "Bad user name or password"}:
        return "not authorised: the broker knows no user of this certificate's common name; check its ACL"
    return f"the broker refuses the connection ({code})"


def unexplained(last_error: str, *, answered: bool) -> str:
    """The most likely reason when none was given. `last_error` is paho's text, `answered` whether the broker ever
    sent an MQTT packet.
    """
    refusal = broker_refusal(last_error)
    if refusal is not None:
        return refusal
    if not answered:
        return (
            "the broker closed the connection without an answer; it may not accept our certificate: "
            "its log names the reason"
        )
    return "the broker closed the connection: it stopped, or another client connected under our name"
