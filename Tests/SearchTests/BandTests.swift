import Kernels
import Search
import Testing

@Suite struct BandTests {
    /// The rows by rank: best score first, then the smaller row; the query is not among them.
    private func ranked(_ scores: [Double], except query: UInt32) -> [UInt32] {
        scores.indices.filter { $0 != Int(query) }.sorted { (-scores[$0], $0) < (-scores[$1], $1) }.map { UInt32($0) }
    }

    private func bands(
        _ search: ExactSearch, _ queries: [UInt32], _ ranks: ClosedRange<Int>
    ) -> [[UInt32]] {
        search.bands(of: queries, ranks: ranks) { $1 }
    }

    @Test("a band is the slice of all rows sorted in double precision, ties and all", arguments: [1, 3])
    func twin(threads: Int) throws {
        // Whole numbers: scores are exact, and many are the same.
        let fixture = try Fixture.wholeNumbers(rows: 1500, width: 5, seed: 3)
        let bias = (0..<1500).map { Float($0 % 3) }
        let search = fixture.search(.dot, bias: bias, threads: threads)
        let queries = [0, 1, 7, 700, 1499].map { UInt32($0) }
        for ranks in [1...1, 1...1499, 1499...1499, 1...10, 20...20, 200...900, 1400...1499] {
            let found = bands(search, queries, ranks)
            for (query, band) in zip(queries, found) {
                let all = ranked(fixture.plainScores(query, .dot, bias: bias), except: query)
                #expect(band == all[(ranks.lowerBound - 1)..<ranks.upperBound].sorted(), "query \(query), \(ranks)")
            }
        }
    }

    @Test("on real numbers a band is the slice of the exact search's whole list, whatever the number of queries")
    func realNumbers() throws {
        let fixture = try Fixture.realNumbers(rows: 2100, width: 12, seed: 5)
        let search = fixture.search(.cosine, threads: 2)
        let queries = (0..<130).map { UInt32($0 * 16) }
        let lists = search.nearest(to: queries, count: 2099)
        let found = bands(search, queries, 150...420)
        for (list, band) in zip(lists, found) { #expect(band == list[149..<420].map(\.row).sorted()) }
        #expect(bands(search, [queries[3]], 150...420) == [found[3]])
    }

    @Test("rows that are all alike, and rows of zeros, rank by their number")
    func allAlike() throws {
        let alike = try Fixture([Float](repeating: 0.5, count: 300), width: 3).search(.cosine)
        #expect(bands(alike, [4], 3...6) == [[2, 3, 5, 6]])
        let zeros = try Fixture([Float](repeating: 0, count: 300), width: 3).search(.dot)
        #expect(bands(zeros, [0], 1...2) == [[1, 2]])
    }
}
