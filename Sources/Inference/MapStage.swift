import Artifacts
import Basics
import GraphStore
import Kernels

/// Map: the message of every pin of a shard, once.
extension LayerStages {
    /// Writes the shard's messages of `layer`, or, with `blocks`, for each reducer those that it needs.
    ///
    /// Reads the graph's features in layer 1, the shard of `reduce` of layer 1 in layer 2; with `blocks` also the
    /// need-lists of all shards for this one.
    public func map(layer: Int, shard index: Int) throws {
        precondition((1...Self.layerCount).contains(layer), "LayerStages: layer \(layer)")
        let shard = work.shard(job.blocks ? .blocks(layer: layer) : .messages(layer: layer), index)
        let name = "messages of layer \(layer)"
        if ledger.isFinished(shard) { return try steps.finished(shard.rows.count, of: name) }
        let own = try ownRows(layer: layer, shard: index)
        try shard.write { folder in
            let outputs = try job.blocks ? blockOutputs(folder, shard: index) : sliceOutputs(folder, shard.rows.count)
            try lanes.run(over: shard.rows) { lane, pins in
                lane.pass.messages(layer: layer, of: inputs(own, pins, lane))
            } take: { messages, pins in
                for output in outputs { try output.append(messages, pins) }
                try steps.finished(pins.count, of: name)
            }
            return try Dictionary(uniqueKeysWithValues: outputs.map { try $0.close() })
        }
        ledger.finished(shard)
    }

    /// Makes every pin's message of `layer` on the heap, for `reduce`.
    func keepMessages(layer: Int) throws {
        let table =
            messages?.rows
            ?? Matrix(
                FloatBuffer(unwritten: plan.pinCount * shape.hiddenWidth), rows: plan.pinCount,
                columns: shape.hiddenWidth)
        messages = nil
        for index in 0..<plan.shardCount {
            let own = try ownRows(layer: layer, shard: index)
            try lanes.run(over: plan.rows(of: index)) { lane, pins in
                lane.pass.messages(layer: layer, of: inputs(own, pins, lane), into: table.rows(pins))
            } take: { _, pins in
                try steps.finished(pins.count, of: "messages of layer \(layer)")
            }
        }
        messages = (layer, table)
    }

    private func sliceOutputs(_ folder: String, _ rows: Int) throws -> [MessageOutput] {
        try plan.slices(width: shape.hiddenWidth).map { columns in
            let name = Self.messagesFile(firstColumn: columns.lowerBound)
            let writer = try NumpyWriter(shardFile: "\(folder)/\(name)", rows: rows, columns: columns.count)
            return MessageOutput(name: name, writer: writer, columns: columns, pins: nil)
        }
    }

    private func blockOutputs(_ folder: String, shard index: Int) throws -> [MessageOutput] {
        let width = shape.hiddenWidth
        return try (0..<plan.shardCount).map { reducer in
            let pins = try neededPins(of: index, by: reducer)
            let name = Self.blockFile(for: reducer)
            let writer = try NumpyWriter(shardFile: "\(folder)/\(name)", rows: pins.count, columns: width)
            return MessageOutput(name: name, writer: writer, columns: 0..<width, pins: pins)
        }
    }

    /// The pins of shard `index` whose messages `reducer` needs, ascending.
    private func neededPins(of index: Int, by reducer: Int) throws -> [UInt32] {
        let needs = work.shard(.needs, reducer)
        try needs.require(NeighborhoodStage.needsFile(of: index))
        let path = needs.file(NeighborhoodStage.needsFile(of: index))
        let file = try NumpyFile(path: path, elements: [.uint32], rank: 1)
        let pins = withExtendedLifetime(file) { unsafe Array(file.elements(as: UInt32.self)) }
        let rows = plan.rows(of: index)
        guard pins.allSatisfy({ rows.contains(Int($0)) }), zip(pins, pins.dropFirst()).allSatisfy({ $0 < $1 }) else {
            throw ArtifactError.malformed(
                path: path, problem: "bad need-list", expected: "ascending pins of \(rows)", found: "others",
                action: "Make the shard again")
        }
        return pins
    }

    /// Rows that one reducer needs of a shard, in the order of its need-list.
    static func blockFile(for reducer: Int) -> String { "to-\(zeroPadded(reducer, 5)).npy" }
}

/// One file of messages: some columns of all rows, or all columns of some rows.
private final class MessageOutput {
    private let name: String
    private let writer: NumpyWriter
    private let columns: Range<Int>
    /// Rows that are wanted, ascending; nil: all.
    private let pins: [UInt32]?
    private var next = 0

    init(name: String, writer: NumpyWriter, columns: Range<Int>, pins: [UInt32]?) {
        self.name = name
        self.writer = writer
        self.columns = columns
        self.pins = pins
    }

    /// Takes what it needs of the messages of a block of pins.
    func append(_ messages: Matrix, _ block: Range<Int>) throws {
        guard let pins else { return try writer.append(messages.columns(columns)) }
        while next < pins.count, Int(pins[next]) < block.upperBound {
            let row = Int(pins[next]) - block.lowerBound
            try writer.append(messages.rows(row..<row + 1))
            next += 1
        }
    }

    /// Its name, and what the manifest says of it.
    func close() throws -> (String, Manifest.File) {
        try writer.close()
        return (name, writer.described)
    }
}
