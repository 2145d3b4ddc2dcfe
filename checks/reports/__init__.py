"""The written forms of a report: text, JSON, Markdown."""
