"""The records that the workers store and the bot reads.

They are immutable values with their JSON in Redis, in one module for each subject. A record uses no store and
no connection; `workers.client` reads and writes them.
"""
