extension Kernels {
    /// output[u] = the largest of input[row] over the entries of list u, column by column; 0 for an empty list. Of equal
    /// ones the first wins; a NaN wins over all.
    ///
    /// - Parameters:
    ///   - lists: one per output row; weights are not read. Indices below `input.rows`: the caller's word.
    ///   - output: lists.count × d.
    ///   - winners: receives the row of `input` that each element came from, −1 for an empty list: lists.count × d,
    ///     densely. nil keeps nothing.
    /// - Source: Hamilton et al. 2017, arXiv 1706.02216, eq. 3.
    public func maxPool(
        _ lists: PoolLists, from input: Matrix, into output: Matrix, winners: UnsafeMutablePointer<Int32>? = nil
    ) {
        require(
            output.rows == lists.count && output.columns == input.columns,
            "maxPool: \(lists.count) lists, input \(input.shape), output \(output.shape)")
        let entries = unsafe Int(lists.offsets[lists.count]) - Int(lists.offsets[0])
        metered(.rows("max pool", entries + lists.count, input.columns, passes: 1)) {
            inBlocks(of: 128, lists.count) { rows in
                let first = rows.lowerBound
                unsafe loops.maxPoolRows(
                    lists.offsets + first, lists.indices, rows.count, input.base, input.stride, input.columns,
                    output.base + first * output.stride, output.stride,
                    winners.map { unsafe $0 + first * input.columns })
            }
        }
    }

    /// The derivative of `maxPool`: each element of `dOutput` goes to the row that won it.
    ///
    /// - Parameters:
    ///   - winners: as `maxPool` left them.
    ///   - dOutput: lists × d.
    ///   - dInput: N × d, overwritten.
    ///   - reluMask: N × d: dInput is 0 where it is not above 0.
    public func maxPoolBackward(
        _ winners: UnsafePointer<Int32>, _ dOutput: Matrix, into dInput: Matrix, reluMask mask: Matrix
    ) {
        require(
            dInput.columns == dOutput.columns && mask.shape == dInput.shape,
            "maxPoolBackward: dOutput \(dOutput.shape), dInput \(dInput.shape), mask \(mask.shape)")
        metered(.rows("max pool backward", dOutput.rows + dInput.rows, dOutput.columns, passes: 2)) {
            dInput.clear()
            // By columns: no two threads write to one element, and each adds up list after list.
            inBlocks(of: 32, dOutput.columns) { columns in
                let first = columns.lowerBound
                unsafe loops.maxPoolRowsBackward(
                    winners + first, dOutput.columns, dOutput.rows, columns.count, dOutput.base + first,
                    dOutput.stride, mask.base + first, mask.stride, dInput.base + first, dInput.stride)
            }
        }
    }
}
