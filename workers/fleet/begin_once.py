"""How digests and handoffs begin: a record is created once and added to an index."""

BEGIN_ONCE = """
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'EX', ARGV[2]) == false then return 0 end
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[4])
return 1
"""
"""Create a record and add it to an index; return 0 if the record exists.

KEYS are the record and the index. ARGV are the record, its seconds, its place in the index, and its name.
"""
