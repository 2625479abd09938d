import Foundation
import TestSupport
import Testing

/// How processes end when they are asked to, and when nobody asks them any more.
@Suite(.serialized) struct EndingTests {
    private let job: SmallJob

    init() throws { job = try SmallJob() }

    /// `pinsage train` with steps of two seconds or more, in the first half of its second.
    private func slowTraining(_ run: String) throws -> RealProcess {
        let overrides = ["batch.pairs=400000", "batch.shared_negatives=4000", "training.epochs=1"]
        let process = try RealProcess(
            "pinsage",
            ["train", "--config", "config.yaml", "--run", run, "--stop-seconds", "1"]
                + overrides.flatMap { ["--set", $0] }, in: job.path)
        // One step is done, and the trainer has the batch of the next: time, step, depth, in flight, ready.
        let isInStep = eventually(within: 100) {
            let log = (try? job.folder.text("\(run)/queue_depth.log")) ?? ""
            let fields = log.split(separator: "\n").last?.split(separator: " ") ?? []
            return fields.count > 4 && fields[1] == "1" && fields[4] != "0"
        }
        #expect(isInStep, "\(process.error)")
        return process
    }

    /// The trainer that a supervisor has started.
    private func trainer(of supervisor: RealProcess) throws -> Int32 {
        let path = "/proc/\(supervisor.pid)/task/\(supervisor.pid)/children"
        var found: Int32?
        for task in try FileManager.default.contentsOfDirectory(atPath: "/proc/\(supervisor.pid)/task") {
            let children = try? String(
                contentsOfFile: path.replacing("/task/\(supervisor.pid)/", with: "/task/\(task)/"), encoding: .utf8)
            for pid in (children ?? "").split(separator: " ").compactMap({ Int32($0) }) {
                let command = try? String(contentsOfFile: "/proc/\(pid)/cmdline", encoding: .utf8)
                if command?.contains("pinsage-trainer") == true { found = pid }
            }
        }
        return try #require(found, "\(supervisor.error)")
    }

    @Test("a stop waits for a step that takes longer than the trainer may stand still")
    func longStep() throws {
        let process = try slowTraining("slow")
        let start = ContinuousClock.now
        process.send(SIGINT)
        let ended = process.end()
        #expect(ContinuousClock.now - start > .seconds(1), "the step was too short to show anything")
        #expect(ended.code == 3, "\(ended.error)")
        #expect(
            ended.errorLines.last == "pinsage train: stopped, everything learned is saved. Continue with --resume.",
            "\(ended.error)")
        #expect(try job.folder.text("slow/checkpoints/latest") == "step-00000002.safetensors\n")
    }

    @Test("another Ctrl-C kills at once")
    func secondSignal() throws {
        let process = try RealProcess(
            "pinsage",
            [
                "train", "--config", "config.yaml", "--run", "killed", "--stop-seconds", "60", "--set",
                "training.epochs=1000",
            ], in: job.path)
        #expect(eventually(within: 100) { job.loggedSteps("killed") > 0 }, "\(process.error)")
        let trainer = try trainer(of: process)
        // Held, it cannot finish its step, however fast the machine is.
        kill(trainer, SIGSTOP)
        process.send(SIGINT)
        Thread.sleep(forTimeInterval: 0.8)
        #expect(process.isRunning, "\(process.error)")
        process.send(SIGINT)
        let ended = process.end()
        #expect(ended.code == 1)
        #expect(
            ended.errorLines.last
                == "pinsage train: supervisor: trainer: killed: expected it to finish its step, "
                + "found another signal first. Continue from the newest checkpoint with --resume.", "\(ended.error)")
        #expect(kill(trainer, 0) != 0)
    }

    @Test("a trainer that stands still is killed, and said to hang")
    func hangs() throws {
        let process = try RealProcess(
            "pinsage",
            [
                "train", "--config", "config.yaml", "--run", "hung", "--stop-seconds", "1.5", "--set",
                "training.epochs=100000",
            ], in: job.path)
        #expect(eventually(within: 60) { job.loggedSteps("hung") > 1 })
        kill(try trainer(of: process), SIGSTOP)
        process.send(SIGINT)
        let ended = process.end(within: 30)
        #expect(ended.code == 1)
        #expect(
            ended.errorLines.last
                == "pinsage train: supervisor: trainer: hangs: expected it to stop or to compute, "
                + "found neither for 1.5 s and killed it. Continue from the newest checkpoint with --resume.",
            "\(ended.error)")
        let resumed = try job.train("hung", set: ["training.epochs=1"], resume: true)
        #expect(resumed.code == 0, "\(resumed.error)")
    }

    @Test("a sampler whose trainer has vanished gives up by itself")
    func orphan() throws {
        try FileManager.default.createDirectory(atPath: "\(job.path)/run", withIntermediateDirectories: true)
        let trainer = try RealProcess(
            "pinsage-trainer", ["--config", "config.yaml", "--run", "run", "--set", "training.epochs=100000"],
            in: job.path)
        let sampler = try job.sampler(
            "run", ["--set", "training.epochs=100000", "--set", "samplers.give_up_seconds=3"])
        #expect(eventually(within: 60) { job.loggedSteps("run") > 1 })
        trainer.send(SIGKILL)
        _ = trainer.end()
        let ended = sampler.end(within: 30)
        #expect(ended.code == 1)
        #expect(
            ended.errorLines.last
                == "pinsage-sampler: sampler: ipc://run/batches.ipc.control: trainer is gone: "
                + "expected a word within 3.0 s, found none. Start the sampler again with the trainer, "
                + "or raise samplers.give_up_seconds.", "\(ended.error)")
    }
}
