import Foundation
import GraphStore
import TestSupport
import Testing

@Suite struct GraphGeneratorTests {
    private let folder: TemporaryDirectory

    init() throws { folder = try TemporaryDirectory() }

    private func options(_ name: String, seed: UInt64 = 1, pairs: Bool = false) -> GraphGeneratorOptions {
        var options = GraphGeneratorOptions(output: folder.file(name))
        options.pins = 2_000
        options.boards = 500
        options.edges = 12_000
        options.topics = 8
        options.featureWidth = 16
        options.seed = seed
        if pairs { options.pairs = folder.file(name + ".tsv") }
        return options
    }

    @Test("the same seed gives the same graph and pairs, another seed others")
    func deterministic() throws {
        let first = try GraphGenerator.run(options("a", pairs: true))
        let second = try GraphGenerator.run(options("b", pairs: true))
        let other = try GraphGenerator.run(options("c", seed: 2, pairs: true))
        #expect(first == second)
        #expect(first.fingerprint != other.fingerprint)
        #expect(try folder.bytes("a.tsv") == folder.bytes("b.tsv"))
        #expect(try folder.bytes("a.tsv") != folder.bytes("c.tsv"))
        #expect(try folder.names() == ["a", "a.tsv", "b", "b.tsv", "c", "c.tsv"])
        try BipartiteGraph(directory: folder.file("a")).verify()
    }

    @Test("the demo's graph is what it has always been; threads change nothing", arguments: [1, 3])
    func demo(threads: Int) throws {
        var options = GraphGeneratorOptions(output: folder.file("demo"))
        options.pairs = folder.file("pairs.tsv")
        (options.threads, options.memoryBytes) = (threads, 128 << 20)
        #expect(try GraphGenerator.run(options).fingerprint == "3ebde15248e66923")
    }

