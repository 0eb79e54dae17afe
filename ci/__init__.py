"""What the workflows of this project run, beyond a line: the rendered difference as a comment, updates, promotions."""

DIFFERENCE = "rendered.diff"
"""The file in which one job hands another what a pull request renders differently."""
