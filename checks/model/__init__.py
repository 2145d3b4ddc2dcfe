"""The ground vocabulary: findings, questions, commands, durations, quantities, redaction. Plain values, no I/O."""
