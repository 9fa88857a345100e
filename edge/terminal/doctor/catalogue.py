"""The reading of each item, by the item's name."""

import os
from collections.abc import Callable, Mapping

from edge.domain.doctor import AS_ROOT, DoctorFinding, ItemUnseen, of_problems, ok, unseen
from edge.errors import ConfigError, SmartClockerError
from edge.terminal.doctor.readings import camera, centre, clock, devices, disk, files, machine, models
from edge.terminal.doctor.readings.sources import Sources

READINGS: Mapping[str, Callable[[Sources], DoctorFinding]] = {
    "software": machine.software,
    "configuration": files.configuration,
    "unit": machine.unit,
    "service": centre.service,
    "camera": camera.camera,
    "lights": devices.lights,
    "buttons": devices.buttons,
    "readers": devices.readers,
    "clock": clock.clock,
    "disk": disk.disk,
    "flush": disk.flush,
    "wear": disk.wear,
    "keys": files.keys,
    "records": files.records,
    "models": models.models,
    "look": models.look,
    "certificate": files.certificate,
    "broker": centre.broker,
    "temperature": machine.temperature,
    "voltage": machine.voltage,
    "memory-limit": machine.memory_limit,
    "swap": machine.swap,
    "core-dumps": machine.core_dumps,
}


def look_at(item: str, sources: Sources) -> DoctorFinding:
    """The finding of one item. Raises nothing: what goes wrong is part of the finding."""
    try:
        return READINGS[item](sources)
    except ItemUnseen as error:
        return unseen(item, error.why, error.mend)
    except SmartClockerError as error:
        problems = error.problems if isinstance(error, ConfigError) else [str(error)]
        return of_problems(item, problems, ok(item, ""))
    except OSError as error:
        mend = AS_ROOT if isinstance(error, PermissionError) else "`dmesg` shows what the kernel says of it"
        where = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
        return unseen(item, f"{where}{error.strerror or type(error).__name__}", mend)
    except Exception as error:  # noqa: BLE001 - one broken item must not hide the others
        return unseen(item, f"{type(error).__name__}, which nobody foresaw", "report it, with the version")
