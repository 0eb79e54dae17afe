"""`make up` and `make down`: from an empty laptop to a delivered pipeline, and back.

Every step looks at what is there already, so that the same command goes on where it was stopped. Tools are called as a
person would call them, and nothing secret is an argument of one. The stacks are those of `platform/` and of the
program; their configuration, state and passphrase are in a folder of their own, so that no file of the checkout
changes.
"""
