import Artifacts
import Configuration
import Foundation
import GraphStore
import Inference
import PinSageModel
import TestSupport
import Testing

@Suite("Embedding all pins")
struct EmbedAllPinsTests {
    @Test(
        "agrees with the definition in double precision, for every kind of model",
        arguments: ModelSettings.Head.allCases, ModelSettings.Output.allCases)
    func doubleTwin(head: ModelSettings.Head, output: ModelSettings.Output) throws {
        for pooling in WalkSettings.Pooling.allCases {
            let width = head == .paper ? 10 : 24
            let fixture = try EmbedFixture(outputWidth: width, head: head, output: output, pooling: pooling)
            let summary = try EmbedAllPins.run(fixture.job())
            #expect(summary.pinCount == 137 && summary.width == width)
            #expect(summary.metric == (output == .unit ? "cosine" : "dot"))
            let expected = try PlainModel(
                fixture.parameters, features: fixture.features, boardCounts: fixture.boardCounts, pooling: pooling,
                neighborhoods: fixture.folder.file("out")
            ).embeddings()
            let found = try fixture.embeddings()
            let largest = expected.joined().map(abs).max() ?? 0
            #expect(largest > 0.1)
            let difference = zip(found, expected.joined()).map { abs(Double($0) - $1) }.max() ?? .infinity
            #expect(found.count == 137 * width && difference < 1e-5, "\(head) \(output) \(pooling): \(difference)")
        }
    }

