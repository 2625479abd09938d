/// Every kernel as its formula: the definition that the SIMD forms are tested against.
///
/// Arguments as in `Kernels`; shapes are the caller's word.
package enum ScalarKernels {
    /// c = epilogue((accumulate ? c : 0) + a·b), M×K · K×N.
    package static func multiply(
        _ a: Matrix, _ b: Matrix, into c: Matrix, accumulate: Bool = false, epilogue: Epilogue = .none
    ) {
        product(rows: c.rows, columns: c.columns, inner: a.columns, into: c, accumulate, epilogue) { row, column, k in
            a[row, k] * b[k, column]
        }
    }

    /// c = epilogue((accumulate ? c : 0) + a·bᵀ), M×K · N×K.
    package static func multiplyTransposedB(
        _ a: Matrix, _ b: Matrix, into c: Matrix, accumulate: Bool = false, epilogue: Epilogue = .none
    ) {
        product(rows: c.rows, columns: c.columns, inner: a.columns, into: c, accumulate, epilogue) { row, column, k in
            a[row, k] * b[column, k]
        }
    }

    /// c = (accumulate ? c : 0) + aᵀ·b, M×K, M×N → K×N.
    package static func multiplyTransposedA(_ a: Matrix, _ b: Matrix, into c: Matrix, accumulate: Bool = false) {
        product(rows: c.rows, columns: c.columns, inner: a.rows, into: c, accumulate, .none) { row, column, m in
            a[m, row] * b[m, column]
        }
    }

    private static func product(
        rows: Int, columns: Int, inner: Int, into c: Matrix, _ accumulate: Bool, _ epilogue: Epilogue,
        term: (Int, Int, Int) -> Float
    ) {
        for row in 0..<rows {
            for column in 0..<columns {
                var sum: Float = 0
                for k in 0..<inner {
                    sum += term(row, column, k)
                }
                let total = accumulate ? c[row, column] + sum : sum
                c[row, column] = finished(total, row, column, epilogue)
            }
        }
    }

    private static func finished(_ value: Float, _ row: Int, _ column: Int, _ epilogue: Epilogue) -> Float {
        switch epilogue {
        case .none: value
        case .bias(let bias): unsafe value + bias[column]
        case .biasReLU(let bias): unsafe value + bias[column] < 0 ? 0 : value + bias[column]
        case .reluMask(let mask): mask[row, column] > 0 ? value : 0
        }
    }

    /// sums[c] = (accumulate ? sums[c] : 0) + Σ_r a[r, c].
    package static func columnSums(_ a: Matrix, into sums: UnsafeMutablePointer<Float>, accumulate: Bool = false) {
        for column in 0..<a.columns {
            var sum: Float = 0
            for row in 0..<a.rows {
                sum += a[row, column]
            }
            unsafe sums[column] = unsafe accumulate ? sums[column] + sum : sum
        }
    }

    /// output[u] = (accumulate ? output[u] : 0) + Σ_(v, w) in list u  w · input[v], 0 where the mask is not above 0.
    package static func weightedPool(
        _ lists: PoolLists, from input: Matrix, into output: Matrix, accumulate: Bool = false, reluMask: Matrix? = nil
    ) {
        for list in 0..<lists.count {
            let entries = unsafe Int(lists.offsets[list])..<Int(lists.offsets[list + 1])
            for column in 0..<input.columns {
                var sum: Float = 0
                for entry in entries {
                    sum += unsafe lists.weights[entry] * input[Int(lists.indices[entry]), column]
                }
                let total = accumulate ? output[list, column] + sum : sum
                let isOpen = reluMask.map { $0[list, column] > 0 } ?? true
                output[list, column] = isOpen ? total : 0
            }
        }
    }

    /// output[u] = the largest of input[v] over list u, 0 for an empty list; `winners` gets its row, −1 where there is none.
    package static func maxPool(
        _ lists: PoolLists, from input: Matrix, into output: Matrix, winners: UnsafeMutablePointer<Int32>
    ) {
        for list in 0..<lists.count {
            for column in 0..<input.columns {
                var (largest, winner): (Float, Int32) = (0, -1)
                for entry in unsafe Int(lists.offsets[list])..<Int(lists.offsets[list + 1]) {
                    let row = unsafe lists.indices[entry]
                    let value = input[Int(row), column]
                    if winner < 0 || value > largest || value.isNaN { (largest, winner) = (value, row) }
                }
                output[list, column] = largest
                unsafe winners[list * input.columns + column] = winner
            }
        }
    }

    /// dInput[v] = Σ dOutput[u] over the lists u that v won, column by column; 0 where the mask is not above 0.
    package static func maxPoolBackward(
        _ winners: UnsafePointer<Int32>, _ dOutput: Matrix, into dInput: Matrix, reluMask mask: Matrix
    ) {
        for column in 0..<dInput.columns {
            for row in 0..<dInput.rows {
                dInput[row, column] = 0
                for list in 0..<dOutput.rows where unsafe Int(winners[list * dInput.columns + column]) == row {
                    dInput[row, column] += mask[row, column] > 0 ? dOutput[list, column] : 0
                }
            }
        }
    }

    /// output[i] = input[rows[i]].
    package static func gatherRows(
        _ rows: UnsafePointer<Int32>, count: Int, from input: Matrix, into output: Matrix
    ) {
        for i in 0..<count {
            for column in 0..<input.columns {
                output[i, column] = unsafe input[Int(rows[i]), column]
            }
        }
    }

    /// norms[i] = max(‖a_i‖, ε), h_i = a_i / norms[i].
    package static func l2Normalize(
        _ a: Matrix, into h: Matrix, norms: UnsafeMutablePointer<Float>, epsilon: Float = 1e-12
    ) {
        for row in 0..<a.rows {
            var squares: Float = 0
            for column in 0..<a.columns {
                squares += a[row, column] * a[row, column]
            }
            let norm = max(squares.squareRoot(), epsilon)
            unsafe norms[row] = norm
            for column in 0..<a.columns {
                h[row, column] = a[row, column] / norm
            }
        }
    }

    /// dA_i = (dH_i − h_i (h_i·dH_i)) / norms[i]; 0 where the norm is ε, and with `reluMask` where h is 0.
    package static func l2NormalizeBackward(
        _ dH: Matrix, normalized h: Matrix, norms: UnsafePointer<Float>, into dA: Matrix, reluMask: Bool,
        epsilon: Float = 1e-12
    ) {
        for row in 0..<dH.rows {
            var dot: Float = 0
            for column in 0..<dH.columns {
                dot += h[row, column] * dH[row, column]
            }
            let norm = unsafe norms[row]
            for column in 0..<dH.columns {
                let isZero = norm <= epsilon || (reluMask && h[row, column] == 0)
                dA[row, column] = isZero ? 0 : (dH[row, column] - h[row, column] * dot) / norm
            }
        }
    }

    /// One Adam step with bias correction.
    package static func adamStep(
        parameters: UnsafeMutablePointer<Float>, gradients: UnsafePointer<Float>,
        first: UnsafeMutablePointer<Float>, second: UnsafeMutablePointer<Float>, count: Int, _ rule: AdamRule
    ) {
        for i in 0..<count {
            let g = unsafe gradients[i]
            let m = unsafe rule.beta1 * first[i] + (1 - rule.beta1) * g
            let v = unsafe rule.beta2 * second[i] + (1 - rule.beta2) * g * g
            unsafe first[i] = m
            unsafe second[i] = v
            unsafe parameters[i] -=
                rule.learningRate * (m * rule.firstScale) / ((v * rule.secondScale).squareRoot() + rule.epsilon)
        }
    }

    /// Σ x², in Double.
    package static func sumOfSquares(_ x: UnsafePointer<Float>, count: Int) -> Double {
        var sum = 0.0
        for i in 0..<count {
            sum += unsafe Double(x[i]) * Double(x[i])
        }
        return sum
    }

    /// A walk's number by its base and offset, and whether it returns by the other.
    package static func walkDraw(
        base: UInt64, first: UInt64, second: UInt64, threshold: UInt64
    ) -> (number: UInt64, returns: Bool) {
        (finalised(base &+ first), finalised(base &+ second) < threshold)
    }

    private static func finalised(_ value: UInt64) -> UInt64 {
        let a = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        let b = (a ^ (a >> 27)) &* 0x94D0_49BB_1331_11EB
        return b ^ (b >> 31)
    }
}
