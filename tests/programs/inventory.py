"""The inventory of a folder, by an agent in Python: see docs/programs.md."""

import encodings.idna  # a module has to be there when the agent is made
import os
import socket

import wit_world
from componentize_py_types import Err
from wit_world.imports.agent_types import Outcome, Task


def denied(attempt) -> bool:
    try:
        attempt()
    except OSError:
        return True
    return False


class WitWorld(wit_world.WitWorld):
    def run(self, task: Task) -> Outcome:
        whom = task.arguments[0] if task.arguments else "nobody"
        names = sorted(os.listdir("/notes"))
        os.mkdir("/out")
        with open("/out/list.part", "w", encoding="utf-8") as out:
            for name in names:
                out.write(f"{name}: {os.stat('/notes/' + name).st_size} bytes\n")
        os.rename("/out/list.part", "/out/list.txt")
        os.remove("/old.txt")
        assert denied(lambda: open("/../beside.txt", "w")), "it is outside"
        assert denied(lambda: socket.create_connection(("192.0.2.1", 80))), "there is no network"
        if whom == "fail":
            raise Err("told to")
        print(f"{len(names)} notes for {whom}")
        return Outcome(summary="listed", details=[], report=None)
