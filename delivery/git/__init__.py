"""The git commands that a promotion runs."""
