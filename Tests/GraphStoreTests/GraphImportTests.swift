import Artifacts
import Basics
import Foundation
import GraphStore
import TestSupport
import Testing

@Suite struct GraphImportTests {
    private let folder: TemporaryDirectory

    init() throws { folder = try TemporaryDirectory() }

    private func options(_ edges: String, pins: String? = nil, features: String? = nil) -> GraphImportOptions {
        var options = GraphImportOptions(edges: edges, output: folder.file("graph"))
        options.pins = pins
        options.features = features
        return options
    }

    /// The one line an import fails with, paths shortened to file names; nothing may be left behind.
    private func message(
        edges: String = "a\tx\nb\tx\n", pins: String? = nil, features: [[Float]]? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> String {
        try folder.write(edges, to: "edges.tsv")
        if let pins { try folder.write(pins, to: "pins.txt") }
        if let features {
            let shape = [features.count, features.first?.count ?? 0]
            try writeNumpy(path: folder.file("f.npy"), shape: shape, features.flatMap { $0 })
        }
        let before = try folder.names()
        var found = "no error"
        do {
            _ = try GraphImport.run(
                options(
                    folder.file("edges.tsv"), pins: pins.map { _ in folder.file("pins.txt") },
                    features: features.map { _ in folder.file("f.npy") }))
        } catch {
            found = "\(error)".replacingOccurrences(of: folder.path + "/", with: "")
        }
        #expect(try folder.names() == before, "something was left behind", sourceLocation: sourceLocation)
        return found
    }

    @Test("the hand-drawn graph is imported as drawn")
    func handDrawn() throws {
        let files = try HandDrawnGraph.write(to: folder)
        let result = try GraphImport.run(options(files.edges, pins: files.pins))
        #expect(result.pins == 6 && result.boards == 4 && result.edges == 8)
        #expect(result.repeats == 0 && result.pinsWithoutBoards == 1)

        let graph = try BipartiteGraph(directory: folder.file("graph"))
        #expect((0..<6).map { Array(graph.boards(of: $0)) } == HandDrawnGraph.boardsOfPin)
        #expect((0..<4).map { Array(graph.pins(of: $0)) } == HandDrawnGraph.pinsOfBoard)
        #expect(graph.fingerprint == result.fingerprint && graph.fingerprintValue != 0)
        #expect(graph.features?.width == 64)
        try graph.verify()
        let (pins, boards) = (try graph.pinIDs(), try graph.boardIDs())
        #expect((0..<6).map(pins.id) == HandDrawnGraph.pinIDs)
        #expect((0..<4).map(boards.id) == HandDrawnGraph.boardIDs)
        #expect(pins.row(of: "p4") == 4 && pins.row(of: "p9") == nil && pins.row(of: "") == nil)
    }

    @Test("without pins.txt, rows are in order of first appearance, and repeats are dropped")
    func firstAppearance() throws {
        try folder.write("z\tB\na\tA\nz\tB\nz\tA\na\tA\nz\tB", to: "edges.tsv")
        let result = try GraphImport.run(options(folder.file("edges.tsv")))
        #expect(result.repeats == 3 && result.edges == 3)
        let graph = try BipartiteGraph(directory: folder.file("graph"))
        #expect(try folder.text("graph/pins.txt") == "z\na\n")
        #expect(try folder.text("graph/boards.txt") == "B\nA\n")
        #expect(Array(graph.boards(of: 0)) == [0, 1] && Array(graph.pins(of: 1)) == [0, 1])
    }

    @Test("random edges, with repeats, come out as sets of neighbours in both directions", arguments: 1...20)
    func randomGraphs(seed: UInt64) throws {
        var random = CounterBasedGenerator(seed: seed, purpose: 0, 0, 0)
        let (pins, boards) = (Int.random(in: 1...40, using: &random), Int.random(in: 1...20, using: &random))
        let edges = (0..<Int.random(in: 1...300, using: &random)).map { _ in
            (pin: Int.random(in: 0..<pins, using: &random), board: Int.random(in: 0..<boards, using: &random))
        }
        try folder.write(edges.map { "é\($0.pin)\t\($0.board)\n" }.joined(), to: "e.tsv")
        try folder.write((0..<pins).map { "é\($0)\n" }.joined(), to: "pins.txt")
        let result = try GraphImport.run(options(folder.file("e.tsv"), pins: folder.file("pins.txt")))
        let graph = try BipartiteGraph(directory: folder.file("graph"))
        try graph.verify()
        let ids = try graph.boardIDs()
        for pin in 0..<pins {
            let expected = Set(edges.filter { $0.pin == pin }.map { "\($0.board)" })
            let row = Array(graph.boards(of: UInt32(pin)))
            #expect(Set(row.map { ids.id(Int($0)) }) == expected && row == row.sorted(), "seed \(seed), pin \(pin)")
            #expect(row.count == expected.count, "seed \(seed), pin \(pin)")
        }
        #expect(result.edges + result.repeats == edges.count, "seed \(seed)")
    }

    @Test("gzip and Zstandard give the same graph as plain text, whole or in parts")
    func compressed() throws {
        let text = (0..<50_000).map { "p\($0 % 977)\tb\($0 % 1009)\n" }.joined()
        try folder.write(text, to: "e.tsv")
        let half = text.index(text.startIndex, offsetBy: text.count / 2)
        try folder.write(String(text[..<half]), to: "first")
        try folder.write(String(text[half...]), to: "second")
        try shell("gzip -k e.tsv && gzip -c first > two.gz && gzip -c second >> two.gz")
        var files = ["e.tsv", "e.tsv.gz", "two.gz"]
        if (try? shell("zstd -q e.tsv && zstd -qc first > two.zst && zstd -qc second >> two.zst")) != nil {
            files += ["e.tsv.zst", "two.zst"]
        }
        var fingerprints: Set<String> = []
        for file in files {
            var options = GraphImportOptions(edges: folder.file(file), output: folder.file("graph-\(file)"))
            options.featureWidth = 4
            fingerprints.insert(try GraphImport.run(options).fingerprint)
        }
        #expect(fingerprints.count == 1, "\(files)")

        for name in files.dropFirst() {
            let whole = try folder.bytes(name)
            try folder.write(whole.dropLast(9), to: "cut-\(name)")
            #expect(throws: ArtifactError.self, "\(name) cut short") {
                try GraphImport.run(options(folder.file("cut-\(name)")))
            }
        }
        try folder.write("a\tb\n", to: "not.gz")
        #expect(
            throws: ArtifactError.malformed(
                path: folder.file("not.gz"), problem: "not compressed", expected: "gzip data", found: "other bytes",
                action: "Rename or compress the file")
        ) { try GraphImport.run(options(folder.file("not.gz"))) }
    }

    private func shell(_ command: String) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", command]
        process.currentDirectoryURL = URL(fileURLWithPath: folder.path)
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw CocoaError(.executableLoad) }
    }

    @Test("each bad line is named by file and line")
    func badLines() throws {
        func edges(_ text: String, _ expected: String) throws {
            #expect(try message(edges: text) == "graph: edges.tsv:\(expected)")
        }
        try edges("a\tx\n\nb\tx\n", "2: empty line: expected an id, found nothing. Remove the line.")
        try edges(
            "a\tx\r\n",
            "1: Windows line end: expected a line feed, found carriage return and line feed. Convert with dos2unix.")
        try edges("a\tx\nb x\n", "2: no tab: expected pin TAB board, found 'b x'. Separate the two ids by a tab.")
        try edges("\tx\n", "1: empty pin id: expected pin TAB board, found nothing before the tab. Name the pin.")
        try edges("a\t\n", "1: empty board id: expected pin TAB board, found nothing after the tab. Name the board.")
        try edges(
            "a\tx\ty\n",
            "1: too many columns: expected pin TAB board, found a second tab. Keep the first two columns only.")
        try edges(
            "\u{FEFF}a\tx\n", "1: byte order mark: expected plain UTF-8, found EF BB BF. Remove the first three bytes.")
        try edges(": no", "1: no tab: expected pin TAB board, found ': no'. Separate the two ids by a tab.")
        #expect(
            try message(edges: "")
                == "graph: edges.tsv: no edges: expected lines of pin TAB board, found an empty file. Name the file of edges."
        )

        try folder.write([0x61, 9, 0x78, 10, 0x62, 9, 0xFF, 10], to: "bad.tsv")
        #expect(
            throws: GraphError.badLine(
                path: folder.file("bad.tsv"), line: 2, problem: "not UTF-8", expected: "ids in UTF-8",
                found: "'\u{FFFD}'",
                action: "Convert with iconv")
        ) { try GraphImport.run(options(folder.file("bad.tsv"))) }
        try folder.write(String(repeating: "x", count: 1 << 20) + "\ty\n", to: "long.tsv")
        #expect(
            throws: GraphError.badLine(
                path: folder.file("long.tsv"), line: 1, problem: "endless line", expected: "at most 1048576 bytes",
                found: "more", action: "Check the file")
        ) { try GraphImport.run(options(folder.file("long.tsv"))) }
    }

    @Test("pins.txt must list every pin of the edges, each once")
    func badPins() throws {
        #expect(
            try message(edges: "a\tx\nb\tx\n", pins: "a\n")
                == "graph: edges.tsv:2: unknown pin: expected an id listed in pins.txt, found 'b'. Add it there or drop the edge."
        )
        #expect(
            try message(pins: "a\nb\nc\na\n")
                == "graph: pins.txt:4: repeated id: expected each id once, found 'a', as on line 1. Remove one.")
        #expect(
            try message(pins: "a\nb\t1\n")
                == "graph: pins.txt:2: tab in an id: expected one id, found 'b?1'. Keep one column only.")
        #expect(
            try message(pins: "a\n\n")
                == "graph: pins.txt:2: empty line: expected an id, found nothing. Remove the line.")
    }

    @Test("features must fit the pins and be finite")
    func badFeatures() throws {
        #expect(
            try message(pins: "a\nb\n", features: [[1, 2]])
                == "graph: f.npy: wrong number of rows: expected 2, one for each line of pins.txt, found 1. Give each pin one row."
        )
        #expect(
            try message(pins: "a\nb\n", features: [[1, 2], [3, .nan]])
                == "graph: f.npy: row 1 (pin 'b'): expected finite numbers, found nan in column 1. Repair the value.")
        #expect(
            try message(pins: "a\nb\n", features: [[1, -.infinity], [3, 4]])
                == "graph: f.npy: row 0 (pin 'a'): expected finite numbers, found -inf in column 1. Repair the value.")
        #expect(
            try message(pins: "a\nb\n", features: [[], []])
                == "graph: f.npy: no columns: expected a width of at least 1, found 0. Leave --features away to use the graph alone."
        )
    }

    @Test("features come out in C order, float32 as float32 and float16 as float16")
    func features() throws {
        try folder.write("a\tx\nb\tx\n", to: "e.tsv")
        try folder.write("a\nb\n", to: "pins.txt")
        try writeNumpy(path: folder.file("f.npy"), shape: [2, 3], [1, 2, 3, 4, 5, 6] as [Float16])
        var options = options(folder.file("e.tsv"), pins: folder.file("pins.txt"), features: folder.file("f.npy"))
        _ = try GraphImport.run(options)
        #expect(try folder.bytes("graph/features.npy") == folder.bytes("f.npy"))

        // The same numbers column by column: only the header's flag and the order of the data differ.
        try writeNumpy(path: folder.file("c.npy"), shape: [2, 3], [1, 2, 3, 4, 5, 6] as [Float])
        var fortran = Array(try folder.bytes("c.npy").prefix(128))
        let flag = try #require(fortran.firstRange(of: Array("False".utf8)))
        fortran.replaceSubrange(flag, with: Array("True ".utf8))
        fortran += ([1, 4, 2, 5, 3, 6] as [Float]).flatMap { withUnsafeBytes(of: $0, Array.init) }
        options.features = try folder.write(fortran, to: "fortran.npy")
        options.force = true
        _ = try GraphImport.run(options)
        #expect(try folder.bytes("graph/features.npy") == folder.bytes("c.npy"))
    }

    @Test("projected features are unit rows that estimate the cosine of board lists; no board, no features")
    func projection() throws {
        let files = try HandDrawnGraph.write(to: folder)
        var options = options(files.edges, pins: files.pins)
        options.featureWidth = 4096
        _ = try GraphImport.run(options)
        let table = try #require(try BipartiteGraph(directory: folder.file("graph")).features)
        let all = try #require(table.float32Elements)
        func dot(_ a: Int, _ b: Int) -> Double {
            (0..<4096).reduce(0) { $0 + Double(all[a * 4096 + $1]) * Double(all[b * 4096 + $1]) }
        }
        // Weights 1/√size: p1 = (1/√2, 1/√3), p2 = p3 = (1/√3, 1/√2) over (b0, b1) and (b1, b2).
        let expected = (1.0 / 3) / (1.0 / 2 + 1.0 / 3)
        for pin in 0..<5 { #expect(abs(dot(pin, pin) - 1) < 1e-5) }
        #expect(dot(5, 5) == 0)
        #expect(abs(dot(2, 3) - 1) < 1e-5)
        // Four standard deviations of an estimate over 4,096 signs.
        #expect(abs(dot(1, 2) - expected) < 4.0 / 64)
        #expect(abs(dot(0, 4)) < 4.0 / 64)
    }

    @Test("the output folder is replaced only when it is a graph and --force says so")
    func occupied() throws {
        let files = try HandDrawnGraph.write(to: folder)
        var options = options(files.edges)
        try FileManager.default.createDirectory(atPath: folder.file("graph"), withIntermediateDirectories: false)
        _ = try GraphImport.run(options)
        func refused(_ found: String, _ action: String) {
            #expect(
                throws: GraphError.bad(
                    path: folder.file("graph"), problem: "output folder in use", expected: "no folder or an empty one",
                    found: found, action: action)
            ) { try GraphImport.run(options) }
        }
        refused("a graph", "Add --force to replace it")
        options.force = true
        options.pins = files.pins
        #expect(try GraphImport.run(options).pins == 6)
        try folder.write("mine", to: "graph/notes.txt")
        refused("a graph and 'notes.txt', which would be lost", "Move it away first")
        try FileManager.default.removeItem(atPath: folder.file("graph/manifest.json"))
        refused("9 files that are not a graph", "Name another folder")
        #expect(try folder.text("graph/notes.txt") == "mine")
    }

    @Test("a failing import leaves the older graph as it was")
    func failureKeepsTheOld() throws {
        let files = try HandDrawnGraph.write(to: folder)
        var options = options(files.edges)
        let first = try GraphImport.run(options)
        options.edges = try folder.write("a\tx\nb\n", to: "bad.tsv")
        options.force = true
        #expect(throws: GraphError.self) { try GraphImport.run(options) }
        let graph = try BipartiteGraph(directory: folder.file("graph"))
        try graph.verify()
        #expect(graph.fingerprint == first.fingerprint)
        #expect(try folder.names() == ["bad.tsv", "edges.tsv", "graph", "pins.txt"])
    }

    @Test("same input, same fingerprint; other input, another")
    func fingerprint() throws {
        let files = try HandDrawnGraph.write(to: folder)
        func fingerprint(_ name: String, _ edges: String) throws -> String {
            try GraphImport.run(GraphImportOptions(edges: edges, output: folder.file(name))).fingerprint
        }
        let first = try fingerprint("g1", files.edges)
        #expect(try fingerprint("g2", files.edges) == first)
        let other = try folder.write(HandDrawnGraph.edgesText + "p4\tb0\n", to: "other.tsv")
        #expect(try fingerprint("g3", other) != first)
    }

    private static let data = ProcessInfo.processInfo.environment["PINSAGE_DATA"]

    @Test(
        "citeulike-t has its published counts", .enabled(if: data != nil, "PINSAGE_DATA names no folder of data sets"))
    func citeulike() throws {
        let source = (Self.data ?? "") + "/citeulike-t"
        let result = try GraphImport.run(
            options(
                source + "/edges.tsv", pins: source + "/pins.txt", features: source + "/features.npy"))
        #expect(result.pins == 25_975 && result.boards == 7_947 && result.edges == 114_860)
        #expect(result.featureWidth == 128 && result.repeats == 0)
        try BipartiteGraph(directory: folder.file("graph")).verify()
    }
}
