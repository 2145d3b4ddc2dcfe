"""The server for agents, asked by the client of the official SDK."""
