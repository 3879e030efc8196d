"""Injected faults at every door and writer: what is said, what is left, and whether the same command then ends well.

``python -m benchmarks.faults`` runs all kinds and prints a Markdown table (docs/reliability.md); ``--list`` names them,
``--only NAME`` runs those whose name the pattern NAME matches, ``--jobs N`` N doors at once. Exit status 1 if a good
file was lost, a half-written one had its name, a traceback was seen, or the command run again without the fault ended
otherwise than one left alone. Linux only; gcc and unshare (util-linux) are needed for most kinds.
"""