    @Test(
        "an import of the edges alone is the generated graph, where pins and features are the same",
        arguments: [0, 8])
    func edgesAlone(structureWidth: Int) throws {
        var options = options("g")
        options.structureWidth = structureWidth
        let graph = try GraphGenerator.run(options)
        #expect(graph.structureWidth == structureWidth)
        for threads in [1, 3] {
            options.threads = threads
            let count = try GraphGenerator.writeEdges(options, to: folder.file("e\(threads).tsv"))
            #expect(count == graph.edges)
        }
        #expect(try folder.bytes("e1.tsv") == folder.bytes("e3.tsv"))
        #expect(throws: GraphError.self, "a file that is there") {
            try GraphGenerator.writeEdges(options, to: folder.file("e1.tsv"))
        }
        var imported = GraphImportOptions(edges: folder.file("e1.tsv"), output: folder.file("i"))
        (imported.pins, imported.features) = (folder.file("g/pins.txt"), folder.file("g/features.npy"))
        imported.structureWidth = structureWidth
        #expect(try GraphImport.run(imported).fingerprint == graph.fingerprint)
        #expect(try BipartiteGraph(directory: folder.file("g")).structure?.width ?? 0 == structureWidth)
    }

    @Test("sizes and popularity have long tails, and the numbers asked for are met")
    func shape() throws {
        let result = try GraphGenerator.run(options("g"))
        #expect(result.pins == 2_000 && result.boards == 500 && result.edges == 12_000 && result.pairs == 0)
        let summary = GraphSummary(try BipartiteGraph(directory: folder.file("g")))
        #expect(summary.boardDegrees.min >= 2)
        #expect(summary.boardDegrees.p99 > 10 * summary.boardDegrees.p50)
        #expect(summary.pinDegrees.p99 > 3 * summary.pinDegrees.p50)
        #expect(abs((summary.features?.meanLength ?? 0) - 1) < 1e-5)
    }

    /// The protocol: floor(n/4) disjoint pairs a board at most, their edges taken out, every pin keeps an edge.
    @Test("held-out pairs share a board in the full graph, lose that edge, and keep another")
    func heldOut() throws {
        let full = try GraphGenerator.run(options("full"))
        let result = try GraphGenerator.run(options("g", pairs: true))
        let (before, after) = (
            try BipartiteGraph(directory: folder.file("full")), try BipartiteGraph(directory: folder.file("g"))
        )
        try after.verify()
        #expect(result.pairs == full.edges / 20)
        #expect(after.edgeCount == before.edgeCount - 2 * result.pairs)

        func missing(_ pin: UInt32) -> Set<UInt32> { Set(before.boards(of: pin)).subtracting(after.boards(of: pin)) }
        let ids = try after.pinIDs()
        var pairsOfBoard: [UInt32: Int] = [:]
        let lines = try folder.text("g.tsv").split(separator: "\n").map { $0.split(separator: "\t").map(String.init) }
        #expect(lines.count == result.pairs)
        for line in lines {
            let query = try #require(ids.row(of: line[0]))
            let positive = try #require(ids.row(of: line[1]))
            #expect(query != positive)
            #expect(!after.boards(of: query).isEmpty && !after.boards(of: positive).isEmpty)
            #expect(!missing(query).isDisjoint(with: missing(positive)), "\(line)")
        }
        for board in 0..<UInt32(before.boardCount) {
            let lost = before.pins(of: board).count - after.pins(of: board).count
            pairsOfBoard[board] = lost / 2
            #expect(lost % 2 == 0 && lost / 2 <= before.pins(of: board).count / 4, "board \(board)")
        }
        #expect(pairsOfBoard.values.reduce(0, +) == result.pairs)
    }

    /// Items a and b of one board should look alike no oftener than chance would nearly have it, while sharing
    /// boards says much: the mean cosine of held-out pairs against random ones, of content and of board lists.
    @Test("content is a poor guide, the graph a good one")
    func contentIsPoor() throws {
        var options = options("g", pairs: true)
        options.edges = 20_000
        _ = try GraphGenerator.run(options)
        let graph = try BipartiteGraph(directory: folder.file("g"))
        let ids = try graph.pinIDs()
        let vectors = try #require(graph.features?.float32Elements)
        func cosine(_ a: Int, _ b: Int) -> Float {
            (0..<16).reduce(0) { $0 + vectors[a * 16 + $1] * vectors[b * 16 + $1] }
        }
        func shared(_ a: Int, _ b: Int) -> Float {
            Float(Set(graph.boards(of: UInt32(a))).intersection(graph.boards(of: UInt32(b))).count)
        }
        let lines = try folder.text("g.tsv").split(separator: "\n").map { $0.split(separator: "\t").map(String.init) }
        let pairs = try lines.map { (Int(try #require(ids.row(of: $0[0]))), Int(try #require(ids.row(of: $0[1])))) }
        /// How often the true partner beats that of a pair far away (neighbouring pairs are of one board).
        func accuracy(_ score: (Int, Int) -> Float) -> Double {
            let points = pairs.indices.map { i in
                let (query, positive) = pairs[i]
                let (right, wrong) = (
                    score(query, positive), score(query, pairs[(i + pairs.count / 2) % pairs.count].1)
                )
                return right > wrong ? 1 : right == wrong ? 0.5 : 0
            }
            return points.reduce(0, +) / Double(points.count)
        }
        let (content, boards) = (accuracy(cosine), accuracy(shared))
        #expect(content > 0.5 && content < 0.7, "content \(content)")
        #expect(boards > content + 0.05, "content \(content), boards \(boards)")
    }

    @Test("options out of range are named")
    func ranges() {
        var options = options("g")
        #expect(options.problem == nil)
        options.edges = 999
        #expect(options.problem == "--edges: expected 1000 … 500000, found 999.")
        options.pins = 9
        #expect(options.problem == "--pins: expected 10 … 1000000000, found 9.")
    }

    @Test("a failure leaves neither graph nor pairs, and pairs that are there are replaced only when asked")
    func failure() throws {
        var options = options("g")
        try folder.write("mine", to: "pairs.tsv")
        for place in ["pairs.tsv/below", "pairs.tsv", "."] {
            options.pairs = folder.file(place)
            #expect(throws: (any Error).self, "\(place)") { try GraphGenerator.run(options) }
            #expect(try folder.names() == ["pairs.tsv"])
            #expect(try folder.text("pairs.tsv") == "mine")
        }
        options.pairs = folder.file("pairs.tsv")
        options.force = true
        #expect(try GraphGenerator.run(options).pairs > 0)
        #expect(try folder.text("pairs.tsv") != "mine")
        options.pairs = folder.file("g/../g/pairs.tsv")
        #expect(options.problem?.hasPrefix("--pairs: expected a file outside of the graph folder") == true)
    }

    @Test("tiny graphs are generated too", arguments: [(10, 1, 2, 1), (10, 5, 25, 64), (12, 3, 18, 2)])
    func tiny(pins: Int, boards: Int, edges: Int, topics: Int) throws {
        var options = options("g", pairs: true)
        (options.pins, options.boards, options.edges, options.topics) = (pins, boards, edges, topics)
        let result = try GraphGenerator.run(options)
        try BipartiteGraph(directory: folder.file("g")).verify()
        #expect(result.edges + 2 * result.pairs <= edges)
    }
}
