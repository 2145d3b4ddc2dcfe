"""The error of environment variables, in a module that every command can import quickly."""


class BadSetting(Exception):
    """Environment variables with bad values: one sentence each, which never quotes a secret."""
