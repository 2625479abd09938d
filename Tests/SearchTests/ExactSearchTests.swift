import Artifacts
import Basics
import Kernels
import Search
import TestSupport
import Testing

/// A table on disk and the same values at hand.
struct Fixture {
    let folder: TemporaryDirectory
    let values: [Float]
    let width: Int
    let table: VectorTable
    var rows: Int { values.count / width }

    init(_ values: [Float], width: Int) throws {
        folder = try TemporaryDirectory()
        try writeNumpy(path: folder.file("table.npy"), shape: [values.count / width, width], values)
        table = try VectorTable(npyPath: folder.file("table.npy"))
        self.values = values
        self.width = width
    }

    /// Small whole numbers: sums of their products are exact, and ties are many.
    static func wholeNumbers(rows: Int, width: Int, seed: UInt64) throws -> Fixture {
        var random = CounterBasedGenerator(seed: seed, purpose: 8, 0, 0)
        return try Fixture((0..<rows * width).map { _ in Float(Int.random(in: -2...2, using: &random)) }, width: width)
    }

    static func realNumbers(rows: Int, width: Int, seed: UInt64) throws -> Fixture {
        var random = CounterBasedGenerator(seed: seed, purpose: 8, 0, 0)
        return try Fixture((0..<rows * width).map { _ in Float.random(in: -1...1, using: &random) }, width: width)
    }

    func search(_ metric: Metric, bias: [Float]? = nil, threads: Int = 1) -> ExactSearch {
        ExactSearch(table: table, metric: metric, bias: bias, kernels: Kernels(team: ThreadTeam(threads: threads)))
    }

    /// The definition, in double precision: one pair of rows after the other.
    func plainScore(_ query: UInt32, _ candidate: Int, _ metric: Metric, bias: [Float]?) -> Double {
        var (dot, left, right) = (0.0, 0.0, 0.0)
        for column in 0..<width {
            let a = Double(values[Int(query) * width + column])
            let b = Double(values[candidate * width + column])
            dot += a * b
            left += a * a
            right += b * b
        }
        if !left.isFinite || !right.isFinite || left == 0 || right == 0 {
            dot = 0
        } else if metric == .cosine {
            dot /= (left * right).squareRoot()
        }
        return dot + Double(bias?[candidate] ?? 0)
    }

    func plainScores(_ query: UInt32, _ metric: Metric, bias: [Float]?) -> [Double] {
        (0..<rows).map { plainScore(query, $0, metric, bias: bias) }
    }

    func plainRank(_ pair: RowPair, _ metric: Metric, bias: [Float]?) -> Double {
        let scores = plainScores(pair.query, metric, bias: bias)
        let own = scores[Int(pair.positive)]
        var rank = 1.0
        for (row, score) in scores.enumerated() where row != Int(pair.query) && row != Int(pair.positive) {
            if score > own + 1e-6 { rank += 1 } else if score >= own - 1e-6 { rank += 0.5 }
        }
        return rank
    }
}

@Suite("Exact search")
struct ExactSearchTests {
    static let shapes = [(2, 1), (3, 5), (70, 7), (1023, 16), (1024, 8), (2_060, 33)]

    @Test("nearest rows are those of a plain double loop, ties by the smaller row", arguments: shapes, [1, 2])
    func nearestByDot(shape: (rows: Int, width: Int), threads: Int) throws {
        let fixture = try Fixture.wholeNumbers(rows: shape.rows, width: shape.width, seed: 3)
        let bias: [Float] = (0..<shape.rows).map { Float($0 % 3) }
        let queries = stride(from: 0, to: shape.rows, by: max(1, shape.rows / 40)).map(UInt32.init)
        for bias in [nil, bias] {
            let found = fixture.search(.dot, bias: bias, threads: threads).nearest(to: queries, count: 12)
            for (query, found) in zip(queries, found) {
                let scores = fixture.plainScores(query, .dot, bias: bias)
                let order = (0..<shape.rows).filter { $0 != Int(query) }
                    .sorted { (-scores[$0], $0) < (-scores[$1], $1) }
                #expect(found.map { Int($0.row) } == Array(order.prefix(12)), "query \(query)")
                #expect(found.map { Double($0.score) } == order.prefix(12).map { scores[$0] }, "query \(query)")
            }
        }
    }

