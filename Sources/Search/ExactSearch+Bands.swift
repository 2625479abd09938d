import Kernels

extension ExactSearch {
    /// The candidates whose ranks lie in a window, for each query: ranks count from 1 for the best, over all rows but
    /// the query; among equal scores the smaller row comes first.
    ///
    /// - Parameters:
    ///   - queries: rows of the table.
    ///   - ranks: the window, both ends in it.
    ///   - body: given the query's index and the rows of its band, ascending by row. Called from the kernels' threads,
    ///     once for each index.
    /// - Returns: what `body` makes of each query's band.
    /// - Precondition: 1 ≤ ranks < rows of the table.
    /// - Complexity: O(queries · rows · width) multiply-adds and four passes over the scores; up to 256 MB, or 8 rows
    ///   of scores where those are more.
    public func bands<Result>(
        of queries: [UInt32], ranks: ClosedRange<Int>, _ body: (Int, [UInt32]) -> Result
    ) -> [Result] {
        precondition(
            ranks.lowerBound >= 1 && ranks.upperBound < table.rows,
            "ExactSearch: ranks \(ranks) among \(table.rows - 1) candidates")
        let perBlock = max(1, min(queries.count, 1024, max(8, (1 << 26) / table.rows)))
        let buffers = [
            FloatBuffer(count: perBlock * table.width), FloatBuffer(count: Scratch.rowBlock * table.width),
            FloatBuffer(count: perBlock * table.rows),
        ]
        let left = Matrix(buffers[0], rows: perBlock, columns: table.width)
        let right = Matrix(buffers[1], rows: Scratch.rowBlock, columns: table.width)
        let scores = Matrix(buffers[2], rows: perBlock, columns: table.rows)
        var results: [Result] = []
        results.reserveCapacity(queries.count)
        for start in stride(from: 0, to: queries.count, by: perBlock) {
            let block = Array(queries[start..<min(start + perBlock, queries.count)])
            gather(block, into: left.rows(0..<block.count))
            for firstRow in stride(from: 0, to: table.rows, by: Scratch.rowBlock) {
                let rows = right.rows(0..<min(Scratch.rowBlock, table.rows - firstRow))
                unsafe table.copyRange(start: firstRow, count: rows.rows, into: rows.base, rowStride: rows.stride)
                makeComparable(rows)
                let target = scores.rows(0..<block.count).columns(firstRow..<firstRow + rows.rows)
                kernels.multiplyTransposedB(left.rows(0..<block.count), rows, into: target)
                addBias(to: target, firstRow)
            }
            var made = [Result?](repeating: nil, count: block.count)
            unsafe made.withUnsafeMutableBufferPointer { made in
                unsafe forEachRow(scores.rows(0..<block.count)) { index, row in
                    let band = unsafe RankBand.rows(
                        row, count: scores.columns, except: Int(block[index]), ranks: ranks)
                    unsafe made[index] = body(start + index, band)
                }
            }
            results += made.compactMap(\.self)
        }
        withExtendedLifetime(buffers) {}
        return results
    }
}

/// Picks the rows of a window of ranks out of a row of scores without sorting it: a histogram of the scores says in
/// which two bins the window begins and ends, and only these are sorted.
enum RankBand {
    private static let binCount = 4096

    /// - Parameter scores: `count` scores; that of `query` is overwritten.
    /// - Returns: the rows, ascending.
    static func rows(
        _ scores: UnsafeMutablePointer<Float>, count: Int, except query: Int, ranks: ClosedRange<Int>
    ) -> [UInt32] {
        let bins = unsafe Bins(scores, count: count, except: query)
        // Behind all others, in a bin of its own.
        unsafe scores[query] = -.infinity
        var counts = [Int32](repeating: 0, count: binCount + 1)
        for row in 0..<count { counts[unsafe bins.bin(scores[row])] += 1 }
        let (first, beforeFirst) = place(of: ranks.lowerBound, counts)
        let (last, beforeLast) = place(of: ranks.upperBound, counts)
        var (firstKeys, lastKeys): ([UInt64], [UInt64]) = ([], [])
        for row in 0..<count {
            let bin = unsafe bins.bin(scores[row])
            if bin == first { firstKeys.append(unsafe key(scores[row], row)) }
            if bin == last { lastKeys.append(unsafe key(scores[row], row)) }
        }
        let from = firstKeys.sorted()[ranks.lowerBound - beforeFirst - 1]
        let to = lastKeys.sorted()[ranks.upperBound - beforeLast - 1]
        var rows: [UInt32] = []
        rows.reserveCapacity(ranks.count)
        for row in 0..<count {
            let key = unsafe key(scores[row], row)
            if key >= from && key <= to { rows.append(UInt32(row)) }
        }
        return rows
    }

    /// The bin that holds a rank, and how many rows lie in the bins before it.
    private static func place(of rank: Int, _ counts: [Int32]) -> (bin: Int, before: Int) {
        var before = 0
        for (bin, count) in counts.enumerated() {
            if before + Int(count) >= rank { return (bin, before) }
            before += Int(count)
        }
        preconditionFailure("RankBand: rank \(rank) among \(before) rows")
    }

    /// Ascending where scores fall, and rows grow among equal scores.
    @inline(__always)
    private static func key(_ score: Float, _ row: Int) -> UInt64 {
        let bits = (score + 0).bitPattern  // + 0 makes one zero of both
        let ascending = bits >> 31 == 0 ? bits | 0x8000_0000 : ~bits
        return UInt64(~ascending) << 32 | UInt64(row)
    }

    /// Equal steps from the highest score down to the lowest.
    private struct Bins {
        private var top = -Float.infinity
        private let scale: Float

        init(_ scores: UnsafePointer<Float>, count: Int, except query: Int) {
            var bottom = Float.infinity
            for row in 0..<count where row != query {
                let score = unsafe scores[row]
                if score > top { top = score }
                if score < bottom { bottom = score }
            }
            let width = top - bottom
            scale = width > 0 ? min(Float(RankBand.binCount - 1) / width, .greatestFiniteMagnitude) : 1
        }

        @inline(__always)
        func bin(_ score: Float) -> Int {
            let steps = (top - score) * scale
            // Also where it is no number.
            return steps < Float(RankBand.binCount) ? Int(steps) : RankBand.binCount
        }
    }
}
