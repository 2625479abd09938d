import Artifacts
import Foundation
import GraphStore
import TestSupport
import Testing

@Suite struct BipartiteGraphTests {
    private let folder: TemporaryDirectory
    private let graph: String

    /// Each test gets the hand-drawn graph, imported; without its walk layout, which has tests of its own.
    init() throws {
        folder = try TemporaryDirectory()
        let files = try HandDrawnGraph.write(to: folder)
        graph = folder.file("graph")
        var options = GraphImportOptions(edges: files.edges, output: graph)
        options.pins = files.pins
        options.featureWidth = 2
        _ = try GraphImport.run(options)
        try FileManager.default.removeItem(atPath: "\(graph)/\(WalkLayout.fileName)")
    }

    /// What opening and verifying says, paths shortened.
    private func message() -> String {
        do {
            try BipartiteGraph(directory: graph).verify()
            return "no error"
        } catch {
            return "\(error)".replacingOccurrences(of: graph + "/", with: "")
        }
    }

    /// Replaces an array of the graph and describes the files anew, so that only its meaning is wrong.
    private func replace<T: NumpyScalar>(_ name: String, _ values: [T], shape: [Int]? = nil) throws {
        try writeNumpy(path: "\(graph)/\(name)", shape: shape ?? [values.count], values)
        try describe()
    }

