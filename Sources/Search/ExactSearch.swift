import Artifacts
import Kernels

/// Compares queries with every row of a table: what approximate searches and rankings are measured against.
///
/// score(q → p) = q · p + bias[p], the rows scaled to length 1 first where the metric is cosine. A row of zeros
/// or one whose length is not finite is a row of zeros. The query itself is never a candidate.
/// The table is read in blocks, so memory stays small however long it is.
///
/// - Complexity: O(queries · rows · width) multiply-adds through `Kernels.multiplyTransposedB`.
@safe public final class ExactSearch: Sendable {
    /// Scores at or within this of each other are a tie in `ranks(of:)`.
    public static let tieTolerance: Float = 1e-6

    public let table: any VectorRows
    public let metric: Metric
    let bias: [Float]?
    let kernels: Kernels

    /// - Parameters:
    ///   - table: (P × d), queries and candidates alike: a mapped `VectorTable`, or a `Matrix` in memory.
    ///   - bias: added to each candidate's score; P finite values.
    /// - Precondition: `bias` has one value for each row.
    public init(table: any VectorRows, metric: Metric, bias: [Float]? = nil, kernels: Kernels) {
        precondition(
            bias.map { $0.count == table.rows } ?? true,
            "ExactSearch: \(bias?.count ?? 0) biases for \(table.rows) rows")
        self.table = table
        self.metric = metric
        self.bias = bias
        self.kernels = kernels
    }

    /// The `count` candidates with the highest scores for each query, best first; among equal scores the smaller row.
    ///
    /// - Returns: one list for each query, shorter than `count` only where the table is.
    /// - Precondition: every query is a row of the table.
    public func nearest(to queries: [UInt32], count: Int) -> [[Neighbor]] {
        nearest(
            queries.count, count: count, excluding: { [queries[$0]] }, fill: { gather(Array(queries[$0]), into: $1) })
    }

    /// The same for the mean of several rows at a time, each row as it is compared: the score of a candidate is the
    /// mean of its scores to the rows of the set, plus its bias. The rows of the set are no candidates.
    ///
    /// - Parameters:
    ///   - setCount: how many sets there are.
    ///   - set: rows of the table, ascending; the mean of none is 0.
    public func nearest(toMeansOf setCount: Int, count: Int, set: (Int) -> [UInt32]) -> [[Neighbor]] {
        nearest(setCount, count: count, excluding: set) { range, means in
            for (row, index) in range.enumerated() { mean(of: set(index), into: means.rows(row..<row + 1)) }
        }
    }

    /// The rank of each pair's positive among all rows but the query, counted from 1:
    /// 1 + #(score > s + 1e-6) + ½ · #(other rows with |score − s| ≤ 1e-6), s being the positive's score.
    /// That is the expected rank when ties are broken at random.
    ///
    /// - Precondition: queries and positives are rows of the table, and differ.
    public func ranks(of pairs: [RowPair]) -> [Double] {
        var ranks: [Double] = []
        ranks.reserveCapacity(pairs.count)
        let scratch = Scratch(width: table.width, queries: pairs.count)
        for start in stride(from: 0, to: pairs.count, by: Scratch.queryBlock) {
            let block = Array(pairs[start..<min(start + Scratch.queryBlock, pairs.count)])
            let positives = positiveScores(block, scratch)
            var counts = [TieCounts](repeating: TieCounts(), count: block.count)
            gather(block.map(\.query), into: scratch.queries.rows(0..<block.count))
            scoreBlocks(block.count, scratch) { firstRow, scores in
                unsafe counts.withUnsafeMutableBufferPointer { counts in
                    unsafe forEachRow(scores) { index, row in
                        unsafe counts[index].add(
                            row, count: scores.columns, firstRow, pair: block[index], score: positives[index])
                    }
                }
            }
            ranks += counts.map(\.rank)
        }
        return ranks
    }
}

/// Candidates above and level with a pair's positive.
struct TieCounts {
    private var above = 0
    private var level = 0

    var rank: Double { 1 + Double(above) + 0.5 * Double(level) }

