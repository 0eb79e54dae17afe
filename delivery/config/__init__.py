"""A stack's configuration: the keys, how they are read, and what is said of a wrong one."""
