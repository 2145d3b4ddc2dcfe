"""The route of a request through the mesh, and that of the bot's own traffic.

`own_traffic` finds out whether the bot's own connections go through a gateway.
"""
