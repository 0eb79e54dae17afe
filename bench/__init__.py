"""Measures what the project promises about its speed, each figure beside its bound. See README.md here."""
