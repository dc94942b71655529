"""What a machine that loses power may have on its disk: images of a directory, from what power_loss_shim.c recorded.

A file's bytes are there when they were synced; what was written since is there sector by sector, each as of any moment since, and
what is not there of the end of a file is zeros or noise.
A name, or that a file was cut shorter, is there when it is in a journal that is there. There are two kinds of journals:

  one   the file system's: names and cuts come to the disk in the order they were made in, and the sync of a file or a directory
        brings all up to its own last change (ext4 and XFS do that)
  each  every directory has its own, in order, and nothing but a sync of that directory brings it: as little as POSIX says
"""
import collections
import os
import struct
import subprocess

HEAD = struct.Struct("<cxHHxxIIQQ")  # struct record of the shim
KINDS = [  # journal; what is written at once, 0: nothing that is not synced; of names and cuts that need not be there
    ("one", 0, "least"), ("one", 1 << 30, "all"), ("one", 512, "some"), ("one", 4096, "some"), ("one", 512, "least"),
    ("one", 4096, "all"), ("each", 0, "least"), ("each", 512, "some"), ("each", 4096, "all"), ("each", 1 << 30, "least")]
Record = collections.namedtuple("Record", "kind path other data sync inode at end")


def records(path):
    """All that were written whole."""
    with open(path, "rb") as file:
        log = memoryview(file.read())
    at = 0
    while at + HEAD.size <= len(log):
        kind, path_len, other_len, data_len, sync, inode, where = HEAD.unpack_from(log, at)
        end = at + HEAD.size + path_len + other_len + data_len
        if end > len(log):
            return
        at += HEAD.size
        names = [bytes(log[at:at + path_len]).decode(), bytes(log[at + path_len:at + path_len + other_len]).decode()]
        yield Record(kind.decode(), *names, log[end - data_len:end], sync, inode, where, end)
        at = end


def build_shim(base):
    path = os.path.join(base, "power_loss_shim.so")
    subprocess.run(["cc", "-std=gnu17", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", path,
                    os.path.join(os.path.dirname(os.path.abspath(__file__)), "power_loss_shim.c")], check=True)
    return path


def shorten_to_whole(path):
    """After kill -9, before somebody else appends."""
    with open(path, "r+b") as log:
        at, size = 0, os.path.getsize(path)
        while at + HEAD.size <= size:
            log.seek(at)
            _, path_len, other_len, data_len, *_ = HEAD.unpack(log.read(HEAD.size))
            end = at + HEAD.size + path_len + other_len + data_len
            if end > size:
                break
            at = end
        log.truncate(at)


class Inode:
    def __init__(self, synced=b"", directory=None):
        self.synced = bytearray(synced)
        self.size = len(synced)
        self.waiting = []  # writes and cuts that are not known to be synced
        self.directory = directory  # its path
        self.changed = 0  # position of the last change of its size or of a name of it (a directory: in it)

    def name(self, names):
        return next((path for path, inode in names.items() if inode is self), "")


def put(content, at, data):
    if at > len(content):
        content.extend(bytes(at - len(content)))
    content[at:at + len(data)] = data


def cut(content, size):
    del content[size:]
    content.extend(bytes(size - len(content)))


