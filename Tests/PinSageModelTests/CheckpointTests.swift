import Artifacts
import Configuration
import Foundation
import Kernels
import PinSageModel
import TestSupport
import Testing

@Suite struct CheckpointTests {
    private let folder: TemporaryDirectory
    private let path: String

    init() throws {
        folder = try TemporaryDirectory()
        path = folder.file("step.safetensors")
    }

    private static func metadata(step: Int) -> CheckpointMetadata {
        CheckpointMetadata(
            step: step, epoch: 1, batch: UInt64(step), seed: .max, config: #"{"run":"a \"b\"\nö"}"#,
            graphFingerprint: "0123456789abcdef", revision: "0.1.0")
    }

    /// A model after two steps, at `path`.
    private func written(_ fixture: ModelFixture, head: ModelSettings.Head = .paper) throws -> Learner {
        let learner = makeLearner(.initialised(shape: fixture.shape(head: head, .free), seed: 2))
        for _ in 0..<2 { _ = try fixture.step(learner) }
        try Checkpoint.write(
            path: path, parameters: learner.parameters, adam: learner.adam, metadata: Self.metadata(step: 2))
        return learner
    }

    @Test("what is written is read, and written again to the same bytes", arguments: ModelSettings.Head.allCases)
    func roundTrip(_ head: ModelSettings.Head) throws {
        let learner = try written(ModelFixture(seed: 3), head: head)
        let read = try Checkpoint.read(path: path)
        #expect(read.metadata == Self.metadata(step: 2) && read.path == path)
        #expect(read.parameters.shape == learner.parameters.shape)
        #expect(read.parameters.bits == learner.parameters.bits)
        #expect(read.adam.first.bits == learner.adam.first.bits)
        #expect(read.adam.second.bits == learner.adam.second.bits)
        #expect(read.adam.stepCount == 2)
        try Checkpoint.write(
            path: folder.file("again"), parameters: read.parameters, adam: read.adam, metadata: read.metadata)
        let files = try [path, folder.file("again")].map { try Data(contentsOf: URL(fileURLWithPath: $0)) }
        #expect(files[0] == files[1])
    }

    @Test("training that goes on from a checkpoint takes the steps it would have taken")
    func resume() throws {
        let fixture = ModelFixture(seed: 3)
        let learner = try written(fixture)
        let read = try Checkpoint.read(path: path)
        let resumed = makeLearner(read.parameters, adam: read.adam)
        for _ in 0..<3 {
            #expect(try fixture.step(learner) == fixture.step(resumed))
        }
        #expect(learner.parameters.bits == resumed.parameters.bits && resumed.adam.stepCount == 5)
    }

