"""A command about a gateway that does not exist gets a private answer."""

import pytest

from bot.courier.courier import Courier
from bot.sandbox import SandboxServer
from tests.bot.courier.test_courier import deliver
from tests.bot.stories import accepted
from workers.client import ConnectedClient as Client
from workers.records.run import Run

pytestmark = pytest.mark.slow

PROBLEM = 'No egress gateway "payments/egv": did you mean payments/egress?'


def refused(client: Client, run: Run) -> None:
    assert client.stores.runs.refuse_privately(run, PROBLEM, ("payments/egress",))


def test_the_message_of_a_run_whose_gateway_does_not_exist_is_removed(
    courier: Courier, slack: SandboxServer, client: Client
) -> None:
    run = accepted(client)
    deliver(courier, run)
    assert len(slack.messages()) == 1
    refused(client, run)
    deliver(courier, run)
    assert not slack.messages()
    (answer,) = slack.ephemerals(user="U0ALICE")
    assert PROBLEM in answer.shown


def test_the_answer_is_sent_once_and_has_a_button_with_the_corrected_command(
    courier: Courier, slack: SandboxServer, client: Client
) -> None:
    run = accepted(client)
    refused(client, run)
    deliver(courier, run)
    deliver(courier, run)
    (answer,) = slack.ephemerals(user="U0ALICE")
    (button,) = answer.blocks[-1]["elements"]
    assert button["value"] == f"{run.order.target.cluster} payments/egress"
    assert answer.buttons == ("suggestion/0",)
