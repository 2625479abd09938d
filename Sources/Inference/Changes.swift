import Artifacts
import Foundation
import GraphStore
import Kernels
import Sampling

/// The rows of earlier embeddings that differ now, and their vectors.
///
/// A pin's row after layer 1 depends on its input, its neighbour list and its neighbours' inputs; after layer 2 on
/// those rows of the pin and its neighbours. So changes spread by one list a layer, and everything else is as it was.
final class Changes {
    /// int64 (P): a hash of what layer 1 reads of each pin.
    static let inputsFile = "inputs.npy"
    /// Key of the manifest: checkpoint, instruction set and precision.
    static let madeWithKey = "made_with"

    /// Ascending.
    let pins: [UInt32]
    private let pinCount: Int
    private let old: NumpyFile
    private var rows: [Matrix] = []
    private static let batch = 1024

    /// Compares the neighbourhoods that the stages have finished with those of `folder`.
    ///
    /// - Throws: `InferenceError.notUpdatable` for embeddings of another checkpoint, or without what is compared.
    init(since folder: String, stages: LayerStages, madeWith: String) throws {
        let manifest = try Manifest.read(directory: folder, kind: "embeddings")
        guard let found = manifest.extra[Self.madeWithKey] else {
            throw InferenceError.notUpdatable(path: folder, expected: "--keep-neighbors", found: "embeddings without")
        }
        guard found == madeWith else {
            throw InferenceError.notUpdatable(path: folder, expected: "made with \(madeWith)", found: found)
        }
        try manifest.verifyChecksums(directory: folder)
        pinCount = stages.plan.pinCount
        old = try NumpyFile(path: "\(folder)/embeddings.npy", rank: 2, advice: .sequential)
        let lists = try ListComparison(folder, top: stages.model.settings.walks.top)
        let inputs = try NumpyFile(path: "\(folder)/\(Self.inputsFile)", elements: [.int64], rank: 1)
        var hasInput = [Bool](repeating: true, count: pinCount)
        try stages.forEachBlock(of: 0..<pinCount) { pins in
            let hashes = stages.pass.inputHashes(of: pins)
            withExtendedLifetime(inputs) {
                let before = unsafe inputs.elements(as: Int64.self)
                for (pin, hash) in zip(pins, hashes) {
                    hasInput[pin] = unsafe pin >= before.count || before[pin] != hash
                }
            }
        }
        var first = hasInput
        try lists.forEachList(of: stages) { pin, list, isNew in
            if isNew || list.contains(where: { hasInput[$0] }) { first[pin] = true }
        }
        var second = first
        try lists.forEachList(of: stages) { pin, list, _ in
            if list.contains(where: { first[$0] }) { second[pin] = true }
        }
        pins = second.indices.filter { second[$0] }.map { UInt32($0) }
    }

    /// Whether it is less work to recompute these pins, each with its two steps, than every pin once.
    var areFew: Bool { pins.count * 20 <= pinCount }

    func embed(_ stages: LayerStages) throws {
        let chosen = try ChosenPins(
            graph: stages.job.graph, model: stages.model, hiding: stages.unseen, kernels: stages.kernels)
        for start in stride(from: 0, to: pins.count, by: Self.batch) {
            rows.append(try chosen.embed(Array(pins[start..<min(start + Self.batch, pins.count)])))
            try stages.steps.finished(0, of: "\(pins.count) changed pins")
        }
    }

    /// Writes the table: old rows, and the changed ones in their places.
    func write(to path: String, pinCount: Int, precision: EmbeddingPrecision) throws {
        let width = old.header.shape[1]
        let writer = try NumpyWriter(path: path, elementType: precision.elementType, shape: [pinCount, width])
        let rowBytes = width * precision.elementType.byteCount
        var next = 0
        for (place, pin) in pins.enumerated() {
            try append(next..<Int(pin), rowBytes, to: writer)
            let row = place % Self.batch
            try writer.append(rows[place / Self.batch].rows(row..<row + 1), as: precision, firstPin: Int(pin))
            next = Int(pin) + 1
        }
        try append(next..<pinCount, rowBytes, to: writer)
        try writer.close()
    }

    private func append(_ range: Range<Int>, _ rowBytes: Int, to writer: NumpyWriter) throws {
        guard !range.isEmpty else { return }
        try withExtendedLifetime(old) {
            let bytes = unsafe old.dataBytes[range.lowerBound * rowBytes..<range.upperBound * rowBytes]
            try unsafe writer.append(bytes: UnsafeRawBufferPointer(rebasing: bytes))
        }
    }
}

/// Neighbour lists of now beside those of earlier embeddings.
private struct ListComparison {
    private let neighbors: NumpyFile
    private let weights: NumpyFile
    private let top: Int

    init(_ folder: String, top: Int) throws {
        neighbors = try NumpyFile(path: "\(folder)/\(NeighborhoodFiles.neighbors)", elements: [.int32], rank: 2)
        weights = try NumpyFile(path: "\(folder)/\(NeighborhoodFiles.weights)", elements: [.float32], rank: 2)
        self.top = top
        guard neighbors.header.shape == weights.header.shape, neighbors.header.shape[1] == top else {
            throw InferenceError.notUpdatable(
                path: folder, expected: "lists of \(top)", found: "\(neighbors.header.shape)")
        }
    }

    /// Calls `body` with each pin, its list now, and whether that differs from before.
    func forEachList(of stages: LayerStages, _ body: (_ pin: Int, _ list: [Int], _ isNew: Bool) -> Void) throws {
        for shard in 0..<stages.plan.shardCount {
            let folder = stages.work.shard(.neighborhoods, shard).path
            let now = try NumpyFile(path: "\(folder)/\(NeighborhoodFiles.neighbors)", elements: [.int32], rank: 2)
            let nowWeights = try NumpyFile(
                path: "\(folder)/\(NeighborhoodFiles.weights)", elements: [.float32], rank: 2)
            let first = stages.plan.rows(of: shard).lowerBound
            withExtendedLifetime((now, nowWeights)) {
                for row in 0..<now.header.shape[0] {
                    let list = (row * top..<(row + 1) * top).map { unsafe Int(now.elements(as: Int32.self)[$0]) }
                    let isNew =
                        first + row >= neighbors.header.shape[0]
                        || !isSame(now, row, neighbors, first + row) || !isSame(nowWeights, row, weights, first + row)
                    body(first + row, Array(list.prefix { $0 >= 0 }), isNew)
                }
            }
        }
    }

    private func isSame(_ a: NumpyFile, _ rowOfA: Int, _ b: NumpyFile, _ rowOfB: Int) -> Bool {
        let rowBytes = 4 * top
        guard let p = unsafe a.dataBytes.baseAddress, let q = unsafe b.dataBytes.baseAddress else { return true }
        return unsafe memcmp(p + rowOfA * rowBytes, q + rowOfB * rowBytes, rowBytes) == 0
    }
}