    /// Counts the candidates `firstRow ..< firstRow + count`, leaving out the pair's own two rows.
    mutating func add(
        _ scores: UnsafePointer<Float>, count: Int, _ firstRow: Int, pair: RowPair, score: Float
    ) {
        let upper = score + ExactSearch.tieTolerance
        var above: Int32 = 0
        var level: Int32 = 0
        for index in 0..<count {
            let other = unsafe scores[index]
            above &+= other > upper ? 1 : 0
            level &+= abs(other - score) <= ExactSearch.tieTolerance ? 1 : 0
        }
        for own in [Int(pair.query), Int(pair.positive)] where own >= firstRow && own < firstRow + count {
            let other = unsafe scores[own - firstRow]
            above -= other > upper ? 1 : 0
            level -= abs(other - score) <= ExactSearch.tieTolerance ? 1 : 0
        }
        self.above += Int(above)
        self.level += Int(level)
    }
}

extension ExactSearch {
    /// The buffers of one search, allocated once.
    @safe final class Scratch {
        static let queryBlock = 1024
        static let rowBlock = 1024
        static let diagonalBlock = 64

        let queries: Matrix
        let rows: Matrix
        let scores: Matrix
        private let buffers: [FloatBuffer]

        init(width: Int, queries count: Int) {
            let queryCount = max(1, min(count, Self.queryBlock))
            let buffers = [
                FloatBuffer(count: queryCount * width), FloatBuffer(count: Self.rowBlock * width),
                FloatBuffer(count: queryCount * Self.rowBlock),
            ]
            queries = Matrix(buffers[0], rows: queryCount, columns: width)
            rows = Matrix(buffers[1], rows: Self.rowBlock, columns: width)
            scores = Matrix(buffers[2], rows: queryCount, columns: Self.rowBlock)
            self.buffers = buffers
        }
    }

    /// Both kinds of `nearest`: `fill` writes the vectors of some queries, `excluding` names the rows, ascending, that
    /// are no candidates of one.
    private func nearest(
        _ queryCount: Int, count: Int, excluding: (Int) -> [UInt32], fill: (Range<Int>, Matrix) -> Void
    ) -> [[Neighbor]] {
        var answers: [[Neighbor]] = []
        answers.reserveCapacity(queryCount)
        let scratch = Scratch(width: table.width, queries: queryCount)
        for start in stride(from: 0, to: queryCount, by: Scratch.queryBlock) {
            let block = start..<min(start + Scratch.queryBlock, queryCount)
            let excluded = block.map(excluding)
            var lists = [NearestList](repeating: NearestList(capacity: min(count, table.rows)), count: block.count)
            fill(block, scratch.queries.rows(0..<block.count))
            scoreBlocks(block.count, scratch) { firstRow, scores in
                unsafe lists.withUnsafeMutableBufferPointer { lists in
                    unsafe forEachRow(scores) { query, row in
                        unsafe Self.offer(
                            row, count: scores.columns, firstRow, except: excluded[query], to: &lists[query])
                    }
                }
            }
            answers += lists.map(\.sorted)
        }
        return answers
    }

    /// Calls `body(firstRow, scores)` for one block of rows after the other; `scores` is (queries × rows of the block).
    private func scoreBlocks(_ queryCount: Int, _ scratch: Scratch, _ body: (Int, Matrix) -> Void) {
        let left = scratch.queries.rows(0..<queryCount)
        for firstRow in stride(from: 0, to: table.rows, by: Scratch.rowBlock) {
            let count = min(Scratch.rowBlock, table.rows - firstRow)
            let right = scratch.rows.rows(0..<count)
            unsafe table.copyRange(start: firstRow, count: count, into: right.base, rowStride: right.stride)
            makeComparable(right)
            let scores = scratch.scores.rows(0..<queryCount).columns(0..<count)
            kernels.multiplyTransposedB(left, right, into: scores)
            addBias(to: scores, firstRow)
            body(firstRow, scores)
        }
    }

