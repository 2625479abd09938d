extension Kernels {
    /// c = epilogue((accumulate ? c : 0) + a·b).
    ///
    /// - Parameters:
    ///   - a: M × K.
    ///   - b: K × N.
    ///   - c: M × N.
    /// - Complexity: M·N·K multiply-adds.
    public func multiply(
        _ a: Matrix, _ b: Matrix, into c: Matrix, accumulate: Bool = false, epilogue: Epilogue = .none
    ) {
        require(
            a.columns == b.rows && c.rows == a.rows && c.columns == b.columns,
            "multiply: a \(a.shape), b \(b.shape), c \(c.shape)")
        requireMask(epilogue, fits: c, "multiply")
        metered(.product("nn", a.rows, a.columns, c.columns)) {
            product(a, b, isTransposed: false, into: c, accumulate, epilogue)
        }
    }

    /// c = epilogue((accumulate ? c : 0) + a·bᵀ): a linear layer with weights [out, in], or scores of
    /// rows against rows.
    ///
    /// - Parameters:
    ///   - a: M × K.
    ///   - b: N × K.
    ///   - c: M × N.
    /// - Complexity: M·N·K multiply-adds.
    public func multiplyTransposedB(
        _ a: Matrix, _ b: Matrix, into c: Matrix, accumulate: Bool = false, epilogue: Epilogue = .none
    ) {
        require(
            a.columns == b.columns && c.rows == a.rows && c.columns == b.rows,
            "multiplyTransposedB: a \(a.shape), b \(b.shape), c \(c.shape)")
        requireMask(epilogue, fits: c, "multiplyTransposedB")
        metered(.product("nt", a.rows, a.columns, c.columns)) {
            product(a, b, isTransposed: true, into: c, accumulate, epilogue)
        }
    }

    /// c = (accumulate ? c : 0) + aᵀ·b: the gradient of weights, summed over rows.
    ///
    /// - Parameters:
    ///   - a: M × K.
    ///   - b: M × N.
    ///   - c: K × N.
    /// - Complexity: M·N·K multiply-adds.
    public func multiplyTransposedA(_ a: Matrix, _ b: Matrix, into c: Matrix, accumulate: Bool = false) {
        require(
            a.rows == b.rows && c.rows == a.columns && c.columns == b.columns,
            "multiplyTransposedA: a \(a.shape), b \(b.shape), c \(c.shape)")
        metered(.product("tn", a.rows, a.columns, b.columns)) { addUp(a, b, into: c, accumulate) }
    }

    private func addUp(_ a: Matrix, _ b: Matrix, into c: Matrix, _ accumulate: Bool) {
        let segment = segments(a.rows, atLeast: 1_024)
        if c.rows * c.columns >= 8 * 256 * 256 {
            // Blocks of C that stay in the second-level cache while all rows pass.
            let (height, width) = (512, 256)
            let across = (c.columns + width - 1) / width
            team.run(chunks: (c.rows + height - 1) / height * across) { chunk in
                let (row, column) = (chunk / across * height, chunk % across * width)
                let rows = row..<min(row + height, c.rows)
                let columns = column..<min(column + width, c.columns)
                addUpHere(
                    a.columns(rows), b.columns(columns), into: c.rows(rows).columns(columns), accumulate)
            }
            return
        }
        if segment.count == 1 {
            // One segment leaves the rows of C to share out, as many to each thread: whose they are changes no bit.
            let share = (c.rows + team.threadCount - 1) / team.threadCount
            inBlocks(of: max(32, (share + 7) / 8 * 8), c.rows) { rows in
                addUpHere(a.columns(rows), b, into: c.rows(rows), accumulate)
            }
            return
        }
        // Whole cache lines to a row of a partial sum: tiles that straddle lines cost 4 % at 129 columns.
        let stride = (c.columns + 15) / 16 * 16
        unsafe scratch.with(segment.count * c.rows * stride) { partials in
            team.run(chunks: segment.count) { index in
                let rows = index * segment.rows..<min((index + 1) * segment.rows, a.rows)
                let partial = unsafe Matrix(
                    base: partials + index * c.rows * stride, rows: c.rows, columns: c.columns, stride: stride)
                addUpHere(a.rows(rows), b.rows(rows), into: partial, false)
            }
            unsafe addPartials(partials, segment.count, stride, scale: 1, into: c, accumulate: accumulate)
        }
    }

    /// The same on this thread.
    private func addUpHere(_ a: Matrix, _ b: Matrix, into c: Matrix, _ accumulate: Bool) {
        if !accumulate { c.clear() }
        if let pairLoops {
            addTransposedPairProduct(pairLoops, a, b, into: c)
        } else {
            addTransposedProduct(a, b, into: c)
        }
    }

    /// sums[c] = (accumulate ? sums[c] : 0) + Σ_r a[r, c]: the gradient of a bias.
    ///
    /// - Parameter sums: `a.columns` elements.
    public func columnSums(_ a: Matrix, into sums: UnsafeMutablePointer<Float>, accumulate: Bool = false) {
        metered(.rows("column sums", a.rows, a.columns, passes: 1)) {
            unsafe addUpColumns(a, into: sums, accumulate)
        }
    }

    private func addUpColumns(_ a: Matrix, into sums: UnsafeMutablePointer<Float>, _ accumulate: Bool) {
        let segment = segments(a.rows, atLeast: 1_024)
        unsafe scratch.with(segment.count * a.columns) { partials in
            team.run(chunks: segment.count) { index in
                let rows = a.rows(index * segment.rows..<min((index + 1) * segment.rows, a.rows))
                let partial = unsafe partials + index * a.columns
                unsafe partial.update(repeating: 0, count: a.columns)
                unsafe loops.addColumnSums(rows.base, a.stride, a.columns, rows.rows, partial)
            }
            let row = unsafe Matrix(base: sums, rows: 1, columns: a.columns, stride: a.columns)
            unsafe addPartials(partials, segment.count, a.columns, scale: 1, into: row, accumulate: accumulate)
        }
    }

    private func requireMask(_ epilogue: Epilogue, fits c: Matrix, _ kernel: String) {
        if case .reluMask(let mask) = epilogue {
            require(
                mask.rows == c.rows && mask.columns == c.columns, "\(kernel): mask \(mask.shape), c \(c.shape)")
        }
    }
}
