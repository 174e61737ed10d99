"""What the program costs, as counts and as ratios of two things measured in one run.

Seconds do not repeat on another machine, or on the same one an hour later; counts and ratios do.
"""
