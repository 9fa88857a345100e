"""Whether the broker answers: a connection and a TLS handshake alone, because MQTT would end another's session."""

import socket
import time

from edge.adapters.mqtt.tls import UplinkSettings, client_context, plain_reason
from edge.errors import BrokerError


def handshake_s(settings: UplinkSettings) -> float:
    """How long connection and handshake took, in seconds. Raises BrokerError, KeyFileError."""
    context = client_context(settings)
    began = time.monotonic()
    try:
        with socket.create_connection((settings.host, settings.port), settings.connect_timeout_s) as plain:
            context.wrap_socket(plain, server_hostname=settings.host).close()
    except OSError as error:
        raise BrokerError(plain_reason(error, settings)) from error
    return time.monotonic() - began
