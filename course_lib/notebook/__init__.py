"""What a chapter says to its reader, and what the reader builds."""

from course_lib.notebook.claims import claim
from course_lib.notebook.tasks import check_task
from course_lib.notebook.telling import show, show_source

__all__ = ["check_task", "claim", "show", "show_source"]