class Disk:
    """Follows the records; forgets: is a sync of the file of this name to be passed over (a planted fault)."""

    def __init__(self, root, forgets=None):
        """root: the inode number of the directory."""
        self.forgets = forgets
        self.names = {"": Inode(directory="")}  # as the process sees them
        self.by_number = {root: self.names[""]}
        self.entries = collections.defaultdict(list)  # directory -> [(position, name, inode or None)]
        self.floor = 0  # journal "one": is there up to here
        self.floors = collections.Counter()  # journal "each"
        self.syncing = {}
        self.position = 0

    def load(self, directory):
        """Begins with what is there, which is on the disk."""
        for path, names, files in os.walk(directory):
            inside = path[len(directory):]
            for name in files:
                full = os.path.join(path, name)
                number = os.stat(full).st_ino
                if number not in self.by_number:
                    with open(full, "rb") as file:
                        self.by_number[number] = Inode(file.read())
                self.enter(f"{inside}/{name}", self.by_number[number])
            for name in names:
                number = os.stat(os.path.join(path, name)).st_ino
                self.by_number[number] = Inode(directory=f"{inside}/{name}")
                self.enter(f"{inside}/{name}", self.by_number[number])
        return self

    # ---- records

    def enter(self, path, inode):
        directory, name = path.rsplit("/", 1)
        gone = self.names.pop(path, None)
        for changed in (self.names[directory], inode, gone):
            if changed:
                changed.changed = self.position
        if inode:
            self.names[path] = inode
        self.entries[directory].append((self.position, name, inode))

    def write(self, inode, at, data):
        if at + len(data) > inode.size:
            inode.size, inode.changed = at + len(data), self.position
        inode.waiting.append((self.position, "w", at, data))

    def resize(self, inode, size):
        if size != inode.size:
            inode.size, inode.changed = size, self.position
            inode.waiting.append((self.position, "t", size, b""))

    def begin_sync(self, record, inode):
        if not (self.forgets and self.forgets(inode.directory is not None, inode.name(self.names))):
            self.syncing[record.sync] = (self.position, inode, inode.changed)

    def end_sync(self, record):
        position, inode, changed = self.syncing.pop(record.sync, (0, None, 0))
        if not inode:
            return
        self.floor = max(self.floor, changed)
        if inode.directory is not None:
            self.floors[inode.directory] = max(self.floors[inode.directory], position)
        left = [w for w in inode.waiting if w[0] > position]
        for w in inode.waiting[:len(inode.waiting) - len(left)]:
            if w[1] == "w":
                put(inode.synced, w[2], w[3])
            else:
                cut(inode.synced, w[2])
        inode.waiting = left

    def apply(self, record):
        self.position = record.end
        inode = self.by_number.get(record.inode)
        if record.kind in "cm":
            inode = self.by_number[record.inode] = Inode(directory=record.path if record.kind == "m" else None)
            self.enter(record.path, inode)
        elif record.kind in "lr":
            inode = self.names[record.path]
            if record.kind == "r":
                self.enter(record.path, None)
            self.enter(record.other, inode)
        elif record.kind in "ud":
            self.enter(record.path, None)
        elif record.kind == "e":
            self.end_sync(record)
        elif record.kind == "s":
            self.begin_sync(record, inode)
        elif record.kind == "w":
            self.write(inode, record.at, record.data)
        elif record.kind == "t":
            self.resize(inode, record.at)

    # ---- images

    def content(self, r, inode, unit, reached):
        """unit: of what is written at once; 0: nothing that is not synced is there. reached: up to where the journal is."""
        if not inode.waiting:
            return inode.synced
        content = bytearray(inode.synced)
        moment, least = {}, len(content)
        sizes = [least]
        if unit and unit < 1 << 30 and r.random() < 0.3:  # what was never written may be anything
            content.extend(r.randbytes(max(0, inode.size - least)))
        if reached is None:
            reached = r.choice([w[0] for w in inode.waiting] + [0])
        for position, kind, at, data in inode.waiting:
            if kind == "t":
                if position <= reached:
                    cut(content, at)
                    sizes = [len(content)]
                continue
            if not unit:
                continue
            sizes.append(max(sizes[-1], at + len(data)))
            for sector in range(at // unit, (at + len(data) + unit - 1) // unit):
                lo, hi = max(at, sector * unit), min(at + len(data), (sector + 1) * unit)
                if sector not in moment:
                    moment[sector] = r.choice(inode.waiting)[0] if unit < 1 << 30 and r.random() < 0.7 else self.position
                    if unit < 1 << 30 and r.random() < 0.2:
                        moment[sector] = 0
                if position <= moment[sector]:
                    put(content, lo, data[lo - at:hi - at])
        if unit < 1 << 30:
            size = r.choice(sizes)
            if size > sizes[0] and r.random() < 0.3:
                size = r.randint(sizes[0], size)
            cut(content, size)
        return content

    def image(self, r, to, journal, unit, names):
        """Makes the directory `to`. names: "least", "all" or "some" of what the journals need not hold yet."""

        def reached(floor):
            return {"least": floor, "all": self.position, "some": r.randint(floor, self.position)}[names]

        one = reached(self.floor) if journal == "one" else None
        written = {}

        def make(directory, path):
            upto = one if one is not None else reached(self.floors[directory])
            os.mkdir(path)
            there = {}
            for position, name, inode in self.entries[directory]:
                if position > upto:
                    break
                there[name] = inode
            for name, inode in there.items():
                full = os.path.join(path, name)
                if inode is None:
                    continue
                if inode.directory is not None:
                    make(inode.directory, full)
                elif inode in written:
                    os.link(written[inode], full)
                else:
                    with open(full, "wb") as file:
                        file.write(self.content(r, inode, unit, one))
                    written[inode] = full

        make("", to)
