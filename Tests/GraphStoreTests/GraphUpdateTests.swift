import Artifacts
import Foundation
import GraphStore
import TestSupport
import Testing

@Suite("Graphs that grow and shrink")
struct GraphUpdateTests {
    let folder: TemporaryDirectory

    init() throws {
        folder = try TemporaryDirectory()
        try folder.write("a\tx\nb\tx\nb\ty\nc\tz\nd\tz\n", to: "old.tsv")
        try folder.write("b\tz\ne\tw\ne\tx\nf\ty\nb\tx\n", to: "more.tsv")
        try writeNumpy(path: folder.file("old.npy"), shape: [4, 2], (0..<8).map { Float($0) })
        try writeNumpy(path: folder.file("more.npy"), shape: [2, 2], (8..<12).map { Float($0) })
        try writeNumpy(path: folder.file("all.npy"), shape: [6, 2], (0..<12).map { Float($0) })
        try folder.write("a\nb\nc\nd\n", to: "old.txt")
        try folder.write("a\nb\nc\nd\ne\nf\n", to: "all.txt")
        try folder.write("a\tx\nb\tx\nb\ty\nc\tz\nd\tz\nb\tz\ne\tw\ne\tx\nf\ty\nb\tx\n", to: "all.tsv")
    }

    func make(_ name: String, edges: String, pins: String, features: String?) throws {
        var options = GraphImportOptions(edges: folder.file(edges), output: folder.file(name))
        if let features { (options.pins, options.features) = (folder.file(pins), folder.file(features)) }
        options.featureWidth = 5
        _ = try GraphImport.run(options)
    }

    func update(_ name: String, _ change: (inout GraphUpdateOptions) -> Void) throws -> GraphUpdateResult {
        var options = GraphUpdateOptions(graph: folder.file(name))
        change(&options)
        return try GraphUpdate.run(options)
    }

    func expectSame(_ a: String, _ b: String) throws {
        let names = try Manifest.read(directory: folder.file(a), kind: "graph").files.keys
        for name in names { #expect(try folder.bytes("\(a)/\(name)") == folder.bytes("\(b)/\(name)"), "\(name)") }
    }

    @Test("an updated graph is an import of all edges, byte for byte, with given features and with projected ones")
    func grows() throws {
        for isGiven in [true, false] {
            let (name, all) = ("graph-\(isGiven)", "all-\(isGiven)")
            try make(name, edges: "old.tsv", pins: "old.txt", features: isGiven ? "old.npy" : nil)
            try make(all, edges: "all.tsv", pins: "all.txt", features: isGiven ? "all.npy" : nil)
            let before = try BipartiteGraph(directory: folder.file(name)).fingerprint
            let result = try update(name) {
                $0.edges = folder.file("more.tsv")
                if isGiven { $0.features = folder.file("more.npy") }
            }
            #expect(result.newPins == 2 && result.newBoards == 1 && result.removedPins == 0)
            try expectSame(name, all)
            let graph = try BipartiteGraph(directory: folder.file(name))
            try graph.verify()
            #expect(graph.ancestors == [before])
            #expect(try graph.fingerprint == BipartiteGraph(directory: folder.file(all)).fingerprint)
        }
    }

    @Test("a removed pin is nowhere: no id, no features, no edge")
    func shrinks() throws {
        try make("graph", edges: "old.tsv", pins: "old.txt", features: "old.npy")
        try folder.write("b\n", to: "gone.txt")
        let result = try update("graph") { $0.remove = folder.file("gone.txt") }
        #expect(result.pins == 3 && result.removedPins == 1 && result.edges == 3 && result.boards == 3)
        let graph = try BipartiteGraph(directory: folder.file("graph"))
        try graph.verify()
        #expect(try folder.text("graph/pins.txt") == "a\nc\nd\n")
        #expect(Array(graph.pins(of: 0)) == [0] && graph.pins(of: 1).isEmpty && Array(graph.pins(of: 2)) == [1, 2])
        let features = try NumpyFile(path: folder.file("graph/features.npy"))
        #expect(withExtendedLifetime(features) { Array(features.elements(as: Float.self)) } == [0, 1, 4, 5, 6, 7])
    }

    @Test("what cannot be added is named, and the graph stays as it was")
    func refusals() throws {
        try make("graph", edges: "old.tsv", pins: "old.txt", features: "old.npy")
        let before = try folder.bytes("graph/manifest.json")
        try folder.write("nobody\n", to: "gone.txt")
        try folder.write("e\na\n", to: "twice.txt")
        try folder.write("e\n", to: "one.txt")
        let cases: [(String, (inout GraphUpdateOptions) -> Void)] = [
            ("2 new pins, from 'e' on: expected --features", { $0.edges = folder.file("more.tsv") }),
            (
                "wrong number of rows: expected 2",
                {
                    $0.edges = folder.file("more.tsv")
                    $0.features = folder.file("old.npy")
                }
            ),
            ("gone.txt:1: unknown pin", { $0.remove = folder.file("gone.txt") }),
            (
                "twice.txt:2: repeated id: expected each id once, found 'a', already in the graph",
                {
                    $0.pins = folder.file("twice.txt")
                }
            ),
            (
                "more.tsv:4: unknown pin: expected an id listed in \(folder.file("one.txt"))",
                {
                    $0.pins = folder.file("one.txt")
                    $0.edges = folder.file("more.tsv")
                }
            ),
        ]
        for (problem, change) in cases {
            var options = GraphUpdateOptions(graph: folder.file("graph"))
            change(&options)
            for isAppend in [false, true] {
                let error = #expect(throws: (any Error).self) {
                    if isAppend { try GraphUpdate.append(options) } else { try GraphUpdate.run(options) }
                }
                #expect(error.map { "\($0)" }?.contains(problem) == true, "\(String(describing: error))")
                #expect(try folder.bytes("graph/manifest.json") == before)
                #expect(try !folder.names().contains { $0.contains(".tmp-") })
                #expect(!FileManager.default.fileExists(atPath: folder.file("graph/generations")))
            }
        }
    }
}
