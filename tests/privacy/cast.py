"""Who does what in the story. Positions on the staff; from `OTHERS` on, people only come and go."""

KEEPS, ERASED, WITHDRAWS, CHILD, LEAVES, RESTRICTED, OBJECTS, RENAMED, ASKS, REFUSED, OVERDUE, DECLINES = range(12)
OTHERS = 12
LEAST = OTHERS + 1
RIGHT_NAME = "Rita Rightname-Planted"
BADGES = {OBJECTS: ("0BADGE4711993", "770018804629"), ERASED: ("0BADGE8822114", "660029917358")}
"""Who has a badge, and a staff number: of twelve digits, so that eight of them are found in base64 at any
alignment."""
PINS = {OBJECTS: "271828182845", ERASED: "314159265358"}
FACELESS = ("Fay Faceless-Planted", "0BADGE5533661")
"""Somebody who said no from the start: name and badge."""
NEWCOMER = "Nina Newcomer-Planted"
