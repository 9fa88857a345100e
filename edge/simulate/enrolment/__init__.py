"""Enrolments in the simulator: before a door's camera, and from photographs."""
