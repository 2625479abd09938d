import Foundation
import TestSupport
import Testing

/// What a worker takes for itself, beside the graph that all of them map.
@Suite(.serialized) struct SamplerMemoryTests {
    private let job: SmallJob

    init() throws { job = try SmallJob() }

    /// Makes batches of so many pairs and negatives, with lists of so many neighbours. With a credit of one batch the
    /// worker waits while the trainer learns from it.
    ///
    /// - Parameter fewest: memory of its own that ends the looking, once it has been seen with as little.
    /// - Returns: the worker's peak memory, the least of its own that it was seen with after some batches, and the largest
    ///   batch, in bytes.
    private func measure(
        _ run: String, pairs: Int, top: Int, fewest: Int = .max
    ) throws -> (peak: Int, between: Int, batch: Int) {
        try FileManager.default.createDirectory(atPath: "\(job.path)/\(run)", withIntermediateDirectories: true)
        let settings = [
            "--set", "batch.pairs=\(pairs)", "--set", "batch.shared_negatives=\(pairs)", "--set", "walks.count=50",
            "--set", "walks.restart=0", "--set", "walks.top=\(top)", "--set", "model.hidden_width=8", "--set",
            "training.epochs=10000", "--set", "samplers.credit=1",
        ]
        let worker = try RealProcess(
            "pinsage-sampler", ["--config", "config.yaml", "--run", run, "--name", "w"] + settings, in: job.path)
        let trainer = try RealProcess(
            "pinsage-trainer", ["--config", "config.yaml", "--run", run] + settings, in: job.path)
        #expect(eventually(within: 120) { job.loggedSteps(run) > 3 })
        var (between, looks) = (Int.max, 0)
        _ = eventually {
            (between, looks) = (min(between, worker.ownBytes), looks + 1)
            return looks >= 400 && between <= fewest
        }
        let peak = worker.peakBytes
        trainer.send(SIGTERM)
        #expect(trainer.end().code == 3)
        #expect(worker.end().code == 0)
        let log = try job.folder.text("\(run)/logs/trainer.log")
        let field = log.split(whereSeparator: \.isWhitespace).last { $0.hasPrefix("largest_bytes=") }
        return (peak, between, try #require(field.flatMap { Int($0.dropFirst(14)) }, "\(log)"))
    }

    @Test("a worker holds one batch and little else, and while it waits not even that")
    func oneBatch() throws {
        let small = try measure("small", pairs: 1, top: 1)
        let large = try measure("large", pairs: 1000, top: 800, fewest: small.between + (2 << 20))
        let (more, batches) = (large.peak - small.peak, large.batch - small.batch)
        let kept = large.between - small.between
        print(
            "sampler: \(more >> 10) KB more for a batch that is \(batches >> 10) KB larger, \(kept >> 10) KB of it between batches"
        )
        #expect(batches > 10 << 20, "\(batches) bytes")
        // A second batch in memory, or the lists twice, would go beyond.
        #expect(more < batches * 3 / 2, "\(more) bytes more for a batch that is \(batches) larger")
        #expect(kept < batches / 4, "\(kept) bytes kept of \(batches)")
    }
}
