import Artifacts
import Basics
import Foundation
import Minibatches
import TestSupport
import Testing
import Transport

/// Faults put to real processes: what they cost is time, never a bit of the result.
@Suite(.serialized) struct ReliabilityTests {
    private let job: SmallJob

    init() throws { job = try SmallJob() }

    @Test("workers, sockets, features' way, threads and interruptions change no byte of the tensors")
    func sameTensors() throws {
        #expect(try job.train("one").code == 0)
        let expected = try job.checksum("one")
        let port = 20_000 + Int(ProcessInfo.processInfo.processIdentifier) % 20_000
        let tcp = "samplers.endpoint=tcp://127.0.0.1:\(port)"
        let variants = [
            ["samplers.count=2", "trainer.threads=2", "trainer.features=inline", tcp],
            ["samplers.count=3", "trainer.threads=4", "trainer.features=mapped", tcp],
            ["samplers.count=8", "trainer.threads=1", "trainer.features=inline"],
        ]
        for (number, variant) in variants.enumerated() {
            #expect(try job.train("v\(number)", set: variant).code == 0)
            #expect(try job.checksum("v\(number)") == expected, "\(variant)")
        }
        // Interrupted twice, each time going on with other workers, threads and ways.
        for (number, variant) in variants.prefix(2).enumerated() {
            let process = try job.start("cut", set: variant, resume: number > 0)
            let steps = job.loggedSteps("cut")
            _ = eventually { job.loggedSteps("cut") > steps + 1 }
            process.send(SIGINT)
            #expect([0, 3].contains(process.end().code))
        }
        #expect(try job.train("cut", set: variants[2], resume: true).code == 0)
        #expect(try job.checksum("cut") == expected)
    }

    @Test("checksum prints one number for a run and for a file of it, as text and as JSON")
    func checksumCommand() throws {
        #expect(try job.train("one").code == 0)
        let checksum = try job.checksum("one")
        #expect(checksum.count == 16)
        let file = "one/checkpoints/step-00000060.safetensors"
        #expect(try job.run("checksum", file).output == "\(checksum)  \(file)\n")
        // Independent of the product: the same number from the file's bytes.
        let other = try job.train("other", set: ["seed=4"])
        #expect(other.code == 0)
        #expect(try job.checksum("other") != checksum)
        let missing = try job.run("checksum", "nowhere")
        #expect(missing.code == 1)
        #expect(missing.errorLines.count == 1)
    }

    @Test("killed at any sync or rename of a checkpoint, a trainer resumes to the same bytes")
    func killedAtSystemCalls() throws {
        guard succeeds("/usr/bin/strace", ["-o", "/dev/null", "/bin/true"]) else {
            print("skipped: no strace to kill a process at a system call")
            return
        }
        #expect(try job.train("calm").code == 0)
        // 1, 2, 3: config.yaml. 4 … 6: the first checkpoint, `latest`, `best`; then the second.
        for call in [4, 6, 9] {
            let run = "call\(call)"
            try FileManager.default.createDirectory(
                atPath: "\(job.path)/\(run)", withIntermediateDirectories: true)
            let sampler = try job.sampler(run)
            let trainer = try RealProcess(
                "pinsage-trainer", ["--config", "config.yaml", "--run", run], in: job.path,
                under: [
                    "/usr/bin/strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,rename", "-e",
                    "inject=fsync,rename:signal=KILL:when=\(call)",
                ])
            #expect(trainer.end().code != 0)
            let resumed = try RealProcess(
                "pinsage-trainer", ["--config", "config.yaml", "--run", run, "--resume"], in: job.path
            ).end()
            #expect(resumed.code == 0, "call \(call): \(resumed.error)")
            #expect(sampler.end().code == 0)
            #expect(try job.checksum(run) == job.checksum("calm"), "call \(call)")
        }
    }

    @Test("a sampler with another graph or setting ends with one line that names the difference, and so does the log")
    func refused() throws {
        try FileManager.default.createDirectory(atPath: "\(job.path)/run", withIntermediateDirectories: true)
        let trainer = try RealProcess("pinsage-trainer", ["--config", "config.yaml", "--run", "run"], in: job.path)
        let other = try job.sampler("run", ["--set", "batch.pairs=99"]).end(within: 30)
        #expect(other.code == 1)
        let reason = "batch.pairs: expected 128 as the trainer has, found 99"
        #expect(
            other.errorLines.last == "pinsage-sampler: sampler: worker: refused by the trainer: \(reason). "
                + "Give both the same graph and the same config.")
        #expect(try job.folder.text("run/logs/trainer.log").contains("worker refused reason=\"\(reason)\" worker=hand"))

