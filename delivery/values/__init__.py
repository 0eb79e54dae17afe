"""A YAML file of values: read, and edited one position at a time."""
