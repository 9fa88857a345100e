"""Camera, lights, buzzer and lamp of a Raspberry Pi."""
