import Artifacts
import Basics
import Foundation
import GraphStore
import TestSupport
import Testing

/// Threads, memory and how the text arrives change no byte of a graph, and no message.
@Suite struct ScaledImportTests {
    private let folder: TemporaryDirectory

    init() throws { folder = try TemporaryDirectory() }

    /// Ways to import that must not differ: threads, edges of a piece of the spool, entries of a round of sorting.
    private static let ways: [(threads: Int, pieceEdges: Int?, roundEntries: Int?)] = [
        (1, nil, nil), (4, nil, nil), (2, 1, 1), (3, 7, 2), (2, 64, 50), (5, 1000, 1 << 20),
    ]

    private func options(_ edges: String, _ way: (threads: Int, pieceEdges: Int?, roundEntries: Int?))
        -> GraphImportOptions
    {
        var options = GraphImportOptions(edges: edges, output: folder.file("graph"))
        (options.threads, options.pieceEdges, options.roundEntries) = way
        options.force = true
        return options
    }

    private func expectSame(_ name: String, _ other: String, _ note: String) throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.file(name)).sorted()
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.file(other)).sorted() == names, "\(note)")
        for file in names {
            let same = try folder.bytes("\(name)/\(file)") == folder.bytes("\(other)/\(file)")
            #expect(same, "\(note): \(file) differs")
        }
    }

    /// Ids of every length around the eight bytes that are compared at once, some that are alike but for one byte.
    private static func id(_ number: Int) -> String {
        let text = String(number)
        switch number % 4 {
        case 0: return text
        case 1: return "é" + text
        case 2: return String(repeating: "x", count: number % 23) + text
        default: return "pin-0000000-" + text
        }
    }

    @Test("partitioned and in memory, with any threads, an import is the plain one byte for byte", arguments: 1...12)
    func twin(seed: UInt64) throws {
        var random = CounterBasedGenerator(seed: seed, purpose: 1, 0, 0)
        let (pins, boards) = (Int.random(in: 1...60, using: &random), Int.random(in: 1...30, using: &random))
        // Half of the edges go to one pin and one board: rows longer than a round.
        let edges = (0..<Int.random(in: 1...800, using: &random)).map { i in
            (
                pin: Self.id(i % 4 == 0 ? 0 : Int.random(in: 0..<pins, using: &random)),
                board: Self.id(i % 4 == 1 ? 0 : Int.random(in: 0..<boards, using: &random))
            )
        }
        let listed = seed % 2 == 0 ? (0..<pins).map(Self.id).reversed() as [String] : nil
        let width = [1, 3, 32, 64, 130][Int(seed % 5)]
        let plain = PlainGraph(edges, pins: listed, featureWidth: width)
        try plain.write(to: folder.file("plain"))
        try WalkLayout.write(for: BipartiteGraph(directory: folder.file("plain")))
        try folder.write(edges.map { "\($0.pin)\t\($0.board)\n" }.joined(), to: "e.tsv")
        if let listed { try folder.write(listed.map { $0 + "\n" }.joined(), to: "pins.txt") }
        for way in Self.ways {
            var options = options(folder.file("e.tsv"), way)
            options.pins = listed.map { _ in folder.file("pins.txt") }
            options.featureWidth = width
            let result = try GraphImport.run(options)
            #expect(result.repeats == plain.repeats, "seed \(seed), \(way)")
            #expect(
                result.pinsWithoutBoards == plain.boardsOfPins.count { $0.isEmpty }, "seed \(seed), \(way)")
            try expectSame("graph", "plain", "seed \(seed), \(way)")
        }
    }

    /// Some blocks of text, with ids that appear in all of them.
    private static func manyLines(_ count: Int) -> [String] {
        (0..<count).map { "pin\($0 * 7919 % 65_537)\tboard\($0 * 104_729 % 30_011)\n" }
    }

    @Test("several blocks, plain, compressed and through a pipe, give one graph with any threads")
    func blocks() throws {
        let lines = Self.manyLines(400_000)
        try folder.write(lines.joined(), to: "e.tsv")
        try folder.write(String(lines.joined().dropLast()), to: "unfinished.tsv")
        let setup = try shell("gzip -1k e.tsv && mkfifo pipe && if command -v zstd >/dev/null; then zstd -q e.tsv; fi")
        setup.waitUntilExit()
        #expect(setup.terminationStatus == 0)
        let edges = lines.map { line in
            let ids = line.dropLast().split(separator: "\t").map(String.init)
            return (pin: ids[0], board: ids[1])
        }
        try PlainGraph(edges, featureWidth: 2).write(to: folder.file("plain"))
        try WalkLayout.write(for: BipartiteGraph(directory: folder.file("plain")))
        let files = ["e.tsv", "unfinished.tsv", "e.tsv.gz", "e.tsv.zst", "pipe"]
        for (file, threads) in zip(files, [1, 2, 3, 2, 3])
        where file == "pipe" || FileManager.default.fileExists(atPath: folder.file(file)) {
            var options = options(folder.file(file), (threads, file == "e.tsv.gz" ? nil : 5000, 30_000))
            options.featureWidth = 2
            let writer = try file == "pipe" ? shell("cat e.tsv > pipe") : nil
            _ = try GraphImport.run(options)
            writer?.waitUntilExit()
            try expectSame("graph", "plain", "\(file), \(threads) threads")
        }
    }

    private func shell(_ command: String) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", command]
        process.currentDirectoryURL = URL(fileURLWithPath: folder.path)
        try process.run()
        return process
    }

    @Test("the first bad line is named, whatever thread finds it", arguments: [1, 2, 3])
    func badLines(threads: Int) throws {
        let lines = Self.manyLines(400_000)
        let bad: [(text: String, problem: String)] = [
            ("a\n", "no tab"), ("a\tb\tc\n", "too many columns"), ("\n", "empty line"),
            ("a\tb\r\n", "Windows line end"),
            ("\tb\n", "empty pin id"), ("a\t\n", "empty board id"), ("a\u{0}\tb\n", "zero byte"),
            (String(repeating: "x", count: 1 << 20) + "\n", "endless line"),
        ]
        for (i, line) in bad.enumerated() {
            let place = [0, 1, 150_000, 299_999, 399_999][i % 5]
            var text = lines
            text.insert(line.text, at: place)
            // Others behind it, in blocks that another thread has.
            text.insert("worse\n", at: place + 1)
            text.append("worst\n")
            try folder.write(text.joined(), to: "bad.tsv")
            let error = #expect(throws: GraphError.self, "\(line.problem)") {
                try GraphImport.run(options(folder.file("bad.tsv"), (threads, nil, nil)))
            }
            guard case .badLine(_, let number, let problem, _, _, _) = error else { continue }
            #expect(number == place + 1 && problem == line.problem)
        }
        #expect(try folder.names() == ["bad.tsv"])
    }

    @Test("unknown pins and one id too many are named by the line of their first")
    func badIDs() throws {
        let lines = Self.manyLines(300_000)
        try folder.write(lines.joined(), to: "e.tsv")
        let pins = Set(lines.map { $0.split(separator: "\t")[0] }).sorted()
        try folder.write(pins.dropFirst().map { $0 + "\n" }.joined(), to: "pins.txt")
        let first = try #require(lines.firstIndex { $0.hasPrefix(pins[0] + "\t") })
        var options = options(folder.file("e.tsv"), (3, nil, nil))
        options.pins = folder.file("pins.txt")
        #expect(throws: unknown(first + 1, String(pins[0]))) { try GraphImport.run(options) }

        options.pins = nil
        options.idsMax = 65_000
        var seen: Set<Substring> = []
        let tooMany = try #require(
            lines.firstIndex { line in
                seen.insert(line.split(separator: "\t")[0])
                return seen.count > 65_000
            })
        let error = #expect(throws: GraphError.self) { try GraphImport.run(options) }
        guard case .badLine(_, let number, let problem, _, _, _) = error else { return }
        #expect(number == tooMany + 1 && problem == "too many ids")
    }

    private func unknown(_ line: Int, _ id: String) -> GraphError {
        .badLine(
            path: folder.file("e.tsv"), line: line, problem: "unknown pin",
            expected: "an id listed in \(folder.file("pins.txt"))", found: "'\(id)'",
            action: "Add it there or drop the edge")
    }

    @Test("carriage returns and other controls inside of ids are theirs")
    func controls() throws {
        try folder.write("a\r1\tb\u{B}\n\u{1}\tb\u{B}\na\r1\tc\n", to: "e.tsv")
        _ = try GraphImport.run(options(folder.file("e.tsv"), (2, nil, nil)))
        #expect(try folder.text("graph/pins.txt") == "a\r1\n\u{1}\n")
        #expect(try folder.text("graph/boards.txt") == "b\u{B}\nc\n")
    }

    @Test("memory too small for the ids is one line, and nothing is left")
    func tooLittleMemory() throws {
        let id = String(repeating: "x", count: 1000)
        try folder.write((0..<20_000).map { "\(id)\($0)\t\($0)\n" }.joined(), to: "e.tsv")
        var options = options(folder.file("e.tsv"), (1, 1000, nil))
        options.memoryBytes = 60 << 20
        let error = #expect(throws: GraphError.self) { try GraphImport.run(options) }
        let text = error.map { "\($0)" } ?? ""
        #expect(text.contains("e.tsv: too little memory: expected "), "\(text)")
        #expect(text.hasSuffix("found 60M. Raise --memory."), "\(text)")
        #expect(try folder.names() == ["e.tsv"])
    }
}
