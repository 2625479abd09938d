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
        precondition(
            a.columns == b.rows && c.rows == a.rows && c.columns == b.columns,
            "multiply: a \(a.shape), b \(b.shape), c \(c.shape)")
        requireMask(epilogue, fits: c, "multiply")
        ScalarKernels.multiply(a, b, into: c, accumulate: accumulate, epilogue: epilogue)
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
        precondition(
            a.columns == b.columns && c.rows == a.rows && c.columns == b.rows,
            "multiplyTransposedB: a \(a.shape), b \(b.shape), c \(c.shape)")
        requireMask(epilogue, fits: c, "multiplyTransposedB")
        ScalarKernels.multiplyTransposedB(a, b, into: c, accumulate: accumulate, epilogue: epilogue)
    }

    /// c = (accumulate ? c : 0) + aᵀ·b: the gradient of weights, summed over rows.
    ///
    /// - Parameters:
    ///   - a: M × K.
    ///   - b: M × N.
    ///   - c: K × N.
    /// - Complexity: M·N·K multiply-adds.
    public func multiplyTransposedA(_ a: Matrix, _ b: Matrix, into c: Matrix, accumulate: Bool = false) {
        precondition(
            a.rows == b.rows && c.rows == a.columns && c.columns == b.columns,
            "multiplyTransposedA: a \(a.shape), b \(b.shape), c \(c.shape)")
        ScalarKernels.multiplyTransposedA(a, b, into: c, accumulate: accumulate)
    }

    /// sums[c] = (accumulate ? sums[c] : 0) + Σ_r a[r, c]: the gradient of a bias.
    ///
    /// - Parameter sums: `a.columns` elements.
    public func columnSums(_ a: Matrix, into sums: UnsafeMutablePointer<Float>, accumulate: Bool = false) {
        unsafe ScalarKernels.columnSums(a, into: sums, accumulate: accumulate)
    }

    private func requireMask(_ epilogue: Epilogue, fits c: Matrix, _ kernel: String) {
        if case .reluMask(let mask) = epilogue {
            precondition(
                mask.rows == c.rows && mask.columns == c.columns, "\(kernel): mask \(mask.shape), c \(c.shape)")
        }
    }
}
