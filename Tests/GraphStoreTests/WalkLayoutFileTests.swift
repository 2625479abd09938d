import Artifacts
import Foundation
import GraphStore
import TestSupport
import Testing

@Suite struct WalkLayoutFileTests {
    private let folder: TemporaryDirectory
    private let graph: String
    private let name = "walk_layout.npy"
    /// Bytes before the words.
    private let headerBytes = 128

    /// Each test gets the hand-drawn graph, imported.
    init() throws {
        folder = try TemporaryDirectory()
        graph = folder.file("graph")
        try importGraph(to: graph, edges: HandDrawnGraph.write(to: folder).edges)
    }

    private func importGraph(to path: String, edges: String) throws {
        var options = GraphImportOptions(edges: edges, output: path)
        options.featureWidth = 2
        _ = try GraphImport.run(options)
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

    private func words() throws -> [UInt32] {
        let file = try NumpyFile(path: "\(graph)/\(name)", elements: [.uint32])
        return Array(file.elements(as: UInt32.self))
    }

    private func replace(_ words: [UInt32]) throws {
        try writeNumpy(path: "\(graph)/\(name)", shape: [words.count], words)
    }

    private let again =
        " Make it again with `pinsage layout`, or delete it: walks are slower without."

    @Test("an import leaves a layout beside the graph, which neither manifest nor fingerprint know")
    func derived() throws {
        let opened = try BipartiteGraph(directory: graph)
        let layout = try #require(opened.layout)
        try opened.verify()
        #expect(opened.manifest.files[name] == nil)
        let bytes = try folder.bytes("graph/\(name)")
        try FileManager.default.removeItem(atPath: "\(graph)/\(name)")
        let without = try BipartiteGraph(directory: graph)
        try without.verify()
        #expect(without.layout == nil && without.fingerprint == opened.fingerprint)
        #expect(!GraphSummary(without).hasWalkLayout && GraphSummary(opened).hasWalkLayout)
        try WalkLayout.write(for: without)
        #expect(try folder.bytes("graph/\(name)") == bytes)
        #expect(bytes.count == headerBytes + 4 * (try words().count))
        // Each row: its length, its id, and places of rows whose second word is the id that the compressed rows have.
        for pin in 0..<UInt32(opened.pinCount) {
            let row = layout.pinRows + Int(layout.pinPlaces[Int(pin)]) << layout.unitShift
            let boards = (0..<Int(row[0])).map { layout.boardRows[Int(row[2 + $0]) << layout.unitShift + 1] }
            #expect(row[1] == pin && boards == Array(opened.boards(of: pin)))
            for (entry, board) in boards.enumerated() {
                let back = layout.boardRows + Int(row[2 + entry]) << layout.unitShift
                let pins = (0..<Int(back[0])).map { layout.pinRows[Int(back[2 + $0]) << layout.unitShift + 1] }
                #expect(pins == Array(opened.pins(of: board)))
            }
        }
    }

    @Test("wider units hold the same rows")
    func units() throws {
        let plain = try BipartiteGraph(directory: graph, usesLayout: false)
        for unitShift in 1...6 {
            try WalkLayout.write(for: plain, unitShift: unitShift)
            #expect(try BipartiteGraph(directory: graph).layout?.unitShift == unitShift)
            #expect(message() == "no error")
        }
    }

    @Test("a changed bit in any word is found")
    func flippedBits() throws {
        let whole = try folder.bytes("graph/\(name)")
        for index in headerBytes..<whole.count {
            var bytes = whole
            bytes[index] ^= 1
            try folder.write(bytes, to: "graph/\(name)")
            let line = message()
            #expect(line.hasPrefix("graph: \(name): ") && line.hasSuffix(again), "byte \(index): \(line)")
        }
    }

    @Test("every truncation is found when the graph is opened")
    func truncations() throws {
        let whole = try folder.bytes("graph/\(name)")
        for count in 0..<whole.count {
            try folder.write(whole.prefix(count), to: "graph/\(name)")
            #expect(throws: ArtifactError.self, "\(count) bytes") { try BipartiteGraph(directory: graph) }
            _ = try BipartiteGraph(directory: graph, usesLayout: false)
        }
    }

    @Test("a layout that is short, foreign, of another version or damaged is named in one line")
    func lines() throws {
        let right = try words()
        func check(_ expected: String, _ change: (inout [UInt32]) -> Void) throws {
            var wrong = right
            change(&wrong)
            try replace(wrong)
            #expect(message() == "graph: \(name): \(expected).\(again)")
        }
        try check("too short: expected 16 words or more, found 3") { $0 = Array($0.prefix(3)) }
        try check("wrong length: expected \(right.count) words, found \(right.count - 16)") { $0.removeLast(16) }
        try check("not a walk layout: expected 1280791376, found 0") { $0[0] = 0 }
        try check("unknown version: expected 1, found 2") { $0[1] = 2 }
        try check("wrong unit: expected 1 … 20, found 0") { $0[2] = 0 }
        try check("word 40: expected \(right[40]), as the graph's rows say, found 99") { $0[40] = 99 }
        try check("wrong length of rows: expected 0 … 28 words, found 4294967295 and \(right[14])") { $0[12] = .max }

        try folder.write("a\tb\n", to: "other.tsv")
        try importGraph(to: folder.file("other"), edges: folder.file("other.tsv"))
        try folder.write(folder.bytes("other/\(name)"), to: "graph/\(name)")
        let ours = try BipartiteGraph(directory: graph, usesLayout: false).fingerprint
        let theirs = try BipartiteGraph(directory: folder.file("other")).fingerprint
        #expect(
            message() == "graph: \(name): made of another graph: expected fingerprint \(ours), found \(theirs).\(again)"
        )
    }
}
