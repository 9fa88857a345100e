"""Who does what in the story. Positions on the staff; from `OTHERS` on, people only come and go."""

KEEPS, ERASED, WITHDRAWS, CHILD, LEAVES, RESTRICTED, OBJECTS, RENAMED, ASKS, REFUSED, OVERDUE, DECLINES = range(12)
OTHERS = 12
LEAST = OTHERS + 1
RIGHT_NAME = "Rita Rightname-Planted"
NEWCOMER = "Nina Newcomer-Planted"
