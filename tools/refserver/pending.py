"""Requests that are being worked on in the background: the place for asynchronous answers.

So far every request is answered at once, as KMIP 1.x §6.7 allows even where the client offers to
wait, so nothing is ever pending and every correlation value is unknown.
"""


class Pending:
    def find(self, identity, correlation):
        """The pending or finished request of this identity with this correlation value, or None."""
        return None
