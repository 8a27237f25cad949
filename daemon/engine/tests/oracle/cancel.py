"""How long a cancel takes in every phase: from the request on the socket to the event that says "cancelled".

    python cancel.py SOCKET MODEL [--size 512x512] [--runs 3]

Each run waits for the phase, then a moment drawn from a seed, so that the cancel comes in the middle of a block. `load` is
measured on a model that is not in memory. Needs nothing but Python; the daemon must run (`darkroom daemon start`).
"""
import argparse
import json
import random
import socket
import statistics
import time
import uuid


class Client:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.lines = self.socket.makefile("r")
        self.number = 0

    def send(self, method, **params):
        self.number += 1
        call = {"jsonrpc": "2.0", "id": self.number, "method": method, "params": params}
        self.socket.sendall((json.dumps(call) + "\n").encode())
        return self.number

    def call(self, method, **params):
        number = self.send(method, **params)
        while True:
            line = json.loads(self.lines.readline())
            if line.get("id") == number:
                if "error" in line:
                    raise SystemExit(f"{method}: {line['error']}")
                return line["result"]

    def events(self):
        while True:
            line = json.loads(self.lines.readline())
            if line.get("method") == "event":
                yield line["params"]


def measure(args, phase, draw):
    width, height = map(int, args.size.split("x"))
    client, other = Client(args.socket), Client(args.socket)
    # A connection that says nothing for long is closed.
    resident = other.call("status")["workers"]
    if phase in ("load", "first step"):
        unload(other, resident)
    request = {"prompt": "a fox", "model": args.model, "width": width, "height": height,
               "steps": 1 if phase == "decode" else 3, "cfg_scale": 1.0 if phase == "decode" else 7.0}
    job = client.call("submit", request_id=str(uuid.uuid4()), watch=True, request=request)["job"]
    begun = None
    for event in client.events():
        if event.get("job") != job:
            continue
        kind = event["kind"]
        progress = kind.get("progress")
        state = kind.get("state", {}).get("state")
        if progress and begun is None and is_at(phase, progress):
            time.sleep(draw.uniform(0, PAUSES[phase]))
            begun = time.perf_counter()
            other.send("cancel", job=job)
        if state in ("cancelled", "done", "failed"):
            return state, time.perf_counter() - (begun or time.perf_counter())


def unload(client, workers):
    for worker in workers:
        for model in worker["resident"]["models"]:
            client.call("unload", model=model["name"])


# In seconds, shorter than the phase.
PAUSES = {"load": 0.01, "encode": 0.02, "first step": 3.0, "denoise": 1.5, "decode": 2.0}


def is_at(phase, progress):
    if phase == "first step":
        return progress["phase"] == "denoise" and progress["step"] == 0
    if phase == "denoise":
        return progress["phase"] == "denoise" and progress["step"] == 1
    return progress["phase"] == phase


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("socket")
    parser.add_argument("model")
    parser.add_argument("--size", default="512x512")
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    draw = random.Random(1)
    print("| phase | cancel → ended, median | worst |\n|---|---|---|")
    for phase in PAUSES:
        found = [measure(args, phase, draw) for _ in range(args.runs)]
        took = [seconds for state, seconds in found if state == "cancelled"]
        late = len(found) - len(took)
        note = f" ({late} ended before the cancel)" if late else ""
        row = f"{statistics.median(took) * 1000:.0f} ms | {max(took) * 1000:.0f} ms" if took else "– | –"
        print(f"| {phase} | {row} |{note}", flush=True)


main()
