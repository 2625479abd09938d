import Foundation
import TestSupport
import Testing

/// Eager samplers and a slow trainer, and the other way round: memory, and what the logs say.
@Suite(.serialized) struct BackPressureTests {
    private let job: SmallJob

    init() throws { job = try SmallJob() }

    /// Trains for some steps with a slow trainer: about two batches a second, of the dozens that a sampler makes. No
    /// checkpoint is written meanwhile: a copy of the model is larger than the batches that are looked for.
    /// - Returns: the trainer's and the largest sampler's peak memory, and the largest batch, in bytes.
    private func measure(_ run: String, samplers: Int, credit: Int) throws -> (trainer: Int, sampler: Int, batch: Int) {
        try FileManager.default.createDirectory(atPath: "\(job.path)/\(run)", withIntermediateDirectories: true)
        let settings = [
            "--set", "model.hidden_width=768", "--set", "batch.pairs=2048", "--set", "trainer.features=inline", "--set",
            "samplers.credit=\(credit)", "--set", "training.epochs=100", "--set", "checkpoints.every_batches=100000",
        ]
        let workers = try (0..<samplers).map { number in
            try RealProcess(
                "pinsage-sampler", ["--config", "config.yaml", "--run", run, "--name", "w\(number)"] + settings,
                in: job.path)
        }
        let trainer = try RealProcess(
            "pinsage-trainer", ["--config", "config.yaml", "--run", run] + settings, in: job.path)
        #expect(eventually(within: 120) { job.loggedSteps(run) >= 6 })
        let peaks = (trainer.peakBytes, workers.map(\.peakBytes).max() ?? 0)
        trainer.send(SIGTERM)
        #expect(trainer.end().code == 3)
        for worker in workers { #expect(worker.end().code == 0) }
        let log = try job.folder.text("\(run)/logs/trainer.log")
        let field = log.split(whereSeparator: \.isWhitespace).last { $0.hasPrefix("largest_bytes=") }
        return (peaks.0, peaks.1, try #require(field.flatMap { Int($0.dropFirst(14)) }, "\(log)"))
    }

    @Test("with a slow trainer memory stays under workers × credit × batch, and the queue log says that samplers idle")
    func slowTrainer() throws {
        let alone = try measure("alone", samplers: 1, credit: 1)
        let eager = try measure("eager", samplers: 3, credit: 4)
        // Twice for the allocator, which keeps what was freed in pieces, and 8 MB for two more connections.
        let allowed = 3 * 4 * eager.batch * 2 + 8 << 20
        let more = eager.trainer - alone.trainer
        print(
            "trainer: \(alone.trainer >> 10) KB alone, \(more >> 10) KB more for 12 batches of \(eager.batch >> 10) KB")
        #expect(more <= allowed, "\(more) bytes more for 12 batches of \(eager.batch)")
        let samplerMore = eager.sampler - alone.sampler
        #expect(
            samplerMore <= 4 * eager.batch * 2 + 8 << 20, "\(samplerMore) bytes more for 4 batches of \(eager.batch)")
        // The same measurement sees a bound that is too wide.
        let wide = try measure("wide", samplers: 3, credit: 200)
        #expect(wide.trainer - alone.trainer > allowed, "\(wide.trainer - alone.trainer) bytes more for 600 batches")

        let lines = try job.folder.text("eager/queue_depth.log").split(separator: "\n").filter { !$0.hasPrefix("#") }
        for line in lines {
            let fields = line.split(separator: " ")
            let (depth, inFlight, ready, capacity) = (Int(fields[2]), Int(fields[3]), Int(fields[4]), Int(fields[5]))
            #expect(depth == (inFlight ?? 0) + (ready ?? 0) && (depth ?? 99) <= 12 && (capacity ?? 99) <= 12, "\(line)")
        }
        #expect(try watch("eager").contains { $0.contains("samplers idle") })
    }

    @Test("with a fast trainer its wait share says that samplers are missing")
    func fastTrainer() throws {
        let settings = ["model.hidden_width=1", "model.output_width=1", "walks.count=200", "training.epochs=3"]
        #expect(try job.train("fast", set: settings).code == 0)
        let line = try #require(try job.folder.text("fast/metrics.jsonl").split(separator: "\n").last)
        let metrics = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
        let share = try #require(metrics?["wait_share"] as? Double)
        #expect(share > 0.5, "\(share)")
        #expect(try watch("fast").contains { $0.contains("add samplers") })
    }

    /// Lines of `scripts/watch-queue`, without its two at the top.
    private func watch(_ run: String) throws -> [String] {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["\(root)/scripts/watch-queue", "--once", "\(job.path)/\(run)"]
        process.standardOutput = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return text.split(separator: "\n").dropFirst(2).map(String.init)
    }

    @Test("the watcher says who is the bottleneck, and shows every worker")
    func verdicts() throws {
        try FileManager.default.createDirectory(atPath: "\(job.path)/run", withIntermediateDirectories: true)
        try job.folder.write(
            """
            # time step depth in_flight ready capacity trainer_wait_ms batches_per_s WORKER=batches_received…
            2026-11-23T10:11:12Z 100 8 8 0 8 612 31.50 east=16 west=15
            2026-11-23T10:11:13Z 130 8 1 7 8 3 30.00 east=15 west=15
            2026-11-23T10:11:14Z 160 8 6 2 8 120 30.00 east=15 west=15

            """, to: "run/queue_depth.log")
        let lines = try watch("run")
        try #require(lines.count == 3, "\(lines)")
        #expect(lines[0].contains("add samplers: the trainer waited 61 % of the time"))
        #expect(lines[1].contains("samplers idle: 7 batches wait for the trainer"))
        #expect(lines[2].contains("balanced"))
        for line in lines { #expect(line.contains("east=1") && line.contains("west=15")) }
        #expect(lines[0].hasPrefix("10:11:12      100      8         8      0         8      612      31.50"))
    }
}
