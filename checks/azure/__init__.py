"""What Azure's network does with traffic around a gateway node pool: security rules, route tables, subnets."""