    @Test(
        "agrees with scripts/check_embed.py, which computes every vector in NumPy",
        .enabled(if: Python.hasNumPy, "python3 cannot import numpy"),
        arguments: ModelSettings.Head.allCases, WalkSettings.Pooling.allCases)
    func script(head: ModelSettings.Head, pooling: WalkSettings.Pooling) throws {
        let fixture = try EmbedFixture(head: head, pooling: pooling)
        try EmbedAllPins.run(fixture.job())
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "../..")
        let arguments = [
            root.appending(path: "scripts/check_embed.py").path, "--graph", fixture.graph.directory,
            "--checkpoint", fixture.checkpointPath, "--embeddings", fixture.folder.file("out"),
        ]
        #expect(try Python.run(arguments).contains(#""pins": 137, "width": 24"#))
        // A wrong weight must show: the script is no oracle if it agrees with anything.
        fixture.parameters.matrix("conv.1.message.weight")[2, 3] += 0.5
        try fixture.writeCheckpoint(to: fixture.checkpointPath)
        let problem = #expect(throws: Python.Failure.self) { try Python.run(arguments) }
        #expect(problem?.description.contains(#""passed": false"#) == true)
    }

    @Test("a pin's learned vector is the last of its input row; NumPy agrees", arguments: [1, 7])
    func learnedVectors(width: Int) throws {
        let fixture = try EmbedFixture(learnedWidth: width)
        try EmbedAllPins.run(fixture.job())
        let (found, out) = (try fixture.embeddings(), fixture.folder.file("out"))
        func difference(_ learned: LearnedVectors?) throws -> Double {
            let expected = try PlainModel(
                fixture.parameters, learned: learned, features: fixture.features, boardCounts: fixture.boardCounts,
                neighborhoods: out
            ).embeddings()
            return zip(found, expected.joined()).map { abs(Double($0) - $1) }.max() ?? .infinity
        }
        #expect(try difference(fixture.learned) < 1e-5)
        #expect(try difference(LearnedVectors(pinCount: 137, width: width)) > 0.01, "they must matter")
        guard Python.hasNumPy else { return }
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "../..")
        let text = try Python.run([
            root.appending(path: "scripts/check_embed.py").path, "--graph", fixture.graph.directory,
            "--checkpoint", fixture.checkpointPath, "--embeddings", out,
        ])
        #expect(text.contains(#""passed": true"#))
    }

    @Test("without neighbours, a pin's vector is that of its own row, and the neighbour files have no column")
    func contentOnly() throws {
        let fixture = try EmbedFixture(top: 0)
        try EmbedAllPins.run(fixture.job())
        let expected = try PlainModel(
            fixture.parameters, features: fixture.features, boardCounts: fixture.boardCounts,
            neighborhoods: fixture.folder.file("out"))
        let isAlone = expected.neighborhoods.allSatisfy { $0.isEmpty }
        #expect(isAlone)
        let difference = zip(try fixture.embeddings(), expected.embeddings().joined()).map { abs(Double($0) - $1) }
            .max()
        #expect((difference ?? .infinity) < 1e-5)
    }

    @Test("more pins than a block, in other widths, agree as well")
    func severalBlocks() throws {
        let fixture = try EmbedFixture(pins: 2_100, featureWidth: 5, hiddenWidth: 17, outputWidth: 6)
        try EmbedAllPins.run(fixture.job(threads: 2))
        let expected = try PlainModel(
            fixture.parameters, features: fixture.features, boardCounts: fixture.boardCounts,
            neighborhoods: fixture.folder.file("out")
        ).embeddings()
        let difference = zip(try fixture.embeddings(), expected.joined()).map { abs(Double($0) - $1) }.max()
        #expect((difference ?? .infinity) < 1e-5)
    }

    @Test("neighbourhoods are lists of other pins with weights that sum to 1; pins without boards have none")
    func neighborhoods() throws {
        let fixture = try EmbedFixture()
        try EmbedAllPins.run(fixture.job())
        let out = fixture.folder.file("out")
        let model = try PlainModel(
            fixture.parameters, features: fixture.features, boardCounts: fixture.boardCounts, neighborhoods: out)
        let visits = try NumpyFile(path: out + "/visits.npy", elements: [.int32], rank: 2)
        #expect(visits.header.shape == [137, 7])
        let counts = withExtendedLifetime(visits) { Array(visits.elements(as: Int32.self)) }
        for (pin, list) in model.neighborhoods.enumerated() {
            if pin % 10 == 3 { #expect(list.isEmpty) }
            #expect(list.allSatisfy { $0.pin != pin && $0.pin < 137 } && Set(list.map(\.pin)).count == list.count)
            if list.isEmpty { continue }
            #expect(abs(list.reduce(0) { $0 + $1.weight } - 1) < 1e-6)
            let own = counts[pin * 7..<pin * 7 + list.count]
            let total = own.reduce(0, +)
            for (entry, count) in zip(list, own) {
                #expect(abs(entry.weight - Double(count) / Double(total)) < 1e-6)
            }
        }
    }

    @Test("threads and a second run change no bit, and earlier embeddings are replaced")
    func sameBits() throws {
        let fixture = try EmbedFixture(pins: 1_300)
        try EmbedAllPins.run(fixture.job("one"))
        try EmbedAllPins.run(fixture.job("two", threads: 3, keepNeighbors: false))
        let one = try fixture.embeddings("one").map(\.bitPattern)
        #expect(try fixture.embeddings("two").map(\.bitPattern) == one)
        try EmbedAllPins.run(fixture.job("one", threads: 2, keepNeighbors: false))
        #expect(try fixture.embeddings("one").map(\.bitPattern) == one)
        #expect(
            fixture.names(in: fixture.folder.file("one")) == [
                "bias.npy", "embeddings.npy", "manifest.json", "pins.txt",
            ])
        let left = fixture.names(in: fixture.folder.path)
        #expect(left == ["graph", "one", "step-00000003.safetensors", "two"])
    }

    @Test("the popularity prior of every pin is written, and nothing where the model has none")
    func popularityPrior() throws {
        let fixture = try EmbedFixture()
        let config = #"{"seed":11,"walks":{"count":6,"steps":12,"top":7},"model":{"popularity_prior":PRIOR}}"#
        for prior in [0.25, 0] {
            try fixture.writeCheckpoint(
                to: fixture.checkpointPath, config: config.replacing("PRIOR", with: "\(prior)"))
            try EmbedAllPins.run(fixture.job())
            let names = try Manifest.read(directory: fixture.folder.file("out"), kind: "embeddings").files.keys
            #expect(names.contains("bias.npy") == (prior > 0))
            guard prior > 0 else { continue }
            let file = try NumpyFile(path: fixture.folder.file("out/bias.npy"), elements: [.float32], rank: 1)
            let bias = withExtendedLifetime(file) { Array(file.elements(as: Float.self)) }
            #expect(bias.count == 137 && Set(bias).count > 3)
            for (found, boards) in zip(bias, fixture.boardCounts) {
                #expect(abs(Double(found) - prior * log(1 + Double(boards))) < 1e-6)
            }
        }
    }

    @Test("the manifest says what was embedded, and the ids are the graph's")
    func manifest() throws {
        let fixture = try EmbedFixture()
        try EmbedAllPins.run(fixture.job())
        let out = fixture.folder.file("out")
        let manifest = try Manifest.read(directory: out, kind: "embeddings")
        try manifest.verifyChecksums(directory: out)
        #expect(manifest.extra["metric"] == "cosine")
        #expect(manifest.extra["graph"] == fixture.folder.file("graph"))
        #expect(manifest.extra["graph_fingerprint"] == fixture.graph.fingerprint)
        #expect(manifest.extra["checkpoint"] == "step-00000003.safetensors")
        #expect(manifest.extra["step"] == "0")
        #expect(manifest.counts == ["pins": 137])
        #expect(try fixture.folder.text("out/pins.txt") == fixture.folder.text("graph/pins.txt"))
        let files = [
            "bias.npy", "embeddings.npy", "inputs.npy", "neighbors.npy", "pins.txt", "visits.npy", "weights.npy",
        ]
        #expect(manifest.files.keys.sorted() == files)
    }
}