    @Test("cosine scores are those of a plain double loop", arguments: shapes)
    func nearestByCosine(shape: (rows: Int, width: Int)) throws {
        let fixture = try Fixture.realNumbers(rows: shape.rows, width: shape.width, seed: 4)
        let queries = stride(from: 0, to: shape.rows, by: max(1, shape.rows / 40)).map(UInt32.init)
        for (query, found) in zip(queries, fixture.search(.cosine).nearest(to: queries, count: 20)) {
            let scores = fixture.plainScores(query, .cosine, bias: nil)
            let expected = (0..<shape.rows).filter { $0 != Int(query) }.map { scores[$0] }.sorted(by: >).prefix(20)
            #expect(found.count == expected.count)
            for (neighbor, expected) in zip(found, expected) {
                #expect(abs(Double(neighbor.score) - expected) < 1e-6, "query \(query)")
                #expect(abs(Double(neighbor.score) - scores[Int(neighbor.row)]) < 1e-6, "query \(query)")
            }
        }
    }

    @Test("more candidates than there are gives all but the query, none gives none")
    func longLists() throws {
        let fixture = try Fixture.wholeNumbers(rows: 9, width: 3, seed: 5)
        let search = fixture.search(.dot)
        #expect(search.nearest(to: [4], count: 100)[0].map(\.row).sorted() == [0, 1, 2, 3, 5, 6, 7, 8])
        #expect(search.nearest(to: [4], count: 0) == [[]])
        #expect(search.nearest(to: [], count: 5).isEmpty)
    }

    @Test("rows of zeros and rows that are not finite score 0, plus their bias", arguments: Metric.allCases)
    func badRows(metric: Metric) throws {
        let fixture = try Fixture([1, 0, 0, 0, .nan, 1, .infinity, 1, -1, 0, 1, 1], width: 2)
        for bias in [nil, [0, 0.5, 0.25, 0, 0, 0] as [Float]] {
            let found = fixture.search(metric, bias: bias).nearest(to: [0], count: 10)[0]
            let scores = Dictionary(uniqueKeysWithValues: found.map { ($0.row, $0.score) })
            #expect(scores[1] == bias?[1] ?? 0)
            #expect(scores[2] == bias?[2] ?? 0)
            #expect(scores[3] == 0)
            #expect(scores[4] == -1)
            #expect(found.count == 5)
        }
    }

    @Test("the nearest to a set are those of the mean of its scores, its rows left out", arguments: Metric.allCases)
    func nearestToMeans(metric: Metric) throws {
        let fixture = try Fixture.realNumbers(rows: 1_300, width: 9, seed: 9)
        var random = CounterBasedGenerator(seed: 9, purpose: 8, 3, 0)
        let bias = (0..<1_300).map { _ in Float.random(in: 0...0.2, using: &random) }
        let sets =
            (0..<40).map { index in (0..<1_300 as Range<UInt32>).filter { $0 % 41 == index && $0 % 3 > 0 } } + [[]]
        let search = fixture.search(metric, bias: bias, threads: 2)
        for (set, found) in zip(sets, search.nearest(toMeansOf: sets.count, count: 15) { sets[$0] }) {
            var scores = bias.map(Double.init)
            for query in set {
                for (row, score) in fixture.plainScores(query, metric, bias: nil).enumerated() {
                    scores[row] += score / Double(set.count)
                }
            }
            let expected = (0..<1_300).filter { !set.contains(UInt32($0)) }.map { scores[$0] }.sorted(by: >).prefix(15)
            #expect(found.count == 15)
            for (neighbor, expected) in zip(found, expected) {
                #expect(!set.contains(neighbor.row))
                #expect(abs(Double(neighbor.score) - expected) < 1e-5)
                #expect(abs(Double(neighbor.score) - scores[Int(neighbor.row)]) < 1e-5)
            }
        }
    }

    @Test("a matrix in memory is searched like the table with the same rows")
    func matrix() throws {
        let fixture = try Fixture.realNumbers(rows: 1_100, width: 7, seed: 10)
        // Columns 2 … 8 of a wider matrix.
        let wide = Matrix(FloatBuffer(count: 1_100 * 10), rows: 1_100, columns: 10)
        let matrix = wide.columns(2..<9)
        for (index, value) in fixture.values.enumerated() { matrix[index / 7, index % 7] = value }
        let inMemory = ExactSearch(table: matrix, metric: .cosine, kernels: Kernels())
        let mapped = fixture.search(.cosine)
        let queries = stride(from: 0, to: 1_100, by: 31).map(UInt32.init)
        let pairs = queries.map { RowPair(query: $0, positive: ($0 + 1) % 1_100) }
        #expect(inMemory.nearest(to: queries, count: 9) == mapped.nearest(to: queries, count: 9))
        #expect(inMemory.ranks(of: pairs) == mapped.ranks(of: pairs))
    }

