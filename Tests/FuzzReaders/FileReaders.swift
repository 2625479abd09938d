import Artifacts
import Basics
import Configuration
import Evaluation
import Foundation
import PinSageModel
import TestSupport

/// Single files at rest.
extension FuzzReaders {
    /// `.npy` files as arrays and as tables of vectors.
    static func numpy() throws -> FuzzReader {
        let folder = try MemoryFolder()
        try writeNumpy(path: folder.file("a"), shape: [3, 4], (0..<12).map(Float.init))
        try writeNumpy(path: folder.file("b"), shape: [5], (0..<5).map(Int64.init))
        try writeNumpy(path: folder.file("c"), shape: [2, 9], (0..<18).map { Float16($0) })
        try writeNumpy(path: folder.file("d"), shape: [2, 2, 2], (0..<8).map(UInt32.init))
        try writeNumpy(path: folder.file("e"), shape: [0], [Int32]())
        var samples = try ["a", "b", "c", "d", "e"].map { try folder.parts([$0]) }
        // Version 2.0 has a header length of four bytes.
        let second = "{'descr':'<f4','fortran_order':True,'shape':(2,1)}\n"
        samples.append([[0x93] + "NUMPY".utf8 + [2, 0] + Seal.bytes(UInt64(second.utf8.count), count: 4)])
        samples[5][0] += Array(second.utf8)
        samples[5][0] += Array(repeating: 0, count: (4 - samples[5][0].count % 4) % 4 + 8)
        samples[5][0] = aligned(samples[5][0])
        let claims = ["(1152921504606846976, 0)", "(0, 1152921504606846976)", "(4294967295, 4294967295, 0)"]
        let traps = claims.map { claim -> FuzzParts in
            let text = "{'descr': '<f4', 'fortran_order': False, 'shape': \(claim), }\n"
            return [[0x93] + "NUMPY".utf8 + [1, 0] + Seal.bytes(UInt64(text.utf8.count), count: 2) + text.utf8]
        }
        return FuzzReader(
            name: "numpy", samples: samples, traps: traps, reseal: Seal.each(Seal.numpy),
            errors: [ArtifactError.self]
        ) { parts in
            try folder.hold(["array.npy"], parts)
            let path = folder.file("array.npy")
            let file = try NumpyFile(path: path, fortranOrder: true)
            let size = file.header.shape.contains(0) ? 0 : file.header.shape.reduce(1, *)
            try FuzzFinding.require(
                file.dataBytes.count == size * file.header.elementType.byteCount
                    && file.dataBytes.count <= parts[0].count,
                "shape \(file.header.shape) is not what \(file.dataBytes.count) bytes hold")
            _ = Seal.xxh64(Array(file.dataBytes))
            // A scalar, a cube or integers are an array but no table of vectors.
            guard file.header.shape.count == 2, !file.header.isFortranOrder,
                [.float32, .float16].contains(file.header.elementType)
            else { return }
            let table = try VectorTable(npyPath: path)
            _ = table.firstNotFinite()
            try FuzzFinding.require(table.rows * table.width <= parts[0].count, "\(table.rows) × \(table.width) values")
            var rows = [Float](repeating: 0, count: table.rows * table.width)
            rows.withUnsafeMutableBufferPointer { buffer in
                guard let base = buffer.baseAddress else { return }
                table.copyRange(start: 0, count: table.rows, into: base, rowStride: table.width)
            }
        }
    }

    /// A version 2.0 file whose data starts at a multiple of 4.
    private static func aligned(_ file: [UInt8]) -> [UInt8] {
        let text = file[12...].prefix { $0 != 10 }
        let padding = Array(repeating: UInt8(32), count: (4 - (text.count + 1 + 12) % 4) % 4)
        let header = Array(text) + padding + [10]
        return Array(file[..<8]) + Seal.bytes(UInt64(header.count), count: 4) + header + Array(repeating: 0, count: 8)
    }

    /// `.safetensors` files.
    static func safetensors() throws -> FuzzReader {
        let folder = try MemoryFolder()
        let values = (0..<6).map(Float.init)
        try values.withUnsafeBufferPointer { six in
            try SafetensorsFile.write(
                path: folder.file("a"),
                tensors: [("weight", [2, 3], six), ("bias", [6], six), ("one", [1, 1, 6], six)],
                metadata: ["step": "7", "name": "a \"b\"\nö"])
            try SafetensorsFile.write(path: folder.file("b"), tensors: [], metadata: [:])
        }
        let deep = "{\"__metadata__\":{\"checksum\":\"0000000000000000\"},\"a\":" + String(repeating: "[", count: 4000)
        let samples = try ["a", "b"].map { try folder.parts([$0]) }
        return FuzzReader(
            name: "safetensors", samples: samples, traps: [[Seal.bytes(UInt64(deep.utf8.count)) + deep.utf8]],
            reseal: Seal.each(Seal.safetensors), errors: [ArtifactError.self]
        ) { parts in
            try folder.hold(["file"], parts)
            let file = try SafetensorsFile(path: folder.file("file"))
            for tensor in file.tensors {
                let elements = file.elements(of: tensor)
                try FuzzFinding.require(
                    elements.count == tensor.shape.reduce(1, *), "\(tensor) has \(elements.count) elements")
                _ = elements.reduce(0, +)
            }
        }
    }

