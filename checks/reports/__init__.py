"""A report as people and programs read it: text, json, markdown. Pure."""
