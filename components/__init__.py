"""Pulumi components of `delivery`: thin and declarative. What to declare is decided in `delivery`."""
