import Basics
import Configuration
import Foundation
import Logging
import TestSupport
import Testing
import Training

/// A trainer and its workers over real ZeroMQ sockets, in one process.
@Suite struct TrainerTests {
    private let folder: TemporaryDirectory

    init() throws {
        folder = try TemporaryDirectory()
    }

    private func settings(_ name: String, epochs: Int = 3) -> PipelineSettings {
        var settings = PipelineSettings()
        settings.run = folder.file(name)
        settings.graph = folder.file("no-graph-here")
        settings.trainer.features = .inline
        settings.model.hiddenWidth = 8
        settings.model.outputWidth = 4
        settings.training.epochs = epochs
        settings.training.batchesPerEpoch = 20
        settings.training.learningRate = 0.02
        settings.checkpoints.everyBatches = 7
        settings.samplers.leaseSeconds = 0.3
        return settings
    }

    private func train(
        _ settings: PipelineSettings, workers: [[ScriptedWorker.Misdeed]], resume: Bool = false,
        stop: StopToken = .manual(), stopAfter: Double? = nil
    ) throws -> Trainer.Ending {
        let run = RunDirectory(path: settings.run)
        let start = try TrainingStart(settings: settings, run: run, resume: resume)
        let lock = try run.open(holding: nil)
        defer { withExtendedLifetime(lock) {} }
        let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let trainer = Trainer(settings: settings, run: run, stop: stop, log: log)
        let all = workers.enumerated().map { ScriptedWorker("w\($0)", settings: settings, misdeeds: $1) }
        let ending = try trainer.train(from: start) { for worker in all { worker.start() } }
        for worker in all { #expect(worker.join()) }
        return ending
    }

    private func checkpoint(_ settings: PipelineSettings) throws -> Data {
        let name = try String(contentsOfFile: settings.run + "/checkpoints/latest", encoding: .utf8)
        let path = settings.run + "/checkpoints/" + name.trimmingCharacters(in: .newlines)
        return try Data(contentsOf: URL(fileURLWithPath: path))
    }

    /// A checkpoint without its metadata, which holds the run's path: the data of all tensors.
    private func tensors(_ settings: PipelineSettings) throws -> Data {
        let file = try checkpoint(settings)
        let header = file.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        return file.dropFirst(8 + header)
    }

    @Test("the loss falls, and the run directory holds what is promised")
    func learns() throws {
        let settings = settings("learns", epochs: 10)
        #expect(try train(settings, workers: [[]]) == .finished(step: 200))
        let lines = try String(contentsOfFile: settings.run + "/metrics.jsonl", encoding: .utf8).split(separator: "\n")
        let metrics = try lines.map { try JSONDecoder().decode(StepMetrics.self, from: Data($0.utf8)) }
        #expect(metrics.map(\.step) == [1] + stride(from: 10, through: 200, by: 10))
        #expect(metrics.last!.loss < 0.5 * metrics[1].loss, "from \(metrics[1].loss) to \(metrics.last!.loss)")
        let files = try FileManager.default.contentsOfDirectory(atPath: settings.run)
        for name in ["config.yaml", "queue_depth.log", "metrics.jsonl", "checkpoints", "logs"] {
            #expect(files.contains(name), "\(name) is missing")
        }
        #expect(files.contains { $0.hasPrefix("events.out.tfevents.") })
        let names = try FileManager.default.contentsOfDirectory(atPath: settings.run + "/checkpoints").sorted()
        #expect(
            names == [
                "latest", "step-00000189.safetensors", "step-00000196.safetensors", "step-00000200.safetensors",
            ])
        let resolved = try PipelineSettings.load(path: settings.run + "/config.yaml")
        #expect(resolved == settings)
    }

