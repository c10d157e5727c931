"""Assignments: a notebook with other numbers for each student, graded when it comes back.

Needs neither torch nor a network; nothing in a notebook is executed.
"""
