"""The doctor looks at every part of a terminal, and says how it is, with the measured figure, and how to mend it.

`items` lists the parts. A reading (`readings`) asks the system for an item's values and hands them to a pure
judgement (`judge_machine`, `judge_parts`). `worker` does this in a process of its own, which `examination` starts
and watches, so that a hanging device hangs nothing else.
"""
