import Artifacts
import Basics
import Configuration
import Evaluation
import Foundation
import FrontDoor
import GraphStore
import Inference
import Kernels
import Search

/// Measures rungs, one training after another, and keeps what it has measured:
///
///     results/RUNG-SEED.json   figures of a rung; content.json, baselines.json
///     runs/SEED-XXXXXXXX       a training's run directory, with its .yaml, .log and, once it has ended, .json beside it
///
/// A result counts as long as the fingerprint in it is that of what is asked for. Rungs that differ only in how
/// pins are ranked share a training.
struct LadderRun {
    private let settings: PipelineSettings
    private let folder: String
    private let rungs: [Rung]
    private let seeds: [UInt64]
    private let threads: Int
    private let stop: StopToken
    private let graph: BipartiteGraph
    private let pairs: PairsFile
    private let pairsChecksum: String
    private let kernels: Kernels

    /// One rung with one seed.
    private struct Trial {
        let rung: Rung
        let seed: UInt64
        /// Of the training, with its run and seed.
        let settings: PipelineSettings
        let training: LadderTraining
    }

    /// Reads and checks all there is to check before anything is trained.
    ///
    /// - Throws: what is wrong with settings, graph, pairs or the folder.
    init(
        settings: PipelineSettings, pairsPath: String, folder: String, rungs: [Rung], seedCount: Int, threads: Int,
        stop: StopToken
    ) throws {
        guard settings.samplers.count > 0 else { throw LadderError.noSamplers }
        graph = try openGraph(settings.graph)
        let ids = try graph.pinIDs()
        pairs = try PairsFile(path: pairsPath) { ids.row(of: $0) }
        _ = try pairs.checkHeldOut(from: graph)
        pairsChecksum = try Checksum.xxh64Hex(ofFile: pairsPath)
        (self.settings, self.folder, self.rungs, self.threads, self.stop) = (settings, folder, rungs, threads, stop)
        seeds = (0..<seedCount).map { settings.seed &+ UInt64($0) }
        kernels = Kernels(team: ThreadTeam(threads: threads))
        if graph.features == nil, rungs.contains(where: { $0.change == nil }) {
            throw LadderError.noContent(path: graph.directory)
        }
        let present = try AtomicReplace.entries(ofFolder: folder) ?? []
        if let stranger = present.first(where: { !Self.names.contains($0) && !AtomicReplace.isTemporary($0) }) {
            throw LadderError.occupied(path: folder, found: "'\(stranger)'")
        }
    }

    private static let names = ["ladder.json", "ladder.md", "ladder.svg", "results", "runs"]

    /// Measures what is missing.
    ///
    /// - Throws: `StoppedBySignal`; what went wrong. What was measured stays.
    func run(config: String, overrides: [String]) throws -> LadderReport {
        let trials = try seeds.flatMap { seed in try rungs.compactMap { try trial($0, seed: seed) } }
        let progress = LadderProgress(trainings: missingTrainings(trials))
        let baselines = try measureBaselines(progress)
        let content = try rungs.contains { $0.change == nil } ? measureContent(progress) : nil
        for trial in trials where result(of: trial) == nil { try measure(trial, progress) }
        progress.finish("ladder: every rung is measured")
        let measured = rungs.map { rung in
            let own = trials.filter { $0.rung.name == rung.name }
            var changes = own.first?.settings.differences(from: settings) ?? []
            if !own.isEmpty, !rung.isRankedWithPrior, settings.model.popularityPrior > 0 {
                changes.append("model.popularity_prior=0")
            }
            return LadderReport.Measured(
                rung: rung, changes: changes,
                scores: rung.change == nil ? [content].compactMap(\.self) : own.compactMap { result(of: $0)?.score },
                trainingSeconds: own.compactMap { $0.training.ending?.seconds })
        }
        return LadderReport(setting(config, overrides), rungs: measured, baselines: baselines)
    }

    /// Writes the three files of a report.
    static func write(_ report: LadderReport, to folder: String) throws {
        for (name, text) in [
            ("ladder.md", report.markdown), ("ladder.json", try report.json()), ("ladder.svg", report.svg),
        ] {
            try AtomicReplace.write(to: "\(folder)/\(name)") { try $0.write(text) }
        }
    }

    private func setting(_ config: String, _ overrides: [String]) -> LadderReport.Setting {
        LadderReport.Setting(
            config: config, overrides: overrides, graphFingerprint: graph.fingerprint, pins: graph.pinCount,
            boards: graph.boardCount, edges: graph.edgeCount, pairs: pairs.pairs.count, seeds: seeds,
            batches: settings.totalBatches, pairsPerBatch: settings.batch.pairs,
            instructionSet: "\(InstructionSet.best)", version: Build.version)
    }

