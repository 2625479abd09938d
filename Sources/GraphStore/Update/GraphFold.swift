import Artifacts
import Basics

/// Writes the graph that a graph and the generations after it make together.
///
/// Of an id that is removed and comes again there are two pins: the later one has none of the edges of the earlier.
/// So an edge stays unless a later generation removes its pin, and a pin that stays has one row.
struct GraphFold {
    /// Folds in all generations, oldest first.
    ///
    /// - Parameter folder: holds the graph afterwards.
    /// - Complexity: that of an import of all edges for each of `passes`.
    static func run(
        _ graph: BipartiteGraph, _ generations: [Generation], _ memory: ImportMemory, to folder: String,
        progress: (String) -> Void
    ) throws -> GraphUpdateResult {
        let passes = passes(of: generations, hasStructure: graph.hasStructure)
        var (old, manifest) = (graph, graph.manifest)
        for (number, pass) in passes.enumerated() {
            progress("reading ids")
            let fold = try GraphFold(base: graph, old: old, generations: pass, memory: memory)
            if number + 1 == passes.count {
                manifest = try fold.write(to: folder, progress: progress)
            } else {
                let between = "\(folder)/pass-\(number + 1)"
                try AtomicReplace.writeFolder(at: between) { _ = try fold.write(to: $0, progress: progress) }
                if number > 0 { try AtomicReplace.removeTree(old.directory) }
                old = try BipartiteGraph(directory: between)
            }
        }
        if passes.count > 1 { try AtomicReplace.removeTree(old.directory) }
        func count(_ name: String) -> Int { manifest.counts[name] ?? 0 }
        return GraphUpdateResult(
            pins: count("pins"), boards: count("boards"), edges: count("edges"),
            newPins: generations.reduce(0) { $0 + $1.newPins.count }, newBoards: count("boards") - graph.boardCount,
            removedPins: generations.reduce(0) { $0 + $1.removedPins.count }, generations: generations.count,
            fingerprint: manifest.fingerprint)
    }

    /// The generations that are folded in together.
    ///
    /// A new pin's structure is made of the pins and boards as its generation found them: there it ends a pass.
    static func passes(of generations: [Generation], hasStructure: Bool) -> [[Generation]] {
        guard hasStructure else { return [generations] }
        var passes: [[Generation]] = [[]]
        for generation in generations {
            passes[passes.count - 1].append(generation)
            if generation.newPins.count > 0 { passes.append([]) }
        }
        return passes.filter { !$0.isEmpty }
    }

    /// The graph that was there before all passes: the only one that a checkpoint can know.
    private let base: BipartiteGraph
    private let old: BipartiteGraph
    private let generations: [Generation]
    private let memory: ImportMemory

    private let removals: Removals
    /// Rows of the old graph that stay, in order.
    private let kept: [UInt32]
    /// The ids of the new graph, in order.
    private let pins: IDTable
    /// For each generation, the lines of its new pins that stay.
    private let newRows: [[UInt32]]

    private init(
        base: BipartiteGraph, old: BipartiteGraph, generations: [Generation], memory: ImportMemory
    ) throws {
        (self.base, self.old, self.generations, self.memory) = (base, old, generations, memory)
        let removals = Removals(generations)
        let (kept, pins) = try Self.keptPins(of: old, without: removals.ids)
        newRows = try generations.enumerated().map { number, generation in
            let ids = generation.newPins
            let rows = (0..<ids.count).filter { unsafe !removals.contains(ids.bytes($0), after: number) }
            for row in rows {
                guard try Self.insert(ids, row, into: pins) else {
                    throw Generation.bad(ids.path, "repeated id", "pins that are new", "'\(ids.id(row))'")
                }
            }
            return rows.map { UInt32($0) }
        }
        (self.removals, self.kept, self.pins) = (removals, kept, pins)
    }

