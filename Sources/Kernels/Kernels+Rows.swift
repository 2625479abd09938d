extension Kernels {
    /// output[u] = (accumulate ? output[u] : 0) + Σ weight · input[row] over the entries of list u.
    ///
    /// - Parameters:
    ///   - lists: one per output row; an empty one pools to 0. Indices below `input.rows`: the caller's word.
    ///   - input: any rows × d.
    ///   - output: lists.count × d.
    ///   - reluMask: of the output's shape: 0 where it is not above 0.
    /// - Source: Ying et al. 2018, arXiv 1806.01973, importance pooling (§3.2).
    public func weightedPool(
        _ lists: PoolLists, from input: Matrix, into output: Matrix, accumulate: Bool = false, reluMask: Matrix? = nil
    ) {
        require(
            output.rows == lists.count && output.columns == input.columns,
            "weightedPool: \(lists.count) lists, input \(input.shape), output \(output.shape)")
        if let mask = reluMask {
            require(
                mask.rows == output.rows && mask.columns == output.columns,
                "weightedPool: mask \(mask.shape), output \(output.shape)")
        }
        let entries = unsafe Int(lists.offsets[lists.count]) - Int(lists.offsets[0])
        metered(.rows("pool", entries + lists.count, input.columns, passes: 1)) {
            pool(lists, from: input, into: output, accumulate, reluMask)
        }
    }

    private func pool(
        _ lists: PoolLists, from input: Matrix, into output: Matrix, _ accumulate: Bool, _ reluMask: Matrix?
    ) {
        inBlocks(of: 128, lists.count) { rows in
            let mask = unsafe reluMask.map { unsafe UnsafePointer($0.base + rows.lowerBound * $0.stride) }
            unsafe loops.poolRows(
                lists.offsets + rows.lowerBound, lists.indices, lists.weights, rows.count, input.base, input.stride,
                input.columns, output.base + rows.lowerBound * output.stride, output.stride, accumulate,
                mask, reluMask?.stride ?? 0)
        }
    }

    /// output[i] = input[rows[i]].
    ///
    /// - Parameters:
    ///   - rows: `count` rows of the input, each below `input.rows`: the caller's word.
    ///   - output: count × d.
    public func gatherRows(
        _ rows: UnsafePointer<Int32>, count: Int, from input: Matrix, into output: Matrix
    ) {
        require(
            output.rows == count && output.columns == input.columns,
            "gatherRows: \(count) rows, input \(input.shape), output \(output.shape)")
        metered(.rows("gather rows", count, input.columns, passes: 2)) {
            inBlocks(of: 512, count) { range in
                unsafe loops.copyRows(
                    rows + range.lowerBound, range.count, input.base, input.stride, input.columns,
                    output.base + range.lowerBound * output.stride, output.stride)
            }
        }
    }

    /// norms[i] = max(‖a_i‖, ε), h_i = a_i / norms[i].
    ///
    /// - Parameters:
    ///   - h: of a's shape; may be a.
    ///   - norms: one per row.
    public func l2Normalize(
        _ a: Matrix, into h: Matrix, norms: UnsafeMutablePointer<Float>, epsilon: Float = 1e-12
    ) {
        require(
            h.rows == a.rows && h.columns == a.columns, "l2Normalize: a \(a.shape), h \(h.shape)")
        metered(.rows("normalise", a.rows, a.columns, passes: 2)) {
            inBlocks(of: 512, a.rows) { rows in
                let first = rows.lowerBound
                unsafe loops.normalizeRows(
                    a.base + first * a.stride, a.stride, rows.count, a.columns, h.base + first * h.stride, h.stride,
                    norms + first, epsilon)
            }
        }
    }

    /// dA_i = (dH_i − h_i (h_i·dH_i)) / norms[i], the derivative of `l2Normalize`.
    ///
    /// - Parameters:
    ///   - h: the normalised rows, of dH's shape.
    ///   - norms: as `l2Normalize` wrote them. A row whose norm is ε (a zero vector) gets 0.
    ///   - dA: of dH's shape; may be dH.
    ///   - reluMask: h came from a ReLU: 0 wherever h is 0.
    public func l2NormalizeBackward(
        _ dH: Matrix, normalized h: Matrix, norms: UnsafePointer<Float>, into dA: Matrix, reluMask: Bool,
        epsilon: Float = 1e-12
    ) {
        require(
            h.rows == dH.rows && h.columns == dH.columns && dA.rows == dH.rows && dA.columns == dH.columns,
            "l2NormalizeBackward: dH \(dH.shape), h \(h.shape), dA \(dA.shape)")
        metered(.rows("normalise backward", dH.rows, dH.columns, passes: 3)) {
            inBlocks(of: 512, dH.rows) { rows in
                let first = rows.lowerBound
                unsafe loops.normalizeRowsBackward(
                    dH.base + first * dH.stride, dH.stride, rows.count, dH.columns, h.base + first * h.stride,
                    h.stride, norms + first, dA.base + first * dA.stride, dA.stride, reluMask, epsilon)
            }
        }
    }
}
