import Configuration
import Minibatches

/// Makes the lists of a batch's targets: those of the table, where wanted without each target's partners.
@safe final class TopLayer {
    private let firstPartner = ScratchBuffer<Int32>()
    private let nextPartner = ScratchBuffer<Int32>()
    private let offsets = ScratchBuffer<Int32>()
    private let neighbors = ScratchBuffer<Int32>()
    private let visits = ScratchBuffer<Int32>()
    private let weights = ScratchBuffer<Float>()

    /// The first `count` lists of the table, weighted.
    ///
    /// - Parameters:
    ///   - entryRows: row of each of the table's entries.
    ///   - excludingPartners: the batch's pairs; the partners of a row are left out of its list and what remains is
    ///     weighted anew, so that the answer cannot be read off the list.
    func lists(
        count: Int, of table: NeighborhoodTable, entryRows: UnsafePointer<Int32>, pooling: WalkSettings.Pooling,
        excludingPartners pairs: (queries: FrameArray<Int32>, positives: FrameArray<Int32>)?
    ) -> NeighborhoodRows {
        let tableOffsets = unsafe table.offsets
        let entriesMax = unsafe Int(tableOffsets[count])
        offsets.reserve(count + 1)
        neighbors.reserve(entriesMax)
        visits.reserve(entriesMax)
        weights.reserve(entriesMax)
        if let pairs { link(pairs.queries, pairs.positives, rows: count) }
        let (kept, keptVisits) = unsafe (neighbors.base, visits.base)
        let tableVisits = unsafe table.visits
        var end = 0
        unsafe offsets.base[0] = 0
        for list in 0..<count {
            let start = end
            for entry in unsafe Int(tableOffsets[list])..<Int(tableOffsets[list + 1]) {
                let row = unsafe entryRows[entry]
                if pairs != nil, isPartner(row, of: list, pairs) { continue }
                unsafe kept[end] = row
                unsafe keptVisits[end] = tableVisits[entry]
                end += 1
            }
            unsafe writeListWeights(keptVisits + start, count: end - start, pooling: pooling, to: weights.base + start)
            unsafe offsets.base[list + 1] = Int32(end)
        }
        return unsafe NeighborhoodRows(
            offsets: FrameArray(UnsafeBufferPointer(start: offsets.base, count: count + 1)),
            neighbors: FrameArray(UnsafeBufferPointer(start: kept, count: end)),
            weights: FrameArray(UnsafeBufferPointer(start: weights.base, count: end)))
    }

    /// Chains the pairs of each row: side 2i is pair i seen from its query, side 2i + 1 from its positive.
    private func link(_ queries: FrameArray<Int32>, _ positives: FrameArray<Int32>, rows: Int) {
        firstPartner.reserve(rows)
        nextPartner.reserve(2 * queries.count)
        unsafe firstPartner.base.update(repeating: -1, count: rows)
        for i in 0..<queries.count {
            for (side, row) in [(2 * i, Int(queries[i])), (2 * i + 1, Int(positives[i]))] {
                unsafe nextPartner.base[side] = firstPartner.base[row]
                unsafe firstPartner.base[row] = Int32(side)
            }
        }
    }

    private func isPartner(
        _ row: Int32, of list: Int, _ pairs: (queries: FrameArray<Int32>, positives: FrameArray<Int32>)?
    ) -> Bool {
        guard let pairs else { return false }
        var side = unsafe firstPartner.base[list]
        while side >= 0 {
            let pair = Int(side / 2)
            if row == (side % 2 == 0 ? pairs.positives[pair] : pairs.queries[pair]) { return true }
            side = unsafe nextPartner.base[Int(side)]
        }
        return false
    }
}