    /// Nil where nothing is trained.
    private func trial(_ rung: Rung, seed: UInt64) throws -> Trial? {
        guard let change = rung.change else { return nil }
        var own = settings
        change(&own)
        own.seed = seed
        own.checkpoints.keep = 1
        let fingerprint = Self.fingerprint("training", own.decisiveJSON, graph.fingerprint)
        own.run = "\(folder)/runs/\(seed)-\(fingerprint.prefix(8))"
        // What a rung may not ask for is said before the first one is trained.
        own = try PipelineSettings.load(text: own.resolvedYAML(), path: "rung \(rung.name)")
        return Trial(
            rung: rung, seed: seed, settings: own, training: LadderTraining(settings: own, rung: rung.name, stop: stop))
    }

    private func missingTrainings(_ trials: [Trial]) -> Int {
        Set(trials.filter { result(of: $0) == nil && $0.training.ending == nil }.map(\.settings.run)).count
    }

    // MARK: - Measuring

    private func measure(_ trial: Trial, _ progress: LadderProgress) throws {
        if trial.training.ending == nil { try trial.training.run(progress) }
        progress.show("\(trial.rung.name), seed \(trial.seed): embedding and ranking")
        let output = trial.settings.run + "-embeddings"
        let source = try EmbedSource.find(
            run: trial.settings.run, best: settings.validation.share > 0, checkpoint: nil, graph: nil)
        do {
            try EmbedAllPins.run(
                EmbedJob(graph: graph, checkpointPath: source.checkpoint, output: output, threads: threads),
                isStopped: { stop.isStopped })
        } catch InferenceError.stopped {
            throw StoppedBySignal.ladder
        }
        let search = try EmbeddingDirectory(path: output).search(
            withBias: trial.rung.isRankedWithPrior, kernels: kernels)
        let score = try LadderScore.measure(search, pairs: pairs, graph: graph, kernels: kernels)
        try keep(Result(fingerprint: fingerprint(of: trial), score: score), as: Self.name(of: trial))
        try FileManager.default.removeItem(atPath: output)
        if stop.isStopped { throw StoppedBySignal.ladder }
    }

    private func measureContent(_ progress: LadderProgress) throws -> LadderScore {
        let fingerprint = Self.fingerprint("content", graph.fingerprint, pairsChecksum)
        if let known: Result = kept("content"), known.fingerprint == fingerprint { return known.score }
        progress.show("content: ranking")
        let score = try LadderScore.measureContent(pairs: pairs, graph: graph, kernels: kernels)
        try keep(Result(fingerprint: fingerprint, score: score), as: "content")
        return score
    }

    private func measureBaselines(_ progress: LadderProgress) throws -> [LadderScore.Baseline] {
        let fingerprint = Self.fingerprint("baselines", graph.fingerprint, pairsChecksum)
        if let known: KeptBaselines = kept("baselines"), known.fingerprint == fingerprint { return known.baselines }
        let baselines = try LadderScore.measureBaselines(pairs: pairs, graph: graph, kernels: kernels) {
            progress.show("simple methods: \($0)")
        }
        try keep(KeptBaselines(fingerprint: fingerprint, baselines: baselines), as: "baselines")
        return baselines
    }

    // MARK: - What is kept

    private struct Result: Codable {
        let fingerprint: String
        let score: LadderScore
    }

    private struct KeptBaselines: Codable {
        let fingerprint: String
        let baselines: [LadderScore.Baseline]
    }

    private func result(of trial: Trial) -> Result? {
        guard let known: Result = kept(Self.name(of: trial)), known.fingerprint == fingerprint(of: trial) else {
            return nil
        }
        return known
    }

    private static func name(of trial: Trial) -> String { "\(trial.rung.name)-\(trial.seed)" }

    private func fingerprint(of trial: Trial) -> String {
        Self.fingerprint(
            trial.rung.isRankedWithPrior ? "prior" : "no prior", trial.settings.decisiveJSON, graph.fingerprint,
            pairsChecksum)
    }

    /// XXH64 over lines.
    private static func fingerprint(_ lines: String...) -> String {
        Checksum.xxh64Hex(of: "ladder 1\n\(lines.joined(separator: "\n"))")
    }

    /// What cannot be read counts as not there, and is measured again.
    private func kept<Value: Decodable>(_ name: String) -> Value? {
        (FileManager.default.contents(atPath: "\(folder)/results/\(name).json")).flatMap {
            try? JSONDecoder().decode(Value.self, from: $0)
        }
    }

    private func keep(_ value: some Encodable, as name: String) throws {
        try AtomicReplace.writeJSON(value, to: "\(folder)/results/\(name).json")
    }
}

extension AtomicReplace {
    static func writeJSON(_ value: some Encodable, to path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let text = String(decoding: try encoder.encode(value), as: UTF8.self)
        try write(to: path) { try $0.write(text + "\n") }
    }
}

extension StoppedBySignal {
    static var ladder: StoppedBySignal {
        StoppedBySignal("pinsage ladder: stopped, what is measured is kept. The same command goes on from here.")
    }
}
