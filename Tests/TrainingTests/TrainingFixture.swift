import Basics
import Configuration
import Foundation
import Logging
import TestSupport
import Testing
import Training

/// Runs a trainer and scripted workers in a folder of their own.
struct TrainingFixture {
    let folder: TemporaryDirectory

    init() throws {
        folder = try TemporaryDirectory()
    }

    func settings(_ name: String, epochs: Int = 3) -> PipelineSettings {
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

    func train(
        _ settings: PipelineSettings, workers: [[ScriptedWorker.Misdeed]], resume: Bool = false,
        stop: StopToken = .manual(), whenReady: () -> Void = {}
    ) throws -> Trainer.Ending {
        let run = RunDirectory(path: settings.run)
        let start = try TrainingStart(settings: settings, run: run, resume: resume)
        let lock = try run.open(holding: nil)
        defer { withExtendedLifetime(lock) {} }
        let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let trainer = Trainer(settings: settings, run: run, stop: stop, log: log)
        let all = workers.enumerated().map { ScriptedWorker("w\($0)", settings: settings, misdeeds: $1) }
        var isReady = false
        let ending = try trainer.train(from: start) {
            whenReady()
            isReady = true
            for worker in all { worker.start() }
        }
        // A run that has nothing to do never asks for workers.
        for worker in all where isReady { #expect(worker.join()) }
        return ending
    }

    func checkpoint(_ settings: PipelineSettings) throws -> Data {
        let name = try String(contentsOfFile: settings.run + "/checkpoints/latest", encoding: .utf8)
        let path = settings.run + "/checkpoints/" + name.trimmingCharacters(in: .newlines)
        return try Data(contentsOf: URL(fileURLWithPath: path))
    }

    /// A checkpoint without its metadata, which holds the run's path: the data of all tensors.
    func tensors(_ settings: PipelineSettings) throws -> Data {
        let file = try checkpoint(settings)
        let header = file.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        return file.dropFirst(8 + header)
    }

    /// Copies a run with the checkpoints up to `step`, as if it had been cut short there.
    func cutShort(_ settings: PipelineSettings, as name: String, after step: Int) throws -> PipelineSettings {
        var copy = settings
        copy.run = folder.file(name)
        try FileManager.default.createDirectory(atPath: copy.run, withIntermediateDirectories: true)
        for name in ["checkpoints", "config.yaml", "metrics.jsonl"] {
            try FileManager.default.copyItem(atPath: "\(settings.run)/\(name)", toPath: "\(copy.run)/\(name)")
        }
        let checkpoints = copy.run + "/checkpoints"
        for file in try FileManager.default.contentsOfDirectory(atPath: checkpoints) where file.hasPrefix("step-") {
            let digits = file.dropFirst(5).prefix(8)
            if Int(digits) ?? 0 > step { try FileManager.default.removeItem(atPath: "\(checkpoints)/\(file)") }
        }
        try pointer("latest", at: step, in: copy)
        try pointer("best", at: step, in: copy)
        return copy
    }

    func pointer(_ name: String, at step: Int, in settings: PipelineSettings) throws {
        try "step-000000\(step).safetensors\n".write(
            toFile: settings.run + "/checkpoints/\(name)", atomically: false, encoding: .utf8)
    }

    func pointer(_ name: String, of settings: PipelineSettings) throws -> String {
        try String(contentsOfFile: settings.run + "/checkpoints/\(name)", encoding: .utf8)
            .trimmingCharacters(in: .newlines)
    }

    func metrics(_ settings: PipelineSettings) throws -> [StepMetrics] {
        try String(contentsOfFile: settings.run + "/metrics.jsonl", encoding: .utf8).split(separator: "\n")
            .map { try JSONDecoder().decode(StepMetrics.self, from: Data($0.utf8)) }
    }
}
