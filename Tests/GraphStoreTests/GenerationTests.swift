import Artifacts
import Basics
import Foundation
import GraphStore
import TestSupport
import Testing

@Suite("Updates that are appended, and folded in later")
struct GenerationTests {
    let folder: TemporaryDirectory

    init() throws { folder = try TemporaryDirectory() }

    /// What one update does, in plain lists.
    struct Change {
        var edges: [(pin: String, board: String)] = []
        var removed: [String] = []
        var features: [Float] = []
        var hasList = false
    }

    /// A graph in plain lists: what updates should make of it.
    struct PlainGrowth {
        var pins: [String] = []
        var edges: Set<[String]> = []
        var features: [String: [Float]] = [:]

        mutating func apply(_ change: Change) {
            for pin in change.removed {
                pins.removeAll { $0 == pin }
                edges = edges.filter { $0[0] != pin }
            }
            var rows = change.features[...]
            for (pin, board) in change.edges {
                if !pins.contains(pin) {
                    pins.append(pin)
                    features[pin] = Array(rows.prefix(GenerationTests.width))
                    rows = rows.dropFirst(GenerationTests.width)
                }
                edges.insert([pin, board])
            }
        }
    }

    static let width = 3

    /// Random changes: edges of old and new pins, some twice, on old and new boards; pins that go and come again, some in
    /// the same change.
    static func changes(_ count: Int, seed: UInt64, start: PlainGrowth) -> [Change] {
        var random = CounterBasedGenerator(seed: seed, purpose: 8, 1, 0)
        var plain = start
        return (0..<count).map { number in
            var change = Change()
            if number % 3 != 0 {
                change.removed = Array(Set((0..<4).compactMap { _ in plain.pins.randomElement(using: &random) }))
                    .sorted()
            }
            if number % 4 != 2 {
                for _ in 0..<Int.random(in: 1...12, using: &random) {
                    let pin = "p\(Int.random(in: 0..<60, using: &random))"
                    let edge = (pin, "b\(Int.random(in: 0..<14, using: &random))")
                    change.edges += Array(repeating: edge, count: Int.random(in: 1...2, using: &random))
                }
            } else if change.removed.isEmpty {
                change.removed = Array(plain.pins.prefix(1))
            }
            var after = plain
            after.apply(Change(removed: change.removed))
            let new = Set(change.edges.map(\.pin)).subtracting(after.pins).count
            change.features = (0..<new * width).map { _ in Float.random(in: -1...1, using: &random) }
            plain.apply(change)
            return change
        }
    }

