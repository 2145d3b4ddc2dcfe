"""The courier's part of the client: shown and pending states of documents."""

from contextlib import AbstractContextManager

from workers.client.stores import Stores
from workers.records.delivered import Delivered
from workers.runs.documents import DocumentLock


class DeliveryClient:
    """Revisions of documents and the messages that were posted for them, by slot."""

    def __init__(self, stores: Stores) -> None:
        self.stores = stores

    def request_delivery(self, document: str) -> None:
        """Makes a document due: the courier shows it."""
        self.stores.documents.changed(document)

    def start_delivery(self, document: str) -> int:
        """Notes that the courier takes the document up; a later change is a new request.

        Returns the revision to show.
        """
        return self.stores.documents.start_delivery(document)

    def end_delivery(self, document: str, revision: int) -> bool:
        """Notes that Slack shows this revision. False if there is a newer one, which is still due."""
        return self.stores.documents.end_delivery(document, revision)

    def hold(self, document: str) -> AbstractContextManager[DocumentLock | None]:
        """The lock by which one courier delivers one document; None while another courier holds it."""
        return self.stores.documents.hold(document)

    def revision(self, document: str) -> int:
        """The document's newest revision."""
        return self.stores.documents.revision(document)

    def pause(self, document: str, seconds: float) -> None:
        """Keeps the document from being shown for a time.

        The courier schedules the next attempt itself.
        """
        self.stores.documents.pause(document, seconds)

    def pause_left(self, document: str) -> float:
        """Seconds until the document may be shown again; 0 if it may be shown now."""
        return self.stores.documents.pause_left(document)

    def delivered(self, document: str) -> dict[str, Delivered]:
        """The messages that were posted for a document, by slot."""
        return self.stores.documents.deliveries(document).slots

    def note_delivered(self, document: str, message: Delivered) -> None:
        """Records the message of one slot."""
        self.stores.documents.note_delivered(document, message)

    def forget_delivered(self, document: str, slot: str) -> None:
        """Removes a slot's record: its message was not posted, or it was deleted."""
        self.stores.documents.forget_delivered(document, slot)

    def undelivered_count(self) -> int:
        """The number of documents with changes that Slack does not show yet."""
        return self.stores.documents.due_count()
