"""The engine for agents: `egress-diag mcp`.

It is a Model Context Protocol server on standard input and output.
"""
