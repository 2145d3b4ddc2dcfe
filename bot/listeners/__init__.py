"""The listeners for Slack's requests.

They parse, check access, start the work, and acknowledge.
"""
