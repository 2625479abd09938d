import Configuration
import Minibatches

/// Makes the lists of a batch's targets, in the memory of its message: those of the table, where wanted without each
/// target's partners.
@safe final class TopLayer {
    private let firstPartner = ScratchBuffer<Int32>()
    private let nextPartner = ScratchBuffer<Int32>()

    /// The first `count` lists of the table, weighted.
    ///
    /// - Parameters:
    ///   - table: in the place of each entry's pin its row.
    ///   - excludingPartners: the batch's pairs; the partners of a row are left out of its list and what remains is
    ///     weighted anew, so that the answer cannot be read off the list.
    func lists(
        count: Int, of table: NeighborhoodTable, pooling: WalkSettings.Pooling,
        excludingPartners pairs: (queries: FrameArray<Int32>, positives: FrameArray<Int32>)?,
        in memory: MinibatchMemory
    ) -> NeighborhoodRows {
        let tableOffsets = unsafe table.offsets
        let entriesMax = unsafe Int(tableOffsets[count])
        let offsets: FrameArray<Int32> = memory.array(.offsets2, count: count + 1)
        let neighbors: FrameArray<Int32> = memory.array(.neighbors2, count: max(entriesMax, 1))
        // Visits until the list is whole.
        let weights: FrameArray<Int32> = memory.array(.weights2, count: max(entriesMax, 1))
        // Pointers: in the loop, each look at a frame array would count references.
        var partners: (queries: UnsafePointer<Int32>, positives: UnsafePointer<Int32>)?
        if let pairs, let queries = unsafe pairs.queries.elements.baseAddress,
            let positives = unsafe pairs.positives.elements.baseAddress
        {
            link(pairs.queries, pairs.positives, rows: count)
            unsafe partners = unsafe (UnsafePointer(queries), UnsafePointer(positives))
        }
        guard let starts = unsafe offsets.elements.baseAddress, let kept = unsafe neighbors.elements.baseAddress,
            let keptVisits = unsafe weights.elements.baseAddress
        else { preconditionFailure("TopLayer: no memory") }
        let (entryRows, tableVisits) = unsafe (table.pins, table.visits)
        var end = 0
        unsafe starts[0] = 0
        for list in 0..<count {
            let start = end
            for entry in unsafe Int(tableOffsets[list])..<Int(tableOffsets[list + 1]) {
                let row = unsafe Int32(bitPattern: entryRows[entry])
                if let partners = unsafe partners, unsafe isPartner(row, of: list, partners) { continue }
                unsafe kept[end] = row
                unsafe keptVisits[end] = tableVisits[entry]
                end += 1
            }
            unsafe weighList(keptVisits + start, count: end - start, pooling: pooling)
            unsafe starts[list + 1] = Int32(end)
        }
        return NeighborhoodRows(
            offsets: offsets, neighbors: memory.array(.neighbors2, count: end, keeping: end),
            weights: memory.array(.weights2, count: end, keeping: end))
    }

    /// Chains the pairs of each row: side 2i is pair i seen from its query, side 2i + 1 from its positive.
    private func link(_ queries: FrameArray<Int32>, _ positives: FrameArray<Int32>, rows: Int) {
        firstPartner.reserve(rows)
        nextPartner.reserve(2 * queries.count)
        unsafe firstPartner.base.update(repeating: -1, count: rows)
        for i in 0..<queries.count {
            push(2 * i, row: Int(queries[i]))
            push(2 * i + 1, row: Int(positives[i]))
        }
    }

    private func push(_ side: Int, row: Int) {
        unsafe nextPartner.base[side] = firstPartner.base[row]
        unsafe firstPartner.base[row] = Int32(side)
    }

    private func isPartner(
        _ row: Int32, of list: Int, _ pairs: (queries: UnsafePointer<Int32>, positives: UnsafePointer<Int32>)
    ) -> Bool {
        var side = unsafe firstPartner.base[list]
        while side >= 0 {
            let pair = Int(side / 2)
            if unsafe row == (side % 2 == 0 ? pairs.positives[pair] : pairs.queries[pair]) { return true }
            side = unsafe nextPartner.base[Int(side)]
        }
        return false
    }
}
