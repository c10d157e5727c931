"""Exercises with numbers drawn for each student, and a checker that names the mistake made.

Needs neither torch nor a display; answers are parsed and never executed.
"""

from course_lib.exercises.bank import bank
from course_lib.exercises.check import Feedback, Variant, check, variant
from course_lib.exercises.exercise import Exercise, Mistake

__all__ = ["Exercise", "Feedback", "Mistake", "Variant", "bank", "check", "variant"]
