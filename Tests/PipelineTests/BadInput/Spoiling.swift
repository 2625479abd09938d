import Artifacts
import Foundation
import TestSupport

// Ways to spoil a workshop's files.
extension Workshop {
    func remove(_ names: String...) throws {
        for name in names { try FileManager.default.removeItem(atPath: folder.file(name)) }
    }

    func cut(_ name: String, by count: Int = 1) throws {
        try folder.write(folder.bytes(name).dropLast(count), to: name)
    }

    /// Changes one bit near the end.
    func damage(_ name: String) throws {
        var bytes = try folder.bytes(name)
        bytes[bytes.count - 3] ^= 1
        try folder.write(bytes, to: name)
    }

    /// A `.npy` file of zeros.
    func zeros(_ name: String, type: String = "<f4", shape: String, byteCount: Int, order: String = "False") throws {
        let text = "{'descr': '\(type)', 'fortran_order': \(order), 'shape': (\(shape)), }"
        let padding = String(repeating: " ", count: 117 - text.utf8.count) + "\n"
        let header = [0x93] + Array("NUMPY".utf8) + [1, 0, 118, 0] + Array((text + padding).utf8)
        try folder.write(header + [UInt8](repeating: 0, count: byteCount), to: name)
    }

    /// The features with some values changed.
    func features(_ change: (inout [Float]) -> Void) throws {
        let file = try NumpyFile(path: folder.file("features.npy"))
        var values = Array(file.elements(as: Float.self))
        change(&values)
        try writeNumpy(path: file.path, shape: file.header.shape, values)
    }

    /// Embeddings of another table that are sound in themselves, but for what the table holds.
    func embed(_ values: [Float], shape: [Int], width: Int = 4) throws {
        let embeddings = folder.file("embeddings")
        let manifest = try Manifest.read(directory: embeddings, kind: "embeddings")
        try writeNumpy(path: embeddings + "/embeddings.npy", shape: shape, values)
        try Manifest(
            describing: ["embeddings.npy", "pins.txt"], in: embeddings, kind: "embeddings", counts: manifest.counts,
            featureWidth: width, extra: manifest.extra
        ).write(directory: embeddings)
    }

    /// The run's checkpoint with some tensors' shapes and values changed.
    func rewriteCheckpoint(_ change: (_ name: String, _ shape: inout [Int], _ values: inout [Float]) -> Void) throws {
        let file = try SafetensorsFile(path: folder.file(Self.checkpoint))
        var tensors: [(name: String, shape: [Int], elements: UnsafeBufferPointer<Float>)] = []
        var kept: [UnsafeMutableBufferPointer<Float>] = []
        for tensor in file.tensors {
            var shape = tensor.shape
            var values = Array(file.elements(of: tensor))
            change(tensor.name, &shape, &values)
            let copy = UnsafeMutableBufferPointer<Float>.allocate(capacity: values.count)
            _ = copy.update(from: values)
            kept.append(copy)
            tensors.append((tensor.name, shape, UnsafeBufferPointer(copy)))
        }
        defer { for copy in kept { copy.deallocate() } }
        try SafetensorsFile.write(path: folder.file(Self.checkpoint), tensors: tensors, metadata: file.metadata)
    }

    /// Another graph, with features of the same width, in `other`.
    func makeOtherGraph() throws {
        try GraphOnDisk.write(
            to: folder.file("other"), boardsOfPins: [[0], [0]], boardCount: 1, features: [1, 2, 3, 4, 5, 6, 7, 8],
            featureWidth: 4)
    }
}
