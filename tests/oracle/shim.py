"""A relay in front of a server that keeps what goes to it; and a damager.

One shim serves one lane, and a lane runs one script at a time, so what comes
while a script runs is that script's.
"""

import select
import socket
import threading

from harness import net

TCP_CONGESTED_BYTES = 65536


class Connection:
    def __init__(self):
        self.octets = b""       # client to server
        self.local_port = None  # towards the server
        self.done = threading.Event()


class Shim:
    """Listens at once; `port` is its port. `damage`, if given, is called
    with (direction, new octets) and gives what passes; None ends all."""

    def __init__(self, to_port, damage=None):
        self.to_port = to_port
        self.damage = damage
        self.listener = socket.create_server(("127.0.0.1", net.free_port()),
                                             backlog=64)
        self.port = self.listener.getsockname()[1]
        self.connections = []
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def take(self):
        """The connections since the last call, each when it is over."""
        taken, self.connections = self.connections, []
        for one in taken:
            if not one.done.wait(15):
                raise TimeoutError("a connection to the server stays open")
        return taken

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            one = Connection()
            self.connections.append(one)
            threading.Thread(target=self.relay, args=(sock, one),
                             daemon=True).start()

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()

    def relay(self, client, one):
        server = None
        try:
            server = net.connect("127.0.0.1", self.to_port)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            one.local_port = server.getsockname()[1]
            self.pump(client, server, one)
        except OSError:
            pass
        finally:
            client.close()
            if server:
                server.close()
            one.done.set()

    def pump(self, client, server, one):
        sides = {client: (server, "out"), server: (client, "in")}
        while sides:
            for sock in select.select(list(sides), [], [])[0]:
                other, way = sides[sock]
                try:
                    data = sock.recv(TCP_CONGESTED_BYTES)
                except OSError:
                    return      # a reset on one side is one on the other
                if not data:
                    del sides[sock]
                    other.shutdown(socket.SHUT_WR)
                    continue
                if way == "out":
                    one.octets += data
                if self.damage:
                    data = self.damage(way, data)
                    if data is None:
                        return
                other.sendall(data)