    /// Checkpoints of two kinds of model.
    static func checkpoint() throws -> FuzzReader {
        let folder = try MemoryFolder()
        for head in [ModelSettings.Head.paper, .none] {
            let shape = ModelShape(featureWidth: 2, hiddenWidth: 3, outputWidth: 3, head: head, output: .unit)
            let metadata = CheckpointMetadata(
                step: 0, epoch: 1, batch: 0, seed: .max, config: PipelineSettings().decisiveJSON,
                graphFingerprint: "0123456789abcdef", revision: "0.1.0")
            let adam = Adam(shape: shape)
            for moment in [adam.first, adam.second] { moment.values.base.update(repeating: 0.5, count: 4) }
            try Checkpoint.write(
                path: folder.file(head.rawValue), parameters: .initialised(shape: shape, seed: 1),
                adam: adam, metadata: metadata)
        }
        let samples = try ["paper", "none"].map { try folder.parts([$0]) }
        return FuzzReader(
            name: "checkpoint", samples: samples, reseal: Seal.each(Seal.safetensors),
            errors: [CheckpointError.self]
        ) { parts in
            try folder.hold(["file"], parts)
            let read = try Checkpoint.read(path: folder.file("file"))
            try Checkpoint.write(
                path: folder.file("again"), parameters: read.parameters, adam: read.adam, metadata: read.metadata)
            let again = try Checkpoint.read(path: folder.file("again"))
            try FuzzFinding.require(again.metadata == read.metadata, "written again it says \(again.metadata)")
            for (one, other) in [(read.parameters, again.parameters), (read.adam.first, again.adam.first)] {
                let same = (0..<one.values.count).allSatisfy { one.values.base[$0] == other.values.base[$0] }
                try FuzzFinding.require(one.shape == other.shape && same, "written again it has other numbers")
            }
        }
    }

    /// Held-out pairs.
    static func pairs() throws -> FuzzReader {
        let folder = try MemoryFolder()
        let rows = Dictionary(uniqueKeysWithValues: zip(HandDrawnGraph.pinIDs, UInt32(0)...))
        let samples = ["p0\tp1\np1\tp2\n", "p3\tp0\r\np4\tp5", "p0\tp1\tb0\n"].map { [Array($0.utf8)] }
        return FuzzReader(name: "pairs", samples: samples, errors: [EvaluationError.self, ArtifactError.self]) {
            parts in
            try folder.hold(["pairs.tsv"], parts)
            let pairs = try PairsFile(path: folder.file("pairs.tsv")) { rows[$0] }.pairs
            let lines = parts[0].count { $0 == 10 } + (parts[0].last == 10 ? 0 : 1)
            let sound = pairs.allSatisfy { $0.query != $0.positive && max($0.query, $0.positive) < 6 }
            try FuzzFinding.require(sound && pairs.count == lines, "\(pairs) of \(lines) lines")
        }
    }

    /// Config files, with a checkpoint's JSON among them.
    static func config() throws -> FuzzReader {
        let folder = try MemoryFolder()
        let handwritten = """
            # a comment
            graph: "data/a b"
            seed: 1_000
            walks: {count: 300, 'restart': 1e-1, pooling: importance}
            model: &m
              hidden_width: 64
              output_width: 32
            samplers:
              endpoint: tcp://127.0.0.1:5555
            """
        let texts = [PipelineSettings().resolvedYAML(comments: ["x"]), PipelineSettings().decisiveJSON, handwritten]
        let lists = "a: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c]\ne: [*d,*d,*d,*d]\n"
        let traps = [lists, String(repeating: "[", count: 3000), String(repeating: "{a: ", count: 3000)]
        return FuzzReader(
            name: "config", samples: texts.map { [Array($0.utf8)] }, traps: traps.map { [Array($0.utf8)] },
            errors: [ConfigError.self]
        ) { parts in
            let settings: PipelineSettings
            if let text = String(validating: parts.first ?? [0xFF], as: UTF8.self) {
                settings = try PipelineSettings.load(text: text, path: "config.yaml", environment: [:])
            } else {
                try folder.hold(["config.yaml"], parts)
                settings = try PipelineSettings.load(path: folder.file("config.yaml"))
            }
            let again = try PipelineSettings.load(text: settings.resolvedYAML(), path: "again", environment: [:])
            try FuzzFinding.require(again == settings, "written again it is \(again.resolvedYAML())")
        }
    }
}