    @Test("workers that lose, double, corrupt and die change no bit of the result")
    func misdeeds() throws {
        let calm = settings("calm")
        #expect(try train(calm, workers: [[]]) == .finished(step: 60))
        let wild = settings("wild")
        let ending = try train(
            wild, workers: [[.sendsTwice, .losesFirst], [.corruptsSome], [.diesEarly], []])
        #expect(ending == .finished(step: 60))
        #expect(try tensors(wild) == tensors(calm))
    }

    @Test("a run that was stopped and resumed ends with the same bytes as one that was not")
    func resume() throws {
        let whole = settings("whole")
        #expect(try train(whole, workers: [[]]) == .finished(step: 60))

        let broken = settings("broken")
        var isFirst = true
        while true {
            let stop = StopToken.manual()
            let metricsPath = broken.run + "/metrics.jsonl"
            let before = (try? String(contentsOfFile: metricsPath, encoding: .utf8))?.utf8.count ?? 0
            Thread {
                _ = eventually(within: 20) {
                    ((try? String(contentsOfFile: metricsPath, encoding: .utf8))?.utf8.count ?? 0) > before
                }
                stop.stop()
            }.start()
            let ending = try train(broken, workers: [[]], resume: !isFirst, stop: stop)
            isFirst = false
            if ending == .finished(step: 60) { break }
        }
        #expect(try tensors(broken) == tensors(whole))
    }

    @Test("a run directory with checkpoints is not overwritten, and an empty one is not resumed")
    func startAndResume() throws {
        let settings = settings("again", epochs: 1)
        #expect(throws: TrainingError.nothingToResume(path: settings.run + "/checkpoints")) {
            try train(settings, workers: [], resume: true)
        }
        _ = try train(settings, workers: [[]])
        #expect(throws: TrainingError.runExists(path: settings.run, checkpoints: 3)) {
            try train(settings, workers: [])
        }
        #expect(try train(settings, workers: [], resume: true) == .finished(step: 20))
    }

    @Test("resuming with another seed names the key and both values")
    func foreignSettings() throws {
        var settings = settings("foreign", epochs: 1)
        _ = try train(settings, workers: [[]])
        settings.training.epochs = 2
        settings.seed = 5
        let error = #expect(throws: TrainingError.self) { try train(settings, workers: [], resume: true) }
        #expect(
            error?.description.hasSuffix(
                "step-00000020.safetensors: seed: expected 1 as when the run was started, found 5. "
                    + "Set it back, or start a new run.") == true, "\(String(describing: error))")
    }

    @Test("the newest checkpoint that is damaged is passed over")
    func damagedCheckpoint() throws {
        var settings = settings("damaged", epochs: 1)
        _ = try train(settings, workers: [[]])
        let path = settings.run + "/checkpoints/step-00000020.safetensors"
        let whole = try Data(contentsOf: URL(fileURLWithPath: path))
        try whole.dropLast(100).write(to: URL(fileURLWithPath: path))
        settings.samplers.credit = 2
        #expect(try train(settings, workers: [[]], resume: true) == .finished(step: 20))
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)).count == whole.count)
    }

    @Test("two trainers cannot work in one run directory")
    func locked() throws {
        let run = RunDirectory(path: folder.file("locked"))
        #expect(try run.lockExisting() == nil)
        let lock = try run.open(holding: nil)
        #expect(throws: TrainingError.runInUse(path: run.path)) { _ = try run.lockExisting() }
        #expect(throws: TrainingError.runInUse(path: run.path)) { _ = try run.open(holding: nil) }
        withExtendedLifetime(lock) {}
    }

    @Test("what opening a new run has made is taken away again; a run that was there stays")
    func abandoned() throws {
        let run = RunDirectory(path: folder.file("deep/down/run"))
        try run.open(holding: nil).abandon()
        #expect(try folder.names() == [])
        do { _ = try run.open(holding: nil) }
        let held = try #require(try run.lockExisting())
        try run.open(holding: held).abandon()
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: run.path).sorted() == ["checkpoints", "lock", "logs"])
    }
}
