"""Trust anchors that can roll over: two for the servers' certificates, two for the issuer of our own.

The sets are separate. A new anchor is taken only as a certificate of an authority that a current anchor
has signed (a cross-certificate, where the new one is self-signed by its nature), and the old one goes
only after something has been verified under the new.
"""

from identity.journal import Journal


class Anchors:
    """`path`: of the journal that keeps them (see journal.py). `server`, `issuer`: lists of DER that
    hold until the first change. Allocates what it holds: an EC certificate is 400 to 700 bytes."""

    def __init__(self, path, server, issuer):
        self._journal = Journal(path, 4096)
        self._sets = {"server": server, "issuer": issuer}
        for name in self._sets:
            kept = self._journal.value.get(name)
            if kept:
                self._sets[name] = [bytes.fromhex(text) for text in kept]

    @property
    def server(self):
        """The anchors of the servers' certificates, DER, the newest last."""
        return self._sets["server"]

    @property
    def issuer(self):
        """The anchors of the issuer of our own certificates, DER, the newest last."""
        return self._sets["issuer"]

    def offer(self, name, der):
        """Steps (see steps.py) to why `der` is not taken as an anchor of the set `name`, or "".

        Raises OSError where it cannot be written; it is not taken then.
        """
        from identity.x509 import Certificate

        current = self._sets.get(name)
        if current is None:
            return "neither for the server nor for the issuer"
        if der in current:
            return ""
        if len(current) > 1:
            return "two anchors already: the newer one has not proved itself yet"
        try:
            offered = Certificate(der)
            if not offered.is_ca:
                return "not an authority's certificate"
            if offered.unknown_critical is not None:
                return "a critical extension is unknown"
            if not (yield from offered.signed_by(Certificate(current[0]))):
                return "not signed by a current anchor"
        except ValueError as error:
            return "malformed: %s" % error
        self._keep(name, [current[0], bytes(der)])
        return ""

    def proved(self, name, der):
        """Something was verified under this anchor: if it is the newer of two, the older one goes."""
        current = self._sets[name]
        if len(current) > 1 and bytes(der) == current[1]:
            self._keep(name, [current[1]])

    def _keep(self, name, anchors):
        value = self._journal.value
        before = value.get(name)
        value[name] = [anchor.hex() for anchor in anchors]
        try:
            self._journal.commit()
        except OSError:
            if before is None:
                del value[name]
            else:
                value[name] = before
            raise
        self._sets[name][:] = anchors  # in place: others hold the list
