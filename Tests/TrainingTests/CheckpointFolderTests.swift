import Configuration
import Foundation
import PinSageModel
import TestSupport
import Testing
import Training

/// What a process that died in the middle of a checkpoint leaves behind, and what becomes of it.
@Suite struct CheckpointFolderTests {
    private let fixture: TrainingFixture
    private let whole: PipelineSettings

    /// A run of 60 steps with a checkpoint after every seventh and at each epoch's end, all of them kept.
    init() throws {
        fixture = try TrainingFixture()
        var settings = fixture.settings("whole")
        settings.checkpoints.keep = 100
        whole = settings
        #expect(try fixture.train(whole, workers: [[]]) == .finished(step: 60))
    }

    /// Resumes and expects the bytes of the run that was not cut short, and nothing left over.
    private func expectResumed(_ run: PipelineSettings, _ what: String) throws {
        #expect(try fixture.train(run, workers: [[]], resume: true) == .finished(step: 60), "\(what)")
        #expect(try fixture.checkpoint(run) == fixture.checkpoint(whole), "\(what)")
        #expect(try fixture.pointer("best", of: run) == fixture.pointer("best", of: whole), "\(what)")
        let names = try FileManager.default.contentsOfDirectory(atPath: run.run + "/checkpoints")
        #expect(!names.contains { $0.contains(".tmp-") }, "\(what): \(names)")
    }

    @Test("killed while a checkpoint is written, after any share of it, the run resumes to the same bytes")
    func killedWhileWriting() throws {
        let next = try Data(contentsOf: URL(fileURLWithPath: whole.run + "/checkpoints/step-00000035.safetensors"))
        for (number, count) in [0, 1, 7, 8, 9, 400, next.count / 2, next.count - 1, next.count].enumerated() {
            let run = try fixture.cutShort(whole, as: "part\(number)", after: 28)
            try next.prefix(count).write(
                to: URL(fileURLWithPath: run.run + "/checkpoints/step-00000035.safetensors.tmp-77"))
            try expectResumed(run, "\(count) of \(next.count) bytes")
        }
    }

    @Test("killed between the steps that follow the writing, the run resumes to the same bytes")
    func killedAfterwards() throws {
        // Renamed; `latest` is old, half written beside, or gone.
        try expectResumed(
            with("renamed") { run in try fixture.pointer("latest", at: 28, in: run) }, "latest is one behind")
        try expectResumed(
            with("pointing") { run in
                try "step-0000".write(
                    toFile: run.run + "/checkpoints/latest.tmp-77", atomically: false, encoding: .utf8)
            }, "latest half written")
        try expectResumed(
            with("unpointed") { run in
                for name in ["latest", "best"] {
                    try FileManager.default.removeItem(atPath: run.run + "/checkpoints/\(name)")
                }
            }, "no pointers")
        // `best` is old, or names what is gone.
        try expectResumed(with("oldBest") { run in try fixture.pointer("best", at: 14, in: run) }, "best is old")
        try expectResumed(with("noBest") { run in try fixture.pointer("best", at: 36, in: run) }, "best is gone")
    }

    private func with(_ name: String, _ change: (PipelineSettings) throws -> Void) throws -> PipelineSettings {
        let run = try fixture.cutShort(whole, as: name, after: 35)
        try change(run)
        return run
    }

    @Test("a checkpoint with one bit flipped anywhere is passed over for an older one")
    func flippedBits() throws {
        let path = "/checkpoints/step-00000035.safetensors"
        let bytes = try Data(contentsOf: URL(fileURLWithPath: whole.run + path))
        for (number, place) in [0, 8, 30, 600, bytes.count / 2, bytes.count - 1].enumerated() {
            let run = try fixture.cutShort(whole, as: "flipped\(number)", after: 35)
            var damaged = bytes
            damaged[place] ^= 4
            try damaged.write(to: URL(fileURLWithPath: run.run + path))
            try expectResumed(run, "byte \(place)")
        }
    }

    @Test("a run cut short before its first checkpoint starts again when it is resumed")
    func nothingYet() throws {
        let run = try fixture.cutShort(whole, as: "nothing", after: 0)
        try expectResumed(run, "no checkpoint")
    }

    @Test("the newest checkpoints stay, and the best beside them")
    func keepsBest() throws {
        var settings = try fixture.cutShort(whole, as: "best", after: 28)
        settings.checkpoints.keep = 2
        // No later loss is as low as this one is said to be.
        let path = settings.run + "/checkpoints/step-00000014.safetensors"
        let old = try Checkpoint.read(path: path)
        var metadata = old.metadata
        metadata.smoothedLoss = 1e-9
        try Checkpoint.write(path: path, parameters: old.parameters, adam: old.adam, metadata: metadata)
        try fixture.pointer("best", at: 14, in: settings)
        #expect(try fixture.train(settings, workers: [[]], resume: true) == .finished(step: 60))
        let best = try fixture.pointer("best", of: settings)
        let files = try FileManager.default.contentsOfDirectory(atPath: settings.run + "/checkpoints")
        #expect(best == "step-00000014.safetensors")
        #expect(
            files.sorted() == ["best", "latest", best, "step-00000056.safetensors", "step-00000060.safetensors"])
    }

    @Test("a line of the metrics stands once for each step, whatever was logged before the run was cut short")
    func metricsOnce() throws {
        let run = try fixture.cutShort(whole, as: "metrics", after: 28)
        let file = try #require(FileHandle(forWritingAtPath: run.run + "/metrics.jsonl"))
        try file.seekToEnd()
        try file.write(contentsOf: Data("{\"step\": 70, \"los".utf8))
        #expect(try fixture.train(run, workers: [[]], resume: true) == .finished(step: 60))
        #expect(try fixture.metrics(run).map(\.step) == fixture.metrics(whole).map(\.step))
    }

    @Test("resuming with several settings changed names each of them")
    func severalChanges() throws {
        var run = try fixture.cutShort(whole, as: "changed", after: 28)
        run.model.hiddenWidth = 16
        run.batch.pairs = 99
        let error = #expect(throws: TrainingError.self) { try fixture.train(run, workers: [], resume: true) }
        #expect(
            error?.description.hasSuffix(
                "model.hidden_width: expected 8 as when the run was started, found 16; "
                    + "batch.pairs: expected \(whole.batch.pairs) as when the run was started, found 99. Set it back, or start a new run."
            )
                == true, "\(String(describing: error))")
    }
}
