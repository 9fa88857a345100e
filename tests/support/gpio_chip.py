"""A GPIO chip that is drawn, and the devices beside it."""

import types


class FakeChip(types.ModuleType):
    """What lgpio 0.2.2 documents of the functions that gpiozero 2.0.1 calls, over an imaginary header."""

    SET_PULL_NONE, SET_PULL_UP, SET_PULL_DOWN = 1 << 7, 1 << 5, 1 << 6
    BOTH_EDGES, RISING_EDGE, FALLING_EDGE = 3, 1, 2

    class error(Exception):  # noqa: N801  # lgpio's own name
        pass

    def __init__(self, labels):
        super().__init__("lgpio")
        self.labels = labels
        self.opened: list[int] = []
        self.levels: dict[int, int] = {}
        self.outputs: set[int] = set()
        self.pwm: dict[int, tuple[float, float]] = {}
        self.outside: dict[int, int] = {}
        """The level that a switch or sensor gives a pin."""
        self.pulls: dict[int, int] = {}
        self.debounced: dict[int, int] = {}
        self.callbacks: dict[int, object] = {}
        self.broken = False

    def gpiochip_open(self, number):
        if self.labels[number] is None:
            raise self.error("can not open gpiochip")
        self.opened.append(number)
        return number

    def gpiochip_close(self, handle):
        self.opened.remove(handle)

    def gpio_get_chip_info(self, handle):
        return [0, 54, f"gpiochip{handle}", self.labels[handle]]

    def gpio_claim_input(self, handle, number, flags=0):
        self.outputs.discard(number)
        self.levels[number] = self.outside.get(number, 0)
        self.pulls[number] = flags
        self.pwm.pop(number, None)

    def gpio_free(self, handle, number):
        self.pulls.pop(number, None)

    def gpio_claim_alert(self, handle, number, edges, flags):
        self.pulls[number] = flags

    def gpio_set_debounce_micros(self, handle, number, micros):
        self.debounced[number] = micros

    def callback(self, handle, number, edges, function):
        self.callbacks[number] = function
        return types.SimpleNamespace(cancel=lambda: self.callbacks.pop(number, None))

    def drive(self, number, level):
        """A switch or sensor changes the level of a pin."""
        self.outside[number] = self.levels[number] = level
        if number in self.callbacks:
            self.callbacks[number](0, number, level, 0)

    def gpio_claim_output(self, handle, number, level=0):
        self.outputs.add(number)
        self.levels[number] = level

    def gpio_get_mode(self, handle, number):
        return (2 if number in self.outputs else 0) | self.pulls.get(number, 0)

    def gpio_read(self, handle, number):
        return self.levels[number]

    def gpio_write(self, handle, number, level):
        if self.broken:
            raise self.error("GPIO not available")
        assert number in self.outputs
        self.levels[number] = int(level)

    def tx_pwm(self, handle, number, frequency, duty):
        if self.broken:
            raise self.error("GPIO not available")
        self.pwm[number] = (frequency, duty)


def dev_with(tmp_path, numbers):
    devices = tmp_path / "dev"
    devices.mkdir()
    for number in numbers:
        (devices / f"gpiochip{number}").touch()
    return devices