    @Test("the number of threads changes no bit")
    func threads() throws {
        let fixture = try Fixture.realNumbers(rows: 1_500, width: 24, seed: 6)
        let queries = (0..<1_500).map(UInt32.init)
        let pairs = queries.map { RowPair(query: $0, positive: ($0 + 1) % 1_500) }
        let one = fixture.search(.cosine, threads: 1)
        let three = fixture.search(.cosine, threads: 3)
        #expect(one.nearest(to: queries, count: 7) == three.nearest(to: queries, count: 7))
        #expect(one.ranks(of: pairs) == three.ranks(of: pairs))
    }
}

@Suite("Ranks of pairs")
struct RankTests {
    @Test("ranks are those of a plain double loop", arguments: ExactSearchTests.shapes, [1, 2])
    func plainTwin(shape: (rows: Int, width: Int), threads: Int) throws {
        let rows = UInt32(shape.rows)
        let fixture = try Fixture.wholeNumbers(rows: shape.rows, width: shape.width, seed: 7)
        let bias: [Float] = (0..<shape.rows).map { Float($0 % 4) }
        var random = CounterBasedGenerator(seed: 7, purpose: 8, 1, 0)
        let pairs: [RowPair] = (0..<150).map { _ in
            let query = UInt32.random(in: 0..<rows, using: &random)
            let step = UInt32.random(in: 1..<rows, using: &random)
            return RowPair(query: query, positive: (query + step) % rows)
        }
        for metric in Metric.allCases {
            for bias in [nil, bias] {
                let found = fixture.search(metric, bias: bias, threads: threads).ranks(of: pairs)
                let expected = pairs.map { fixture.plainRank($0, metric, bias: bias) }
                #expect(found == expected, "\(metric), bias \(bias != nil)")
            }
        }
    }

    @Test("more pairs than one block of queries keep their order")
    func manyPairs() throws {
        let fixture = try Fixture.wholeNumbers(rows: 60, width: 4, seed: 8)
        let rows: Range<UInt32> = 0..<2_500
        let pairs = rows.map { RowPair(query: $0 % 60, positive: ($0 * 7 + 1) % 60) }
            .filter { $0.query != $0.positive }
        #expect(fixture.search(.dot).ranks(of: pairs) == pairs.map { fixture.plainRank($0, .dot, bias: nil) })
    }

    @Test("scores within 1e-6 of the positive's count half, scores further above count whole")
    func tolerance() throws {
        let fixture = try Fixture([1, 0.5, 0.5000005, 0.4999995, 0.500002, 0.499998, 0.5], width: 1)
        // Level: 2, 3 and 6. Above: 4.
        #expect(fixture.search(.dot).ranks(of: [RowPair(query: 0, positive: 1)]) == [3.5])
    }

    @Test("the query's own row never counts, be it above, level or below")
    func queryLeftOut() throws {
        let fixture = try Fixture([2, 1, 1], width: 1)
        let pairs = [RowPair(query: 0, positive: 1), RowPair(query: 1, positive: 2), RowPair(query: 1, positive: 0)]
        #expect(fixture.search(.dot).ranks(of: pairs) == [1.5, 2, 1])
    }
}

@Suite("List of the nearest")
struct NearestListTests {
    @Test("the list keeps what sorting everything would put first")
    func likeSorting() {
        for seed in 0..<200 as Range<UInt64> {
            var random = CounterBasedGenerator(seed: seed, purpose: 8, 2, 0)
            let candidates = (0..<Int.random(in: 0...60, using: &random)).map {
                Neighbor(row: UInt32($0), score: Float(Int.random(in: 0...9, using: &random)))
            }.shuffled(using: &random)
            let capacity = Int.random(in: 0...20, using: &random)
            var list = NearestList(capacity: capacity)
            for candidate in candidates { list.offer(candidate) }
            let expected = candidates.sorted { (-$0.score, $0.row) < (-$1.score, $1.row) }.prefix(capacity)
            #expect(list.sorted == Array(expected), "seed \(seed)")
        }
    }
}
