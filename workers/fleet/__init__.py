"""Many gateways over time: fleet checks, the ledger of their states, digests and handoffs."""
