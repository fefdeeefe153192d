"""What the end-to-end tests stand on: processes, certificates, clients.

Nothing here knows what a test wants to show. Everything that waits has a
deadline and waits for something that can be seen: a line, an event, a port.
"""
