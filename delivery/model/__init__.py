"""The pipeline and its stacks as frozen values, and the rules of their identifiers."""