        let made = try job.run(
            "generate", "--out", "other", "--pins", "2000", "--boards", "1000", "--edges", "20000", "--feature-width",
            "32", "--seed", "6")
        #expect(made.code == 0)
        let foreign = try job.sampler("run", ["--set", "graph=other"]).end(within: 30)
        #expect(foreign.code == 1)
        #expect(
            foreign.errorLines.last?.hasPrefix(
                "pinsage-sampler: sampler: worker: refused by the trainer: graph: expected ")
                == true, "\(foreign.error)")
        // The right one is welcome all the same.
        let right = try job.sampler("run")
        #expect(trainer.end().code == 0)
        #expect(right.end().code == 0)

        let resumed = try job.train("run", set: ["graph=other", "training.epochs=4"], resume: true)
        #expect(resumed.code == 1)
        let line = resumed.errorLines.last ?? ""
        #expect(line.contains("step-00000060.safetensors: graph_fingerprint: expected "), "\(resumed.error)")
        #expect(line.hasSuffix("Use a checkpoint trained on this graph."), "\(resumed.error)")
    }

    @Test("keys: the sampler that has them trains, the one that does not is named in the log and gets nothing")
    func keys() throws {
        #expect(try job.run("keys", "--out", "keys").code == 0)
        #expect(try job.run("keys", "--out", "elsewhere").code == 0)
        try FileManager.default.removeItem(atPath: "\(job.path)/elsewhere/trainer.public")
        try FileManager.default.copyItem(
            atPath: "\(job.path)/keys/trainer.public", toPath: "\(job.path)/elsewhere/trainer.public")
        let port = 20_000 + Int(ProcessInfo.processInfo.processIdentifier) % 20_000
        let curve = [
            "samplers.endpoint=tcp://*:\(port)", "security.mechanism=curve", "security.keys=keys",
            "trainer.features=inline",
        ]
        let stranger = try job.sampler(
            "run", (curve + ["security.keys=elsewhere"]).flatMap { ["--set", $0] })
        let trained = try job.train("run", set: curve)
        #expect(trained.code == 0, "\(trained.error)")
        #expect(!trained.error.contains("NOT PROTECTED"))
        stranger.send(SIGTERM)
        _ = stranger.end()
        let log = try job.folder.text("run/logs/trainer.log")
        let key = try job.folder.text("elsewhere/sampler.public").trimmingCharacters(in: .newlines)
        #expect(log.contains("is not let in: its key \(key) is not allowed"), "\(log)")
        #expect(!log.contains("worker=hand"), "\(log)")
        #expect(try job.train("calm").code == 0)
        #expect(try job.checksum("run") == job.checksum("calm"))

        let open = try job.train("open", set: ["samplers.endpoint=tcp://*:\(port)"])
        #expect(open.errorLines.filter { $0.contains("NOT PROTECTED") }.count == 1, "\(open.error)")
        #expect(try job.folder.text("open/logs/trainer.log").contains("NOT PROTECTED"))
    }

    @Test("the spread of cosines stands in the metrics at each epoch's end")
    func spread() throws {
        #expect(try job.train("run", set: ["training.loss=max_margin"]).code == 0)
        let lines = try job.folder.text("run/metrics.jsonl").split(separator: "\n")
        let marked = try lines.filter { $0.contains("cosine_kurtosis") }.map { line in
            try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        }
        #expect(marked.map { $0["step"] as? Int } == [20, 40, 60])
        for line in marked { #expect((line["cosine_deviation"] as? Double ?? 0) > 0.01, "\(line)") }
    }

    @Test("embeddings that collapse are warned of, on standard error and in the log")
    func collapse() throws {
        // All pins alike: whatever is learned, their embeddings are one.
        try job.setFeatures(from: 0, to: 1)
        let trained = try job.train("flat", set: ["features.log_degree=0"])
        #expect(trained.code == 0, "\(trained.error)")
        let warnings = trained.errorLines.filter { $0.contains("embeddings collapse") }
        #expect(warnings.count == 3, "\(trained.error)")
        #expect(
            warnings.first == "trainer: epoch 0: embeddings collapse: cosines of random pairs have mean 1.000, "
                + "deviation 0.0000. Lower training.learning_rate, or raise training.margin.")
        #expect(try job.folder.text("flat/logs/trainer.log").contains("warning trainer: trainer: epoch 2: embeddings"))
    }

    @Test("a run that goes on with another instruction set warns, and its checkpoints say mixed ever after")
    func mixedInstructionSets() throws {
        func train(_ epochs: Int, set: String?, resume: Bool) throws -> Ended {
            try RealProcess(
                "pinsage",
                ["train", "--config", "config.yaml", "--run", "run", "--set", "training.epochs=\(epochs)"]
                    + (resume ? ["--resume"] : []),
                in: job.path, environment: set.map { ["PINSAGE_INSTRUCTION_SET": $0] } ?? [:]
            ).end()
        }
        func recorded(_ step: String) throws -> String? {
            try SafetensorsFile(path: job.folder.file("run/checkpoints/step-000000\(step).safetensors"))
                .metadata["instruction_set"]
        }
        #expect(try train(1, set: "baseline", resume: false).code == 0)
        #expect(try recorded("20") == "baseline")
        let other = try train(2, set: nil, resume: true)
        #expect(other.code == 0, "\(other.error)")
        let here =
            try job.folder.text("run/config.yaml").split(separator: "\n")
            .first { $0.hasPrefix("# instruction set: ") }?.dropFirst(19) ?? ""
        guard here != "baseline" else {
            print("skipped: this CPU has one instruction set")
            return
        }
        let warning =
            "trainer: the run was computed with baseline so far, this process uses \(here): the last bits of the "
            + "result will differ. PINSAGE_INSTRUCTION_SET chooses one that both hosts have."
        #expect(other.errorLines.contains(warning), "\(other.error)")
        #expect(try recorded("40") == "mixed")
        // Back to the first: what is mixed stays so.
        #expect(try train(3, set: "baseline", resume: true).code == 0)
        #expect(try recorded("60") == "mixed")
    }

    @Test("a worker under pinsage train in whose name too much rubbish comes is cut off; the others go on")
    func cutOff() throws {
        let process = try job.start("run", set: ["training.epochs=100000", "samplers.count=2"])
        #expect(eventually(within: 60) { job.loggedSteps("run") > 1 })
        let context = TransportContext()
        let push = try PushLink(context, connect: "ipc://\(job.path)/run/batches.ipc")
        for _ in 0..<21 { _ = try push.send(rubbish(from: "sampler0"), timeoutMilliseconds: 5000) }
        #expect(eventually(within: 60) { process.error.contains("The run goes on without it.") }, "\(process.error)")
        push.close()
        context.close()
        let reason = "more than 20 of its messages were damaged or unasked for; the last is in the trainer's log"
        #expect(
            process.error.contains(
                "supervisor: sampler0: sampler: worker: refused by the trainer: \(reason). Give both the same graph "
                    + "and the same config. The run goes on without it.\n"), "\(process.error)")
        let steps = job.loggedSteps("run")
        #expect(eventually { job.loggedSteps("run") > steps + 2 })
        process.send(SIGINT)
        #expect(process.end().code == 3)
        let log = try job.folder.text("run/logs/trainer.log")
        #expect(log.split(separator: "\n").count { $0.contains("a bad message is dropped") } == 21, "\(log)")
        #expect(log.contains("worker is cut off bad=21 worker=sampler0"), "\(log)")
    }

    /// A batch of another recipe: what a worker of another run would send.
    private func rubbish(from name: String) -> [Frame] {
        let rows = NeighborhoodRows(
            offsets: FrameArray([0, 1]), neighbors: FrameArray([0]), weights: FrameArray([1]))
        return MinibatchCodec.encode(
            Minibatch(
                batchIndex: 0, recipe: 1, targetCount: 1, hiddenCount: 1, pins: FrameArray([0]),
                boardCounts: FrameArray([1]), neighborhoods: [rows, rows], queries: FrameArray([0]),
                positives: FrameArray([0]), sharedNegatives: FrameArray([0]), hardNegatives: FrameArray([])),
            sampler: name)
    }

    @Test("features that overflow stop the run with step, tensor and batch; the last checkpoint stays")
    func overflow() throws {
        #expect(try job.train("good", set: ["training.epochs=1"]).code == 0)
        let before = try job.checksum("good")
        // Near the largest float, in the second half of the table.
        try job.setFeatures(from: 0.5, to: 3e38)
        let ended = try job.train("good", set: ["training.epochs=3"], resume: true)
        #expect(ended.code == 1)
        // The fingerprint in the manifest is as before: opening a graph does not read all of it.
        let line = ended.errorLines.last ?? ""
        #expect(line.hasPrefix("pinsage-trainer: model: step 21, batch 20: "), "\(ended.error)")
        #expect(line.contains("expected finite numbers, found"), "\(ended.error)")
        #expect(try job.checksum("good") == before)
    }
}