@Suite("Embedding refuses what does not fit")
struct EmbedErrorTests {
    func problem(_ fixture: EmbedFixture, _ job: EmbedJob? = nil, stopped: Bool = false) -> String {
        do {
            try EmbedAllPins.run(job ?? fixture.job(), isStopped: { stopped })
            return "none"
        } catch {
            return "\(error)"
        }
    }

    @Test("a checkpoint of another graph is named with both fingerprints, and nothing is written")
    func foreignGraph() throws {
        let fixture = try EmbedFixture()
        try fixture.writeCheckpoint(to: fixture.checkpointPath, fingerprint: "0123456789abcdef")
        let expected =
            "inference: \(fixture.checkpointPath): trained on another graph: expected fingerprint 0123456789abcdef, "
            + "found \(fixture.graph.fingerprint) in \(fixture.graph.directory). Name the graph it was trained on."
        #expect(problem(fixture) == expected)
        #expect(fixture.names(in: fixture.folder.path) == ["graph", "step-00000003.safetensors"])
    }

    @Test("a checkpoint of other features is named with both widths")
    func featureWidth() throws {
        let fixture = try EmbedFixture(featureWidth: 9)
        let other = try EmbedFixture(featureWidth: 4)
        try fixture.writeCheckpoint(to: fixture.checkpointPath, fingerprint: other.graph.fingerprint)
        var job = fixture.job()
        job.graph = other.graph
        let expected =
            "inference: \(fixture.checkpointPath): other features: expected width 9, "
            + "found 4 in \(other.graph.directory). Name the graph it was trained on."
        #expect(problem(fixture, job) == expected)
    }

    @Test("a graph without features is named")
    func noFeatures() throws {
        let fixture = try EmbedFixture()
        try GraphOnDisk.write(to: fixture.folder.file("bare"), boardsOfPins: [[0], [0]], boardCount: 1)
        var job = fixture.job()
        job.graph = try BipartiteGraph(directory: fixture.folder.file("bare"))
        try fixture.writeCheckpoint(to: fixture.checkpointPath, fingerprint: job.graph.fingerprint)
        #expect(problem(fixture, job).hasPrefix("inference: \(fixture.folder.file("bare")): no features:"))
    }

    @Test("settings that cannot be read are named with the checkpoint")
    func badSettings() throws {
        let fixture = try EmbedFixture()
        try fixture.writeCheckpoint(to: fixture.checkpointPath, config: #"{"walks":{"count":"many"}}"#)
        #expect(problem(fixture).hasPrefix("inference: \(fixture.checkpointPath): unusable settings:"))
    }

    @Test("a missing or cut checkpoint leaves nothing behind")
    func damagedCheckpoint() throws {
        let fixture = try EmbedFixture()
        var job = fixture.job()
        job.checkpointPath = fixture.folder.file("none.safetensors")
        #expect(problem(fixture, job).contains("none.safetensors"))
        let bytes = try Data(contentsOf: URL(fileURLWithPath: fixture.checkpointPath))
        try bytes.dropLast(100).write(to: URL(fileURLWithPath: fixture.checkpointPath))
        #expect(problem(fixture).contains(fixture.checkpointPath))
        #expect(fixture.names(in: fixture.folder.path) == ["graph", "step-00000003.safetensors"])
    }

    @Test("numbers that overflow are named with the pin")
    func notFinite() throws {
        let fixture = try EmbedFixture(output: .free)
        // Each tensor is finite, and so is the sum of its squares; the product of the last two is not.
        for (name, value) in [("head.hidden.weight", 6.5e17), ("head.hidden.bias", 3.3e18), ("head.output.weight", 0)] {
            let tensor = fixture.parameters.matrix(name)
            for row in 0..<tensor.rows {
                for column in 0..<tensor.columns {
                    tensor[row, column] = value == 0 && row == 0 ? 3.3e18 : Float(value)
                }
            }
        }
        try fixture.writeCheckpoint(to: fixture.checkpointPath)
        #expect(problem(fixture).contains("pin row 0: expected a vector of finite numbers"))
        #expect(fixture.names(in: fixture.folder.path) == ["graph", "step-00000003.safetensors"])
    }

    @Test("a folder with anything but embeddings is left alone")
    func occupied() throws {
        let fixture = try EmbedFixture()
        let out = fixture.folder.file("out")
        try FileManager.default.createDirectory(atPath: out, withIntermediateDirectories: true)
        #expect(problem(fixture) == "none")
        try fixture.folder.write("mine", to: "out/notes.txt")
        #expect(problem(fixture).contains("found embeddings and 'notes.txt', which would be lost"))
        #expect(try fixture.folder.text("out/notes.txt") == "mine")
        var job = fixture.job()
        job.output = fixture.graph.directory
        #expect(problem(fixture, job).contains("files that are not embeddings"))
        job.output = fixture.checkpointPath
        #expect(problem(fixture, job).contains("something that is not a folder"))
        job.output = fixture.checkpointPath + "/out"
        #expect(problem(fixture, job).contains(job.output))
        #expect(fixture.names(in: fixture.folder.path) == ["graph", "out", "step-00000003.safetensors"])
    }

    @Test("when it is stopped, earlier embeddings stay as they were")
    func stopped() throws {
        let fixture = try EmbedFixture()
        try EmbedAllPins.run(fixture.job())
        let before = try Data(contentsOf: URL(fileURLWithPath: fixture.folder.file("out/manifest.json")))
        #expect(problem(fixture, stopped: true) == "\(InferenceError.stopped(work: nil))")
        let after = try Data(contentsOf: URL(fileURLWithPath: fixture.folder.file("out/manifest.json")))
        #expect(before == after)
        #expect(fixture.names(in: fixture.folder.path) == ["graph", "out", "step-00000003.safetensors"])
    }
}

@Suite("Which checkpoint to embed with")
struct EmbedSourceTests {
    let fixture: EmbedFixture
    var run: String { fixture.folder.file("run") }

