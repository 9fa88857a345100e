"""SmartClocker Edge: a face-recognition time clock whose punches are signed, durable and receipted."""

__version__ = "0.1.0"