/// Storms of faults over the shortened demo run: `scripts/chaos.py`, which `make chaos SEED=n` runs too.
@Suite(.serialized) struct ChaosTests {
    private func chaos(_ arguments: [String]) throws -> [[String: Any]] {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path
        let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let built = URL(fileURLWithPath: tests).deletingLastPathComponent().path
        let output = try Python.run(["\(root)/scripts/chaos.py", "--bin", built, "--json"] + arguments)
        return try output.split(separator: "\n").map { line in
            try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any], "\(line)")
        }
    }

    @Test("three storms of thirty faults and more change no bit of the result")
    func storms() throws {
        let lines = try chaos(["--seeds", "1,2,3"])
        try #require(lines.count == 4)
        for line in lines.dropFirst() {
            #expect((line["faults"] as? Int ?? 0) >= 30, "\(line)")
            #expect(line["checksum"] as? String == lines[0]["checksum"] as? String, "\(line)")
        }
    }

    @Test("a sampler behind a slow network that stalls and drops connections changes no bit of the result")
    func relay() throws {
        let lines = try chaos(["--relay"])
        try #require(lines.count == 2)
        #expect(lines[1]["checksum"] as? String == lines[0]["checksum"] as? String, "\(lines)")
        #expect(lines[1]["cuts"] as? Int ?? 0 >= 3 && lines[1]["stalls"] as? Int ?? 0 >= 3, "\(lines)")
    }

    @Test("a sampler behind a cable that is cut twice changes no bit of the result")
    func network() throws {
        for line in try chaos(["--network"]) {
            if let reason = line["skipped"] { print("skipped: \(reason)") }
        }
    }
}

