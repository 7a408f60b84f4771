"""What requests cost, counted and not timed, so that a slower path is seen in review.

Start at `__main__`, which compares; `counting` counts, in a process of its own.
"""
