"""What happens to a broker in the field, and never in the product by itself."""

from edge.central.broker.mosquitto import EmbeddedBroker


def restart(broker: EmbeddedBroker) -> None:
    """Stop it if it runs, start it again on the same port with the same state."""
    broker.stop()
    broker.start()