/// Whether a program is there and ends well.
func succeeds(_ program: String, _ arguments: [String]) -> Bool {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return false }
    process.waitUntilExit()
    return process.terminationStatus == 0
}

/// A small graph, its config, and the commands on them.
struct SmallJob {
    let folder: TemporaryDirectory
    var path: String { folder.path }

    init() throws {
        folder = try TemporaryDirectory()
        let made = try pinsage(
            "generate", "--out", "graph", "--pins", "2000", "--boards", "1000", "--edges", "20000", "--topics", "16",
            "--feature-width", "32", "--seed", "5", in: folder.path)
        #expect(made.code == 0, "\(made.error)")
        try folder.write(
            """
            graph: graph
            seed: 3
            model: { hidden_width: 32, output_width: 16 }
            batch: { pairs: 128, shared_negatives: 100 }
            training: { epochs: 3, batches_per_epoch: 20 }
            samplers: { count: 1 }
            checkpoints: { every_batches: 7 }
            """, to: "config.yaml")
    }

    func start(_ run: String, set: [String] = [], resume: Bool = false) throws -> RealProcess {
        let overrides = set.flatMap { ["--set", $0] } + (resume ? ["--resume"] : [])
        return try RealProcess("pinsage", ["train", "--config", "config.yaml", "--run", run] + overrides, in: path)
    }

    func train(_ run: String, set: [String] = [], resume: Bool = false) throws -> Ended {
        try start(run, set: set, resume: resume).end()
    }

    /// A worker by hand.
    func sampler(_ run: String, _ arguments: [String] = []) throws -> RealProcess {
        try RealProcess(
            "pinsage-sampler", ["--config", "config.yaml", "--run", run, "--name", "hand"] + arguments, in: path)
    }

    func run(_ arguments: String...) throws -> Ended { try RealProcess("pinsage", arguments, in: path).end() }

    func checksum(_ run: String) throws -> String {
        let ended = try self.run("checksum", run, "--json")
        let object = try JSONSerialization.jsonObject(with: Data(ended.output.utf8)) as? [String: Any]
        return try #require(object?["checksum"] as? String, "\(ended.error)")
    }

    func loggedSteps(_ run: String) -> Int {
        (try? folder.text("\(run)/metrics.jsonl"))?.split(separator: "\n").count ?? 0
    }

    /// Sets the numbers of the feature table from a place on, of 0 … 1, to one value.
    func setFeatures(from place: Double, to value: Float) throws {
        let name = "graph/features.npy"
        var bytes = try folder.bytes(name)
        let number = withUnsafeBytes(of: value) { Array($0) }
        let first = 128 + Int(Double(bytes.count - 128) * place) / 4 * 4
        for place in stride(from: first, to: bytes.count, by: 4) {
            bytes.replaceSubrange(place..<(place + 4), with: number)
        }
        try folder.write(bytes, to: name)
    }
}
