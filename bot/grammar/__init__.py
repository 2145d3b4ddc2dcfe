"""The grammar of commands: the text that people type, parsed into values."""
