import Artifacts
import Basics
import Glibc

/// Reads what is to be added and taken away, checks it against the graph, and writes it as a generation.
///
/// Only the ids of the addition are held: one pass over the graph's ids tells which of them it has.
struct GenerationWriter {
    let options: GraphUpdateOptions
    let graph: BipartiteGraph
    /// Generations that come before this one.
    let pending: [Generation]
    let memory: ImportMemory

    /// - Parameters:
    ///   - folder: an empty one.
    ///   - follows: fingerprint of the generation before, or of the graph.
    ///   - progress: called now and then with a few words.
    /// - Throws: `GraphError` or `ArtifactError` for the first thing that cannot be used.
    /// - Complexity: O(addition + bytes of the graph's ids) time, 20 to 40 bytes an id of the addition and its text.
    func write(to folder: String, follows: String, progress: (String) -> Void) throws {
        let removed = try RemovalList(path: options.remove)
        let listed = try options.pins.map { try IDTable(listing: $0) }
        let file = EdgeFile(
            edges: EdgeSpool(path: "\(folder)/\(GraphDirectory.spool)"), pins: IDTable(), boards: IDTable(),
            memory: memory)
        if let path = options.edges {
            let phase = ProgressText("reading edges", total: TextBlocks.fileBytes(path), unit: "edges")
            try file.read(path: path) { bytes, edges in progress(phase.text(bytes, count: edges)) }
        }
        progress("looking ids up")
        let newPins = try self.newPins(removed, listed: listed, file)
        if !options.newBoards { try requireKnownBoards(file) }
        var names = [Generation.edges]
        let edgeCount = file.edges.count
        try writeEdges(of: file.edges, to: "\(folder)/\(Generation.edges)")
        for (table, name) in [
            (file.pins, Generation.edgePins), (file.boards, Generation.edgeBoards), (newPins, Generation.newPins),
            (removed.ids, Generation.removedPins),
        ] {
            try table.write(to: "\(folder)/\(name)")
            names.append(name)
        }
        let width = try copyFeatures(of: newPins, to: "\(folder)/\(Generation.features)")
        if width > 0 { names.append(Generation.features) }
        try Manifest(
            describing: names, in: folder, kind: Generation.kind,
            counts: [
                Generation.Counts.edges: edgeCount, Generation.Counts.newPins: newPins.count,
                Generation.Counts.removedPins: removed.ids.count,
            ], featureWidth: width, extra: [Generation.followsKey: follows]
        ).write(directory: folder)
    }

    /// The pins that the graph does not have: those that are listed, else those of the edges.
    private func newPins(_ removed: RemovalList, listed: IDTable?, _ file: EdgeFile) throws -> IDTable {
        var (gone, fresh, named) = (Presence(removed.ids), Presence(listed ?? IDTable()), Presence(file.pins))
        unsafe try forEachPin { id, hash, isThere in
            unsafe gone.note(id, hash, isThere)
            unsafe fresh.note(id, hash, isThere)
            unsafe named.note(id, hash, isThere)
        }
        if let row = gone.rows(present: false).first { throw removed.unknown(row, in: graph.directory) }
        // What this update removes is new when it comes again.
        for row in 0..<UInt32(removed.ids.count) {
            let id = unsafe removed.ids.view.bytes(row)
            unsafe fresh.note(id, IDHash.hash(id), false)
            unsafe named.note(id, IDHash.hash(id), false)
        }
        guard let listed, let path = options.pins else {
            return file.pins.selecting(named.rows(present: false))
        }
        if let row = fresh.rows(present: true).first {
            throw LinePlace(path: path, line: Int(row) + 1).bad(
                "repeated id", "each id once", "'\(listed.id(row))', already in the graph", "Remove one")
        }
        let unknown = named.rows(present: false).first { unsafe listed.row(of: file.pins.view.bytes($0)) == nil }
        if let unknown {
            let known = file.pins.selecting(named.rows(present: true))
            for row in 0..<UInt32(listed.count) { _ = unsafe known.insert(listed.view.bytes(row)) }
            file.edges.removeAll()
            throw unknownID(
                "pin", file.pins.id(unknown), listedIn: path,
                EdgeFile(edges: file.edges, pins: known, boards: IDTable(), memory: memory, pinsAreListedIn: path))
        }
        return listed
    }

    private func requireKnownBoards(_ file: EdgeFile) throws {
        var named = Presence(file.boards)
        unsafe try IDLines.forEach(in: "\(graph.directory)/\(GraphDirectory.boardIDs)") { id in
            unsafe named.note(id, IDHash.hash(id), true)
        }
        guard let unknown = named.rows(present: false).first else { return }
        let known = file.boards.selecting(named.rows(present: true))
        file.edges.removeAll()
        throw unknownID(
            "board", file.boards.id(unknown), listedIn: graph.directory,
            EdgeFile(
                edges: file.edges, pins: IDTable(), boards: known, memory: memory, boardsAreListedIn: graph.directory))
    }

