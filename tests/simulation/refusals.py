"""Why a step cannot be carried out on the facts."""


class Refused(Exception):
    """kubectl, the API server or Azure would refuse the command: the printed step is wrong."""


class NotSimulated(Exception):
    """The effect of the command does not follow from the facts; the text says why."""


class ValueUnknown(NotSimulated):
    """The command has a value that its reader must know; later steps depend on it."""
