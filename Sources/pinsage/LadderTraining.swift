import Artifacts
import Basics
import Configuration
import Evaluation
import Foundation
import FrontDoor

/// One training of a ladder: `pinsage train` as a process of its own, in the run directory of its settings.
struct LadderTraining {
    /// How it ended, kept beside its run directory.
    struct Ending: Codable {
        /// Wall time; nil where it was interrupted.
        let seconds: Double?
    }

    let settings: PipelineSettings
    /// Who it is trained for; another rung may have begun it.
    let rung: String
    let stop: StopToken

    /// Longer than the supervisor takes to stop everything.
    private static let stopSeconds = 30.0

    private var endingPath: String { settings.run + ".json" }
    private var logPath: String { settings.run + ".log" }

    /// Nil: not trained, or not to its end.
    var ending: Ending? {
        FileManager.default.contents(atPath: endingPath).flatMap { try? JSONDecoder().decode(Ending.self, from: $0) }
    }

    /// Trains, or goes on from the newest checkpoint.
    ///
    /// - Throws: `LadderError.trainingFailed`; `StoppedBySignal`.
    func run(_ progress: LadderProgress) throws {
        let config = settings.run + ".yaml"
        try AtomicReplace.write(to: config) { try $0.write(settings.resolvedYAML()) }
        let isResumed = FileManager.default.fileExists(atPath: settings.run + "/checkpoints/latest")
        let start = steadySeconds()
        let wake = try WakeEvent()
        let child = try Child(
            Supervisor.Role(
                name: "train", executable: ownExecutable,
                arguments: ["train", "--config", config, "--supervisor", "\(getpid())"]
                    + (isResumed ? ["--resume"] : []),
                logPath: logPath), wake: wake)
        while child.isRunning, !stop.isStopped {
            Child.waitForEvent(wake: wake, stop: stop, milliseconds: 100)
            progress.showTraining(rung: rung, seed: settings.seed, total: settings.totalBatches) { newestStep }
        }
        if stop.isStopped {
            child.terminate()
            child.wait(seconds: Self.stopSeconds)
            child.kill()
            throw StoppedBySignal.ladder
        }
        guard child.endedWell else {
            throw LadderError.trainingFailed(
                rung: rung, seed: settings.seed, ending: child.ending,
                lastLine: lastLine(ofLog: logPath) ?? "nothing in its log.", log: logPath)
        }
        try AtomicReplace.writeJSON(Ending(seconds: isResumed ? nil : steadySeconds() - start), to: endingPath)
        progress.trainingEnded()
    }

    /// Batches learned from, as the run's metrics have it.
    private var newestStep: Int {
        struct Line: Decodable { let step: Int }
        let metrics = FileManager.default.contents(atPath: settings.run + "/metrics.jsonl") ?? Data()
        return metrics.split(separator: UInt8(ascii: "\n")).last.flatMap {
            try? JSONDecoder().decode(Line.self, from: $0).step
        } ?? 0
    }
}

/// Where a ladder is and how long it will take: one line.
final class LadderProgress {
    private let line = ProgressLine()
    private let trainings: Int
    private var ended = 0
    private let start = steadySeconds()

    /// - Parameter trainings: how many there are to do.
    init(trainings: Int) { self.trainings = trainings }

    func show(_ text: @autoclosure () -> String) { line.update("ladder: \(ended) of \(trainings) trained; \(text())") }

    /// - Parameter step: looked up only when it is shown.
    func showTraining(rung: String, seed: UInt64, total: Int, step: () -> Int) {
        line.update(
            {
                let step = step()
                let done = Double(ended) + Double(step) / Double(total)
                let left = done > 0 ? (steadySeconds() - start) / done * (Double(trainings) - done) : nil
                let text = "ladder: \(ended) of \(trainings) trained; \(rung), seed \(seed): step \(step)/\(total)"
                return text + (left.map { "  about \(Int(($0 / 60).rounded(.up))) min to go" } ?? "")
            }())
    }

    func trainingEnded() { ended += 1 }

    func finish(_ text: String) { line.finish(text) }
}