    @Test("the file holds the agreed tensors and metadata")
    func format() throws {
        let learner = try written(ModelFixture(seed: 3))
        let file = try SafetensorsFile(path: path)
        let names = learner.parameters.tensors.map(\.name)
        #expect(
            file.tensors.map(\.name)
                == names + names.map { "adam.first." + $0 } + names.map { "adam.second." + $0 })
        #expect(
            file.metadata == [
                "step": "2", "epoch": "1", "batch": "2", "seed": "18446744073709551615",
                "config": #"{"run":"a \"b\"\nö"}"#, "graph_fingerprint": "0123456789abcdef", "revision": "0.1.0",
                "format_version": "1", "instruction_set": "unknown",
                "model":
                    #"{"featureWidth":5,"head":"paper","hiddenWidth":4,"learnedWidth":0,"logDegree":0,"output":"free","outputWidth":3}"#,
            ])
        let values = try file.elements("adam.second.head.output.weight", shape: [3, 4])
        #expect(values.map { Double($0) } == learner.adam.second.matrix("head.output.weight").doubles.flatMap { $0 })
    }

    /// One thing wrong with a file, and what reading says of it between path and action.
    struct Damage: CustomTestStringConvertible, Sendable {
        var says: String
        var metadata: @Sendable (inout [String: String]) -> Void = { _ in }
        /// Gets each tensor's name, shape and elements; returns what to write.
        var tensors: @Sendable ([(String, [Int], [Float])]) -> [(String, [Int], [Float])] = { $0 }

        var testDescription: String { says }
    }

    static let damages: [Damage] = [
        Damage(
            says: "metadata format_version: expected 1, found 2", metadata: { $0["format_version"] = "2" }),
        Damage(
            says: "metadata format_version: expected a string, found no such metadata",
            metadata: { $0["format_version"] = nil }),
        Damage(says: "metadata config: expected a string, found no such metadata", metadata: { $0["config"] = nil }),
        Damage(
            says: "metadata graph_fingerprint: expected a string, found no such metadata",
            metadata: { $0["graph_fingerprint"] = nil }),
        Damage(
            says: "metadata step: expected a whole number up to 1000000000000000, found '-1'",
            metadata: { $0["step"] = "-1" }),
        // One step more would be no number: Adam must never see it.
        Damage(
            says: "metadata step: expected a whole number up to 1000000000000000, found '9223372036854775807'",
            metadata: { $0["step"] = "9223372036854775807" }),
        Damage(
            says: "metadata epoch: expected a whole number up to 1000000000000000, found '9223372036854775807'",
            metadata: { $0["epoch"] = "9223372036854775807" }),
        Damage(
            says: "metadata batch: expected 2 as step, found '18446744073709551615'",
            metadata: { $0["batch"] = "18446744073709551615" }),
        Damage(
            says: "metadata smoothed_loss: expected a finite number, found 'nan'",
            metadata: { $0["smoothed_loss"] = "nan" }),
        Damage(
            says: "metadata seed: expected a whole number up to 18446744073709551615, found 'x'",
            metadata: { $0["seed"] = "x" }),
        Damage(says: "metadata model: expected a model's shape, found '{}'", metadata: { $0["model"] = "{}" }),
        Damage(
            says: "metadata model: expected a model's shape, found "
                + #"'{"featureWidth":0,"head":"paper","hiddenWidth":4,"learnedWidth":0,"logDegree":0,"output":"free","outputWidth":3}'"#,
            metadata: { $0["model"] = $0["model"]?.replacingOccurrences(of: "5", with: "0") }),
        Damage(
            says: "tensor conv.1.message.weight: expected shape [4, 1000000], found shape [4, 5]",
            metadata: { $0["model"] = $0["model"]?.replacingOccurrences(of: "5", with: "1000000") }),
        Damage(
            says: "tensor conv.2.update.bias: expected shape [4], found no such tensor",
            tensors: { $0.filter { $0.0 != "conv.2.update.bias" } }),
        Damage(
            says: "tensor adam.first.head.output.weight: expected shape [3, 4], found shape [4, 3]",
            tensors: { $0.map { ($0.0, $0.0 == "adam.first.head.output.weight" ? [4, 3] : $0.1, $0.2) } }),
        Damage(
            says:
                "tensors: expected only those of a model with 5 features, log-degree factor 0.0, hidden width 4, output width 3, "
                + "head paper, output free, found 'head.extra'",
            tensors: { $0 + [("head.extra", [1], [0])] }),
        Damage(
            says: "tensor head.hidden.bias: expected finite numbers, found nan or inf",
            tensors: { $0.map { ($0.0, $0.1, $0.0 == "head.hidden.bias" ? [0, .nan, 0, 0] : $0.2) } }),
    ]

    @Test("a file that does not say what it must is refused by name", arguments: damages)
    func damaged(_ damage: Damage) throws {
        _ = try written(ModelFixture(seed: 3))
        try rewrite(damage)
        let error = #expect(throws: CheckpointError.self) { try Checkpoint.read(path: path) }
        #expect(
            error.map { "\($0)" }
                == "model: \(path): \(damage.says). Use another checkpoint, or train again.")
    }

    @Test("a missing, cut or flipped file is refused by path")
    func damagedBytes() throws {
        let missing = #expect(throws: CheckpointError.self) { try Checkpoint.read(path: folder.file("none")) }
        #expect(missing.map { "\($0)".contains(folder.file("none")) } == true)
        _ = try written(ModelFixture(seed: 3))
        let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        for length in [0, 7, 100, bytes.count - 4] {
            try folder.write(bytes.prefix(length), to: "cut")
            let error = #expect(throws: CheckpointError.self) { try Checkpoint.read(path: folder.file("cut")) }
            #expect(error.map { "\($0)".hasPrefix("artifacts: \(folder.file("cut")): ") } == true)
        }
        for place in stride(from: bytes.startIndex, to: bytes.endIndex, by: 97) {
            var flipped = bytes
            flipped[place] ^= 0x10
            try folder.write(flipped, to: "flipped")
            #expect(throws: CheckpointError.self, "byte \(place)") { try Checkpoint.read(path: folder.file("flipped")) }
        }
    }

    @Test("a checkpoint of another graph or model is refused, one of this is taken")
    func require() throws {
        let learner = try written(ModelFixture(seed: 3))
        let shape = learner.parameters.shape
        let read = try Checkpoint.read(path: path)
        try read.require(shape: shape, graphFingerprint: "0123456789abcdef", pinCount: 29)
        let foreign = #expect(throws: CheckpointError.self) {
            try read.require(shape: shape, graphFingerprint: "ffff456789abcdef", pinCount: 29)
        }
        #expect(
            foreign.map { "\($0)" } == "model: \(path): graph_fingerprint: expected ffff456789abcdef, "
                + "found 0123456789abcdef. Use a checkpoint trained on this graph.")
        let wider = ModelShape(featureWidth: 5, hiddenWidth: 8, outputWidth: 3, head: .paper, output: .unit)
        let other = #expect(throws: CheckpointError.self) {
            try read.require(shape: wider, graphFingerprint: "0123456789abcdef", pinCount: 29)
        }
        #expect(
            other.map { "\($0)" } == "model: \(path): model: "
                + "expected 5 features, log-degree factor 0.0, hidden width 8, output width 3, head paper, output unit, "
                + "found 5 features, log-degree factor 0.0, hidden width 4, output width 3, head paper, output free. "
                + "Use the model settings it was trained with.")
    }

    @Test("a folder that is not there is one clear error, and nothing is written")
    func unwritable() throws {
        let parameters = Parameters.initialised(shape: ModelFixture(seed: 3).shape(), seed: 1)
        let target = folder.file("none/step.safetensors")
        let error = #expect(throws: CheckpointError.self) {
            try Checkpoint.write(
                path: target, parameters: parameters, adam: Adam(shape: parameters.shape),
                metadata: Self.metadata(step: 0))
        }
        #expect(error.map { "\($0)".contains(folder.file("none")) && !"\($0)".contains("\n") } == true)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }

    /// Writes the file at `path` again with the damage, its checksum in order.
    private func rewrite(_ damage: Damage) throws {
        let file = try SafetensorsFile(path: path)
        var metadata = file.metadata
        damage.metadata(&metadata)
        let tensors = damage.tensors(file.tensors.map { ($0.name, $0.shape, Array(file.elements(of: $0))) })
        let buffers = tensors.map { UnsafeMutableBufferPointer<Float>.allocate(capacity: $0.2.count) }
        defer { for buffer in buffers { buffer.deallocate() } }
        for (buffer, tensor) in zip(buffers, tensors) { _ = buffer.initialize(from: tensor.2) }
        try SafetensorsFile.write(
            path: path,
            tensors: zip(tensors, buffers).map { (name: $0.0, shape: $0.1, elements: UnsafeBufferPointer($1)) },
            metadata: metadata)
    }
}
