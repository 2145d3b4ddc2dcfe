"""A local stand-in for Slack in memory: Web API, Socket Mode, a page in the browser.

It is as strict as Slack (tokens, scopes, channels, Block Kit limits, rate limits, trigger and response URL lifetimes)
and delivers commands, presses, forms and mentions to the bot with real signatures, over HTTP or over Socket Mode. The
demo and the tests use this sandbox through the official SDK.

Use it from a test
------------------

::

    from bot.sandbox import RateLimits, SandboxServer

    with SandboxServer(request_url="http://127.0.0.1:3000/slack/events") as slack:
        client = WebClient(token=slack.app.bot_token, base_url=slack.api_url)      # or SLACK_API_URL=slack.api_url
        ack = slack.say("/egress-diag prod-weu payments/egress", user="U0ALICE", channel="C0OPS")
        assert ack.ok and ack.seconds < 3
        slack.wait_until(lambda: slack.messages("C0OPS"))
        parent = slack.messages("C0OPS")[0]
        slack.press(parent, "check_again", user="U0BOB")
        assert [m.shown for m in slack.thread(parent)] == [...]

``SandboxServer(*, host="127.0.0.1", port=0, request_url=None, app=App(), limits=RateLimits(), workspace=None,
timing=Timing())`` is a context manager (or ``start()`` / ``stop()``); it runs uvicorn in a thread. ``port=0`` takes a
free port. ``request_url`` is the address of the bot and may be set later (``slack.request_url = …``); while a Socket
Mode connection is open, every delivery goes through that connection instead.

Addresses: ``url`` (the page), ``api_url`` (ends in ``/api/``). ``app``: ``App(app_id, name, command, bot_user,
bot_id, bot_token, app_token, signing_secret, scopes, events)``. ``clock.advance(seconds)`` advances the sandbox's time
(triggers, response URLs, timestamps; not rate limits).

User actions. Each blocks until the bot has answered or Slack's three seconds are over, and returns an ``Ack``:

* ``say(text, *, user="U0ALICE", channel="C0OPS", thread=None) -> Ack``: a slash command when the text starts with
  ``/``, otherwise a message; ``@egress-diag`` in it becomes a mention. ``thread`` is a ``StoredMessage`` or a ts. A slash
  command in a thread is refused, as in Slack. For a message, the Ack is that of the first event delivery (``Ack.ok``
  if nothing had to be delivered).
* ``press(where, action_id, *, user="U0ALICE", value=None, option=None, block_id=None) -> Ack``: ``where`` is a
  ``StoredMessage`` or a ``View``; its latest state is used, so an old value may be passed. ``option`` chooses the option of an
  overflow menu or select by its value; ``value`` overrides the button's value (a forged press). Raises
  ``NoSuchElement`` if the element does not exist or ``user`` does not see it.
* ``type_ahead(where, action_id, typed, *, user="U0ALICE") -> tuple[JsonObject, ...]``: the options the bot offers in
  an external select.
* ``submit_view(view, values=None, *, user="U0ALICE") -> Ack``: ``values`` maps an action id (or block id) to a text,
  an option value, a list of option values, or a whole option object; a missing field keeps its initial value.
  ``Ack.errors`` are the form's errors.
* ``open_assistant(*, user="U0ALICE", viewed="") -> tuple[Ack, StoredMessage]``: a thread in the assistant view, while the
  channel ``viewed`` is open; the message heads it. ``prompts(message)`` are its prompts, each with title and message.
* ``run_step(callback_id, inputs) -> tuple[Ack, str]``: a workflow executes a custom step of the app; the str is the ID of the
  execution. ``execution(id)`` returns its state: ``running``, ``completed`` with ``outputs``, or ``failed`` with ``error``.
* ``close_view(view, *, user="U0ALICE") -> Ack``; ``open_home(*, user="U0ALICE") -> Ack`` (app_home_opened).

``Ack(ok, seconds, error, payload, message, status)``: ``error`` is Slack's code (``operation_timeout``,
``dispatch_failed``, ``http_client_error``, ``http_service_error``, …), ``payload`` is the bot's answer (a str, a
JSON object, or None), ``message`` the message that this answer shows.

Read the workspace (immutable values, oldest first, safe from any thread):

* ``messages(channel="C0OPS", *, user=None) -> tuple[StoredMessage, ...]``: top level; with ``user`` also the
  ephemeral messages to that person.
* ``thread(parent, ts=None, *, user=None) -> tuple[StoredMessage, ...]``: the replies, without the parent;
  ``thread(message)`` or ``thread(channel, ts)``.
* ``ephemerals(*, user=None, channel=None) -> tuple[StoredMessage, ...]``; ``latest(message) -> StoredMessage | None``
  (None if deleted).
* ``StoredMessage``: channel, ts, author, text, blocks, thread_ts, only_for, metadata, edited_ts, files, revisions,
  is_reply, shown, buttons. ``shown`` is all text that a reader sees, ``revisions`` every earlier content (``Revision(at,
  text, blocks)``), ``buttons`` the action ids.
* ``view(user="U0ALICE") -> View | None``: the top open modal; ``views(user)``: the stack; ``home(user) -> View |
  None``. ``View``: id, user, type, callback_id, private_metadata, title, blocks, shown, hash.
* ``files() -> tuple[StoredFile, ...]``: id, name, title, content, channels, alt_text.
* ``changes() -> tuple[WorkspaceChange, ...]``: all changes of messages in order (``kind`` posted|updated|deleted,
  ``message``).
* ``canvases() -> tuple[Canvas, ...]``: id, title, markdown, channels (the channels whose members can read it).
* ``calls(method=None) -> tuple[Call, ...]``: every Web API call, ``Call(at, method, args, ok, error, status,
  response)``; requests to response URLs have the method ``response_url``.
* ``deliveries(kind=None) -> tuple[Delivery, ...]``: the requests to the bot, ``Delivery(at, kind, payload, via, ok,
  error, seconds, retry_num)``.
* ``wait_until(condition, timeout=30.0)``: returns the condition's first truthy value; TimeoutError quotes the latest
  messages.

Inject faults: ``slack.faults`` (also ``POST /sandbox/faults``), each undone by ``clear()``; ``methods=()`` means every
method:

* ``refuse(code, count, *methods)`` (an error code) · ``answer_with(body, count, *methods, status=200, kind=…)`` (any body)
* ``rate_limit(seconds, *methods)`` · ``server_errors(count, *methods, status=500)`` · ``lose_answers(count,
  *methods)`` (done, then the connection drops) · ``drop_requests(count, *methods)`` (not done) · ``latency(seconds,
  *methods)``
* ``revoke_token()`` · ``take_scope(scope)`` · ``archive(channel)`` · ``remove_bot(channel)`` ·
  ``refuse_blocks(*types)``
* ``disconnect_sockets(reason="refresh_requested")`` (as Slack announces it) · ``drop_sockets()`` (abruptly)

Forge or replay a request: ``signed_headers(body: bytes, secret: str, timestamp: int) -> dict[str, str]``, and
``http_body(kind, payload) -> (body, content type)`` in ``bot.sandbox.event_delivery`` for a ``Delivery``'s payload.

The default workspace: team T0SANDBOX; people U0ALICE, U0BOB, U0CAROL; user group S0ONCALL (alice);
channels C0OPS #ops-egress, C0PAY #payments-oncall, C0RANDOM #random (the bot is not a member), C0OLD #old (archived);
the bot is U0BOT. Direct messages with the bot are D0ALICE and so on, once opened. For another workspace:
``SandboxServer(workspace=Workspace(app=…, users=…, groups=…, channels=…))``, or ``default_workspace(App(scopes=…))``.

``RateLimits.off()`` turns rate limits off; the defaults are Slack's (about one post a second in a channel).
``Timing(answer_seconds=3.0, trigger_seconds=3.0, retry_after_seconds=(0.0, 60.0, 300.0))`` holds Slack's waiting times.
"""

from bot.sandbox.default_workspace import default_workspace
from bot.sandbox.event_delivery import Ack, Delivery, Timing, signed_headers
from bot.sandbox.limits import RateLimits
from bot.sandbox.model.state import App, Revision, StoredFile, StoredMessage, View, WorkspaceChange
from bot.sandbox.model.workspace import Workspace
from bot.sandbox.server import SandboxServer
from bot.sandbox.user_actions import NoSuchElement

__all__ = [
    "Ack",
    "App",
    "Delivery",
    "NoSuchElement",
    "RateLimits",
    "Revision",
    "SandboxServer",
    "StoredFile",
    "StoredMessage",
    "Timing",
    "View",
    "Workspace",
    "WorkspaceChange",
    "default_workspace",
    "signed_headers",
]
