"""How checks run over facts: declaration, evaluation, causes, sweeps, recent changes."""
