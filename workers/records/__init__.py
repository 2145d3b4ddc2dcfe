"""The records that the workers store and the bot reads: immutable values with their JSON in Redis.

One module for each subject. A record knows no store and no connection; `workers.client` gives access to them.
"""
