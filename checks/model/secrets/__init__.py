"""Which parts of a text are secrets? One module for each kind of sign.

docs/decisions/0010-own-redactor.md explains why this is not a library. Every function is linear in the length of the text.
"""
