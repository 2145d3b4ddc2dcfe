"""How checks are declared and run over facts: evaluation, causes, fleet checks, changes."""
