"""Printed commands with real kubectl, a real API server and the argument tables of azure-cli."""
