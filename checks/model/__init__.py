"""The basic values of a diagnosis: findings, questions, commands, durations, quantities, redaction. No I/O."""
