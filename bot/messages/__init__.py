"""Messages as pure functions: a document in, the messages that should exist out, each under a stable slot."""
