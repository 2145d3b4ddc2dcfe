"""The tests' Redis keeps acknowledged writes when a node fails, like the deployment's."""

from pathlib import Path

import redis

from tests.redis_server import RedisServer


def test_acknowledged_writes_survive_a_kill(tmp_path: Path) -> None:
    server = RedisServer(tmp_path, durable=True)
    server.start()
    try:
        with redis.Redis.from_url(server.url) as client:
            client.set("run", "accepted")
        server.kill()
        assert not server.answers()
        server.start()
        with redis.Redis.from_url(server.url) as client:
            assert client.get("run") == b"accepted"
    finally:
        server.kill()


def test_each_test_starts_with_an_empty_server(redis_client: redis.Redis) -> None:
    assert redis_client.dbsize() == 0
    redis_client.set("left", "behind")


def test_the_next_test_finds_no_data(redis_client: redis.Redis) -> None:
    assert redis_client.dbsize() == 0
    redis_client.set("left", "behind")
