"""Several operations in one message (1.x section 6.12 to 6.14), done in order, stopped at an error.

    batch = kmip.batch()
    batch.recertify("cert-1", csr=request, offset=0)
    batch.get()                                  # of the ID Placeholder: the new certificate
    uid, certificate = batch.send()
"""

from micropython import const

from kmip_lite.client import answer, load
from kmip_lite.message import KmipError
from kmip_lite.ttlv import TTLVError

_E_COUNT = const(30)  # errors.py


class Batch:
    """A message in the making: each verb adds an item, send() exchanges it.

    The items are encoded at once into the client's buffer, so the client can do nothing else between.
    An operation without a Unique Identifier takes the one that the operation before it made or found.
    """

    def __init__(self, client):
        self._client = client
        self._items = []
        client._request.start(True)

    def __getattr__(self, name):
        operation = load(name)
        if not hasattr(operation, "response"):
            raise AttributeError("%s: not in a batch" % name)

        def verb(*args, **kwargs):
            self._items.append((operation, kwargs.pop("into", None)))
            request = self._client._request
            request.item(operation.OP)
            operation.request(request.encoder, self._client.version, *args, **kwargs)
            request.end_item()

        return verb

    def send(self, check=True, response=None):
        """Send the message and give the list of the items' values, in order.

        Where an item failed, its place holds the KmipError, and those that the server did not come to
        hold None; with `check` the first such error is raised instead, with the list as `results`.
        Raises TTLVError and OSError as the client's verbs do. `response`: the answer, where another
        driver than the blocking client has exchanged the message.
        """
        client = self._client
        results = [None] * len(self._items)
        error = None
        try:
            if response is None:
                response = client.exchange(client._request.finish())
            try:
                for index, (operation, into) in enumerate(self._items):
                    if not response.left:
                        if error is None:
                            raise TTLVError(_E_COUNT)
                        break
                    try:
                        response.next(operation.OP, batch=True)
                        results[index] = answer(operation, response, client.version, into)
                    except KmipError as failure:
                        results[index] = failure
                        if error is None:
                            error = failure
                response.end()
            except TTLVError:
                client.close()
                raise
        finally:
            client.wipe()
        if check and error is not None:
            error.results = results
            raise error
        return results