    /// - Returns: the manifest of what was written.
    private func write(to folder: String, progress: (String) -> Void) throws -> Manifest {
        let boards = try IDTable(listing: "\(old.directory)/\(GraphDirectory.boardIDs)")
        let edges = EdgeSpool(path: "\(folder)/\(GraphDirectory.spool)")
        let file = EdgeFile(edges: edges, pins: pins, boards: boards, memory: memory)
        try addOldEdges(to: file)
        for number in generations.indices { try addEdges(of: number, to: file) }
        try file.writeIDs(to: folder)
        let rows = try GraphRows(
            edges, pinCount: pins.count, boardCount: boards.count, memory: memory, to: folder, progress: progress)
        progress("writing features")
        if let structure = old.structure { try grow(structure, rows, GraphDirectory.structure, folder) }
        if old.featureSource == GraphDirectory.structureSource, let features = old.features {
            try grow(features, rows, GraphDirectory.features, folder)
        } else if old.featureSource == GraphDirectory.projectedSource {
            try PinFeatures.project(
                rows, width: old.manifest.featureWidth, memory: memory, to: "\(folder)/\(GraphDirectory.features)",
                progress: { _ in })
        } else {
            try writeFeatures(to: folder)
        }
        return try GraphDirectory.finish(
            rows, featureWidth: old.manifest.featureWidth, featureSource: old.featureSource,
            structureWidth: old.structure?.width ?? 0, ancestors: base.ancestors + [base.fingerprint],
            hasMovedPins: old.hasMovedPins || removals.ids.count > 0, in: folder)
    }

    /// The old rows of the old pins that stay, and their ids.
    private static func keptPins(
        of old: BipartiteGraph, without removed: IDTable
    ) throws -> (rows: [UInt32], table: IDTable) {
        let table = try IDTable(listing: "\(old.directory)/\(GraphDirectory.pinIDs)")
        guard removed.count > 0 else { return (Array(0..<UInt32(old.pinCount)), table) }
        var isRemoved = [Bool](repeating: false, count: old.pinCount)
        for id in 0..<UInt32(removed.count) {
            if let row = unsafe table.row(of: removed.view.bytes(id)) { isRemoved[Int(row)] = true }
        }
        let rows = (0..<old.pinCount).filter { !isRemoved[$0] }.map { UInt32($0) }
        return (rows, table.selecting(rows))
    }

    /// Gives an id of a generation a row: the next one, or that which it has.
    ///
    /// - Returns: whether it is new.
    private static func insert(_ ids: ExternalIDs, _ line: Int, into table: IDTable) throws -> Bool {
        if let inserted = unsafe table.insert(ids.bytes(line)) { return inserted.isNew }
        throw GraphError.badLine(
            path: ids.path, line: line + 1, problem: "too many ids", expected: "at most \(table.count) different ones",
            found: "one more, '\(ids.id(line))'", action: "Use a part of the graph")
    }

    /// Adds the edges of the pins that stay, under their new rows.
    private func addOldEdges(to file: EdgeFile) throws {
        for (row, pin) in kept.enumerated() {
            let boards = unsafe old.boards(of: pin)
            for i in 0..<boards.count { unsafe file.edges.append(UInt32(row), boards[i]) }
            if row & 0xFFFF == 0 { try file.makeRoom(for: old.directory) }
        }
    }

