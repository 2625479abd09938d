import Foundation
import TestSupport
import Testing

/// What the machine does to a run: each fault ends in one line and exit code 1, and the run resumes to the same bytes.
@Suite(.serialized) struct SystemFaultTests {
    private let job: SmallJob

    init() throws { job = try SmallJob() }

    private func trainer(_ run: String, under wrapper: [String], _ arguments: [String] = []) throws -> Ended {
        let sampler = try job.sampler(run)
        let trainer = try RealProcess(
            "pinsage-trainer", ["--config", "config.yaml", "--run", run] + arguments, in: job.path, under: wrapper)
        let ended = trainer.end()
        sampler.send(SIGTERM)
        _ = sampler.end()
        return ended
    }

    private func expectLine(_ ended: Ended, _ text: String) {
        #expect(ended.code == 1)
        #expect(ended.errorLines.last == "pinsage-trainer: \(text)", "\(ended.error)")
    }

    private func expectResumes(_ run: String) throws {
        #expect(try job.train("calm").code == 0)
        let resumed = try job.train(run, resume: true)
        #expect(resumed.code == 0, "\(resumed.error)")
        #expect(try job.checksum(run) == job.checksum("calm"))
    }

    private func makeRun(_ name: String) throws {
        try FileManager.default.createDirectory(atPath: "\(job.path)/\(name)", withIntermediateDirectories: true)
    }

    @Test("a checkpoint that finds no room ends the run with its name, and leaves none")
    func fileTooLarge() throws {
        try makeRun("full")
        // 20 blocks of 512 bytes: the logs fit, no checkpoint does.
        let ended = try trainer("full", under: ["/bin/sh", "-c", "ulimit -f 20; exec \"$@\"", "sh"])
        expectLine(
            ended,
            "artifacts: full/checkpoints/step-00000007.safetensors: cannot write: expected the system to do it, "
                + "found: file too large. Check the path.")
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(job.path)/full/checkpoints").isEmpty)
        try expectResumes("full")
    }

    @Test("a log that finds no room ends the run with its name")
    func logTooLarge() throws {
        try makeRun("log")
        // Six blocks of 512 bytes: the first line of the metrics does not fit behind what stands there.
        try String(repeating: "{\"step\":0}\n", count: 277).write(
            toFile: "\(job.path)/log/metrics.jsonl", atomically: false, encoding: .utf8)
        let ended = try trainer("log", under: ["/bin/sh", "-c", "ulimit -f 6; exec \"$@\"", "sh"])
        expectLine(
            ended,
            "run directory: log/metrics.jsonl: cannot write: expected a file to write to, found: File too large. "
                + "Check the folder's permissions and free space.")
        #expect(try job.train("log").code == 0)
    }

