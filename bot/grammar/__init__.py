"""What people type, as commands. Pure."""
