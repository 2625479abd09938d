import Artifacts
import Kernels
import Sampling

/// Reduce: for every pin of a shard gather its neighbours' messages, pool, update; after the last layer the head.
extension LayerStages {
    /// Writes the shard's rows after `layer`: `hidden.npy`, or `embeddings.npy` after the last.
    ///
    /// Reads the shard's neighbour lists, its rows of the layer before, and the messages that the lists name: those of
    /// `keepMessages`; else of the shards of `map`, mapped, or, with `blocks`, of their blocks for this shard.
    public func reduce(layer: Int, shard index: Int) throws {
        precondition((1...Self.layerCount).contains(layer), "LayerStages: layer \(layer)")
        let isLast = layer == Self.layerCount
        let shard = work.shard(isLast ? .embeddings : .hidden(layer: layer), index)
        if ledger.isFinished(shard) { return try steps.finished(shard.rows.count, of: "layer \(layer)") }
        let neighborhoods = work.shard(.neighborhoods, index)
        if !ledger.isKnown(neighborhoods) {
            try neighborhoods.require(checkingBytes: true)
            ledger.finished(neighborhoods)
        }
        let lists = try NeighborhoodLists(folder: neighborhoods.path)
        let own = try ownRows(layer: layer, shard: index)
        let pooled = try pooling(layer: layer, lists: lists, shard: index)
        try shard.write { folder in
            let name = isLast ? Self.embeddingsFile : Self.hiddenFile
            let writer = try output("\(folder)/\(name)", rows: shard.rows.count, isLast: isLast)
            try lanes.run(over: shard.rows) { lane, pins in
                let hidden = lane.pass.update(layer: layer, own: inputs(own, pins, lane), pooled: pooled(lane, pins))
                return isLast ? try lane.pass.embeddings(of: hidden, pins: pins.map { UInt32($0) }[...]) : hidden
            } take: { rows, pins in
                try writer.append(rows, as: isLast ? job.precision : .float32, firstPin: pins.lowerBound)
                try steps.finished(pins.count, of: "layer \(layer)")
            }
            try writer.close()
            return [name: writer.described]
        }
        ledger.finished(shard)
    }

    private func output(_ path: String, rows: Int, isLast: Bool) throws -> NumpyWriter {
        guard isLast else { return try NumpyWriter(shardFile: path, rows: rows, columns: shape.hiddenWidth) }
        return try NumpyWriter(
            path: path, elementType: job.precision.elementType, shape: [rows, pass.embeddingWidth],
            isDurable: false)
    }

    /// How a block of the shard's pins gets its pooled messages: rows × m, valid until the next call.
    private func pooling(
        layer: Int, lists: NeighborhoodLists, shard index: Int
    ) throws -> (_ lane: Lane, _ pins: Range<Int>) -> Matrix {
        let rows = plan.rows(of: index)
        func whole(_ table: Matrix, _ needed: NeededRows? = nil) -> (Lane, Range<Int>) -> Matrix {
            { lane, pins in
                lane.pass.pool(
                    lists.lists(of: pins.shifted(by: -rows.lowerBound), in: needed, lane.lists), from: table)
            }
        }
        if let messages, messages.layer == layer { return whole(messages.rows) }
        if job.blocks {
            let needed = lists.needed(pinCount: plan.pinCount)
            return whole(try blockTable(layer: layer, needed, shard: index), needed)
        }
        let slices = plan.slices(width: shape.hiddenWidth)
        if slices.count == 1 {
            let table = try messageTable(layer: layer, slice: 0, slices[0])
            let pooled = whole(table.matrix)
            return { lane, pins in withExtendedLifetime(table) { pooled(lane, pins) } }
        }
        let pooled = Matrix(
            FloatBuffer(unwritten: rows.count * shape.hiddenWidth), rows: rows.count, columns: shape.hiddenWidth)
        for (slice, columns) in slices.enumerated() {
            let table = try messageTable(layer: layer, slice: slice, columns)
            table.readAhead()
            try lanes.run(over: 0..<rows.count) { lane, block in
                lane.pass.pool(
                    lists.lists(of: block, in: nil, lane.lists), from: table.matrix,
                    into: pooled.rows(block).columns(columns))
            } take: { _, _ in
                try steps.finished(0, of: "layer \(layer)")
            }
        }
        return { _, pins in pooled.rows(pins.shifted(by: -rows.lowerBound)) }
    }

    /// A slice of every pin's message, mapped.
    private func messageTable(layer: Int, slice: Int, _ columns: Range<Int>) throws -> JoinedRows {
        if let table, table.layer == layer, table.slice == slice { return table.rows }
        table = nil
        let shards = (0..<plan.shardCount).map { work.shard(.messages(layer: layer), $0) }
        for shard in shards where !ledger.isKnown(shard) { try shard.require(checkingBytes: false) }
        let name = Self.messagesFile(firstColumn: columns.lowerBound)
        let rows = try JoinedRows(
            files: shards.map { ($0.file(name), $0.rows.count) }, columns: columns.count,
            folder: "\(work.path)/\(Stage.messages(layer: layer).name)")
        table = (layer, slice, rows)
        return rows
    }

    /// The rows that this shard needs, in the order of `needed`, from every shard's block for it.
    private func blockTable(layer: Int, _ needed: NeededRows, shard index: Int) throws -> Matrix {
        let width = shape.hiddenWidth
        let buffer = FloatBuffer(unwritten: needed.count * width)
        let table = Matrix(buffer, rows: needed.count, columns: width)
        var row = 0
        for source in 0..<plan.shardCount {
            let (shard, name) = (work.shard(.blocks(layer: layer), source), Self.blockFile(for: index))
            try shard.require(name)
            let count = needed.pins(in: plan.rows(of: source)).count
            let block = try JoinedRows(files: [(shard.file(name), count)], columns: width, folder: shard.path)
            unsafe (table.base + row * width).update(from: block.base, count: count * width)
            row += count
        }
        return table
    }
}

extension NumpyWriter {
    /// Appends embeddings of pins from `firstPin` on, rounded to nearest where float16 is wanted.
    func append(_ embeddings: Matrix, as precision: EmbeddingPrecision, firstPin: Int) throws {
        guard precision == .float16 else { return try append(embeddings) }
        var rounded: [Float16] = []
        rounded.reserveCapacity(embeddings.rows * embeddings.columns)
        for row in 0..<embeddings.rows {
            for column in 0..<embeddings.columns {
                let value = Float16(unsafe embeddings.base[row * embeddings.stride + column])
                guard value.isFinite else { throw InferenceError.beyondFloat16(pin: UInt32(firstPin + row)) }
                rounded.append(value)
            }
        }
        try append(rounded)
    }
}

extension JoinedRows {
    var matrix: Matrix { unsafe Matrix(base: base, rows: rows, columns: columns, stride: columns) }
}

extension Range<Int> {
    func shifted(by offset: Int) -> Range<Int> { lowerBound + offset..<upperBound + offset }
}
