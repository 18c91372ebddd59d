"""The service manager's end of NOTIFY_SOCKET: binds the path, prints each message and lets its sender go on.

    python3 notify_socket.py PATH

Prints "bound", then one line a message. A barrier is a message with a descriptor: its sender waits until that is closed.
"""

import os
import socket
import sys

with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
    manager.bind(sys.argv[1])
    print("bound", flush=True)
    while True:
        message, descriptors, _flags, _address = socket.recv_fds(manager, 4096, 4)
        for descriptor in descriptors:
            os.close(descriptor)
        print(message.decode().replace("\n", " "), flush=True)