    init() throws {
        fixture = try EmbedFixture(pins: 20)
        try FileManager.default.createDirectory(atPath: run + "/checkpoints", withIntermediateDirectories: true)
        try fixture.folder.write("graph: some/graph\n", to: "run/config.yaml")
    }

    func write(_ names: String..., latest: String? = nil) throws {
        for name in names { try fixture.writeCheckpoint(to: run + "/checkpoints/" + name) }
        if let latest { try fixture.folder.write(latest + "\n", to: "run/checkpoints/latest") }
    }

    @Test("a run gives its graph and the checkpoint that `latest` names")
    func latest() throws {
        try write("step-00000001.safetensors", "step-00000002.safetensors", latest: "step-00000002.safetensors")
        let source = try EmbedSource.find(run: run, checkpoint: nil, graph: nil)
        #expect(source.checkpoint == run + "/checkpoints/step-00000002.safetensors")
        #expect(source.graph == "some/graph")
        #expect(try EmbedSource.find(run: run, checkpoint: nil, graph: "other").graph == "other")
    }

    @Test("where the newest checkpoint is damaged, the one before is taken and a line says so")
    func damaged() throws {
        try write("step-00000001.safetensors", "step-00000002.safetensors", latest: "step-00000002.safetensors")
        try fixture.folder.write("cut", to: "run/checkpoints/step-00000002.safetensors")
        var notes: [String] = []
        let source = try EmbedSource.find(run: run, checkpoint: nil, graph: nil) { notes.append($0) }
        #expect(source.checkpoint == run + "/checkpoints/step-00000001.safetensors")
        #expect(notes.count == 1 && notes[0].hasSuffix("Taking step-00000001.safetensors instead."))
        #expect(notes[0].contains("step-00000002.safetensors"))
    }

    @Test("a run gives the checkpoint that `best` names when that is asked for, and an error where none is named")
    func best() throws {
        try write("step-00000001.safetensors", "step-00000002.safetensors", latest: "step-00000002.safetensors")
        let error = #expect(throws: InferenceError.noBest(run: run)) {
            try EmbedSource.find(run: run, best: true, checkpoint: nil, graph: nil)
        }
        #expect(
            error?.description.hasSuffix(
                "no best checkpoint: expected checkpoints/best to name one, found none. Leave --best out, "
                    + "or train on until an epoch has been validated.") == true)
        try fixture.folder.write("step-00000001.safetensors\n", to: "run/checkpoints/best")
        let source = try EmbedSource.find(run: run, best: true, checkpoint: nil, graph: nil)
        #expect(source.checkpoint == run + "/checkpoints/step-00000001.safetensors")
    }

    @Test("a run without a checkpoint, or without a configuration, is an error")
    func nothing() throws {
        #expect(throws: InferenceError.noCheckpoint(run: run, found: "none")) {
            try EmbedSource.find(run: run, checkpoint: nil, graph: nil)
        }
        #expect(throws: (any Error).self) {
            try EmbedSource.find(run: fixture.folder.file("no-run"), checkpoint: nil, graph: nil)
        }
    }
}