    private func describe(counts: [String: Int] = ["pins": 6, "boards": 4, "edges": 8]) throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: graph).filter { $0 != Manifest.fileName }
        try Manifest(describing: files, in: graph, kind: "graph", counts: counts, featureWidth: 2)
            .write(directory: graph)
    }

    @Test("a changed bit anywhere in any file is found")
    func flippedBits() throws {
        try #require(message() == "no error")
        for name in try Manifest.read(directory: graph, kind: "graph").files.keys.sorted() {
            let whole = try folder.bytes("graph/\(name)")
            for index in whole.indices {
                var bytes = whole
                bytes[index] ^= 1
                try folder.write(bytes, to: "graph/\(name)")
                #expect(message() != "no error", "\(name), byte \(index)")
            }
            try folder.write(whole, to: "graph/\(name)")
        }
        #expect(message() == "no error")
    }

    @Test("every truncation of every file is found when the graph is opened")
    func truncations() throws {
        for name in try FileManager.default.contentsOfDirectory(atPath: graph) {
            let whole = try folder.bytes("graph/\(name)")
            // All of a manifest but its last line feed is a manifest.
            for count in 0..<(name == Manifest.fileName ? whole.count - 1 : whole.count) {
                try folder.write(whole.prefix(count), to: "graph/\(name)")
                #expect(throws: ArtifactError.self, "\(name), \(count) bytes") { try BipartiteGraph(directory: graph) }
            }
            try FileManager.default.removeItem(atPath: "\(graph)/\(name)")
            let line =
                name == Manifest.fileName
                ? "graph: \(graph): no graph: expected a graph folder with manifest.json, found none. "
                    + "Make one with `pinsage import` or `pinsage generate`."
                : "artifacts: \(name): cannot open: expected a file, found none. Check the path."
            #expect(message() == line)
            try folder.write(whole, to: "graph/\(name)")
        }
    }

    @Test("wrong offsets and shapes are found on opening")
    func badShapes() throws {
        try replace("pin_offsets.npy", [0, 1, 3, 5, 7, 8, 9] as [Int64])
        #expect(
            message() == "graph: pin_offsets.npy: wrong offsets: expected first 0 and last 8, found 0 and 9. "
                + "Import the graph again.")
        try replace("pin_offsets.npy", [0, 1, 3, 5, 7, 8] as [Int64])
        #expect(
            message() == "graph: pin_offsets.npy: wrong length: expected 7 entries, found 6. Import the graph again.")
        try replace("pin_offsets.npy", [0, 1, 3, 5, 7, 8, 8] as [Int32])
        #expect(
            message() == "artifacts: pin_offsets.npy: wrong element type: expected int64, found int32. "
                + "Convert the array with numpy's astype.")
        try replace("pin_offsets.npy", [0, 1, 3, 5, 7, 8, 8] as [Int64])
        try #require(message() == "no error")
        try replace("features.npy", [Float](repeating: 0, count: 10), shape: [5, 2])
        #expect(message() == "graph: features.npy: wrong shape: expected (6, 2), found (5, 2). Import the graph again.")
        try replace("features.npy", [Float](repeating: 0, count: 12), shape: [6, 2])
        try describe(counts: ["pins": 6, "edges": 8])
        #expect(
            message() == "graph: manifest.json: missing count: expected a number of boards, found none. "
                + "Import the graph again.")
        try describe()
        try FileManager.default.removeItem(atPath: graph + "/board_pins.npy")
        try describe()
        #expect(
            message() == "graph: manifest.json: missing file: expected an entry for board_pins.npy, found none. "
                + "Import the graph again.")
    }

    @Test("rows that are not as they must be are found by verify, with row and value")
    func badRows() throws {
        func check<T: NumpyScalar>(_ name: String, _ wrong: [T], right: [T], _ expected: String) throws {
            try replace(name, wrong)
            #expect(message() == "graph: \(name): \(expected). Import the graph again.")
            try replace(name, right)
            try #require(message() == "no error")
        }
        let offsets: [Int64] = [0, 1, 3, 5, 7, 8, 8]
        let boards: [UInt32] = [0, 0, 1, 1, 2, 1, 2, 3]
        let pins: [UInt32] = [0, 1, 1, 2, 3, 2, 3, 4]
        try check(
            "pin_offsets.npy", [0, 1, 0, 5, 7, 8, 8], right: offsets, "row 1: expected an end from 1 to 8, found 0")
        try check(
            "pin_offsets.npy", [0, 9, 9, 9, 9, 9, 8], right: offsets, "row 0: expected an end from 0 to 8, found 9")
        try check(
            "pin_boards.npy", [0, 1, 0, 1, 2, 1, 2, 3], right: boards, "row 1: expected ids from 2 to 3, found 0")
        try check(
            "pin_boards.npy", [0, 1, 1, 1, 2, 1, 2, 3], right: boards, "row 1: expected ids from 2 to 3, found 1")
        try check(
            "pin_boards.npy", [0, 0, 1, 1, 2, 1, 2, 4], right: boards, "row 4: expected ids from 0 to 3, found 4")
        try check(
            "board_pins.npy", [0, 1, 1, 2, 3, 2, 5, 4], right: pins,
            "row 2: expected pin 3, which has this board, found another entry")
    }

    @Test("ids that do not fit the rows, and features that are no numbers, are found")
    func badIDsAndFeatures() throws {
        func withPins(_ text: String) throws -> String {
            try folder.write(text, to: "graph/pins.txt")
            try describe()
            return message()
        }
        #expect(
            try withPins("p0\np1\np2\np3\np1\np5\n")
                == "graph: pins.txt: repeated id: expected each id once, found lines 2 and 5. Import the graph again.")
        #expect(
            try withPins("p0\np1\n")
                == "graph: pins.txt: wrong number of ids: expected 6, found 2. Write the folder again.")
        #expect(
            try withPins("p0\n\np2\np3\np4\np5\n")
                == "graph: pins.txt:2: empty id: expected one id a line, found an empty line. Write the folder again.")
        #expect(
            try withPins("p0\np1")
                == "graph: pins.txt:2: unfinished line: expected a line feed at the end, found the end of the file. "
                + "Write the folder again.")
        #expect(try withPins("p0\np1\np2\np3\np4\np5\n") == "no error")
        try replace("features.npy", [0, 0, 0, 0, 0, .nan, 0, 0, 0, 0, 0, 0] as [Float], shape: [6, 2])
        #expect(
            message() == "graph: features.npy: row 2: expected finite numbers, found nan in column 1. "
                + "Import the graph again.")
    }

    @Test("the summary counts what is there")
    func summary() throws {
        let summary = GraphSummary(try BipartiteGraph(directory: graph))
        #expect(summary.pins == 6 && summary.boards == 4 && summary.edges == 8 && summary.pinsWithoutBoards == 1)
        // Boards of the pins: 0 1 1 2 2 2; pins of the boards: 1 2 2 3.
        func ranks(_ d: DegreeSummary) -> [Int] { [d.min, d.p50, d.p90, d.p99, d.max] }
        #expect(ranks(summary.pinDegrees) == [0, 1, 2, 2, 2])
        #expect(ranks(summary.boardDegrees) == [1, 2, 3, 3, 3])
        #expect(summary.features?.zeroRows == 1 && summary.features?.source == "projected")
    }

    @Test("a thousand ids are found by name, and only they")
    func manyIDs() throws {
        let names = (0..<1000).map { "id-\($0 * 7919)" }
        let ids = try ExternalIDs(path: folder.write(names.map { $0 + "\n" }.joined(), to: "ids.txt"))
        for (row, name) in names.enumerated() {
            #expect(ids.row(of: name) == UInt32(row) && ids.id(row) == name)
            #expect(ids.row(of: name + "x") == nil)
        }
    }

    @Test("NumPy reads every array of a graph", .enabled(if: Python.hasNumPy, "needs python3 with numpy"))
    func numpy() throws {
        let program = """
            import numpy as np
            po, pb, bo, bp, x = (np.load(n + '.npy') for n in
                ('pin_offsets', 'pin_boards', 'board_offsets', 'board_pins', 'features'))
            assert po.dtype == np.int64 and pb.dtype == np.uint32 and x.shape == (6, 2) and x.dtype == np.float32
            assert po.tolist() == [0, 1, 3, 5, 7, 8, 8] and pb.tolist() == [0, 0, 1, 1, 2, 1, 2, 3]
            assert bo.tolist() == [0, 2, 5, 7, 8] and bp.tolist() == [0, 1, 1, 2, 3, 2, 3, 4]
            """
        try Python.run(program, in: graph)
    }
}
