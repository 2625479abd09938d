import Artifacts
import Basics
import Configuration
import Foundation
import TestSupport
import Testing
import Training

/// A validator without a graph: gives the epochs of a run the figures it is told, as fast as it is told.
private final class ScriptedValidator: @unchecked Sendable {
    private let settings: PipelineSettings
    private let ranks: [Double]
    private let delay: UInt32
    private let stop = StopToken.manual()
    private let done = DispatchSemaphore(value: 0)
    private(set) var failure: (any Error)?

    /// - Parameters:
    ///   - ranks: mean reciprocal rank of each epoch.
    ///   - delay: microseconds before each answer.
    ///   - gate: waited for before the first.
    init(_ settings: PipelineSettings, ranks: [Double], delay: UInt32 = 0, gate: DispatchSemaphore? = nil) {
        (self.settings, self.ranks, self.delay) = (settings, ranks, delay)
        Thread { [self] in
            gate?.wait()
            do { try work() } catch { failure = error }
            done.signal()
        }.start()
    }

    func end() {
        stop.stop()
        done.wait()
        #expect(failure == nil)
    }

    private func work() throws {
        let run = RunDirectory(path: settings.run)
        while !stop.isStopped {
            usleep(5_000)
            let checkpoints = CheckpointFolder(path: run.checkpointFolder)
            let known = ValidationLog(run).records().map(\.step)
            let next = checkpoints.steps().first { settings.isValidated(step: $0) && !known.contains($0) }
            guard let step = next else { continue }
            usleep(delay)
            let checksum = try SafetensorsFile(path: checkpoints.file(step: step)).tensorsChecksum
            try ValidationLog(run).add(record(step, checksum))
        }
    }

    private func record(_ step: UInt64, _ checksum: String) -> ValidationRecord {
        let epoch = step / UInt64(settings.training.batchesPerEpoch) - 1
        return ValidationRecord(
            step: step, epoch: epoch, checkpointChecksum: checksum, pairs: 10, hitRates: [0.1, 0.2, 0.3],
            meanReciprocalRank: ranks[Int(epoch)])
    }
}

/// The trainer and what is found of its epochs: the best checkpoint, the early end, and both after a resume.
@Suite struct ValidationTests {
    private let fixture: TrainingFixture

    init() throws {
        fixture = try TrainingFixture()
    }

    private func settings(_ name: String, epochs: Int, patience: Int) -> PipelineSettings {
        var settings = fixture.settings(name, epochs: epochs)
        settings.validation.share = 0.1
        settings.training.patience = patience
        settings.checkpoints.keep = 1
        return settings
    }

    private func train(
        _ settings: PipelineSettings, ranks: [Double], delay: UInt32 = 0, gate: DispatchSemaphore? = nil,
        resume: Bool = false, stop: StopToken = .manual()
    ) throws -> Trainer.Ending {
        let validator = ScriptedValidator(settings, ranks: ranks, delay: delay, gate: gate)
        defer { validator.end() }
        return try fixture.train(settings, workers: [[]], resume: resume, stop: stop)
    }

    private func records(_ settings: PipelineSettings) -> [ValidationRecord] {
        ValidationLog(RunDirectory(path: settings.run)).records()
    }

