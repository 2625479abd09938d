#!/usr/bin/env python3
"""Runs a training of real processes, does it harm on a seeded schedule, and compares its checksum with a calm run's.

Usage: scripts/chaos.py [--seeds 1,2,3] [--faults 36] [--only KIND] [--pace 0.2] [--bin DIR] [--json] [--network] [--relay]

Kinds of fault: kill-sampler, stop-sampler (SIGSTOP, later SIGCONT), end-sampler (SIGTERM), kill-trainer, stop-trainer,
end-trainer. What is killed or ended is started again, the trainer with --resume. With --network the sampler sits in
another network namespace, behind a cable with delay, loss and two cuts, and the sockets are secured by keys. With --relay it reaches the trainer through a relay that
delays, narrows and holds back what it passes on, as a network does that loses packets, and drops the connections.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

KINDS = {  # how often each is drawn
    "kill-sampler": 8, "stop-sampler": 6, "end-sampler": 3, "kill-trainer": 4, "stop-trainer": 3, "end-trainer": 2,
}
SAMPLERS = 3
FAULTS_MIN = 30
SHORTER = [
    "walks.count=5", "walks.steps=20", "walks.top=10", "batch.pairs=256", "batch.shared_negatives=200",
    "training.epochs=2", "training.batches_per_epoch=150", "checkpoints.every_batches=15",
]


class Failure(Exception):
    pass


class Job:
    """A graph, a shortened demo configuration, and commands on them."""

    def __init__(self, binaries, folder):
        self.binaries = binaries
        self.folder = folder
        self.root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        self.graph = os.path.join(folder, "graph")
        self.command("pinsage", "generate", "--out", self.graph)

    def arguments(self, run, more=()):
        settings = [f"graph={self.graph}", *SHORTER, *more]
        config = os.path.join(self.root, "configs/demo.yaml")
        return ["--config", config, "--run", run, *(part for s in settings for part in ("--set", s))]

    def command(self, name, *arguments):
        done = subprocess.run([os.path.join(self.binaries, name), *arguments], capture_output=True, text=True)
        if done.returncode != 0:
            raise Failure(f"{name} {arguments[0]}: exit code {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def start(self, name, run, *more, settings=(), under=()):
        log = open(run + "-processes.log", "a")
        return subprocess.Popen(
            [*under, os.path.join(self.binaries, name), *self.arguments(run, settings), *more],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def checksum(self, run):
        return json.loads(self.command("pinsage", "checksum", run, "--json"))["checksum"]

    def calm(self):
        """An undisturbed run: its checksum and its seconds from the first process to the last."""
        run = os.path.join(self.folder, "calm")
        start = time.monotonic()
        self.command("pinsage", "train", *self.arguments(run, [f"samplers.count={SAMPLERS}"]))
        return self.checksum(run), time.monotonic() - start


class Storm:
    """One run and the harm that is done to it."""

    def __init__(self, job, seed, faults, only, pace):
        self.job = job
        self.random = random.Random(seed)
        self.run = os.path.join(job.folder, f"storm-{seed}-{only or 'all'}")
        self.faults = faults
        self.only = only
        self.pace = pace
        self.done = {}
        self.wake = {}  # process: when it goes on
        self.samplers = [None] * SAMPLERS
        self.trainer = None

    def go(self):
        os.makedirs(self.run)
        start = time.monotonic()
        next_fault = start + 0.5
        try:
            while True:
                now = time.monotonic()
                if self.keep_alive():
                    return now - start
                for process in [p for p, when in self.wake.items() if when <= now]:
                    process.send_signal(signal.SIGCONT)
                    del self.wake[process]
                if now >= next_fault and sum(self.done.values()) < self.faults:
                    self.harm(now)
                    next_fault = now + self.pace * self.random.uniform(0.25, 1.75)
                if now - start > 240:
                    raise Failure(f"{self.run}: not finished after 240 s; see its logs")
                time.sleep(0.02)
        finally:
            for process in [self.trainer, *self.samplers]:
                if process and process.poll() is None:
                    process.kill()
                    process.wait()

    def keep_alive(self):
        """Starts what is missing. Returns whether the training is finished."""
        code = self.trainer.poll() if self.trainer else -1
        if code == 0:
            return True
        if code is not None:
            if self.trainer and code not in (3, -signal.SIGKILL, -signal.SIGTERM):
                raise Failure(f"{self.run}: the trainer ended with {code}; see {self.run}-processes.log")
            begun = os.path.exists(self.run + "/config.yaml")
            self.trainer = self.job.start("pinsage-trainer", self.run, *(["--resume"] if begun else []))
        for index, sampler in enumerate(self.samplers):
            code = sampler.poll() if sampler else -1
            if code is None:
                continue
            if sampler and code not in (0, -signal.SIGKILL, -signal.SIGTERM):
                raise Failure(f"{self.run}: a sampler ended with {code}; see {self.run}-processes.log")
            self.samplers[index] = self.job.start("pinsage-sampler", self.run, "--name", f"sampler{index}")
        return False

    def harm(self, now):
        kind = self.only or self.random.choices(list(KINDS), weights=KINDS.values())[0]
        victim = self.trainer if kind.endswith("trainer") else self.random.choice(self.samplers)
        pause = self.random.uniform(0.1, 2.0)
        if victim.poll() is not None:
            return
        verb = kind.split("-")[0]
        if verb == "stop":
            victim.send_signal(signal.SIGSTOP)
            self.wake[victim] = now + pause
        else:
            victim.send_signal(signal.SIGKILL if verb == "kill" else signal.SIGTERM)
            if self.wake.pop(victim, None):
                victim.send_signal(signal.SIGCONT)
        self.done[kind] = self.done.get(kind, 0) + 1


def storms(job, arguments, report):
    expected, calm_seconds = job.calm()
    report({"run": "calm", "seconds": round(calm_seconds, 1), "checksum": expected})
    for seed in arguments.seeds:
        storm = Storm(job, seed, arguments.faults, arguments.only, arguments.pace)
        seconds = storm.go()
        checksum = job.checksum(storm.run)
        count = sum(storm.done.values())
        report({
            "run": f"seed {seed}", "seconds": round(seconds, 1), "faults": count, "kinds": storm.done,
            "seconds_per_fault": round((seconds - calm_seconds) / max(count, 1), 2), "checksum": checksum,
        })
        if checksum != expected:
            raise Failure(f"seed {seed}: checksum: expected {expected} as without faults, found {checksum}. Bug.")
        if count < min(FAULTS_MIN, arguments.faults):
            raise Failure(f"seed {seed}: only {count} faults before the end: expected {FAULTS_MIN}. Lengthen the run.")


def ip(*words):
    return subprocess.run(["ip", *words], capture_output=True, text=True).returncode == 0


def network(job, report):
    """The sampler behind a bad cable: 20 ms each way and 1 % loss where the kernel can, two cuts of three seconds."""
    names = [f"pinsage-{os.getpid()}-{end}" for end in ("trainer", "sampler")]
    try:
        if not all(ip("netns", "add", name) for name in names):
            report({"run": "network", "skipped": "network namespaces are not allowed here"})
            return
        trainer, sampler = names
        made = ip("-n", trainer, "link", "add", "cable0", "type", "veth", "peer", "name", "cable1", "netns", sampler)
        for name, end, address in ((trainer, "cable0", "10.77.0.1/24"), (sampler, "cable1", "10.77.0.2/24")):
            made = made and ip("-n", name, "addr", "add", address, "dev", end)
            made = made and ip("-n", name, "link", "set", end, "up") and ip("-n", name, "link", "set", "lo", "up")
        if not made:
            report({"run": "network", "skipped": "no veth to be had here"})
            return
        for name, end in ((trainer, "cable0"), (sampler, "cable1")):
            bad = ["tc", "-n", name, "qdisc", "add", "dev", end, "root", "netem", "delay", "20ms", "loss", "1%"]
            if subprocess.run(bad, capture_output=True).returncode != 0:
                report({"run": "network", "skipped": f"delay and loss of {end}: this kernel has no netem"})
        run_network(job, report, trainer, sampler)
    finally:
        for name in names:
            ip("netns", "del", name)


def kill_all(processes):
    """Ends what is still running."""
    for process in processes:
        if process.poll() is None:
            process.kill()
            process.wait()


def run_network(job, report, trainer_space, sampler_space):
    expected, calm_seconds = job.calm()
    run = os.path.join(job.folder, "network")
    keys = os.path.join(job.folder, "keys")
    job.command("pinsage", "keys", "--out", keys)
    settings = [
        "samplers.endpoint=tcp://10.77.0.1:5600", "trainer.features=inline", "security.mechanism=curve",
        f"security.keys={keys}",
    ]
    os.makedirs(run)
    start = time.monotonic()
    inside = lambda space: ["ip", "netns", "exec", space]
    processes = [
        job.start("pinsage-trainer", run, settings=settings, under=inside(trainer_space)),
        job.start("pinsage-sampler", run, "--name", "far", settings=settings, under=inside(sampler_space)),
    ]
    try:
        for _ in range(2):
            time.sleep(3)
            ip("-n", trainer_space, "link", "set", "cable0", "down")
            time.sleep(3)
            ip("-n", trainer_space, "link", "set", "cable0", "up")
        codes = [process.wait(timeout=200) for process in processes]
    finally:
        kill_all(processes)
    checksum = job.checksum(run)
    report({
        "run": "network", "seconds": round(time.monotonic() - start, 1), "calm_seconds": round(calm_seconds, 1),
        "checksum": checksum,
    })
    if codes != [0, 0] or checksum != expected:
        raise Failure(f"network: expected codes 0, 0 and {expected}, found {codes} and {checksum}. Bug.")


class Relay(threading.Thread):
    """Passes bytes between a sampler and a trainer, port by port, the way a poor network would."""

    DELAY = 0.02  # seconds, each way
    BYTES_PER_SECOND = 1e7
    STALL_SHARE = 0.005  # of the pieces; what comes after waits as well, as behind a lost packet
    STALL = (0.05, 0.4)  # seconds
    CUT_EVERY = (0.8, 2.0)  # seconds; a batch must fit between two, or none ever arrives

    def __init__(self, ports, seed):
        """ports: {where it listens: where the trainer does}."""
        super().__init__(daemon=True)
        self.ports = ports
        self.random = random.Random(seed)
        self.writers = set()
        self.cuts = self.stalls = self.bytes = 0
        self.ready = threading.Event()

    def run(self):
        asyncio.run(self.serve())

    async def serve(self):
        for near, far in self.ports.items():
            await asyncio.start_server(lambda r, w, far=far: self.connect(r, w, far), "127.0.0.1", near)
        self.ready.set()
        while True:
            await asyncio.sleep(self.random.uniform(*self.CUT_EVERY))
            self.cuts += 1 if self.writers else 0
            for writer in list(self.writers):
                writer.transport.abort()

    async def connect(self, reader, writer, far):
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", far)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, far_writer}
        self.writers |= ends
        ways = [asyncio.create_task(self.carry(r, w)) for r, w in ((reader, far_writer), (far_reader, writer))]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        self.writers -= ends
        for end in ends:
            end.transport.abort()
        for way in ways:
            way.cancel()

    async def carry(self, reader, writer):
        """One way of one connection: in order, each piece when its time has come."""
        pieces = asyncio.Queue(maxsize=64)

        async def deliver():
            while True:
                due, data = await pieces.get()
                await asyncio.sleep(max(due - time.monotonic(), 0))
                writer.write(data)
                await writer.drain()

        delivery = asyncio.create_task(deliver())
        free = 0.0  # when the line is free for the next piece
        try:
            while data := await reader.read(16384):
                free = max(free, time.monotonic()) + len(data) / self.BYTES_PER_SECOND
                if self.random.random() < self.STALL_SHARE:
                    free += self.random.uniform(*self.STALL)
                    self.stalls += 1
                self.bytes += len(data)
                await pieces.put((free + self.DELAY, data))
        except ConnectionError:
            pass
        finally:
            delivery.cancel()


def free_ports():
    """Two ports of this host, one after the other."""
    while True:
        port = random.randrange(20000, 60000)
        try:
            for number in (port, port + 1):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", number))
            return port
        except OSError:
            continue


def relay(job, report):
    """A sampler far away: every byte of it and to it goes through the relay."""
    settings = [
        "batch.pairs=64", "batch.shared_negatives=50", "walks.top=5", "training.batches_per_epoch=20",
        "trainer.features=inline", "samplers.lease_seconds=5",
    ]
    calm = os.path.join(job.folder, "calm")
    start = time.monotonic()
    job.command("pinsage", "train", *job.arguments(calm, settings))
    expected = job.checksum(calm)
    report({"run": "calm", "seconds": round(time.monotonic() - start, 1), "checksum": expected})

    trainer_port = free_ports()
    near_port = free_ports()
    line = Relay({near_port: trainer_port, near_port + 1: trainer_port + 1}, seed=1)
    line.start()
    line.ready.wait()
    run = os.path.join(job.folder, "relay")
    os.makedirs(run)
    start = time.monotonic()
    ends = (("pinsage-trainer", trainer_port, ()), ("pinsage-sampler", near_port, ("--name", "far")))
    processes = [
        job.start(name, run, *more, settings=[*settings, f"samplers.endpoint=tcp://127.0.0.1:{port}"])
        for name, port, more in ends
    ]
    try:
        code = processes[0].wait(timeout=120)
        # Where the last connection was cut, the sampler never hears of the end.
        processes[1].send_signal(signal.SIGTERM)
        codes = [code, processes[1].wait(timeout=20)]
    finally:
        kill_all(processes)
    checksum = job.checksum(run)
    report({
        "run": "relay", "seconds": round(time.monotonic() - start, 1), "cuts": line.cuts, "stalls": line.stalls,
        "megabytes": round(line.bytes / 1e6, 1), "checksum": checksum,
    })
    if codes != [0, 0] or checksum != expected:
        raise Failure(f"relay: expected codes 0, 0 and {expected}, found {codes} and {checksum}. Bug.")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=lambda text: [int(part) for part in text.split(",")], default=[1])
    parser.add_argument("--faults", type=int, default=36)
    parser.add_argument("--only", choices=list(KINDS))
    parser.add_argument("--pace", type=float, default=0.2, help="seconds between faults, on average")
    parser.add_argument("--bin", default=".build/release")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--network", action="store_true")
    parser.add_argument("--relay", action="store_true")
    arguments = parser.parse_args()

    def report(line):
        text = json.dumps(line) if arguments.json else "  ".join(f"{key} {value}" for key, value in line.items())
        print(text, flush=True)

    folder = tempfile.mkdtemp(prefix="pinsage-chaos-")
    try:
        job = Job(os.path.abspath(arguments.bin), folder)
        if arguments.network:
            network(job, report)
        elif arguments.relay:
            relay(job, report)
        else:
            storms(job, arguments, report)
    except Failure as failure:
        print(f"chaos: {failure} Everything is in {folder}.", file=sys.stderr)
        return 1
    subprocess.run(["rm", "-rf", folder])
    return 0


sys.exit(main())
