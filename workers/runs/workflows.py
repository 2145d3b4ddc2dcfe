"""Workflow steps in Redis, until Slack has their result.

Keys (all under the prefix): `workflow:EXECUTION` is the step, `workflows:RUN` are the executions that wait for a run.
"""

from redis import Redis

from workers.records.workflow import WORKFLOW_STEP_JSON, WorkflowStep
from workers.runs.documents import new_revision
from workers.runs.unreadable import UnreadableRecords


class Workflows:
    """The steps of workflows. Every method may raise `connection.Unavailable`."""

    def __init__(self, redis: Redis, prefix: str, keep: int) -> None:
        self.redis = redis
        self.prefix = prefix
        self.keep = keep
        self._unreadable = UnreadableRecords(redis, prefix)

    def put(self, step: WorkflowStep) -> None:
        """Store a step, and make its document due."""
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.set(self._key("workflow", step.execution), WORKFLOW_STEP_JSON.dump_json(step), ex=self.keep)
            if step.run:
                pipe.sadd(self._key("workflows", step.run), step.execution)
                pipe.expire(self._key("workflows", step.run), self.keep)
            for command in new_revision(self.prefix, document_of(step.execution), self.keep):
                pipe.execute_command(*command)  # type: ignore[no-untyped-call] # missing in redis-py
            pipe.execute()

    def get(self, execution: str) -> WorkflowStep | None:
        """A step; None if it is unknown or too old."""
        return self._unreadable.read_one(f"workflow/{execution}", lambda: self._stored(execution), None)

    def waiting(self, run_id: str) -> tuple[str, ...]:
        """The executions that wait for a run."""
        return tuple(sorted(str(each) for each in self.redis.smembers(self._key("workflows", run_id))))

    def _stored(self, execution: str) -> WorkflowStep | None:
        raw = self.redis.get(self._key("workflow", execution))
        return WORKFLOW_STEP_JSON.validate_json(raw) if raw is not None else None

    def _key(self, *parts: str) -> str:
        return self.prefix + ":".join(parts)


def document_of(execution: str) -> str:
    """The name of a step's document."""
    return f"workflow/{execution}"