    /// A graph of 40 pins on 10 boards, and the same in plain lists.
    func makeGraph(_ name: String, _ kind: Kind) throws -> PlainGrowth {
        var random = CounterBasedGenerator(seed: 5, purpose: 8, 2, 0)
        var start = Change()
        for pin in 0..<40 {
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                start.edges.append(("p\(pin)", "b\(Int.random(in: 0..<10, using: &random))"))
            }
        }
        start.features = (0..<40 * Self.width).map { _ in Float.random(in: -1...1, using: &random) }
        var plain = PlainGrowth()
        plain.apply(start)
        let edges = try folder.write(text(start.edges), to: "\(name).tsv")
        var options = GraphImportOptions(edges: edges, output: folder.file(name))
        options.featureWidth = 4
        if kind.hasContent {
            options.pins = try folder.write(plain.pins.map { $0 + "\n" }.joined(), to: "\(name).txt")
            options.features = folder.file("\(name).npy")
            if kind == .half {
                try writeNumpy(
                    path: folder.file("\(name).npy"), shape: [40, Self.width], start.features.map { Float16($0) })
            } else {
                try writeNumpy(path: folder.file("\(name).npy"), shape: [40, Self.width], start.features)
            }
        }
        if kind == .structured || kind == .contentAndStructure { options.structureWidth = 5 }
        _ = try GraphImport.run(options)
        return plain
    }

    enum Kind: CaseIterable {
        case given, half, projected, structured, contentAndStructure
        var hasContent: Bool { self != .projected && self != .structured }
    }

    private func text(_ edges: [(pin: String, board: String)]) -> String {
        edges.map { "\($0.pin)\t\($0.board)\n" }.joined()
    }

    func options(_ change: Change, _ graph: String, number: Int) throws -> GraphUpdateOptions {
        var options = GraphUpdateOptions(graph: folder.file(graph))
        if !change.edges.isEmpty { options.edges = try folder.write(text(change.edges), to: "change-\(number).tsv") }
        if !change.removed.isEmpty {
            options.remove = try folder.write(change.removed.map { $0 + "\n" }.joined(), to: "removed-\(number).txt")
        }
        if !change.features.isEmpty {
            options.features = folder.file("change-\(number).npy")
            let shape = [change.features.count / Self.width, Self.width]
            try writeNumpy(path: folder.file("change-\(number).npy"), shape: shape, change.features)
        }
        return options
    }

    /// Every file and the manifest but for the ancestors: graphs between that never were.
    func expectSame(_ a: String, _ b: String, _ comment: String) throws {
        let (first, second) = try (
            Manifest.read(directory: folder.file(a), kind: "graph"),
            Manifest.read(directory: folder.file(b), kind: "graph")
        )
        for name in Array(first.files.keys) + ["walk_layout.npy"] {
            #expect(try folder.bytes("\(a)/\(name)") == folder.bytes("\(b)/\(name)"), "\(comment): \(name)")
        }
        #expect(first.fingerprint == second.fingerprint && first.counts == second.counts, "\(comment)")
        #expect(first.extra["features"] == second.extra["features"], "\(comment)")
        #expect(first.extra["moved_pins"] == second.extra["moved_pins"], "\(comment)")
        #expect(try Set(fileNames(a)) == Set(fileNames(b)), "\(comment)")
    }

    private func fileNames(_ name: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.file(name))
    }

    @Test("generations folded in at once are updates one after the other, byte for byte", arguments: Kind.allCases)
    func sequence(kind: Kind) throws {
        for seed in 1...2 as ClosedRange<UInt64> {
            for name in ["each", "once"] { try? FileManager.default.removeItem(atPath: folder.file(name)) }
            var plain = try makeGraph("each", kind)
            try FileManager.default.copyItem(atPath: folder.file("each"), toPath: folder.file("once"))
            let before = try BipartiteGraph(directory: folder.file("once")).fingerprint
            let changes = Self.changes(9, seed: seed, start: plain)
            for (number, change) in changes.enumerated() {
                plain.apply(change)
                try GraphUpdate.run(options(change, "each", number: number))
                let entry = try GraphUpdate.append(options(change, "once", number: number))
                #expect(entry.generation == number + 1 && entry.edges == change.edges.count)
                #expect(
                    entry.newPins == change.features.count / Self.width && entry.removedPins == change.removed.count)
            }
            #expect(
                try BipartiteGraph(directory: folder.file("once")).fingerprint == before, "an append changes no row")
            let result = try #require(try GraphUpdate.compact(GraphUpdateOptions(graph: folder.file("once"))))
            try expectSame("each", "once", "\(kind), seed \(seed)")
            let graph = try BipartiteGraph(directory: folder.file("once"))
            try graph.verify()
            #expect(graph.ancestors == [before] && graph.fingerprint == result.fingerprint && result.generations == 9)
            #expect(try GraphUpdate.compact(GraphUpdateOptions(graph: folder.file("once"))) == nil)
            try expectPlain(graph, plain, kind, "\(kind), seed \(seed)")
        }
    }

    /// The graph beside plain lists, by ids.
    private func expectPlain(_ graph: BipartiteGraph, _ plain: PlainGrowth, _ kind: Kind, _ comment: String) throws {
        let (pins, boards) = try (graph.pinIDs(), graph.boardIDs())
        #expect((0..<pins.count).map { pins.id($0) } == plain.pins, "\(comment)")
        var edges: Set<[String]> = []
        for pin in 0..<graph.pinCount {
            for board in graph.boards(of: UInt32(pin)) { edges.insert([pins.id(pin), boards.id(Int(board))]) }
        }
        #expect(edges == plain.edges && graph.edgeCount == edges.count, "\(comment)")
        guard kind == .given || kind == .contentAndStructure else { return }
        let features = try NumpyFile(path: folder.file("once/features.npy"))
        let rows = withExtendedLifetime(features) { Array(features.elements(as: Float.self)) }
        #expect(rows == plain.pins.flatMap { plain.features[$0] ?? [] }, "\(comment)")
    }

    @Test("generations that only add give the import of all edges, byte for byte", arguments: [Kind.given, .projected])
    func additions(kind: Kind) throws {
        var plain = try makeGraph("graph", kind)
        var edges = try folder.text("graph.tsv")
        var random = CounterBasedGenerator(seed: 3, purpose: 8, 3, 0)
        for number in 0..<3 {
            var change = Change()
            for _ in 0..<20 {
                let pin = Int.random(in: 0..<60, using: &random)
                change.edges.append(("p\(pin)", "b\(Int.random(in: 0..<14, using: &random))"))
            }
            let new = Set(change.edges.map(\.pin)).subtracting(plain.pins).count
            change.features = (0..<new * Self.width).map { _ in Float.random(in: -1...1, using: &random) }
            plain.apply(change)
            edges += text(change.edges)
            try GraphUpdate.append(options(change, "graph", number: number))
        }
        try GraphUpdate.compact(GraphUpdateOptions(graph: folder.file("graph")))
        var options = GraphImportOptions(edges: try folder.write(edges, to: "all.tsv"), output: folder.file("all"))
        options.featureWidth = 4
        if kind.hasContent {
            options.pins = try folder.write(plain.pins.map { $0 + "\n" }.joined(), to: "all.txt")
            options.features = folder.file("all.npy")
            let rows = plain.pins.flatMap { plain.features[$0] ?? [] }
            try writeNumpy(path: folder.file("all.npy"), shape: [plain.pins.count, Self.width], rows)
        }
        _ = try GraphImport.run(options)
        try expectSame("graph", "all", "\(kind)")
    }

    @Test("an update in one step folds in what was pending before it; elsewhere it leaves that where it is")
    func pendingFirst() throws {
        let plain = try makeGraph("graph", .given)
        let changes = Self.changes(3, seed: 8, start: plain)
        for name in ["each", "other"] {
            try FileManager.default.copyItem(atPath: folder.file("graph"), toPath: folder.file(name))
        }
        for (number, change) in changes.enumerated() {
            try GraphUpdate.run(options(change, "each", number: number))
            if number < 2 {
                try GraphUpdate.append(options(change, "graph", number: number))
            } else {
                var elsewhere = try options(change, "graph", number: number)
                elsewhere.output = folder.file("elsewhere")
                #expect(try GraphUpdate.run(elsewhere).generations == 3)
                #expect(try pending("graph").entries.count == 2)
                try GraphUpdate.run(options(change, "graph", number: number))
            }
        }
        try expectSame("each", "graph", "in place")
        try expectSame("each", "elsewhere", "elsewhere")
        #expect(try pending("graph").notice == nil)
        var alone = try options(changes[0], "other", number: 0)
        try GraphUpdate.append(alone)
        alone.output = folder.file("alone")
        alone.foldsPending = false
        #expect(try GraphUpdate.run(alone).generations == 1)
    }

    private func pending(_ graph: String) throws -> PendingGenerations {
        try PendingGenerations(of: BipartiteGraph(directory: folder.file(graph)))
    }

    @Test("an append knows the pins of those before it, and says what is pending in one line")
    func chained() throws {
        _ = try makeGraph("graph", .projected)
        func append(edges: String? = nil, pins: String? = nil, remove: String? = nil) throws -> PendingGenerations.Entry
        {
            var options = GraphUpdateOptions(graph: folder.file("graph"))
            options.edges = try edges.map { try folder.write($0, to: "edges") }
            options.pins = try pins.map { try folder.write($0, to: "pins") }
            options.remove = try remove.map { try folder.write($0, to: "remove") }
            return try GraphUpdate.append(options)
        }
        func problem(_ body: () throws -> PendingGenerations.Entry) -> String {
            do { return "made \(try body())" } catch { return "\(error)" }
        }
        #expect(try append(edges: "new\tb0\np1\tb1\n").newPins == 1)
        #expect(
            problem { try append(pins: "new\n") }.contains(
                "pins:1: repeated id: expected each id once, found 'new', already"))
        #expect(try append(edges: "new\tb3\n").newPins == 0)
        #expect(try append(remove: "new\np3\nnew\n").removedPins == 2)
        #expect(problem { try append(remove: "p4\nnew\n") }.contains("remove:2: unknown pin"))
        #expect(try append(edges: "new\tb0\n", pins: "more\nnew\n").newPins == 2)
        #expect(try append(edges: "new\tb1\n", remove: "new\n").newPins == 1)
        #expect(
            problem { try append(edges: "p1\tb1\np3\tb1\n", pins: "other\n") }
                .contains("edges:2: unknown pin: expected an id listed in \(folder.file("pins")), found 'p3'"))
        #expect(
            try pending("graph").notice
                == "\(folder.file("graph")): 5 pending generations, 5 edges, 4 new and 3 removed pins, not in the graph "
                + "until `pinsage compact \(folder.file("graph"))`")
    }

    @Test("what has not come whole, or is another graph's, is named, and nothing is folded in")
    func damage() throws {
        _ = try makeGraph("sound", .projected)
        for number in 1...2 {
            var options = GraphUpdateOptions(graph: folder.file("sound"))
            options.edges = try folder.write("p\(number)\tb0\nq\tb\(number)\n", to: "edges")
            try GraphUpdate.append(options)
        }
        let before = try folder.bytes("sound/manifest.json")
        func path(_ name: String) -> String { folder.file("graph/generations/\(name)") }
        let files = FileManager.default
        let cases: [(String, () throws -> Void)] = [
            ("000001/edges.npy: wrong length", { try cut("000001/edges.npy") }),
            (
                "000001/edge_pins.txt: checksum mismatch",
                { try folder.write("p1\nx\n", to: "graph/generations/000001/edge_pins.txt") }
            ),
            ("000002/manifest.json: bad manifest", { try cut("000002/manifest.json") }),
            ("000002/manifest.json: cannot open", { try files.removeItem(atPath: path("000002/manifest.json")) }),
            ("000001/edges.npy: cannot open", { try files.removeItem(atPath: path("000001/edges.npy")) }),
            (
                "generations: generations out of order: expected 000001, found 000002",
                { try files.removeItem(atPath: path("000001")) }
            ),
            (
                "generations: generations out of order: expected 000003, found notes",
                { try files.createDirectory(atPath: path("notes"), withIntermediateDirectories: true) }
            ),
            (
                "000001: not a generation of this graph: expected one that follows",
                {
                    try files.removeItem(atPath: path("000001"))
                    try files.moveItem(atPath: path("000002"), toPath: path("000001"))
                }
            ),
            (
                "000001: not a generation of this graph",
                {
                    try files.moveItem(atPath: path(""), toPath: folder.file("kept"))
                    var options = GraphUpdateOptions(graph: folder.file("graph"))
                    options.edges = try folder.write("p1\tb7\n", to: "edges")
                    try GraphUpdate.run(options)
                    try files.moveItem(atPath: folder.file("kept"), toPath: path(""))
                }
            ),
        ]
        for (problem, spoil) in cases {
            try? files.removeItem(atPath: folder.file("graph"))
            try files.copyItem(atPath: folder.file("sound"), toPath: folder.file("graph"))
            try spoil()
            let manifest = try folder.bytes("graph/manifest.json")
            for isAppend in [true, false] {
                var options = GraphUpdateOptions(graph: folder.file("graph"))
                options.edges = try folder.write("p1\tb0\n", to: "edges")
                let error = #expect(throws: (any Error).self) {
                    if isAppend { try GraphUpdate.append(options) } else { try GraphUpdate.compact(options) }
                }
                #expect(error.map { "\($0)" }?.contains(problem) == true, "\(problem): \(String(describing: error))")
            }
            #expect(try folder.bytes("graph/manifest.json") == manifest)
            #expect(try !folder.names().contains { $0.contains(".tmp-") })
        }
        #expect(try folder.bytes("sound/manifest.json") == before)
    }

    private func cut(_ name: String) throws {
        let name = "graph/generations/\(name)"
        try folder.write(folder.bytes(name).dropLast(5), to: name)
    }

    @Test("a graph that is being changed is left alone, and pending generations are not replaced by an import")
    func refusals() throws {
        _ = try makeGraph("graph", .projected)
        var options = GraphUpdateOptions(graph: folder.file("graph"))
        options.edges = try folder.write("p1\tb0\n", to: "edges")
        var importing = GraphImportOptions(edges: folder.file("edges"), output: folder.file("graph"))
        importing.force = true
        do {
            let lock = try FolderLock(path: folder.file("graph"))
            defer { withExtendedLifetime(lock) {} }
            var generating = GraphGeneratorOptions(output: folder.file("graph"))
            generating.force = true
            let works: [() throws -> Void] = [
                { _ = try GraphUpdate.append(options) }, { try GraphUpdate.run(options) },
                { try GraphUpdate.compact(options) }, { _ = try GraphImport.run(importing) },
                { _ = try GraphGenerator.run(generating) },
            ]
            for work in works {
                let error = #expect(throws: ArtifactError.self) { try work() }
                #expect(error.map { "\($0)" }?.contains("graph: in use: expected a folder that nobody else") == true)
            }
        }
        try GraphUpdate.append(options)
        let error = #expect(throws: GraphError.self) { try GraphImport.run(importing) }
        #expect(error.map { "\($0)" }?.contains("a graph and 'generations', which would be lost") == true)
        try GraphUpdate.compact(options)
        _ = try GraphImport.run(importing)
    }
}
