"""A server with one slow tiny worker, to be killed: python -m tests.app.serve_tiny WORKSPACE SECONDS_PER_STEP."""

from __future__ import annotations

import sys
from pathlib import Path

from cast3d.app import server
from cast3d.app.service import Service
from cast3d.jobs.queue import Queue
from cast3d.jobs.slots import ProcessSlot
from cast3d.jobs.uploads import Uploads
from cast3d.jobs.workspace import Workspace
from tests.jobs.tiny import Tiny


def main() -> None:
    workspace = Workspace(Path(sys.argv[1]))
    queue = Queue(workspace, [ProcessSlot(Tiny(slow=float(sys.argv[2])))])
    app = server.application(Service(queue, Uploads(workspace.uploads)))
    sock = server.listening("127.0.0.1", 0)
    server.serve(app, sock, lambda _: print(sock.getsockname()[1], flush=True))
    queue.close()
    workspace.close()


if __name__ == "__main__":
    main()