    /// Gives `body` the ids of all pins that the graph has or had, and whether it has them; the last word counts.
    private func forEachPin(_ body: (_ id: UnsafeRawBufferPointer, _ hash: UInt64, _ isThere: Bool) -> Void) throws {
        unsafe try IDLines.forEach(in: "\(graph.directory)/\(GraphDirectory.pinIDs)") { id in
            unsafe body(id, IDHash.hash(id), true)
        }
        for generation in pending {
            for (ids, isThere) in [(generation.removedPins, false), (generation.newPins, true)] {
                for row in 0..<ids.count {
                    let id = unsafe ids.bytes(row)
                    unsafe body(id, IDHash.hash(id), isThere)
                }
            }
        }
    }

    /// The error for an id of the edges that is not known; a file is read once more, to name the line.
    ///
    /// - Parameter reader: accepts what is known.
    private func unknownID(_ kind: String, _ id: String, listedIn list: String, _ reader: EdgeFile) -> GraphError {
        let path = options.edges ?? ""
        if TextBlocks.fileBytes(path) != nil {
            do {
                try reader.read(path: path) { _, _ in }
            } catch let error as GraphError {
                return error
            } catch {}
        }
        return .bad(
            path: TextBlocks.name(path), problem: "unknown \(kind)", expected: "an id listed in \(list)",
            found: "'\(id)'", action: "Add it there or drop the edge")
    }

    private func writeEdges(of spool: EdgeSpool, to path: String) throws {
        let writer = try NumpyWriter(path: path, elementType: .uint32, shape: [spool.count, 2])
        var failure: ArtifactError?
        try unsafe spool.scan { edges in
            for start in stride(from: 0, to: edges.count, by: 1 << 12) {
                let block = unsafe edges[start..<min(start + 1 << 12, edges.count)]
                let numbers = unsafe block.flatMap { [UInt32($0 >> 32), UInt32(truncatingIfNeeded: $0)] }
                do throws(ArtifactError) { if failure == nil { try writer.append(numbers) } } catch { failure = error }
            }
        }
        if let failure { throw failure }
        try writer.close()
        spool.removeAll()
    }

    /// Copies the new pins' content, every number looked at.
    ///
    /// - Returns: its width; 0 where there is none to copy.
    private func copyFeatures(of newPins: IDTable, to path: String) throws -> Int {
        guard graph.featuresAreGiven else { return 0 }
        guard let table = graph.features else {
            throw GraphError.bad(
                path: graph.directory, problem: "no features", expected: GraphDirectory.features, found: "none",
                action: "Import it again")
        }
        guard newPins.count > 0 else { return 0 }
        guard let source = options.features else {
            throw GraphError.bad(
                path: graph.directory, problem: "\(newPins.count) new pins, from '\(newPins.id(0))' on",
                expected: "--features with a row for each", found: "none", action: "Give their features")
        }
        let width = try PinFeatures.copy(
            from: source, to: path, pins: newPins, pinsPath: options.pins ?? options.edges ?? "")
        guard width == table.width else {
            throw GraphError.bad(
                path: source, problem: "wrong width", expected: "\(table.width), as in \(graph.directory)",
                found: "\(width)", action: "Give features of the same kind")
        }
        return width
    }
}

/// Pins to take away, each once, and the line that each came on first.
private struct RemovalList {
    let ids = IDTable()
    private var places: [LinePlace] = []

    init(path: String?) throws {
        guard let path else { return }
        let lines = try LineReader(path: path)
        while let id = try unsafe lines.next() {
            if unsafe ids.insert(id)?.isNew ?? false { places.append(lines.place) }
        }
    }

    func unknown(_ row: UInt32, in graph: String) -> GraphError {
        let id = unsafe printable(ids.view.bytes(row))
        return places[Int(row)].bad("unknown pin", "an id of \(graph)", "'\(id)'", "Drop the line")
    }
}

/// Which ids of a table the graph has.
private struct Presence {
    private let table: IDTable
    private var isThere: [Bool]

    init(_ table: IDTable) {
        self.table = table
        isThere = [Bool](repeating: false, count: table.count)
    }

    mutating func note(_ id: UnsafeRawBufferPointer, _ hash: UInt64, _ isThere: Bool) {
        guard let row = unsafe table.row(of: id, hash: hash) else { return }
        self.isThere[Int(row)] = isThere
    }

    func rows(present: Bool) -> [UInt32] { isThere.indices.filter { isThere[$0] == present }.map { UInt32($0) } }
}

/// The lines of `pins.txt` or `boards.txt`, one after the other, nothing kept.
private enum IDLines {
    static func forEach(in path: String, _ body: (UnsafeRawBufferPointer) -> Void) throws {
        let file = try MappedFile(path: path, advice: .sequential)
        var rest = unsafe file.bytes
        while let start = rest.baseAddress, rest.count > 0 {
            let end = unsafe memchr(start, Int32(UInt8(ascii: "\n")), rest.count).map {
                unsafe UnsafeRawPointer($0) - start
            }
            let count = end ?? rest.count
            unsafe body(UnsafeRawBufferPointer(start: start, count: count))
            unsafe rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count + 1))
        }
        withExtendedLifetime(file) {}
    }
}
