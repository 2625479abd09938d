import Artifacts
import Basics
import Configuration
import Foundation
import Kernels
import TestSupport
import Testing
import Training
import Transport

/// A trainer and its workers over real ZeroMQ sockets, in one process.
@Suite struct TrainerTests {
    private let fixture: TrainingFixture

    init() throws {
        fixture = try TrainingFixture()
    }

    @Test("the loss falls, and the run directory holds what is promised")
    func learns() throws {
        let settings = fixture.settings("learns", epochs: 10)
        #expect(try fixture.train(settings, workers: [[]]) == .finished(step: 200))
        let lines = try String(contentsOfFile: settings.run + "/metrics.jsonl", encoding: .utf8).split(separator: "\n")
        let metrics = try lines.map { try JSONDecoder().decode(StepMetrics.self, from: Data($0.utf8)) }
        #expect(metrics.map(\.step) == [1] + stride(from: 10, through: 200, by: 10))
        #expect(metrics.last!.loss < 0.8 * metrics[1].loss, "from \(metrics[1].loss) to \(metrics.last!.loss)")
        let files = try FileManager.default.contentsOfDirectory(atPath: settings.run)
        for name in ["config.yaml", "queue_depth.log", "metrics.jsonl", "checkpoints", "logs"] {
            #expect(files.contains(name), "\(name) is missing")
        }
        #expect(files.contains { $0.hasPrefix("events.out.tfevents.") })
        let names = try FileManager.default.contentsOfDirectory(atPath: settings.run + "/checkpoints").sorted()
        #expect(
            names == [
                "best", "latest", "step-00000189.safetensors", "step-00000196.safetensors", "step-00000200.safetensors",
            ])
        let resolved = try PipelineSettings.load(path: settings.run + "/config.yaml")
        #expect(resolved == settings)
    }

    @Test("workers that lose, double, corrupt and die change no bit of the result")
    func misdeeds() throws {
        let calm = fixture.settings("calm")
        #expect(try fixture.train(calm, workers: [[]]) == .finished(step: 60))
        let wild = fixture.settings("wild")
        let ending = try fixture.train(
            wild, workers: [[.sendsTwice, .losesFirst], [.corruptsSome], [.diesEarly], [.corruptsAll], []])
        #expect(ending == .finished(step: 60))
        #expect(try fixture.tensors(wild) == fixture.tensors(calm))
    }

    @Test("a run that was stopped and resumed ends with the same bytes as one that was not")
    func resume() throws {
        let whole = fixture.settings("whole")
        #expect(try fixture.train(whole, workers: [[]]) == .finished(step: 60))

        let broken = fixture.settings("broken")
        var isFirst = true
        while true {
            let stop = StopToken.manual()
            let metricsPath = broken.run + "/metrics.jsonl"
            let before = (try? String(contentsOfFile: metricsPath, encoding: .utf8))?.utf8.count ?? 0
            Thread {
                _ = eventually {
                    ((try? String(contentsOfFile: metricsPath, encoding: .utf8))?.utf8.count ?? 0) > before
                }
                stop.stop()
            }.start()
            let ending = try fixture.train(broken, workers: [[]], resume: !isFirst, stop: stop)
            isFirst = false
            if ending == .finished(step: 60) { break }
        }
        #expect(try fixture.tensors(broken) == fixture.tensors(whole))
    }

    @Test("bfloat16 trains where the CPU has it, and is refused in one line where not")
    func bfloat16() throws {
        var settings = fixture.settings("bfloat16", epochs: 1)
        settings.trainer.precision = .bfloat16
        if Precision.hasBFloat16 {
            #expect(try fixture.train(settings, workers: [[]]) == .finished(step: 20))
        } else {
            #expect(throws: TrainingError.noBFloat16) { try fixture.train(settings, workers: []) }
        }
        #expect(
            "\(TrainingError.noBFloat16)" == "config: trainer.precision: no bfloat16: expected a CPU with AVX512_BF16, "
                + "found none. Set it to float32.")
    }

    @Test("a run directory with checkpoints is not overwritten, and an empty one is not resumed")
    func startAndResume() throws {
        let settings = fixture.settings("again", epochs: 1)
        #expect(throws: TrainingError.nothingToResume(path: settings.run + "/checkpoints")) {
            try fixture.train(settings, workers: [], resume: true)
        }
        _ = try fixture.train(settings, workers: [[]])
        #expect(throws: TrainingError.runExists(path: settings.run, checkpoints: 3)) {
            try fixture.train(settings, workers: [])
        }
        #expect(try fixture.train(settings, workers: [], resume: true) == .finished(step: 20))
    }

    @Test("a graph whose features have no width, or an impossible one, is refused before anything is written")
    func unusableFeatures() throws {
        let settings = fixture.settings("bare", epochs: 1)
        for width in [0, (1 << 20) + 1] {
            try FileManager.default.createDirectory(atPath: settings.graph, withIntermediateDirectories: true)
            try Manifest(
                describing: [], in: settings.graph, kind: "graph", counts: ["pins": 40], featureWidth: width
            ).write(directory: settings.graph)
            let error = #expect(throws: TrainingError.unusableFeatures(path: settings.graph, width: width)) {
                try fixture.train(settings, workers: [])
            }
            #expect(
                error.map { "\($0)" } == "graph: \(settings.graph): unusable features: "
                    + "expected a width of 1 to 1048576, found \(width). Import it again.")
        }
        #expect(!FileManager.default.fileExists(atPath: settings.run))
    }

    @Test("resuming with another seed names the key and both values")
    func foreignSettings() throws {
        var settings = fixture.settings("foreign", epochs: 1)
        _ = try fixture.train(settings, workers: [[]])
        settings.training.epochs = 2
        settings.seed = 5
        let error = #expect(throws: TrainingError.self) { try fixture.train(settings, workers: [], resume: true) }
        #expect(
            error?.description.hasSuffix(
                "step-00000020.safetensors: seed: expected 1 as when the run was started, found 5. "
                    + "Set it back, or start a new run.") == true, "\(String(describing: error))")
    }

    @Test("the newest checkpoint that is damaged is passed over")
    func damagedCheckpoint() throws {
        var settings = fixture.settings("damaged", epochs: 1)
        _ = try fixture.train(settings, workers: [[]])
        let path = settings.run + "/checkpoints/step-00000020.safetensors"
        let whole = try Data(contentsOf: URL(fileURLWithPath: path))
        try whole.dropLast(100).write(to: URL(fileURLWithPath: path))
        settings.samplers.credit = 2
        #expect(try fixture.train(settings, workers: [[]], resume: true) == .finished(step: 20))
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)).count == whole.count)
    }

    @Test("with keys, strangers change nothing: training goes on with the workers that are let in")
    func strangers() throws {
        var settings = fixture.settings("keys", epochs: 1)
        settings.security.mechanism = .curve
        settings.security.keys = fixture.folder.file("key-folder")
        settings.samplers.endpoint =
            "tcp://127.0.0.1:\(20_000 + Int(ProcessInfo.processInfo.processIdentifier) % 20_000)"
        try KeyFolder(path: settings.security.keys).make(worker: "sampler")
        let context = TransportContext()
        var intruders: [PushLink] = []
        let ending = try fixture.train(settings, workers: [[], []]) {
            for _ in 0..<2 {
                guard let link = try? PushLink(context, connect: settings.endpoints.toConnect.batches) else { continue }
                for _ in 0..<10 { _ = try? link.send([Frame(copying: [1, 2, 3])], timeoutMilliseconds: 0) }
                intruders.append(link)
            }
        }
        #expect(ending == .finished(step: 20))
        #expect(intruders.count == 2)
        for link in intruders { link.close(lingerMilliseconds: 0) }
        context.close()
        let open = fixture.settings("open", epochs: 1)
        #expect(try fixture.train(open, workers: [[]]) == .finished(step: 20))
        #expect(try fixture.tensors(settings) == fixture.tensors(open))
    }

    @Test("two trainers cannot work in one run directory")
    func locked() throws {
        let run = RunDirectory(path: fixture.folder.file("locked"))
        #expect(try run.lockExisting() == nil)
        let lock = try run.open(holding: nil)
        #expect(throws: TrainingError.runInUse(path: run.path)) { _ = try run.lockExisting() }
        #expect(throws: TrainingError.runInUse(path: run.path)) { _ = try run.open(holding: nil) }
        withExtendedLifetime(lock) {}
    }

    @Test("what opening a new run has made is taken away again; a run that was there stays")
    func abandoned() throws {
        let run = RunDirectory(path: fixture.folder.file("deep/down/run"))
        try run.open(holding: nil).abandon()
        #expect(try fixture.folder.names() == [])
        do { _ = try run.open(holding: nil) }
        let held = try #require(try run.lockExisting())
        try run.open(holding: held).abandon()
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: run.path).sorted() == ["checkpoints", "lock", "logs"])
    }
}