    /// The score of each pair: the diagonal of small products, so that no whole score matrix is kept.
    private func positiveScores(_ pairs: [RowPair], _ scratch: Scratch) -> [Float] {
        var result: [Float] = []
        let left = scratch.queries.rows(0..<pairs.count)
        gather(pairs.map(\.query), into: left)
        for start in stride(from: 0, to: pairs.count, by: Scratch.diagonalBlock) {
            let block = Array(pairs[start..<min(start + Scratch.diagonalBlock, pairs.count)])
            let right = scratch.rows.rows(0..<block.count)
            gather(block.map(\.positive), into: right)
            let scores = scratch.scores.rows(0..<block.count).columns(0..<block.count)
            kernels.multiplyTransposedB(left.rows(start..<start + block.count), right, into: scores)
            for (index, pair) in block.enumerated() {
                result.append(scores[index, index] + (bias?[Int(pair.positive)] ?? 0))
            }
        }
        return result
    }

    func gather(_ rows: [UInt32], into matrix: Matrix) {
        unsafe rows.withUnsafeBufferPointer {
            unsafe table.copyRows($0, into: matrix.base, rowStride: matrix.stride)
        }
        makeComparable(matrix)
    }

    private func mean(of rows: [UInt32], into mean: Matrix) {
        let members = Matrix(FloatBuffer(count: rows.count * table.width), rows: rows.count, columns: table.width)
        gather(rows, into: members)
        unsafe kernels.columnSums(members, into: mean.base)
        for column in 0..<mean.columns { mean[0, column] /= Float(max(rows.count, 1)) }
    }

    func forEachRow(_ matrix: Matrix, _ body: (Int, UnsafeMutablePointer<Float>) -> Void) {
        let perChunk = 16
        kernels.team.run(chunks: (matrix.rows + perChunk - 1) / perChunk) { chunk in
            for row in chunk * perChunk..<min((chunk + 1) * perChunk, matrix.rows) {
                unsafe body(row, matrix.base + row * matrix.stride)
            }
        }
    }

    private static func offer(
        _ scores: UnsafePointer<Float>, count: Int, _ firstRow: Int, except excluded: [UInt32],
        to list: inout NearestList
    ) {
        var threshold = list.threshold
        for index in 0..<count where unsafe scores[index] >= threshold {
            let row = UInt32(firstRow + index)
            if contains(excluded, row) { continue }
            list.offer(Neighbor(row: row, score: unsafe scores[index]))
            threshold = list.threshold
        }
    }

    private static func contains(_ ascending: [UInt32], _ row: UInt32) -> Bool {
        var (low, high) = (0, ascending.count)
        while low < high {
            let middle = (low + high) / 2
            if ascending[middle] < row { low = middle + 1 } else { high = middle }
        }
        return low < ascending.count && ascending[low] == row
    }

    func addBias(to scores: Matrix, _ firstRow: Int) {
        guard let bias else { return }
        unsafe bias.withUnsafeBufferPointer { bias in
            unsafe forEachRow(scores) { _, row in
                for index in 0..<scores.columns { unsafe row[index] += unsafe bias[firstRow + index] }
            }
        }
    }

    /// Zeroes rows whose length is not finite and, for cosine, scales the others to length 1.
    func makeComparable(_ rows: Matrix) {
        unsafe forEachRow(rows) { _, row in
            let length = unsafe Self.length(row, rows.columns)
            if !length.isFinite {
                unsafe row.update(repeating: 0, count: rows.columns)
            } else if metric == .cosine && length >= 1e-12 {
                for column in 0..<rows.columns { unsafe row[column] /= length }
            }
        }
    }

    private static func length(_ row: UnsafePointer<Float>, _ count: Int) -> Float {
        var sums = SIMD8<Float>()
        var column = 0
        while column + 8 <= count {
            let values = unsafe UnsafeRawPointer(row + column).loadUnaligned(as: SIMD8<Float>.self)
            sums += values * values
            column += 8
        }
        var sum = sums.sum()
        while column < count {
            unsafe sum += row[column] * row[column]
            column += 1
        }
        return sum.squareRoot()
    }
}
