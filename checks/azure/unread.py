"""The observations of a check if Azure is not read or its answer is incomplete.

Azure is not configured, or its answer describes no managed cluster.
"""

from checks.model.findings import Action, Observation, skip, unknown


def azure_not_read(subject: str, actions: list[Action] | tuple[Action, ...] = ()) -> Observation:
    """Skipped: `subject` begins the sentence, such as `The network plugin is`."""
    return skip(f"{subject} not checked: reading Azure is not configured.", actions=actions)


def incomplete_answer(actions: list[Action] | tuple[Action, ...] = ()) -> Observation:
    """Unknown: the answer lacks what every managed cluster has."""
    summary = "Azure's answer describes no managed cluster: it has neither a provisioning state nor a network profile."
    return unknown(summary, actions=actions)
