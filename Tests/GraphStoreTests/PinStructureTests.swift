import Artifacts
import Foundation
import GraphStore
import TestSupport
import Testing

@Suite("Where pins stand in the graph")
struct PinStructureTests {
    let folder: TemporaryDirectory

    init() throws {
        folder = try TemporaryDirectory()
    }

    private func make(_ name: String, hasContent: Bool = true, width: Int = 8, threads: Int = 1) throws
        -> BipartiteGraph
    {
        let files = try HandDrawnGraph.write(to: folder)
        var options = GraphImportOptions(edges: files.edges, output: folder.file(name))
        options.pins = files.pins
        if hasContent {
            try writeNumpy(path: folder.file("content.npy"), shape: [6, 1], (0..<6).map { Float($0) })
            options.features = folder.file("content.npy")
        }
        (options.structureWidth, options.threads) = (width, threads)
        let result = try GraphImport.run(options)
        #expect(result.structureWidth == (hasContent ? width : 0) && result.featureWidth == (hasContent ? 1 : width))
        return try BipartiteGraph(directory: folder.file(name))
    }

    private func rows(_ graph: BipartiteGraph) throws -> [[Float]] {
        let table = try #require(graph.structure)
        let all = try #require(table.float32Elements)
        return (0..<table.rows).map { row in (0..<table.width).map { all[row * table.width + $0] } }
    }

    private func dot(_ a: [Float], _ b: [Float]) -> Double { zip(a, b).reduce(0) { $0 + Double($1.0) * Double($1.1) } }

    @Test("with the whole rank, dot products are the cosines of the board lists, a board weighing 1 / pins")
    func cosines() throws {
        let graph = try make("graph")
        try graph.verify()
        let rows = try rows(graph)
        for a in 0..<6 {
            for b in 0..<6 {
                func shared(_ x: Int, _ y: Int) -> Double {
                    let boards = Set(HandDrawnGraph.boardsOfPin[x]).intersection(HandDrawnGraph.boardsOfPin[y])
                    return boards.reduce(0) { $0 + 1 / Double(HandDrawnGraph.pinsOfBoard[Int($1)].count) }
                }
                let lengths = shared(a, a) * shared(b, b)
                let expected = lengths > 0 ? shared(a, b) / lengths.squareRoot() : 0
                #expect(abs(dot(rows[a], rows[b]) - expected) < 1e-5, "pins \(a) and \(b)")
            }
        }
        // Four boards are at most four directions.
        #expect(rows.allSatisfy { $0[4...].allSatisfy { $0 == 0 } })
    }

    @Test("threads change no byte; without content the structure is the features; a narrow one keeps unit rows")
    func variants() throws {
        let graph = try make("graph")
        _ = try make("three", threads: 3)
        #expect(try folder.bytes("three/structure.npy") == folder.bytes("graph/structure.npy"))
        let bare = try make("bare", hasContent: false)
        #expect(bare.structure == nil && bare.manifest.extra["features"] == "structure")
        #expect(try folder.bytes("bare/features.npy") == folder.bytes("graph/structure.npy"))
        #expect(graph.manifest.extra["features"] == "given")
        let narrow = try rows(make("narrow", width: 2))
        #expect(narrow[5] == [0, 0])
        for pin in 0..<4 { #expect(abs(dot(narrow[pin], narrow[pin]) - 1) < 1e-5) }
        #expect(try make("none", width: 0).structure == nil)
    }

    @Test(
        "an update keeps old rows and places a new pin among its boards' old ones", arguments: [true, false])
    func update(hasContent: Bool) throws {
        _ = try make("graph", hasContent: hasContent)
        let name = hasContent ? "structure.npy" : "features.npy"
        try folder.write("new\tb1\nnew\tb2\nalone\tb9\n", to: "more.tsv")
        try folder.write("p0\n", to: "gone.txt")
        try writeNumpy(path: folder.file("two.npy"), shape: [2, 1], [1, 2] as [Float])
        func table(_ graph: String) throws -> [[Float]] {
            let table = try VectorTable(npyPath: folder.file("\(graph)/\(name)"))
            let all = try #require(table.float32Elements)
            return (0..<table.rows).map { row in (0..<8).map { all[row * 8 + $0] } }
        }
        let before = try table("graph")
        var options = GraphUpdateOptions(graph: folder.file("graph"))
        (options.edges, options.remove) = (folder.file("more.tsv"), folder.file("gone.txt"))
        if hasContent { options.features = folder.file("two.npy") }
        try GraphUpdate.run(options)
        try BipartiteGraph(directory: folder.file("graph")).verify()
        let after = try table("graph")
        #expect(after.count == 7 && Array(after[..<5]) == Array(before[1...]))
        // b1 has p1, p2, p3 and the new pin, b2 has p2, p3 and the new pin.
        let shares: [(pin: Int, share: Float)] = [(1, 0.25), (2, 0.25 + 1 / 3), (3, 0.25 + 1 / 3)]
        var sum = [Float](repeating: 0, count: 8)
        for (pin, share) in shares { for column in 0..<8 { sum[column] += share * before[pin][column] } }
        let length = Float(dot(sum, sum).squareRoot())
        for column in 0..<8 { #expect(abs(after[5][column] - sum[column] / length) < 1e-5) }
        #expect(after[6].allSatisfy { $0 == 0 })
    }
}