    @Test("without patience training runs to its end, every epoch is validated, and the best checkpoint stays")
    func best() throws {
        let settings = settings("best", epochs: 5, patience: 0)
        // The answers are slower than the epochs, and only one checkpoint is kept besides.
        #expect(try train(settings, ranks: [0.1, 0.4, 0.2, 0.4, 0.3], delay: 200_000) == .finished(step: 100))
        #expect(records(settings).map(\.step) == [20, 40, 60, 80, 100])
        #expect(records(settings).map(\.epoch) == [0, 1, 2, 3, 4])
        // The first among equals.
        #expect(try fixture.pointer("best", of: settings) == "step-00000040.safetensors")
        let files = try FileManager.default.contentsOfDirectory(atPath: settings.run + "/checkpoints")
        #expect(
            Set(files).isSuperset(of: ["best", "latest", "step-00000040.safetensors", "step-00000100.safetensors"]))
        let events = try FileManager.default.contentsOfDirectory(atPath: settings.run).filter {
            $0.hasPrefix("events.out")
        }
        let bytes = try Data(contentsOf: URL(fileURLWithPath: settings.run + "/" + events[0]))
        #expect(bytes.range(of: Data("validation/MRR".utf8)) != nil)
    }

    @Test("what is validated changes no bit of what is learned")
    func sameTensors() throws {
        let plain = fixture.settings("plain", epochs: 2)
        #expect(try fixture.train(plain, workers: [[]]) == .finished(step: 40))
        let validated = settings("validated", epochs: 2, patience: 2)
        #expect(try train(validated, ranks: [0.2, 0.1]) == .finished(step: 40))
        #expect(try fixture.tensors(validated) == fixture.tensors(plain))
    }

    @Test("training ends early after as many epochs without a better one, and stays ended when it is resumed")
    func early() throws {
        var settings = settings("early", epochs: 6, patience: 2)
        let ranks = [0.1, 0.3, 0.2, 0.3, 0.5, 0.6]
        #expect(try train(settings, ranks: ranks) == .finished(step: 80))
        #expect(try fixture.pointer("best", of: settings) == "step-00000040.safetensors")
        #expect(try fixture.pointer("latest", of: settings) == "step-00000080.safetensors")
        #expect(records(settings).count == 4)
        // Nobody has to be there for that.
        #expect(try fixture.train(settings, workers: [], resume: true) == .finished(step: 80))
        settings.training.patience = 3
        #expect(try train(settings, ranks: ranks, resume: true) == .finished(step: 120))
        #expect(try fixture.pointer("best", of: settings) == "step-00000120.safetensors")
    }

    @Test("a run that is stopped again and again ends early at the same step with the same bytes and the same best")
    func stopped() throws {
        let ranks = [0.1, 0.2, 0.3, 0.2, 0.25, 0.4]
        let whole = settings("whole", epochs: 6, patience: 2)
        #expect(try train(whole, ranks: ranks) == .finished(step: 100))
        let broken = settings("broken", epochs: 6, patience: 2)
        var (endings, turns) = ([Trainer.Ending](), 0)
        while true {
            let stop = StopToken.manual()
            let metrics = broken.run + "/metrics.jsonl"
            let before = (try? String(contentsOfFile: metrics, encoding: .utf8))?.utf8.count ?? 0
            // By turns in the middle of an epoch, and while the trainer waits for a figure.
            let waits = turns % 2 == 1
            Thread {
                _ = eventually {
                    ((try? String(contentsOfFile: metrics, encoding: .utf8))?.utf8.count ?? 0) > before
                }
                if waits { usleep(100_000) }
                stop.stop()
            }.start()
            let ending = try train(
                broken, ranks: ranks, delay: 300_000, resume: turns > 0, stop: stop)
            endings.append(ending)
            turns += 1
            if case .finished = ending { break }
        }
        #expect(endings.count > 2 && endings.last == .finished(step: 100), "\(endings)")
        #expect(try fixture.checkpoint(broken) == fixture.checkpoint(whole))
        #expect(try fixture.pointer("best", of: broken) == fixture.pointer("best", of: whole))
        #expect(records(broken) == records(whole))
    }

    @Test("stopped before an epoch's figure is there, the trainer waits for it first when it is resumed")
    func stoppedWhileWaiting() throws {
        let settings = settings("waiting", epochs: 3, patience: 1)
        let stop = StopToken.manual()
        Thread {
            _ = eventually {
                FileManager.default.fileExists(atPath: settings.run + "/checkpoints/step-00000020.safetensors")
            }
            usleep(100_000)
            stop.stop()
        }.start()
        #expect(try fixture.train(settings, workers: [[]], stop: stop) == .stopped(step: 20))
        // What the companion is writing while the trainer starts stays, what a killed trainer left goes.
        let (theirs, own) = (settings.run + "/validation.jsonl.tmp-1", settings.run + "/config.yaml.tmp-1")
        for path in [theirs, own] { try "{".write(toFile: path, atomically: false, encoding: .utf8) }
        #expect(try train(settings, ranks: [0.2, 0.1, 0.3], resume: true) == .finished(step: 40))
        #expect(records(settings).map(\.step) == [20, 40])
        #expect([theirs, own].map(FileManager.default.fileExists(atPath:)) == [true, false])
    }

    @Test("figures of another checkpoint of the same step are not believed")
    func foreign() throws {
        let settings = settings("foreign", epochs: 2, patience: 1)
        try FileManager.default.createDirectory(atPath: settings.run, withIntermediateDirectories: true)
        let foreign = ValidationRecord(
            step: 20, epoch: 0, checkpointChecksum: "0123456789abcdef", pairs: 1, hitRates: [1, 1, 1],
            meanReciprocalRank: 1)
        let log = ValidationLog(RunDirectory(path: settings.run))
        let forged = DispatchSemaphore(value: 0)
        let forger = Thread {
            _ = eventually {
                FileManager.default.fileExists(atPath: settings.run + "/checkpoints/step-00000020.safetensors")
            }
            try? log.add(foreign)
            usleep(300_000)
            try? FileManager.default.removeItem(atPath: settings.run + "/validation.jsonl")
            forged.signal()
        }
        forger.start()
        #expect(try train(settings, ranks: [0.1, 0.2], gate: forged) == .finished(step: 40))
        #expect(records(settings).map(\.meanReciprocalRank) == [0.1, 0.2])
        #expect(try fixture.pointer("best", of: settings) == "step-00000040.safetensors")
    }

    @Test(
        "a record takes the place of those of its step and of later ones, and lines that cannot be read are passed over"
    )
    func log() throws {
        let run = RunDirectory(path: fixture.folder.path)
        let log = ValidationLog(run)
        func record(_ step: UInt64, _ rank: Double) -> ValidationRecord {
            ValidationRecord(
                step: step, epoch: step / 10, checkpointChecksum: "c", pairs: 3, hitRates: [0, 0.5, 1],
                meanReciprocalRank: rank)
        }
        for (step, rank) in [(10, 0.1), (20, 0.2), (30, 0.3), (20, 0.4)] as [(UInt64, Double)] {
            try log.add(record(step, rank))
        }
        #expect(log.records() == [record(10, 0.1), record(20, 0.4)])
        let text = try String(contentsOfFile: run.path + "/validation.jsonl", encoding: .utf8)
        #expect(
            text.hasPrefix(
                #"{"MRR":0.1,"checkpoint_checksum":"c","epoch":1,"hit@10":0,"hit@100":0.5,"hit@500":1,"pairs":3,"step":10}"#
            ), "\(text)")
        try (text + "{\"step\": 40, \"ep").write(
            toFile: run.path + "/validation.jsonl", atomically: true, encoding: .utf8)
        #expect(log.records().count == 2)
    }

    @Test("training is over when the best is as many epochs behind as it has patience")
    func patience() {
        func records(_ ranks: [Double], every: UInt64 = 1) -> [ValidationRecord] {
            ranks.enumerated().map { index, rank in
                ValidationRecord(
                    step: UInt64(index + 1) * every * 10, epoch: UInt64(index + 1) * every - 1, checkpointChecksum: "",
                    pairs: 1, hitRates: [0, 0, 0], meanReciprocalRank: rank)
            }
        }
        #expect(!records([]).isOver(patience: 1) && records([]).best == nil)
        #expect(!records([0.3]).isOver(patience: 1))
        #expect(records([0.3, 0.3]).isOver(patience: 1))
        #expect(!records([0.3, 0.2]).isOver(patience: 2))
        #expect(records([0.3, 0.2, 0.1]).isOver(patience: 2))
        #expect(!records([0.3, 0.2, 0.1]).isOver(patience: 0))
        #expect(!records([0.1, 0.2, 0.3]).isOver(patience: 1))
        // Patience counts epochs, not validations.
        #expect(records([0.3, 0.2], every: 3).isOver(patience: 3))
        #expect(!records([0.3, 0.2], every: 3).isOver(patience: 4))
    }
}
