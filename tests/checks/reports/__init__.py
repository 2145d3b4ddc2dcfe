"""Reports for people: text and Markdown."""
