"""The items that the doctor looks at, in their order, each with its time limit. docs/doctor.md describes each."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DoctorItem:
    """One part of the terminal."""

    name: str
    limit_s: float
    """Longest time of a look, in seconds; then the part counts as hanging."""
    connects: bool = False
    """Whether it connects to the broker; `--offline` leaves it out."""


ITEMS = (
    DoctorItem("software", 15),
    DoctorItem("configuration", 10),
    DoctorItem("unit", 15),
    DoctorItem("service", 15),
    DoctorItem("camera", 45),
    DoctorItem("lights", 15),
    DoctorItem("buttons", 15),
    DoctorItem("readers", 15),
    DoctorItem("clock", 15),
    DoctorItem("disk", 15),
    DoctorItem("flush", 30),
    DoctorItem("wear", 10),
    DoctorItem("keys", 20),
    DoctorItem("records", 120),
    DoctorItem("models", 60),
    DoctorItem("look", 90),
    DoctorItem("certificate", 15),
    DoctorItem("broker", 120, connects=True),
    DoctorItem("temperature", 10),
    DoctorItem("voltage", 10),
    DoctorItem("memory-limit", 10),
    DoctorItem("swap", 10),
    DoctorItem("core-dumps", 10),
)
