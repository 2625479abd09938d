import Foundation
import TestSupport
import Testing

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
            _ = eventually(within: 30) { job.loggedSteps("cut") > steps + 1 }
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
        #expect(try job.train("run").code == 0)
        let lines = try job.folder.text("run/metrics.jsonl").split(separator: "\n")
        let marked = try lines.filter { $0.contains("cosine_kurtosis") }.map { line in
            try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        }
        #expect(marked.map { $0["step"] as? Int } == [20, 40, 60])
        for line in marked { #expect((line["cosine_deviation"] as? Double ?? 0) > 0.01, "\(line)") }
    }

    @Test("features that overflow stop the run with step, tensor and batch; the last checkpoint stays")
    func overflow() throws {
        #expect(try job.train("good", set: ["training.epochs=1"]).code == 0)
        let before = try job.checksum("good")
        try job.spoilFeatures()
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

    /// Puts numbers near the largest float into the second half of the feature table.
    func spoilFeatures() throws {
        let name = "graph/features.npy"
        var bytes = try folder.bytes(name)
        let large = withUnsafeBytes(of: Float(3e38)) { Array($0) }
        for place in stride(from: bytes.count / 8 * 4, to: bytes.count, by: 4) {
            bytes.replaceSubrange(place..<(place + 4), with: large)
        }
        try folder.write(bytes, to: name)
    }
}