    /// Adds the edges of a generation whose pins no later one removes.
    private func addEdges(of number: Int, to file: EdgeFile) throws {
        let generation = generations[number]
        let dropped = UInt32.max
        let pinRows = try (0..<generation.edgePins.count).map { line -> UInt32 in
            let id = unsafe generation.edgePins.bytes(line)
            if unsafe removals.contains(id, after: number) { return dropped }
            if let row = unsafe pins.row(of: id) { return row }
            throw Generation.bad(
                generation.edgePins.path, "unknown pin", "an id of the graph", "'\(generation.edgePins.id(line))'")
        }
        let ids = generation.edgeBoards
        let bytes = (0..<ids.count).reduce(0) { unsafe $0 + ids.bytes($1).count + 1 }
        try file.makeRoom(boards: ids.count, bytes, for: generation.path)
        for line in 0..<ids.count { _ = try Self.insert(ids, line, into: file.boards) }
        let boardRows = (0..<ids.count).map { unsafe file.boards.row(of: ids.bytes($0)) ?? dropped }
        try withExtendedLifetime(generation.edges) {
            let numbers = unsafe generation.edges.elements(as: UInt32.self)
            for edge in 0..<numbers.count / 2 {
                let (pin, board) = unsafe (Int(numbers[2 * edge]), Int(numbers[2 * edge + 1]))
                guard pin < pinRows.count, board < boardRows.count else {
                    throw Generation.bad(
                        generation.edges.path, "row \(edge)",
                        "a pin below \(pinRows.count), a board below \(ids.count)",
                        "\(pin) and \(board)")
                }
                if pinRows[pin] != dropped { file.edges.append(pinRows[pin], boardRows[board]) }
                if edge & 0xFFFFF == 0 { try file.makeRoom(for: generation.path) }
            }
        }
    }

    private func grow(_ structure: VectorTable, _ rows: GraphRows, _ name: String, _ folder: String) throws {
        let grown = try PinStructure.updated(structure, kept: kept, graph: rows, memory: memory, folder)
        try PinStructure.write(grown, to: "\(folder)/\(name)")
    }

    /// The old rows that stay, then those of the new pins, in the old type.
    private func writeFeatures(to folder: String) throws {
        guard let table = old.features else { return }
        let writer = try NumpyWriter(
            path: "\(folder)/\(GraphDirectory.features)", elementType: table.elementType,
            shape: [pins.count, table.width])
        try Self.append(table, kept, to: writer)
        for (generation, rows) in zip(generations, newRows) where !rows.isEmpty {
            guard let features = generation.features, features.width == table.width else {
                throw Generation.bad(
                    generation.path, "features of the new pins", "\(table.width) columns",
                    generation.features.map { "\($0.width)" } ?? "none")
            }
            try Self.append(features, rows, to: writer)
        }
        try writer.close()
    }

    private static func append(_ table: VectorTable, _ rows: [UInt32], to writer: NumpyWriter) throws {
        let blockRows = 1024
        var block = [Float](repeating: 0, count: blockRows * table.width)
        for start in stride(from: 0, to: rows.count, by: blockRows) {
            let wanted = rows[start..<min(start + blockRows, rows.count)]
            unsafe wanted.withUnsafeBufferPointer { wanted in
                unsafe block.withUnsafeMutableBufferPointer { block in
                    guard let base = block.baseAddress else { return }
                    unsafe table.copyRows(wanted, into: base, rowStride: table.width)
                }
            }
            let values = block[..<(wanted.count * table.width)]
            if writer.header.elementType == .float32 {
                try writer.append(Array(values))
            } else {
                try writer.append(values.map { Float16($0) })
            }
        }
    }
}

/// The pins that generations remove, and the last generation that removes each.
private struct Removals {
    let ids = IDTable()
    private var last: [Int] = []

    init(_ generations: [Generation]) {
        for (number, generation) in generations.enumerated() {
            for line in 0..<generation.removedPins.count {
                guard let (row, isNew) = unsafe ids.insert(generation.removedPins.bytes(line)) else { continue }
                if isNew { last.append(number) } else { last[Int(row)] = number }
            }
        }
    }

    func contains(_ id: UnsafeRawBufferPointer, after generation: Int) -> Bool {
        guard let row = unsafe ids.row(of: id) else { return false }
        return last[Int(row)] > generation
    }
}

extension BipartiteGraph {
    /// Whether each pin has a row of structure, beside its features or in their place.
    fileprivate var hasStructure: Bool { structure != nil || featureSource == GraphDirectory.structureSource }
}
