"""Many gateways over time: fleet checks, the ledger, digests, handoffs."""
