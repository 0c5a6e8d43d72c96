"""The log as a store and a checkpoint have it, read by tests without Muster's code: entries from SQLite, RFC 6962 roots and
C2SP checkpoints."""
import base64
import sqlite3
import struct

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

import muster_peer as peer
from muster_peer import dec


class Disagree(Exception):
    """The log is not what someone was told it is."""


class Log:
    """Grows from read to read; what was there before must still be there, byte for byte."""

    def __init__(self):
        self.entries, self.leaves, self.certificates, self.nodes = [], [], set(), {}

    def read(self, path):
        db = sqlite3.connect("file:%s?mode=ro" % path, uri=True)
        try:
            rows = db.execute("select key, value from entries order by key").fetchall()
        finally:
            db.close()
        for i, (key, value) in enumerate(rows):
            if struct.unpack(">Q", key)[0] != i:
                raise Disagree("entry %d is missing" % i)
            if i < len(self.entries):
                if self.entries[i] != value:
                    raise Disagree("entry %d was changed" % i)
                continue
            self.entries.append(value)
            self.leaves.append(peer.leaf_hash(value))
            entry = dec(value)
            if entry[2] != i:
                raise Disagree("entry %d says it is %d" % (i, entry[2]))
            if entry[5] == "cert.issue":
                self.certificates.add(entry[14][2])
        if len(rows) < len(self.entries):
            raise Disagree("%d entries became %d" % (len(self.entries), len(rows)))

    def root(self, size):
        if size > len(self.leaves):
            raise Disagree("a tree of %d entries, and there are %d" % (size, len(self.leaves)))
        value, end = None, size
        while end > 0:  # the full subtrees, from the right
            level = (end & -end).bit_length() - 1
            left = self.node(level, (end >> level) - 1)
            value = left if value is None else peer.sha256(b"\1", left, value)
            end &= end - 1
        return value

    def node(self, level, i):
        if level == 0:
            return self.leaves[i]
        if (level, i) not in self.nodes:
            self.nodes[(level, i)] = peer.sha256(b"\1", self.node(level - 1, 2 * i), self.node(level - 1, 2 * i + 1))
        return self.nodes[(level, i)]

    def checkpoint(self, note, root):
        """Size and root hash of a checkpoint: signed by the deployment's log key, and the tree of our first `size` entries."""
        text, _, signatures = note.rpartition(b"\n\n")
        text += b"\n"
        origin, size, value = text.split(b"\n")[:3]
        name, _, key = root.log_vkey.split("+", 2)
        public = base64.b64decode(key)
        if origin.decode() != name or public[0] != 1:
            raise Disagree("a checkpoint of another log")
        line = [s for s in signatures.split(b"\n") if s.startswith("\u2014 {} ".format(name).encode())][0]
        Ed25519PublicKey.from_public_bytes(public[1:]).verify(base64.b64decode(line.split(b" ")[-1])[4:], text)
        if self.root(int(size)) != base64.b64decode(value):
            raise Disagree("the checkpoint of %d entries is of another tree" % int(size))
        return int(size), base64.b64decode(value)

    def ticket(self, entry, ticket, root):
        """(index, size): the entry is ours at that index, and its proof leads to the checkpoint in the ticket, which is our tree's."""
        value, size, note = peer.ticket_root(ticket, entry)
        if self.checkpoint(note, root) != (size, value):
            raise Disagree("the proof does not lead to the checkpoint")
        index = dec(ticket)[1]
        if self.entries[index] != entry:
            raise Disagree("entry %d is not the one that was acknowledged" % index)
        return index, size
