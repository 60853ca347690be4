"""A server of events in Python (asyncio), and its leak.

    example-python.py PORT leak|clean

A client that has sent a line is entered into a registry, and told of an event
each 50 ms; the last of them are kept, to be told again. When it is gone its
entry is taken out: with 'leak' nobody does so, which is the bug that this
example is about.

Python frees what is in a cycle when it thinks fit, which makes a saw of its
memory; here it is told to twice a second, so that each ebb sees a trough of it.
"""

import asyncio
import collections
import gc
import sys

PERIOD_S = 0.05
COLLECT_S = 0.5
EVENTS_KEPT = 64
HEAD = b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n"

subscribers = {}


class Subscriber(asyncio.Protocol):
    """One client, for as long as it is connected."""

    forgets = True
    last_number = 0

    def connection_made(self, transport):
        Subscriber.last_number += 1
        self.number = Subscriber.last_number
        self.transport = transport
        self.events = 0
        self.kept = collections.deque(maxlen=EVENTS_KEPT)
        self.timer = None

    def data_received(self, data):
        if self.timer is None:
            subscribers[self.number] = self
            self.transport.write(HEAD)
            self.tell()

    def tell(self):
        self.events += 1
        event = b"event %d\n" % self.events
        self.kept.append(event)
        self.transport.write(event)
        self.timer = asyncio.get_running_loop().call_later(PERIOD_S, self.tell)

    def connection_lost(self, reason):
        if self.timer is not None:
            self.timer.cancel()
        self.timer = self.transport = None
        if Subscriber.forgets:
            subscribers.pop(self.number, None)


def collect():
    gc.collect()
    asyncio.get_running_loop().call_later(COLLECT_S, collect)


async def main():
    port, mode = int(sys.argv[1]), sys.argv[2]
    Subscriber.forgets = mode == "clean"
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Subscriber, "127.0.0.1", port)
    collect()
    await server.serve_forever()


asyncio.run(main())
