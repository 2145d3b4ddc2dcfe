"""How checks are declared and run over facts: evaluation, causes, sweeps, recent changes."""