    @Test("a full disk ends the run with one line, and the checkpoints before it stay")
    func fullDisk() throws {
        guard succeeds("/usr/bin/unshare", ["-m", "true"]) else {
            print("skipped: no mount namespace for a small disk")
            return
        }
        try makeRun("small")
        // Room for the logs, three checkpoints of 94 KB and half of a fourth. Copied out, for the disk goes with the shell.
        let script = """
            mount -t tmpfs -o size=360k none small || exit 77
            "$@"; code=$?
            mkdir kept && cp -r small/config.yaml small/checkpoints kept/
            exit $code
            """
        let sampler = try job.sampler("small", ["--set", "samplers.endpoint=ipc://s.ipc"])
        let ended = try RealProcess(
            "pinsage-trainer",
            [
                "--config", "config.yaml", "--run", "small", "--set", "samplers.endpoint=ipc://s.ipc", "--set",
                "checkpoints.keep=9",
            ],
            in: job.path, under: ["/usr/bin/unshare", "-m", "/bin/sh", "-c", script, "sh"]
        ).end()
        sampler.send(SIGTERM)
        _ = sampler.end()
        guard ended.code != 77 else {
            print("skipped: no small disk can be mounted")
            return
        }
        #expect(ended.code == 1)
        #expect(
            ended.errorLines.last?.hasSuffix("expected free space, found none. Free some or name another disk.")
                == true,
            "\(ended.error)")
        let kept = try FileManager.default.contentsOfDirectory(atPath: "\(job.path)/kept/checkpoints")
        #expect(kept.contains("latest") && !kept.contains { $0.contains(".tmp-") }, "\(kept)")
        try expectResumes("kept")
    }

    @Test("a run directory that may not be written to is named")
    func permissionDenied() throws {
        guard getuid() == 0, FileManager.default.isExecutableFile(atPath: "/usr/bin/setpriv") else {
            print("skipped: not root, so no other user to be")
            return
        }
        let nobody = ["/usr/bin/setpriv", "--reuid=65534", "--clear-groups"]
        expectLine(
            try trainer("denied", under: nobody),
            "artifacts: denied: cannot create folder: expected the right to, found none. "
                + "Change the permissions or name another path.")
    }

    @Test("too few file descriptors are said at the start, with how many it takes")
    func descriptors() throws {
        for name in ["pinsage-trainer", "pinsage-sampler"] {
            let ended = try RealProcess(
                name, ["--config", "config.yaml", "--run", "few"], in: job.path,
                under: ["/bin/sh", "-c", "ulimit -n 40; exec \"$@\"", "sh"]
            ).end(within: 20)
            #expect(ended.code == 1)
            let needed = name == "pinsage-trainer" ? 68 : 64
            #expect(
                ended.errorLines == [
                    "\(name): process: open files: expected a limit of at least \(needed), found 40. "
                        + "Raise it with `ulimit -n`."
                ])
        }
    }

    @Test("a graph file cut short under the map is one line in each sampler's log and ends the run with 1")
    func truncatedGraph() throws {
        let process = try job.start("cut", set: ["training.epochs=100000", "samplers.count=2"])
        #expect(eventually { job.loggedSteps("cut") > 2 })
        let file = try #require(FileHandle(forWritingAtPath: "\(job.path)/graph/pin_boards.npy"))
        try file.truncate(atOffset: 4096)
        let ended = process.end(within: 60)
        #expect(ended.code == 1, "\(ended.error)")
        #expect(ended.errorLines.last?.contains("pin_boards.npy: ") == true, "\(ended.error)")
        let log = try job.folder.text("cut/logs/sampler0.log")
        let line =
            "pinsage-sampler: artifacts: graph/pin_boards.npy: cut short while in use: expected 80128 bytes, found "
            + "fewer. Write the file again, and replace files in use instead of rewriting them."
        #expect(log.split(separator: "\n").contains { $0 == line }, "\(log)")
    }

    @Test("a trainer or a sampler that is stopped for seconds and goes on costs time and nothing else")
    func stopped() throws {
        #expect(try job.train("calm").code == 0)
        for victim in ["trainer", "sampler"] {
            try makeRun(victim)
            let sampler = try job.sampler(victim)
            let trainer = try RealProcess(
                "pinsage-trainer", ["--config", "config.yaml", "--run", victim, "--set", "samplers.lease_seconds=5"],
                in: job.path)
            #expect(eventually { job.loggedSteps(victim) > 1 })
            let process = victim == "trainer" ? trainer : sampler
            process.send(SIGSTOP)
            // Longer than the sockets' heartbeats last: the connection is given up meanwhile.
            Thread.sleep(forTimeInterval: 2.5)
            process.send(SIGCONT)
            #expect(trainer.end(within: 60).code == 0)
            #expect(sampler.end(within: 60).code == 0)
            #expect(try job.checksum(victim) == job.checksum("calm"), "\(victim)")
        }
    }

    @Test("jumps of the time of day by an hour and back change neither the time it takes nor the result")
    func clockJumps() throws {
        let source = """
            #define _GNU_SOURCE
            #include <sys/syscall.h>
            #include <sys/time.h>
            #include <time.h>
            #include <unistd.h>
            static long jump(void) { static long calls; return (calls++ / 7) % 3 * 3600 - 3600; }
            int clock_gettime(clockid_t clock, struct timespec *now) {
                long result = syscall(SYS_clock_gettime, clock, now);
                if (clock == CLOCK_REALTIME) now->tv_sec += jump();
                return result;
            }
            int gettimeofday(struct timeval *now, void *zone) {
                struct timespec time;
                clock_gettime(CLOCK_REALTIME, &time);
                now->tv_sec = time.tv_sec;
                now->tv_usec = time.tv_nsec / 1000;
                return 0;
            }
            """
        try job.folder.write(source, to: "jump.c")
        guard
            succeeds(
                "/usr/bin/env", ["cc", "-shared", "-fPIC", "-o", job.folder.file("jump.so"), job.folder.file("jump.c")])
        else {
            print("skipped: no C compiler for a clock that jumps")
            return
        }
        #expect(try job.train("calm").code == 0)
        let start = ContinuousClock.now
        let ended = try RealProcess(
            "pinsage", ["train", "--config", "config.yaml", "--run", "jumpy", "--set", "samplers.count=2"],
            in: job.path,
            environment: ["LD_PRELOAD": job.folder.file("jump.so")]
        ).end()
        #expect(ended.code == 0, "\(ended.error)")
        #expect(ContinuousClock.now - start < .seconds(30))
        #expect(try job.checksum("jumpy") == job.checksum("calm"))
        let hours = Set(try job.folder.text("jumpy/logs/trainer.log").split(separator: "\n").map { $0.prefix(13) })
        #expect(hours.count > 1, "the clock did not jump")
    }
}
