import Configuration
import GraphStore
import Kernels
import PinSageModel
import Sampling

/// Vectors of chosen pins alone: for each batch of them, the neighbourhoods and layers of every pin within two steps.
///
/// The bits are those of embedding all pins. For few pins only: a batch of b recomputes up to b · (1 + K) · (1 + K) pins.
package final class ChosenPins {
    /// What has been computed so far.
    package struct Work: Equatable {
        /// Targets; pins that took part in layer 1; pins whose features were read.
        package var targets = 0
        package var hiddenPins = 0
        package var inputPins = 0
        package var multiplyAdds = 0
    }

    package private(set) var work = Work()
    private let graph: BipartiteGraph
    private let walks: WalkSettings
    private let unseen: HiddenBoards
    private let pass: LayerPass
    private let team: ThreadTeam
    private let chunks: [(sampler: NeighborhoodSampler, table: NeighborhoodTable)]
    private let rows = PinRows()
    private let messages = FloatBuffer()
    private let hidden = FloatBuffer()

    package convenience init(graph: BipartiteGraph, checkpointPath: String, kernels: Kernels) throws {
        try self.init(graph: graph, model: TrainedModel(path: checkpointPath, for: graph), kernels: kernels)
    }

    /// - Parameter unseen: boards that neither walks nor counts see.
    init(
        graph: BipartiteGraph, model: TrainedModel, hiding unseen: HiddenBoards = .none, kernels: Kernels
    ) throws {
        self.graph = graph
        self.unseen = unseen
        walks = model.settings.walks
        team = kernels.team
        pass = try LayerPass(model: model, graph: graph, hiding: unseen, kernels: kernels)
        chunks = (0..<2 * kernels.team.threadCount).map { _ in
            (NeighborhoodSampler(graph: graph, walks: model.settings.walks, seed: model.seed), NeighborhoodTable())
        }
    }

    /// Neighbour lists of pins, whose entries are then numbered.
    private struct Lists {
        var offsets: [Int32] = [0]
        var pins: [UInt32] = []
        var weights: [Float] = []
    }

    /// The embeddings of a batch of distinct pins: count × d.
    package func embed(_ targets: [UInt32]) throws -> Matrix {
        rows.removeAll()
        var lists = Lists()
        _ = number(targets)
        precondition(rows.count == targets.count, "ChosenPins: a pin twice among \(targets.count)")
        sample(targets, into: &lists)
        let targetEntries = lists.pins.count
        _ = number(lists.pins)
        let hiddenCount = rows.count
        sample((targets.count..<hiddenCount).map { unsafe rows.pins[$0] }, into: &lists)
        // Rows given before stay, so the targets' entries are still below `hiddenCount`.
        let entries = number(lists.pins)
        count(targets.count, hiddenCount, rows.count, entries: entries.count + targetEntries)
        let pins = (0..<rows.count).map { unsafe rows.pins[$0] }
        return try forward(pins, hiddenCount: hiddenCount, targetCount: targets.count, lists, entries)
    }

    private func forward(
        _ pins: [UInt32], hiddenCount: Int, targetCount: Int, _ lists: Lists, _ entries: [Int32]
    ) throws -> Matrix {
        let (m, d) = (pass.shape.hiddenWidth, pass.embeddingWidth)
        let first = table(messages, pins.count, m)
        forEachBlock(of: pins.count) { pass.messages(layer: 1, of: pass.features(of: pins[$0]), into: first.rows($0)) }
        let middle = table(hidden, hiddenCount, m)
        pooling(lists, entries) { poolLists in
            forEachBlock(of: hiddenCount) { block in
                let pooled = pass.pool(poolLists(block), from: first)
                copy(pass.update(layer: 1, own: pass.features(of: pins[block]), pooled: pooled), middle.rows(block))
            }
        }
        let second = table(messages, hiddenCount, m)
        forEachBlock(of: hiddenCount) { pass.messages(layer: 2, of: middle.rows($0), into: second.rows($0)) }
        let embeddings = Matrix(FloatBuffer(count: targetCount * d), rows: targetCount, columns: d)
        try pooling(lists, entries) { poolLists in
            try forEachBlock(of: targetCount) { block in
                let pooled = pass.pool(poolLists(block), from: second)
                let top = pass.update(layer: 2, own: middle.rows(block), pooled: pooled)
                copy(try pass.embeddings(of: top, pins: pins[block]), embeddings.rows(block))
            }
        }
        return embeddings
    }

    private func table(_ buffer: FloatBuffer, _ rows: Int, _ columns: Int) -> Matrix {
        buffer.reserve(rows * columns)
        return Matrix(buffer, rows: rows, columns: columns)
    }

    private func forEachBlock(of count: Int, _ body: (Range<Int>) throws -> Void) rethrows {
        for start in stride(from: 0, to: count, by: LayerPass.blockRows) {
            try body(start..<min(start + LayerPass.blockRows, count))
        }
    }

    /// Calls `body` with what gives the numbered lists of a block of rows.
    private func pooling(
        _ lists: Lists, _ entries: [Int32], _ body: ((Range<Int>) -> PoolLists) throws -> Void
    ) rethrows {
        // One more entry, which no list has: then there is a pointer even where all lists are empty.
        try unsafe lists.offsets.withUnsafeBufferPointer { offsets in
            try unsafe (entries + [0]).withUnsafeBufferPointer { indices in
                try unsafe (lists.weights + [0]).withUnsafeBufferPointer { weights in
                    guard let offsets = offsets.baseAddress, let indices = indices.baseAddress,
                        let weights = weights.baseAddress
                    else { return }
                    try body { block in
                        unsafe PoolLists(
                            offsets: offsets + block.lowerBound, indices: indices, weights: weights, count: block.count)
                    }
                }
            }
        }
    }

    /// Appends the pins' neighbour lists, in order, sampled by chunks on the team's threads.
    private func sample(_ pins: [UInt32], into lists: inout Lists) {
        let chunkPins = 256
        for start in stride(from: 0, to: pins.count, by: chunks.count * chunkPins) {
            let end = min(start + chunks.count * chunkPins, pins.count)
            let used = chunks.prefix((end - start + chunkPins - 1) / chunkPins)
            team.run(chunks: used.count) { index in
                let first = start + index * chunkPins
                used[index].table.removeAll()
                unsafe pins[first..<min(first + chunkPins, end)].withUnsafeBufferPointer {
                    unsafe used[index].sampler.sample(
                        pins: $0, window: NeighborhoodSampler.embeddingWindow, hiding: unseen, into: used[index].table)
                }
            }
            for chunk in used {
                for list in 0..<chunk.table.count {
                    lists.pins += chunk.table.pins(of: list)
                    lists.weights += chunk.table.weights(of: list, pooling: walks.pooling)
                    lists.offsets.append(Int32(lists.pins.count))
                }
            }
        }
    }

    /// The row of each pin, new ones after those there are.
    private func number(_ pins: [UInt32]) -> [Int32] {
        rows.reserve(pins.count)
        return unsafe [Int32](unsafeUninitializedCapacity: pins.count) { numbers, initialized in
            initialized = pins.count
            guard let numbers = numbers.baseAddress else { return }
            unsafe pins.withUnsafeBufferPointer { pins in
                if let pins = pins.baseAddress { unsafe rows.insert(pins, count: initialized, rows: numbers) }
            }
        }
    }

    private func count(_ targets: Int, _ hiddenPins: Int, _ inputPins: Int, entries: Int) {
        work.targets += targets
        work.hiddenPins += hiddenPins
        work.inputPins += inputPins
        work.multiplyAdds += pass.shape.multiplyAdds(
            messages: [inputPins, hiddenPins], updates: [hiddenPins, targets], entries: entries)
    }

    private func copy(_ source: Matrix, _ target: Matrix) {
        for row in 0..<source.rows {
            unsafe (target.base + row * target.stride).update(
                from: source.base + row * source.stride, count: source.columns)
        }
    }
}

extension ModelShape {
    /// Multiply-adds of the products and of pooling.
    ///
    /// - Parameters:
    ///   - messages, updates: rows of each layer; the head sees those of the last update.
    ///   - entries: neighbours pooled, of both layers together.
    package func multiplyAdds(messages: [Int], updates: [Int], entries: Int) -> Int {
        var total = entries * hiddenWidth
        for (layer, (messageRows, updateRows)) in zip(messages, updates).enumerated() {
            let input = layer == 0 ? inputWidth : hiddenWidth
            total += messageRows * input * hiddenWidth + updateRows * (input + hiddenWidth) * hiddenWidth
        }
        if head == .paper { total += (updates.last ?? 0) * hiddenWidth * (hiddenWidth + outputWidth) }
        return total
    }
}
